"""Files for download are made beside the server's loop, few at a time: one takes some tenths of a second."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rnn_explorer.errors import UserError

AT_A_TIME = 2
WAITING = 16  # downloads at most that wait for their turn, or for what must be computed first

Made = TypeVar("Made")
_makers = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="export")
_lock = threading.Lock()
_present = 0


class Busy(UserError):
    """Too many downloads at once."""

    def __init__(self) -> None:
        super().__init__("Too many downloads are being made at the moment. Try again in a few seconds.")


@contextlib.contextmanager
def place() -> Iterator[None]:
    """A place among the downloads that are being made or wait.

    Raises:
        Busy: when all are taken.
    """
    global _present
    with _lock:
        if _present >= AT_A_TIME + WAITING:
            raise Busy
        _present += 1
    try:
        yield
    finally:
        with _lock:
            _present -= 1


async def made(make: Callable[[], Made]) -> Made:
    """What `make` returns, called in a thread when its turn has come."""
    return await asyncio.get_running_loop().run_in_executor(_makers, make)
