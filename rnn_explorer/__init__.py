"""Train simple RNNs, LSTMs and GRUs, and look at every gate and state while they learn.

    import rnn_explorer as rx

    run = rx.train("flip_flop", cell="gru", steps=1000, progress=True)
    run.memory()  # in a notebook, the figure

docs/library.md is the tour. Names are imported when they are first used, so that `import rnn_explorer` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnn_explorer.errors import UserError
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.library.registering import register_cell, register_task
    from rnn_explorer.library.results import Result
    from rnn_explorer.library.run import Evaluation, Run
    from rnn_explorer.library.train_load import load, train

__all__ = ["Evaluation", "Experiment", "Result", "Run", "UserError", "load", "register_cell", "register_task", "train"]

_HOMES = {
    "Evaluation": "library.run",
    "Experiment": "experiment",
    "Result": "library.results",
    "Run": "library.run",
    "UserError": "errors",
    "load": "library.train_load",
    "register_cell": "library.registering",
    "register_task": "library.registering",
    "train": "library.train_load",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
