"""The questions that can be asked of a model, by name.

A question is a function of a `Subject` and of plain options (numbers, words, tuples of them). It yields how far it has
come, from 0 to 1, as often as it can (every few milliseconds where it takes long), so that whoever asks can show it,
train on in between, or stop asking; and returns a record of numpy data that knows nothing of torch. A `UserError` is
a sentence for the person who asked.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from typing import Any

from rnn_explorer.registry import Registry

Progress = Generator[float, None, Any]

QUESTIONS: Registry[Callable[..., Progress]] = Registry("question")

_WHERE = ("columns", "dynamics", "generate", "inside", "memory", "own_sequence", "snapshot")


def load() -> None:
    """Import every module that registers questions."""
    for name in _WHERE:
        importlib.import_module(f"rnn_explorer.analysis.{name}")


def answer(progress: Progress) -> Any:
    """Run a question to its end and return what it found."""
    while True:
        try:
            next(progress)
        except StopIteration as end:
            return end.value
