"""Downloads: one figure as it is now, with all its data."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.drawing import Drawing
from rnn_explorer.figures.words import Words
from rnn_explorer.ui import exports, session
from rnn_explorer.ui.boards import BOARDS, Seen
from rnn_explorer.ui.looking import Looker

_PATIENCE = 60.0  # seconds that a download waits for what must be computed
_BREATH = 0.5  # seconds between two looks


async def download(request: Request) -> Response:
    """GET /explorer/figure/{run_id}/{name}.{csv|html|svg}: one figure as it is now, with all its data."""
    run_id, name, form = (request.path_params[key] for key in ("run_id", "name", "form"))
    query = {**request.query_params, "film": ""}
    if query.get("board", "lab") not in BOARDS:
        return PlainTextResponse("There is no such board.", status_code=404)
    try:
        with exports.place():
            seen, cards = await _settled(run_id, query)
            card = next((card for card in cards if card.name == name), None)
            made = None if card is None else await exports.made(functools.partial(_file_of, card, form))
    except UnknownRun:
        return PlainTextResponse("This run is no longer on the server.", status_code=404)
    except exports.Busy as busy:
        return PlainTextResponse(str(busy), status_code=503, headers={"retry-after": "5"})
    if made is None:
        return PlainTextResponse("There is no such figure.", status_code=404)
    content, kind = made
    experiment = seen.view.experiment
    file = f"{experiment.task}-{experiment.model.cell}-{name}-step{seen.step}.{form}"
    headers = {"content-disposition": f'attachment; filename="{file}"', "cache-control": "no-store"}
    return Response(content, media_type=f"{kind}; charset=utf-8", headers=headers)


async def _settled(run_id: str, query: Mapping[str, str]) -> tuple[Seen, Sequence[Figure | Drawing | Words]]:
    """The cards of a board once all that they need is computed."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def home(function: Any) -> None:
        loop.call_soon_threadsafe(function)

    looker = Looker(session.engine(), run_id, query.get("board", "lab"), query, news.set, home)
    deadline = time.monotonic() + _PATIENCE
    try:
        seen = looker.look()
        while not looker.asker.settled() and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), timeout=min(_BREATH, looker.due()))
            news.clear()
            seen = looker.look()
        return seen, looker.board.cards(looker.look())
    finally:
        looker.close()


def _file_of(card: Figure | Drawing | Words, form: str) -> tuple[str, str] | None:
    """Content and kind of a file; None where a card has no such form."""
    if form == "csv":
        return card.to_csv(), "text/csv"
    if form == "html" and isinstance(card, Figure):
        return card.to_plotly().to_html(include_plotlyjs=True, full_html=True), "text/html"
    if form == "svg" and isinstance(card, Drawing):
        return card.svg, "image/svg+xml"
    return None
