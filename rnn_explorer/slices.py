"""Work that pauses where others may have a turn: generators that return what they were made for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(work: Generator[Any, None, T]) -> T:
    """Run such work in one go and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
