"""Work shared out among as many threads as torch may use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

LEAST = 8  # of what is shared out: fewer are not worth a thread of their own


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")


def share(function: Callable[..., None], count: int, block: int, *arguments: Any) -> None:
    """Call `function(*arguments, first, last)` for ranges that make up 0 ... count.

    Args:
        function: lets other threads run while it works.
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
    others = [_pool(len(ends) - 1).submit(function, *arguments, *end) for end in ends[1:]]
    function(*arguments, *ends[0])
    for other in others:
        other.result()
