"""The analyses of a model, by name.

An analysis is a function of a `FrozenModel` and of plain options (numbers, strings, tuples of them). It is a
generator: it yields its progress, from 0 to 1, every few milliseconds where it takes long, so that the caller can show
it, train on in between, or cancel; and it returns a record of numpy data without torch. A `UserError` is a sentence for
the user.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from typing import Any

from rnn_explorer.registry import Registry

Progress = Generator[float, None, Any]

ANALYSES: Registry[Callable[..., Progress]] = Registry("analysis")

_WHERE = ("columns", "dynamics", "generate", "cell_internals", "memory", "own_sequence", "snapshot")


def load() -> None:
    """Import every module that registers analyses."""
    for name in _WHERE:
        importlib.import_module(f"rnn_explorer.analysis.{name}")


def answer(progress: Progress) -> Any:
    """Run an analysis to its end and return what it found."""
    while True:
        try:
            next(progress)
        except StopIteration as end:
            return end.value
