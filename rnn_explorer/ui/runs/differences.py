"""The settings in which runs differ, and only these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.tasks import TASKS
from rnn_explorer.ui.runs.rows import cell_of, line, name_of, settings_of, task_of

NAME = "Run"  # the column of the names
NONE = "–"  # a run has no such setting


def differences(runs: Sequence[StoredRun]) -> dict[str, list[str]]:
    """Column -> a text for each run: its name, and the settings that are not the same in all of them.

    Task and cell come first, the others in the order of the settings.
    """
    every = [settings_of(run) for run in runs]
    names = list(dict.fromkeys(name for settings in every for name in settings))
    differing = [name for name in names if len({repr(settings.get(name, NONE)) for settings in every}) > 1]
    labels = _labels(every)
    shown = {"task": task_of, "cell": cell_of}
    first = [name for name in shown if name in differing]
    table = {NAME: [name_of(run) for run in runs]}
    for name in [*first, *(name for name in differing if name not in shown)]:
        label = labels.get(name, line(name))
        values = (
            [shown[name](run) for run in runs] if name in shown else [_text(every_one, name) for every_one in every]
        )
        table[label if label not in table else line(f"{label} ({name})")] = values
    return table


def _labels(every: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found = {"task": "Task"}
    for task in {str(settings.get("task")) for settings in every} & set(TASKS.names()):
        found |= {spec.name: spec.label for spec in Experiment.default(task).specs()}
    return found


def _text(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name, NONE)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return line(", ".join(map(str, value))) or "none"
    return f"{value:g}" if isinstance(value, float) else line(str(value))
