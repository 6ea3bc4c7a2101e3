"""A cache of machine code on disk, so that the compiler runs once.

It is in the user's cache folder, or in the one that RNN_EXPLORER_CACHE names. Since the code will be run, others must
not be able to write to the folder, and each file begins with a checksum of its name and content. LLVM ends the process
if a file is no object code after all, so a process leaves a marker file while it loads one: if the marker outlives its
process, the code is deleted. Whatever fails, code is compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

DIGEST = hashlib.sha256().digest_size
KEPT = 200  # files; the oldest go first
LEFT = 3600.0  # seconds after which a partly written file, or a marker, counts as left behind


def key(*parts: str) -> str:
    """The name of machine code that depends on these alone."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def folder() -> Path | None:
    """The cache folder; None if there is no safe one."""
    named = os.environ.get("RNN_EXPLORER_CACHE")
    try:
        if named:
            path = Path(named)
        else:
            import platformdirs

            path = Path(platformdirs.user_cache_dir("rnn-explorer", appauthor=False)) / "kernels"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = path.stat()
    except (ImportError, OSError, RuntimeError):
        return None
    foreign = hasattr(os, "getuid") and (about.st_uid != os.getuid() or about.st_mode & 0o022)
    return None if foreign else path


def load(name: str) -> bytes | None:
    """The code saved under this name; None if there is none, or its checksum is wrong."""
    where = folder()
    if where is None or _killed_its_process(where, name):
        return None
    try:
        found = (where / f"{name}.o").read_bytes()
    except OSError:
        return None
    return found[DIGEST:] if _checksum(name, found[DIGEST:]) == found[:DIGEST] else None


@contextlib.contextmanager
def loading(name: str) -> Iterator[None]:
    """Keep a marker file while the code of this name is being loaded."""
    where = folder()
    mark = None if where is None else where / f"{name}.{os.getpid()}.loads"
    with contextlib.suppress(OSError):
        if mark is not None:
            mark.touch()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if mark is not None:
                mark.unlink()


def _killed_its_process(where: Path, name: str) -> bool:
    """Whether a process died while it loaded this code, which is then deleted."""
    with contextlib.suppress(OSError):
        dead = [mark for mark in where.glob(f"{name}.*.loads") if not _alive(mark)]
        for path in (*dead, where / f"{name}.o") if dead else ():
            path.unlink(missing_ok=True)
        return bool(dead)
    return False


def _alive(mark: Path) -> bool:
    process = int(mark.suffixes[-2][1:])
    if process == os.getpid():
        return True
    if os.name == "nt":  # a signal of 0 would end it
        return time.time() - mark.stat().st_mtime < 10
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _checksum(name: str, code: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + code).digest()


def save(name: str, code: bytes) -> None:
    """Save code under a name, atomically."""
    where = folder()
    if where is None:
        return
    part: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=where, suffix=".new", delete=False) as file:
            part = Path(file.name)
            file.write(_checksum(name, code) + code)
        os.replace(part, where / f"{name}.o")
    except OSError:  # the disk is full, say
        with contextlib.suppress(OSError):
            if part is not None:
                part.unlink()
        return
    with contextlib.suppress(OSError):
        for path in (*where.glob("*.new"), *where.glob("*.loads")):
            if time.time() - path.stat().st_mtime > LEFT:
                path.unlink()
        kept = sorted(where.glob("*.o"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-KEPT]:
            path.unlink()
