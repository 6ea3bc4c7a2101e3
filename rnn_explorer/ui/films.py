"""The route of films: how far one has come while it is made, then the file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from rnn_explorer.engine.base import RunView, UnknownRun
from rnn_explorer.engine.film import NO_FILM
from rnn_explorer.engine.protocol import FileMade, FileProgress
from rnn_explorer.figures.style import cell_name
from rnn_explorer.recording.versions import present
from rnn_explorer.tasks import TASKS
from rnn_explorer.ui import film, session, visitor
from rnn_explorer.ui.sentence import sentence
from rnn_explorer.views import VIEWS

MOST = 4  # films that are made at a time, for all visitors together; one for each of them
GONE = "This run is no longer on the server."
BUSY = "A film of yours is being made already. Wait for it, or cancel it."
FULL = "Too many films are being made at the moment. Try again in a minute."
SILENT = "The film takes too long: nothing was heard of it for a minute. Pause the run, and try again."
_PATIENCE = 60.0  # seconds without a word of the worker
_makers: set[str] = set()  # the visitors whose films are being made


async def download(request: Request) -> Response:
    """GET /explorer/film/{run_id}?view=VIEW: lines of JSON, then the file.

    A line has "share", how much is done; "error", a sentence, after which nothing comes; or "name" and "size" of the
    file, which follows.
    """
    run_id, view = request.path_params["run_id"], request.query_params.get("view", "lab")
    if view not in VIEWS or not VIEWS.get(view).film:
        return PlainTextResponse(NO_FILM, status_code=404)
    try:
        run = session.engine().view(run_id)
    except UnknownRun:
        return PlainTextResponse(GONE, status_code=404)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}  # a proxy must not keep the lines back
    lines = _told(visitor.of(request.scope) or "", run, view)
    return StreamingResponse(lines, media_type="application/octet-stream", headers=headers)


async def _told(who: str, run: RunView, view: str) -> AsyncIterator[bytes]:
    """What is sent; where nobody takes it any more, the film is given up."""
    if who in _makers or len(_makers) >= MOST:
        yield _line(error=BUSY if who in _makers else FULL)
        return
    heard: asyncio.Queue[FileMade | FileProgress] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def take(message: FileMade | FileProgress) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(heard.put_nowait, message)

    with contextlib.ExitStack() as over:
        _makers.add(who)
        over.callback(_makers.discard, who)
        try:
            over.callback(session.engine().make_file(run.run_id, view, {}, "", "film", take))
            while True:
                message = await asyncio.wait_for(heard.get(), _PATIENCE)
                if isinstance(message, FileMade):
                    break
                yield _line(share=message.share)
            if message.error:
                yield _line(error=message.error)
                return
            made = await asyncio.to_thread(film.page, message.content, about(run, message.step))
            name = film.file_name(run.experiment.task, run.experiment.model.cell, message.step)
            yield _line(name=name, size=len(made))
            yield made
        except UnknownRun:
            yield _line(error=GONE)
        except TimeoutError:
            yield _line(error=SILENT)


def _line(**words: Any) -> bytes:
    return json.dumps(words).encode() + b"\n"


def about(run: RunView, step: int) -> film.About:
    """The words above the figures of a run's film.

    Args:
        run: the run.
        step: the last that the film shows.
    """
    experiment = run.experiment
    model, training = experiment.model, experiment.training
    store = session.store()
    kept = None if store is None else store.run(run.run_id)
    layers = f"{model.num_layers} layers of " if model.num_layers > 1 else ""
    facts = (
        TASKS.get(experiment.task).title,
        f"{cell_name(model.cell)}, {layers}{model.hidden_size} units",
        f"{run.parameters:,} parameters",
        f"{training.optimizer}, learning rate {training.learning_rate:g}",
        f"seed {training.seed}",
        f"{step} steps",
    )
    version = present().get("rnn-explorer", "")
    made = f"{' '.join(filter(None, ('RNN Explorer', version)))}, {time.strftime('%Y-%m-%d')}"
    return film.About("" if kept is None else kept.name, sentence(experiment), facts, made)
