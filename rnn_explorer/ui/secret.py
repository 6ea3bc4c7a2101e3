"""The key by which this server knows its own cookies, kept from one start to the next.

It lies in the user's own data folder, or in the one that RNN_EXPLORER_DATA names, and only that user can read it.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import tempfile
from pathlib import Path

import platformdirs

LENGTH = 32  # bytes
_NAME = "visitors.key"

_log = logging.getLogger(__name__)


def data_folder() -> Path:
    """Where the server keeps what outlives it; not made yet, perhaps."""
    named = os.environ.get("RNN_EXPLORER_DATA")
    return Path(named) if named else Path(platformdirs.user_data_dir("rnn-explorer", appauthor=False))


@functools.cache
def key() -> bytes:
    """The key, made at the first start; one for this process alone where the data folder cannot be used."""
    try:
        return _kept(data_folder())
    except (OSError, RuntimeError) as error:
        _log.warning(
            "The data folder %s cannot be used (%s). Visitors are forgotten when the server ends; set "
            "RNN_EXPLORER_DATA to a folder that can be written.",
            data_folder(),
            error,
        )
        return secrets.token_bytes(LENGTH)


def _kept(folder: Path) -> bytes:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _NAME
    for _ in range(2):
        with contextlib.suppress(FileNotFoundError):
            found = path.read_bytes()
            if len(found) == LENGTH:
                if os.name == "posix" and path.stat().st_mode & 0o077:
                    path.chmod(0o600)
                return found
            _log.warning("%s is not a key; it is made anew, and visitors are new ones.", path)
            path.unlink()
        _make(path)
    return path.read_bytes()


def _make(path: Path) -> None:
    """Put a new key at `path`, whole or not at all; one that another process put there first stays."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # for this user alone (mode 600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(LENGTH))
        try:
            os.link(name, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            os.replace(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
