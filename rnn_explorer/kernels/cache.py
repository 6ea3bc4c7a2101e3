"""Machine code kept from one start of a program to the next, so that nobody waits twice for the compiler.

It lies in the user's own cache folder, or in the one that RNN_EXPLORER_CACHE names. Since it will be run, only a folder
that nobody else can write to is used, and a file counts only with the checksum that it begins with. Whatever goes
wrong, code is compiled anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

DIGEST = hashlib.sha256().digest_size
KEPT = 200  # files; the least recently made go first


def key(*parts: str) -> str:
    """A name for machine code that depends on nothing but these."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def folder() -> Path | None:
    """Where code is kept; None where it cannot be."""
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
    """What was saved under this name, whole and unchanged; else None."""
    where = folder()
    if where is None:
        return None
    try:
        found = (where / f"{name}.o").read_bytes()
    except OSError:
        return None
    return found[DIGEST:] if hashlib.sha256(found[DIGEST:]).digest() == found[:DIGEST] else None


def save(name: str, code: bytes) -> None:
    """Keep code under a name; a reader never sees half of it."""
    where = folder()
    if where is None:
        return
    with contextlib.suppress(OSError):
        with tempfile.NamedTemporaryFile(dir=where, suffix=".new", delete=False) as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(file.name, where / f"{name}.o")
        kept = sorted(where.glob("*.o"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-KEPT]:
            path.unlink()
