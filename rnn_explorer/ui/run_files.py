"""Run files (.rnnx) on the server: a run is exported under its address, a file is opened as a run of a visitor's own.

A file that `rnn-explorer open` names is offered under a token in an address, and looked at again when it grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, BinaryIO

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.engine.run_files import known, write
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.run_file.archive import Archive
from rnn_explorer.recording.run_file.reading import Uploads, opened
from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.tasks.user_data import store as uploaded
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.reading import Table, Text
from rnn_explorer.ui import session, uploads, visitor
from rnn_explorer.ui.server_settings import prefix

FILE = "file"  # the key in an address of a file that is offered
NO_DATA = "no"  # what `data` is in the address of an export without the user's own data
WAITING = 4  # run files that are being written for all visitors together
_CHUNK = 256 * 1024  # bytes
_GONE = "There is no such run (any more), or it is not yours to see."
_open = 0  # files that are being written


# -- export -----------------------------------------------------------------------------------------------------


def href_of(run_id: str, with_data: bool = True) -> str:
    """The address that exports a run.

    Args:
        run_id: which.
        with_data: whether the owner's file holds the owner's own data, too; nobody else's file ever does.
    """
    return f"{prefix()}/explorer/run/{run_id}.rnnx{'' if with_data else f'?data={NO_DATA}'}"


async def export(request: Request) -> Response:
    """GET /explorer/run/{run_id}.rnnx: a run as a file, for whoever may see it; `data=no` leaves the data out."""
    global _open
    who, run_id = visitor.of(request.scope), request.path_params["run_id"]
    if _open >= WAITING:
        sentence = "Too many runs are being exported at the moment. Try again in a few seconds."
        return PlainTextResponse(sentence, status_code=503, headers={"retry-after": "5"})
    _open += 1
    file = tempfile.TemporaryFile(prefix="rnn-explorer-export-")  # noqa: SIM115
    try:
        with_data = request.query_params.get("data") != NO_DATA
        run = await asyncio.to_thread(_written, file, run_id, who, with_data)
    except UnknownRun:
        file.close()
        return PlainTextResponse(_GONE, status_code=404)
    except OSError as error:
        file.close()
        sentence = f"The file cannot be written: {error.strerror or error}. See to the server's disk, and try again."
        return PlainTextResponse(sentence, status_code=503)
    except BaseException:
        file.close()
        raise
    finally:
        _open -= 1
    experiment = Experiment.from_json(run.experiment)
    name = f"{experiment.task}-{experiment.model.cell}-step{run.step}.rnnx"
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "content-length": str(file.seek(0, os.SEEK_END)),
        "cache-control": "no-store",
    }
    return StreamingResponse(_chunks(file), media_type="application/zip", headers=headers)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def _written(file: BinaryIO, run_id: str, who: str | None, with_data: bool) -> StoredRun:
    """Write a run as this visitor may have it; returns what is said of it.

    Raises:
        UnknownRun: where there is none that the visitor may see, or nothing is known of it yet.
        OSError: when it cannot be written.
    """
    run, past, curves = known(session.engine(), session.store(), run_id)
    is_mine = run.owner in ("", who)
    if not past or run.deleted is not None or (run.visibility == "private" and not is_mine):
        raise UnknownRun(run_id)
    write(file, run, past, curves, _data_of(run) if is_mine and with_data else None)
    return run


def _data_of(run: StoredRun) -> Table | Text | None:
    """The user's own data that a run was trained on; None for none, and where they are gone."""
    token = uploads.token_of(Experiment.from_json(run.experiment))
    try:
        return uploaded.get(token) if token else None
    except DataError:
        return None


# -- open -------------------------------------------------------------------------------------------------------


def open_run(source: Path | BinaryIO, called: str) -> str:
    """Open a run file as a run of this visitor's own, at its newest state; returns its id.

    Args:
        source: its path, or the file itself.
        called: what sentences call it; the run is named by it where the file gives no name.

    Raises:
        UserError: when it cannot be used, or there is no room for the run; nothing is left of it then.
    """
    with opened(source, called, uploads=Uploads(uploads.bring, uploads.forget)) as found:
        found.run = replace(found.run, name=found.run.name or Path(called).stem)
        try:
            return session.engine().adopt(found, visitor.current())
        except OSError as error:
            found.drop_data()
            raise UserError(f"{called} cannot be read: {error.strerror or error}.") from error
        except BaseException:
            found.drop_data()
            raise


@dataclass
class Followed:
    """A run that was opened from a file which may grow.

    Attributes:
        token: under which the file is offered.
        path: of the file.
        stamp: what tells a version of the file from another one.
        step: of the newest state in the version that was opened.
    """

    token: str
    path: Path
    stamp: tuple[int, int, int]
    step: int


_offered: dict[str, Path] = {}  # by token
_followed: dict[str, Followed] = {}  # by run


def offer(path: Path) -> str:
    """Let whoever knows the token open this file; returns the token."""
    token = secrets.token_urlsafe(16)
    _offered[token] = path
    return token


def open_offered(token: str) -> str:
    """Open the file that is offered under a token, as `open_run` does.

    Raises:
        UserError: where none is, too.
    """
    path = _offered.get(token)
    if path is None:
        raise UserError("The file in the address is not offered by this server (any more); start it again.")
    stamp = _stamp(path)
    run_id = open_run(path, path.name)
    _followed[run_id] = Followed(token, path, stamp, session.engine().view(run_id).step)
    return run_id


def is_followed(run_id: str) -> bool:
    """Whether a run was opened from a file that is offered here."""
    return run_id in _followed


def newer(run_id: str) -> Followed | None:
    """The file of a run, as it is now, where it has a newer state than the run was opened with; None where not.

    Raises:
        UserError: when the file cannot be read at present.
    """
    before = _followed.get(run_id)
    if before is None or (stamp := _stamp(before.path)) == before.stamp:
        return None
    try:
        with before.path.open("rb") as file:
            steps = Archive(file, before.path.name).steps()
    except OSError as error:
        raise UserError(f"{before.path.name} cannot be read: {error.strerror or error}.") from error
    return replace(before, stamp=stamp, step=steps[-1]) if steps and steps[-1] != before.step else None


def open_newer(run_id: str) -> str:
    """Open the newest state of a run's file, as another run; one that was not trained on meanwhile goes for it.

    Raises:
        UserError: as `open_run`.
    """
    before, engine = _followed[run_id], session.engine()
    newest = open_offered(before.token)
    with contextlib.suppress(UnknownRun):
        if engine.view(run_id).step == before.step:
            engine.command(run_id, "stop", by=visitor.current())
            if (store := session.store()) is not None:
                store.remove([run_id])
            del _followed[run_id]
    return newest


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    return found.st_ino, found.st_mtime_ns, found.st_size
