"""The folder of a store: who owns it, and on what kind of disk it lies."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import time
from pathlib import Path
from typing import IO

from rnn_explorer.errors import UserError

try:
    import fcntl
except ImportError:  # not there on Windows
    fcntl = None  # type: ignore[assignment]

_LOCK = "server.lock"
_MOUNTS = Path("/proc/self/mounts")
_NETWORK = re.compile(r"nfs.*|cifs|smb.*|afs|9p|ceph|lustre|beegfs|gpfs|glusterfs|fuse\.(sshfs|glusterfs|ceph).*")


class FolderTaken(UserError):
    """Another server keeps its runs in this folder."""


class FolderLock:
    """Makes one server the owner of a folder, until it is released or the process ends, however that ends.

    Args:
        folder: is made where it is not there, for this user alone.

    Raises:
        FolderTaken: when another server owns it.
        OSError: when it cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file: IO[str] = (folder / _LOCK).open("a+", encoding="utf-8")
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read(200).strip() or "which does not say its name"
            self._file.close()
            raise FolderTaken(
                f"The runs in {folder} belong to another server ({owner}). Stop it, or set RNN_EXPLORER_DATA to "
                "another folder for this one."
            ) from None
        except OSError:  # a file system without locks: nothing can be promised there
            pass
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {platform.node()}, since {time.strftime('%Y-%m-%d %H:%M')}\n")
        self._file.flush()

    def release(self) -> None:
        """Let another server have the folder. May be called twice."""
        self._file.close()


def identity(path: Path) -> tuple[int, int] | None:
    """Which file there is under a name; None where there is none. One that was put back is another one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_local(folder: Path) -> bool:
    """Whether the folder lies on a disk of this machine, as far as the system says.

    SQLite's write-ahead log needs memory that processes share, which a network file system does not give: there, and
    where the system does not tell, a store uses a rollback journal.
    """
    kind = _file_system(folder)
    return bool(kind) and not _NETWORK.fullmatch(kind)


def network_of(folder: Path) -> str:
    """The network file system in which the folder lies, such as "nfs4"; "" where the system names none."""
    kind = _file_system(folder)
    return kind if _NETWORK.fullmatch(kind) else ""


def _file_system(folder: Path) -> str:
    found, kind = "", ""
    path = str(folder.resolve())
    with contextlib.suppress(OSError):
        for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
            fields = line.split(" ")
            place = fields[1].encode().decode("unicode_escape") if len(fields) > 2 else "\0"
            inside = path == place or path.startswith(place.rstrip("/") + "/")
            if inside and len(place) >= len(found):
                found, kind = place, fields[2]
    return kind
