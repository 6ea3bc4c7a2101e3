"""Downloads: one figure as it is now, with all its data, made by the worker that hosts the run."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.engine.file_makers import NO_FIGURE
from rnn_explorer.engine.protocol import FileMade, FileProgress
from rnn_explorer.ui import session
from rnn_explorer.views import VIEWS

WAITING = 16  # files that are being made for all visitors together
_PATIENCE = 75.0  # seconds; a worker gives up earlier, unless it dies
_FORMS = ("csv", "html", "svg")
_open = 0  # files that are being made


async def download(request: Request) -> Response:
    """GET /explorer/figure/{run_id}/{name}.{csv|html|svg}: one figure as it is now, with all its data."""
    global _open
    run_id, name, form = (request.path_params[key] for key in ("run_id", "name", "form"))
    query = dict(request.query_params)
    view = query.get("view", "lab")
    if view not in VIEWS or form not in _FORMS:
        return PlainTextResponse(NO_FIGURE, status_code=404)
    if _open >= WAITING:
        sentence = "Too many downloads are being made at the moment. Try again in a few seconds."
        return PlainTextResponse(sentence, status_code=503, headers={"retry-after": "5"})
    _open += 1
    try:
        made = await asyncio.wait_for(_made(run_id, view, query, name, form), _PATIENCE)
        experiment = session.engine().view(run_id).experiment
    except UnknownRun:
        return PlainTextResponse("This run is no longer on the server.", status_code=404)
    except TimeoutError:
        return PlainTextResponse("This takes too long. Pause the run, and try again.", status_code=503)
    finally:
        _open -= 1
    if made.error:
        return PlainTextResponse(made.error, status_code=404 if made.error == NO_FIGURE else 503)
    file = f"{experiment.task}-{experiment.model.cell}-{name}-step{made.step}.{form}"
    headers = {"content-disposition": f'attachment; filename="{file}"', "cache-control": "no-store"}
    return Response(made.content, media_type=f"{made.media_type}; charset=utf-8", headers=headers)


async def _made(run_id: str, view: str, query: dict[str, str], name: str, form: Any) -> FileMade:
    loop = asyncio.get_running_loop()
    made: asyncio.Future[FileMade] = loop.create_future()

    def put(file: FileMade) -> None:
        if not made.done():
            made.set_result(file)

    def take(file: FileMade | FileProgress) -> None:
        if isinstance(file, FileMade) and not loop.is_closed():
            loop.call_soon_threadsafe(put, file)

    session.engine().make_file(run_id, view, query, name, form, take)
    return await made
