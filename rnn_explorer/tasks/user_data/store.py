"""Where uploads lie: a folder of one server process, read by its workers, and gone with it.

What a run was trained on is kept with the run (`packed`), and put back under its token when the run is opened again.

An upload is checked first and stored as what was read of it, under a name that nobody can guess. The server hands the
folder's path to its workers by an environment variable; a worker only reads.
"""

from __future__ import annotations

import atexit
import errno
import io
import json
import os
import re
import secrets
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from rnn_explorer.tasks.user_data import packing
from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.tasks.user_data.text_file import Text

try:
    import fcntl
except ImportError:  # not there on Windows
    fcntl = None  # type: ignore[assignment]

VARIABLE = "RNN_EXPLORER_UPLOADS"
MAX_STORED = 500 * 1024 * 1024  # bytes of all uploads together

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_PREFIX = "rnn-explorer-uploads-"
_lock = threading.Lock()
_made: tuple[int, Path, Any] | None = None  # the process that made the folder, the folder, and a lock on it


class DataGone(DataError):
    """There is no upload of this name on this server."""

    def __init__(self) -> None:
        super().__init__(
            "The data of this experiment was uploaded by somebody else or is gone: it stays with its owner. "
            "Upload the file again."
        )


def put(data: bytes, name: str = "", encoding: str = "utf-8") -> str:
    """Read, check and store an upload.

    Args:
        data, name, encoding: as for `reading.read`.

    Returns:
        A token by which `get` finds it.

    Raises:
        DataError: when the file cannot be used, or there is no more room.
    """
    return keep(read(data, name, encoding))


def keep(record: Table | Text) -> str:
    """Store what was read of an upload.

    Raises:
        DataError: when there is no more room.
    """
    token = secrets.token_urlsafe(16)
    _store(token, _packed(record))
    return token


def put_back(token: str, content: bytes) -> None:
    """Store what `packed` has given, under the token that it had; nothing where it is there.

    Raises:
        DataError: when there is no more room, or these bytes are no upload.
    """
    if not _TOKEN.fullmatch(token):
        raise DataGone
    if holds(token):
        return
    try:
        _unpacked(content)
    except (ValueError, KeyError, OSError, TypeError, zipfile.BadZipFile) as error:
        raise DataError("The data that were kept with this run are damaged. Upload the file again.") from error
    _store(token, content)


def _store(token: str, packed: bytes) -> None:
    with _lock:
        try:
            folder = _own_folder()
            if sum(file.stat().st_size for file in folder.glob("*.npz")) + len(packed) > MAX_STORED:
                raise DataError(
                    "The server's room for uploads is used up. Try again later, or run it on your own machine."
                )
            _write(folder / f"{token}.npz", packed)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
            why = "the disk of the server is full" if full else f"the server cannot write it ({error.strerror})"
            raise DataError(
                f"The upload cannot be kept: {why}. Try again later, or run it on your own machine."
            ) from error


def _write(file: Path, content: bytes) -> None:
    """Write a whole file or nothing, so that half a file is never read and takes up no room."""
    part = file.with_suffix(".part")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def get(token: str) -> Table | Text:
    """What was stored under a token.

    Raises:
        DataGone: when there is nothing (any more).
    """
    return _unpacked(packed(token))


def packed(token: str) -> bytes:
    """The bytes that are stored under a token.

    Raises:
        DataGone: when there is nothing (any more).
    """
    folder = _folder()
    if folder is None or not _TOKEN.fullmatch(token):
        raise DataGone
    try:
        return (folder / f"{token}.npz").read_bytes()
    except OSError:
        raise DataGone from None


def token_of(task_settings: Any) -> str:
    """The upload that settings of a task are about; "" for none."""
    return str(getattr(task_settings, "data", ""))


def size(token: str) -> int:
    """Bytes that an upload takes; 0 where there is none."""
    folder = _folder()
    if folder is None or not _TOKEN.fullmatch(token):
        return 0
    try:
        return (folder / f"{token}.npz").stat().st_size
    except OSError:
        return 0


def holds(token: str) -> bool:
    """Whether something is stored under a token."""
    return size(token) > 0


def drop(token: str) -> None:
    """Forget an upload; nothing happens where there is none."""
    with _lock:
        if _is_mine() and _TOKEN.fullmatch(token):
            assert _made is not None
            (_made[1] / f"{token}.npz").unlink(missing_ok=True)


def drop_all() -> None:
    """Forget every upload of this process. The folder stays until its end, since workers know its path."""
    with _lock:
        if _is_mine():
            assert _made is not None
            for file in _made[1].glob("*.npz"):
                file.unlink(missing_ok=True)


def environment() -> dict[str, str]:
    """What a process must find in its environment to read the uploads of this one."""
    with _lock:
        return {VARIABLE: str(_own_folder())}


# -- the folder -------------------------------------------------------------------------------------------------


def _is_mine() -> bool:
    """Whether this very process made a folder; a forked copy did not."""
    return _made is not None and _made[0] == os.getpid()


def _own_folder() -> Path:
    """The folder of this process, made when it is first needed; the lock is held."""
    global _made
    if _made is None or not _is_mine():
        _sweep()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))  # for this user alone (mode 700)
        _made = (os.getpid(), folder, _locked(folder))
        atexit.register(close)
    elif not _made[1].is_dir():  # the folder was tidied up; the workers know this path
        if _made[2] is not None:
            _made[2].close()
        _made[1].mkdir(mode=0o700)
        _made = (os.getpid(), _made[1], _locked(_made[1]))
    return _made[1]


def _folder() -> Path | None:
    """Where this process finds uploads: in its own folder, or in that of the server that started it."""
    with _lock:
        if _is_mine():
            assert _made is not None
            return _made[1]
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else None


def close() -> None:
    """Remove the folder of this process with all uploads; for its end, since workers know the path.

    A process that ends by itself does so anyway; one that is ended by a signal has to.
    """
    global _made
    with _lock:
        if _is_mine():
            assert _made is not None
            shutil.rmtree(_made[1], ignore_errors=True)
            if _made[2] is not None:
                _made[2].close()
            _made = None


def _locked(folder: Path) -> Any:
    """A lock on a folder that lasts as long as this process, however it ends; None where there are no such locks."""
    if fcntl is None:
        return None
    file = (folder / "new").open("wb")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (folder / "new").rename(folder / "alive")  # under this name it is found locked
    return file


def _sweep() -> None:
    """Remove the folders of servers that were killed before they could do it themselves."""
    if fcntl is None:
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            with (folder / "alive").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its server lives
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # another user's, or alive, or just being made


# -- the files --------------------------------------------------------------------------------------------------


def _packed(record: Table | Text) -> bytes:
    """A record as the bytes of an .npz file: arrays, and the rest as JSON."""
    about, arrays = packing.packed(record)
    arrays["about"] = np.frombuffer(json.dumps(about).encode("ascii"), dtype=np.uint8)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpacked(content: bytes) -> Table | Text:
    """The inverse of `_packed`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return packing.unpacked(json.loads(stored["about"].tobytes()), stored)
