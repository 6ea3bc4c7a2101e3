"""The rows of the list of runs: a run each, or a group of runs that is folded into one.

A run's experiment is read without checks, since one that another version of this program wrote is listed, too.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_explorer.figures.style import cell_name
from rnn_explorer.readable import counted
from rnn_explorer.recording.store.records import RunGroup, StoredRun
from rnn_explorer.tasks import TASKS

LONGEST = 120  # characters of a text in a row
SEVERAL = "several"


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        key: the id of the run or of the group.
        runs: what an action on it is about.
        group: the group that it stands for; None for a run.
        is_inside: whether it is a run below the row of its unfolded group.
    """

    key: str
    runs: tuple[StoredRun, ...]
    group: RunGroup | None = None
    is_inside: bool = False

    @property
    def best(self) -> StoredRun:
        """The run with the lowest validation loss; the first one where none was measured."""
        return min(self.runs, key=lambda run: float("inf") if run.best_loss is None else run.best_loss)

    def common(self, of: Callable[[StoredRun], str]) -> str:
        """What all its runs have, or that they differ."""
        found = {of(run) for run in self.runs}
        return found.pop() if len(found) == 1 else SEVERAL

    @property
    def name(self) -> str:
        """What the owner calls it, else what it is."""
        if self.group is None:
            return name_of(self.runs[0])
        varies = f": {', '.join(self.group.varies)}" if self.group.varies else ""
        named = line(self.group.name or f"{self.group.kind}{varies}")
        return f"{named} ({counted(len(self.runs), 'run')})"


def rows(runs: Iterable[StoredRun], groups: Iterable[RunGroup], unfolded: Collection[str] = ()) -> list[Row]:
    """The rows for runs in their order; a group stands where its first run would.

    Args:
        runs: those that are listed.
        groups: all of their owner; a run of one that is not among them stands alone.
        unfolded: ids of groups whose runs are listed below them.
    """
    known = {group.group_id: group for group in groups}
    members: dict[str, list[StoredRun]] = {}
    for run in runs:
        members.setdefault(run.run_group if run.run_group in known else run.run_id, []).append(run)
    found = []
    for key, together in members.items():
        group = known.get(key)
        found.append(Row(key, tuple(together), group))
        if group is not None and key in unfolded:
            found += [Row(run.run_id, (run,), is_inside=True) for run in together]
    return found


def runs_of(chosen: Sequence[Row]) -> list[StoredRun]:
    """The runs that rows are about, each once, in their order."""
    return list({run.run_id: run for row in chosen for run in row.runs}.values())


def settings_of(run: StoredRun) -> Mapping[str, Any]:
    """The settings of a run by name; none where they cannot be read."""
    return _read(run.experiment)


@functools.lru_cache(maxsize=2_000)  # a list asks several times for those of each run, and is drawn again and again
def _read(experiment: str) -> Mapping[str, Any]:
    try:
        found = json.loads(experiment)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def name_of(run: StoredRun) -> str:
    """What the owner calls a run, else what it is, such as "LSTM on Surnames"."""
    return line(run.name) or f"{cell_of(run)} on {task_of(run)}"


def task_of(run: StoredRun) -> str:
    """The title of a run's task; its key where this program does not know it."""
    name = settings_of(run).get("task")
    return TASKS.get(name).title if isinstance(name, str) and name in TASKS else line(str(name or "unknown"))


def cell_key(run: StoredRun) -> str:
    """The key of a run's cell."""
    return line(str(settings_of(run).get("cell") or "unknown"))


def cell_of(run: StoredRun) -> str:
    """The name of a run's cell; its key where this program does not know it."""
    return cell_name(cell_key(run))


def sizes_of(run: StoredRun) -> str:
    """Layers and units, such as "2 × 64, bidirectional, dense 32"."""
    settings = settings_of(run)
    if not (units := settings.get("hidden_size")):
        return ""
    layers = settings.get("num_layers", 1)
    words = [f"{units}" if layers == 1 else f"{layers} × {units}"]
    words += ["bidirectional"] if settings.get("bidirectional") is True else []
    dense = settings.get("dense")
    words += [f"dense {', '.join(map(str, dense))}"] if isinstance(dense, list) and dense else []
    return line(", ".join(words))


def line(text: str) -> str:
    """Foreign text in one line, cut where it is long."""
    begins = text[: 2 * LONGEST]
    if not begins.isprintable():
        begins = "".join(letter if letter.isprintable() else " " for letter in begins)
    found = " ".join(begins.split())
    return found if len(found) <= LONGEST else f"{found[: LONGEST - 1]}…"
