"""The analyses of a model, by name.

An analysis is a function of a `FrozenModel` and of plain options (numbers, strings, tuples of them). It is a
generator: it yields its progress, from 0 to 1, every few milliseconds where it takes long, so that the caller can show
it, train on in between, or cancel; and it returns a record of numpy data without torch. A `UserError` is a sentence for
the user.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from rnn_explorer.registry import Registry

Progress = Generator[float, None, Any]

ANALYSES: Registry[Callable[..., Progress]] = Registry("analysis")


def load() -> None:
    """Import every module here: those that compute register their analyses."""
    for found in pkgutil.walk_packages([str(Path(__file__).parent)], f"{__package__}."):
        importlib.import_module(found.name)


def answer(progress: Progress) -> Any:
    """Run an analysis to its end and return what it found."""
    while True:
        try:
            next(progress)
        except StopIteration as end:
            return end.value
