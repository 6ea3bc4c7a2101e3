"""The live stream: what a run looks like now, sent to the browser whenever it changes.

A browser opens one event stream for a run and a board, and says what it wants to see of it (layer, unit, sequence, a
step of the past ...): at first in the stream's address, later by `choose`. Each event holds the status and, of the
figures, only what is new: a layout that changed, traces that changed. Drawing is the browser's part
(`live_figures/live.js`). Where a browser or its network is slow, states in between are skipped; the newest is always
the next one sent. An open stream counts as somebody watching.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import json
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from rnn_explorer.engine.base import RunView, UnknownRun
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.drawing import Drawing
from rnn_explorer.figures.words import Words
from rnn_explorer.ui import session, visitor
from rnn_explorer.ui.boards import BOARDS, Board, Seen
from rnn_explorer.ui.looking import Looker

FRAMES_PER_SECOND = 14  # the most that one browser is sent
SHARE_OF_TIME = 0.5  # the most of one core that all streams together may take
BREATH = 0.5  # seconds between two looks at whether the server or the browser is leaving
_HALF_LIMIT = 60_000.0  # half precision ends at 65,504
PING = 10.0  # seconds without news after which a sign of life is sent, and the run's lease renewed
_PATIENCE = 60.0  # seconds that a download waits for what must be computed

_log = logging.getLogger(__name__)
_streams: Counter[str] = Counter()  # open streams by run
# Open streams, with whose they are, by the names that browsers gave them.
_channels: dict[str, tuple[Looker, asyncio.Event, str]] = {}
_cost = 0.005  # seconds that building one event took lately
_open = True
STREAMS_EACH = 24  # open streams of one visitor
STREAMS_IN_ALL = 400
_streams_of: Counter[str] = Counter()  # open streams by visitor


class Encoder:
    """Turns looks at a run into events that hold only what changed since the last one.

    Args:
        board: whose figures these are.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self._sent: dict[str, str] = {}
        self._most: dict[str, int] = {}  # traces by figure

    def event(self, seen: Seen, film: float = 0.0, busy: tuple[str, str, float] | None = None) -> str:
        """One event as JSON text: `status` always, other parts where they are new.

        Args:
            seen: the run as it is looked at.
            film: kept steps a second, where the past is being replayed.
            busy: a question on its way: its name, its title, how far it has come.
        """
        view = seen.view
        past = {"at": seen.step if seen.past else None, "film": film}
        errors = [answer.error for answer in seen.answers.values() if answer.error]
        status = {**status_of(view), **past, "busy": busy, "errors": errors}
        message: dict[str, Any] = {"version": view.version, "status": status}
        parts: dict[str, Any] = {"frames": view.frames}
        if view.snapshot is not None:
            parts["chosen"] = dataclasses.asdict(self.board.fitted(seen))
            parts["tools"] = [dataclasses.asdict(tool) for tool in self.board.tools(seen)]
        message |= {part: value for part, value in parts.items() if self._new(part, _json(value))}
        figures, names = {}, []
        for card in self.board.cards(seen):
            names.append(card.name)
            changes = self._changes(card)
            if changes:
                figures[card.name] = changes
        grid = dataclasses.asdict(self.board.grid(seen))
        if self._new("cards", _json([names, grid])):
            message |= {"cards": names, "grid": grid}
        message["figures"] = figures
        return _json(message)

    def _changes(self, card: Figure | Drawing | Words) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        for part, value in _about(card).items():
            if self._new(f"{card.name}.{part}", _json(value)):
                changes[part] = value
        if isinstance(card, Figure):
            if "count" in changes:  # traces that are there no more are forgotten in the browser, too
                for number in range(len(card.data), self._most.get(card.name, 0)):
                    self._sent.pop(f"{card.name}.{number}", None)
                self._most[card.name] = len(card.data)
            data = {}
            for number, trace in enumerate(card.data):
                if self._new(f"{card.name}.{number}", _json(trace)):
                    data[str(number)] = trace
            if data:
                changes["data"] = data
        return changes

    def _new(self, part: str, text: str) -> bool:
        if self._sent.get(part) == text:
            return False
        self._sent[part] = text
        return True


