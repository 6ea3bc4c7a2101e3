"""What can be tried with a task."""

from __future__ import annotations

from typing import Literal

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import TASKS

Way = Literal["text", "series", "grammar", "symbols", "values"]


def way_of(experiment: Experiment) -> Way:
    """What can be tried with a task, as its settings are.

    Returns:
        "text": it writes; "series": it goes on with a series; "grammar": there are legal symbols; "symbols" and
        "values": it answers sequences of these.
    """
    task = TASKS.get(experiment.task)
    if task.grammatical:
        return "grammar"
    if task.is_autoregressive(experiment.task_settings):
        return "text" if task.symbols else "series"
    return "symbols" if task.symbols else "values"
