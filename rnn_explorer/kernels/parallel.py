"""Work shared out among as many threads as torch may use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import torch

LEAST = 8  # of what is shared out: fewer are not worth a thread of their own


class _Helper:
    """A thread that does one thing after the other. Handing over takes some microseconds."""

    def __init__(self) -> None:
        self._given: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True, name="kernel").start()

    def _work(self) -> None:
        while True:
            function, arguments = self._given.get()
            function(*arguments)  # compiled code, which cannot raise
            self._done.put(None)

    def give(self, function: Callable[..., None], *arguments: Any) -> None:
        self._given.put((function, arguments))

    def wait(self) -> None:
        self._done.get()


_own = threading.local()  # each thread that shares out work has helpers of its own


def share(function: Callable[..., None], count: int, block: int, *arguments: Any) -> None:
    """Call `function(*arguments, first, last)` for ranges that make up 0 ... count.

    Args:
        function: compiled; lets other threads run while it works.
        count: of whatever is shared out.
        block: ranges begin at multiples of it.
        arguments: the same for all.
    """
    parts = min(torch.get_num_threads(), count // LEAST)
    if parts < 2:
        function(*arguments, 0, count)
        return
    size = -(-count // (parts * block)) * block
    ends = [(first, min(first + size, count)) for first in range(0, count, size)]
    helpers: list[_Helper] = _own.__dict__.setdefault("helpers", [])
    while len(helpers) < len(ends) - 1:
        helpers.append(_Helper())
    used = helpers[: len(ends) - 1]
    for helper, end in zip(used, ends[1:], strict=True):
        helper.give(function, *arguments, *end)
    function(*arguments, *ends[0])
    for helper in used:
        helper.wait()