def _about(card: Figure | Drawing | Words) -> dict[str, Any]:
    """All parts of a card but the traces of a figure."""
    about: dict[str, Any] = {"title": card.title, "how": card.how_to_read}
    if isinstance(card, Figure):
        marks = [_mark(mark) for mark in card.marks]
        return {**about, "marks": marks, "count": len(card.data), "layout": card.layout}
    own = (part.name for part in fields(card) if part.name not in ("name", "title", "how_to_read", "table"))
    return {**about, **{name: getattr(card, name) for name in own}}


def status_of(view: RunView) -> dict[str, Any]:
    """The numbers and words of the status line; what is not known is None."""
    train, validation = _newest(view.train), _newest(view.validation)
    return {
        "status": view.status,
        "message": view.message,
        "step": view.step,
        "target": view.target,
        "epoch": view.epoch,
        "epochs": view.target / max(view.steps_per_epoch, 1),
        "rate": view.steps_per_second,
        "train_loss": train.get("loss"),
        "val_loss": validation.get("loss"),
        "val_metric": validation.get("metric"),
        "metric": view.metric_name,
        "test": list(view.test) if view.test else None,
    }


def _newest(table: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(values[-1]) for name, values in table.items() if len(values) and math.isfinite(values[-1])}


def _mark(mark: Any) -> dict[str, Any]:
    return {"kind": mark.kind, "axes": list(mark.axes), "trace": mark.trace, "steps": np.asarray(mark.steps).tolist()}


def _json(value: Any) -> str:
    try:
        return json.dumps(value, default=_plain, allow_nan=False, separators=(",", ":"))
    except ValueError:  # a number that JSON does not know, as a run that explodes brings them
        return json.dumps(_finite(value), default=_plain, allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    """The same with None for numbers that are not finite; arrays stay, since they travel packed."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    if isinstance(value, np.ndarray) and value.dtype.kind not in "fiu":
        return _finite(value.tolist())
    return None if isinstance(value, (float, np.floating)) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """Arrays as Plotly's typed arrays (and `f2`, which the component unpacks), others as lists."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            value = value.astype(_precision(value))
        elif value.dtype == np.int64:
            value = value.astype(np.int32)
        if value.dtype.kind not in "fiu":
            return value.tolist()
        code = {"f": "f", "i": "i", "u": "u"}[value.dtype.kind] + str(value.dtype.itemsize)
        packed = {"dtype": code, "bdata": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()}
        if value.ndim > 1:
            packed["shape"] = ", ".join(str(size) for size in value.shape)
        return packed
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, (tuple, frozenset, set)):
        return list(value)
    raise TypeError(f"cannot send {type(value).__name__}")


def _precision(values: np.ndarray) -> type[np.floating]:
    """Maps are most of what is sent, and their colours need no more than half precision (three digits and a bit).

    A line has double precision where single would not tell its values apart, as of 1e15 + {0, 1, 2}.
    """
    if values.ndim == 1 and values.dtype == np.float64:
        known = values[np.isfinite(values)]
        with np.errstate(over="ignore", under="ignore"):
            lost = np.abs(known.astype(np.float32).astype(np.float64) - known).max(initial=0.0)
        if known.size and lost > 1e-4 * np.ptp(known) > 0:
            return np.float64
    small = values.ndim == 2 and values.size > 0 and float(np.nanmax(np.abs(values), initial=0.0)) < _HALF_LIMIT
    return np.float16 if small else np.float32


# -- the routes ---------------------------------------------------------------------------------------------------


def accept() -> None:
    """Let streams run."""
    global _open
    _open = True


def hang_up() -> None:
    """Tell all streams to end, so that the server can."""
    global _open
    _open = False


def viewers(run_id: str) -> int:
    """How many browsers are watching a run."""
    return _streams[run_id]


def _visitor(request: Request) -> str:
    """Whose request this is; all without the cookie from one address count as one visitor."""
    return visitor.of(request.scope) or f"address {request.client.host if request.client else ''}"


def _full(visitor_id: str) -> str:
    """A sentence where there is no place for another stream of this visitor, else ""."""
    if _streams_of[visitor_id] >= STREAMS_EACH:
        return f"You have {STREAMS_EACH} pages open, which is the most. Close some of them, then reload this one."
    # A visitor without any page finds a place as long as others have several.
    if _streams_of.total() >= STREAMS_IN_ALL and (_streams_of[visitor_id] or len(_streams_of) >= STREAMS_IN_ALL):
        return "This server has as many viewers as it can serve. Try again when some have left."
    return ""


