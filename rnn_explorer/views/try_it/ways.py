"""What can be tried with a task, and what its own sequences look like."""

from __future__ import annotations

from typing import Literal

import numpy as np

from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.grammar import GrammarTask
from rnn_explorer.trace import Array

Way = Literal["text", "series", "grammar", "symbols", "values"]


def way_of(task: str, inputs: Array, targets: Array, lengths: Array) -> Way:
    """What can be tried with a task.

    Args:
        task: its key.
        inputs, targets, lengths: (batch, ...) of some of its sequences, as in a trace.

    Returns:
        "text": it writes; "series": it goes on with a series; "grammar": there are legal symbols; "symbols" and
        "values": it answers sequences of these.
    """
    symbols = inputs.ndim == 2
    if issubclass(TASKS.get(task), GrammarTask):
        return "grammar"
    if _goes_on(inputs, targets, lengths):
        return "text" if symbols else "series"
    return "symbols" if symbols else "values"


def _goes_on(inputs: Array, targets: Array, lengths: Array) -> bool:
    """Whether the target at each step is what enters at the next."""
    if inputs.shape != targets.shape:
        return False
    real = np.arange(1, inputs.shape[1])[None, :] < lengths[:, None]  # (batch, time - 1)
    wanted = targets[:, :-1]
    return bool(((wanted == inputs[:, 1:]) | np.isnan(wanted))[real].all())  # a missing target is NaN