async def stream(request: Request) -> Response:
    """GET /explorer/live/{run_id}?board=lab&stream=NAME&...: the event stream of one run."""
    run_id, query = request.path_params["run_id"], dict(request.query_params)
    if query.get("board", "lab") not in BOARDS:
        return PlainTextResponse("There is no such board.", status_code=404)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_events(request, run_id, query), media_type="text/event-stream", headers=headers)


async def choose(request: Request) -> Response:
    """POST /explorer/choose/{stream}?...: another selection for an open stream, which keeps all it has drawn."""
    found = _channels.get(request.path_params["stream"])
    if found is None or found[2] != _visitor(request):
        return PlainTextResponse("There is no such stream.", status_code=404)
    looker, news, _ = found
    looker.choose(dict(request.query_params))
    news.set()
    return Response(status_code=204)


async def _events(request: Request, run_id: str, query: dict[str, str]) -> AsyncGenerator[str, None]:
    global _cost
    engine, loop, news = session.engine(), asyncio.get_running_loop(), asyncio.Event()

    def home(function: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(function)

    who = _visitor(request)
    if refused := _full(who):
        yield f"event: full\ndata: {json.dumps(refused)}\n\n"
        return
    looker = Looker(engine, run_id, query.get("board", "lab"), query, news.set, home)
    encoder = Encoder(looker.board)
    try:
        engine.renew(run_id)
        unsubscribe = engine.subscribe(run_id, lambda: home(news.set))
    except UnknownRun:
        yield "event: gone\ndata: {}\n\n"
        return
    name = query.get("stream", "")[:64]
    if name not in _channels or _channels[name][2] == who:  # nobody takes over the name of another's
        _channels[name] = (looker, news, who)
    _streams[run_id] += 1
    _streams_of[who] += 1
    shown: Any = None
    silent = time.monotonic()
    try:
        news.set()
        while _open and not await request.is_disconnected():
            due = looker.due()
            try:
                await asyncio.wait_for(news.wait(), timeout=min(BREATH, due))
            except TimeoutError:
                if time.monotonic() - silent > PING:
                    silent = time.monotonic()
                    yield ": still here\n\n"
                if due > BREATH:  # nothing can be new: to look would only cost time, for every idle tab
                    engine.renew(run_id)
                    continue
            news.clear()
            engine.renew(run_id)
            began = time.monotonic()
            seen = looker.look()
            state = (seen.view.version, looker.state())
            if state == shown:
                continue
            shown = state
            try:
                event = encoder.event(seen, looker.film, looker.asker.busy())
            except Exception:
                # The next state may be drawn where this one could not; a stream that ends would only come back.
                _log.exception("run %s could not be drawn at step %d", run_id, seen.step)
                continue
            took = time.monotonic() - began
            _cost = 0.9 * _cost + 0.1 * took
            silent = time.monotonic()
            yield f"data: {event}\n\n"
            # Every visitor has the same share, however many pages each has open.
            turn = _cost * len(_streams_of) * _streams_of[who] / SHARE_OF_TIME
            await asyncio.sleep(max(1 / FRAMES_PER_SECOND - took, turn - took, 0.0))
    except UnknownRun:
        yield "event: gone\ndata: {}\n\n"
    finally:
        unsubscribe()
        looker.close()
        if name in _channels and _channels[name][0] is looker:
            del _channels[name]
        for counter, key in ((_streams, run_id), (_streams_of, who)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]


async def download(request: Request) -> Response:
    """GET /explorer/figure/{run_id}/{name}.{csv|html|svg}: one figure as it is now, with all its data."""
    run_id, name, form = (request.path_params[key] for key in ("run_id", "name", "form"))
    query = {**request.query_params, "film": ""}
    if query.get("board", "lab") not in BOARDS:
        return PlainTextResponse("There is no such board.", status_code=404)
    try:
        seen, cards = await _settled(run_id, query)
    except UnknownRun:
        return PlainTextResponse("This run is no longer on the server.", status_code=404)
    card = next((card for card in cards if card.name == name), None)
    made = None if card is None else _file_of(card, form)
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
                await asyncio.wait_for(news.wait(), timeout=min(BREATH, looker.due()))
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
