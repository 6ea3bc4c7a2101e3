"""An engine's runs in a store, so that they outlive it.

A run is kept from its first optimizer step on, but for one on data of the user's own, which go with the visit. What its
worker reports goes to the store once a second, each checkpoint at once, and the states of its past now and then, since
most of them are thinned out before long. Nothing here waits for the disk.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from rnn_explorer.engine.protocol import Update
from rnn_explorer.engine.run_table import Checkpoint, Run
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.state_file import read
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.recording.weight_history import HistoryEntry, WeightHistory
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array, History

EVERY = 1.0  # seconds between two reports of a run that trains
PAST_EVERY = 8.0  # seconds between two reports of its past, and of what takes long to sum up
SPARKS = 40  # losses in a run's small picture
_COLUMNS: dict[Kind, tuple[str, ...]] = {"train": TRAIN_COLUMNS, "validation": VALIDATION_COLUMNS}


class StoredEntry:
    """The state of a step that lies in a store."""

    def __init__(self, store: RunStore, run_id: str, step: int, size: int) -> None:
        self._store, self._run_id, self._step, self._size = store, run_id, step, size

    def __len__(self) -> int:
        """Its bytes."""
        return self._size

    def read(self) -> bytes:
        """The state.

        Raises:
            OSError: when it is gone, or the disk fails.
        """
        content = self._store.state(self._run_id, self._step)
        if content is None:
            raise OSError(f"step {self._step} of run {self._run_id} is not kept any more")
        return content


@dataclass
class _Kept:
    """What is known of a run's place in the store.

    Attributes:
        rows: of its curves that are not there yet.
        since: when the first of these came; infinite: nothing waits.
        steps: whose states are there.
        past_at: when its past was last reported.
        experiment: as it is there.
        seconds, at: of training so far, and when that was known.
    """

    rows: dict[Kind, list[Array]] = field(default_factory=lambda: {"train": [], "validation": []})
    since: float = math.inf
    steps: set[int] = field(default_factory=set)
    past_at: float = -math.inf
    experiment: Experiment | None = None
    seconds: float = 0.0
    at: float = field(default_factory=time.monotonic)

    def forget_rows(self) -> None:
        self.rows, self.since = {"train": [], "validation": []}, math.inf


class Keeping:
    """Puts what an engine learns of its runs into a store, and takes runs out again. The engine's lock is held.

    Args:
        store: where runs are kept.
    """

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._kept: dict[str, _Kept] = {}

    def learned(self, run: Run, update: Update) -> None:
        """Take in what a worker reported, after the run has."""
        if update.anew and run.is_kept:
            self._back_to(run, -1)
            self._kept[run.run_id].seconds = 0.0
        if not run.is_kept:
            if not run.step or run.experiment.task_settings.private:
                return
            self._add(run)
        else:
            kept = self._kept[run.run_id]
            for kind in _COLUMNS:
                if len(rows := getattr(update, kind)):
                    kept.rows[kind].append(rows)
                    kept.since = min(kept.since, time.monotonic())
            if update.checkpoint is not None:
                kept.steps.add(update.step)
                self.store.keep(run.run_id, update.step, update.epoch, update.checkpoint)
        if run.status != "training":
            self.report(run)

    def report(self, run: Run) -> None:
        """Let the store know of a run what it does not know yet."""
        if not run.is_kept:
            return
        kept, now = self._kept[run.run_id], time.monotonic()
        is_full = run.status != "training" or now - kept.past_at >= PAST_EVERY
        for kind, rows in kept.rows.items():
            if rows:
                self.store.append(run.run_id, kind, np.concatenate(rows))
        kept.forget_rows()
        before = kept.seconds
        self.store.change([run.run_id], **self._facts(run, kept), **(_summed_up(run) if is_full else {}))
        if kept.seconds > before:
            self.store.append(run.run_id, "clock", np.array([[run.step, kept.seconds]]))
        if is_full:
            kept.past_at = now
            self._report_past(run, kept)

    def _report_past(self, run: Run, kept: _Kept) -> None:
        wanted = set(run.weight_history.steps)
        if kept.steps - wanted:
            self.store.keep_only(run.run_id, wanted)
        for entry in run.weight_history.entries():
            if entry.step not in kept.steps:
                self.store.keep(run.run_id, entry.step, entry.epoch, read(entry.state), can_go=True)
        kept.steps = wanted

    def tend(self, runs: Iterable[Run]) -> None:
        """Report what has waited for long; called now and then."""
        now = time.monotonic()
        for run in runs:
            if run.is_kept and now - self._kept[run.run_id].since >= EVERY:
                self.report(run)

    def forget(self, run: Run) -> None:
        """A run leaves the engine, and stays in the store as it is now."""
        self.report(run)
        self._kept.pop(run.run_id, None)

    def rewound(self, run: Run) -> None:
        """A run went back to its checkpoint, from where it goes on."""
        if run.is_kept:
            self._back_to(run, run.step)
            self.report(run)

    def _back_to(self, run: Run, step: int) -> None:
        kept = self._kept[run.run_id]
        kept.forget_rows()
        kept.steps = {known for known in kept.steps if known <= step}
        self.store.rewind(run.run_id, step)

    def revived(self, run_id: str) -> Run | None:
        """A run out of the store, at its newest stored state, to be hosted; None where it is not kept.

        Raises:
            UserError: when it is kept, but cannot be used any more.
            sqlite3.Error, OSError: when the disk fails.
        """
        self.store.flush(1.0)  # it may have left the engine a moment ago
        stored = self.store.run(run_id)
        if stored is None or stored.deleted is not None:
            return None
        states = self.store.states(run_id)
        if not states:
            return None
        experiment = Experiment.from_json(stored.experiment)
        entries = [
            HistoryEntry(step, epoch, StoredEntry(self.store, run_id, step, size))
            for step, (epoch, size) in states.items()
        ]
        newest = entries[-1]
        curves = {kind: _history(self.store.curve(run_id, kind), kind, newest.step) for kind in _COLUMNS}
        run = Run(
            experiment,
            stored.parameters,
            stored.owner,
            run_id,
            root=stored.root,
            origin=(stored.origin, stored.origin_step) if stored.origin else None,
            step=newest.step,
            epoch=newest.epoch,
            target=stored.target,
            steps_per_epoch=stored.steps_per_epoch,
            train=curves["train"],
            validation=curves["validation"],
            checkpoint=Checkpoint(newest.state, newest.step, curves["train"].copy(), curves["validation"].copy()),
            weight_history=WeightHistory(entries=entries),
            is_kept=True,
        )
        self._kept[run_id] = _Kept(steps=set(states), experiment=experiment, seconds=stored.seconds)
        return run

    def _add(self, run: Run) -> None:
        """Begin to keep a run, with all that is known of it, as of a branch what was before it."""
        origin, origin_step = run.origin or ("", 0)
        self.store.add(
            StoredRun(
                run.run_id,
                run.experiment.to_json(),
                owner=run.owner,
                root=run.root,
                origin=origin,
                origin_step=origin_step,
                versions=versions(),
            )
        )
        run.is_kept = True
        rows = {kind: [_table(getattr(run, kind))] for kind in _COLUMNS}
        self._kept[run.run_id] = _Kept(rows, time.monotonic(), experiment=run.experiment)
        if run.checkpoint is not None and (newest := run.weight_history.at(run.checkpoint.step)) is not None:
            self._kept[run.run_id].steps.add(newest.step)
            self.store.keep(run.run_id, newest.step, newest.epoch, read(newest.state))

    def _facts(self, run: Run, kept: _Kept) -> dict[str, Any]:
        """What a store keeps of a run in its row, and changes all the time."""
        now = time.monotonic()
        if run.steps_per_second:
            kept.seconds += now - kept.at
        kept.at = now
        found: dict[str, Any] = {
            "status": run.status,
            "step": run.step,
            "epoch": run.epoch,
            "target": run.target,
            "steps_per_epoch": run.steps_per_epoch,
            "parameters": run.parameters,
            "metric_name": run.info.metric_name,
            "seconds": kept.seconds,
        }
        if kept.experiment is not run.experiment:
            kept.experiment = run.experiment
            found["experiment"] = run.experiment.to_json()
        return found


def _summed_up(run: Run) -> dict[str, Any]:
    """What is found by looking at all of a run's curves."""
    found: dict[str, Any] = {"sparkline": sparkline(run.train.arrays()["loss"])}
    validation = run.validation.arrays()
    measured = np.flatnonzero(np.isfinite(validation["loss"]))
    if len(measured):
        best = measured[np.argmin(validation["loss"][measured])]
        found |= {
            "best_loss": float(validation["loss"][best]),
            "best_metric": float(validation["metric"][best]),
            "best_step": int(validation["step"][best]),
            "last_loss": float(validation["loss"][-1]),
            "last_metric": float(validation["metric"][-1]),
        }
    return found


def versions() -> dict[str, str]:
    """On what the curves depend beside the experiment: they are bit-equal only where all of this is."""
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernels": os.environ.get("RNN_EXPLORER_KERNELS", ""),
    }
    for name in ("rnn-explorer", "torch", "llvmlite"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def sparkline(losses: Array) -> tuple[float, ...]:
    """At most `SPARKS` of the losses in order, the last one among them; what is no finite number is left out."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return ()
    places = np.unique(np.linspace(0, len(finite) - 1, SPARKS).round().astype(int))
    return tuple(float(f"{loss:.4g}") for loss in finite[places])


def _table(history: History) -> Array:
    """(rows, 1 + columns): the step and the columns."""
    return np.stack([values.astype(np.float64) for values in history.arrays().values()], axis=1)


def _history(rows: Array, kind: Kind, until: int) -> History:
    rows = rows[rows[:, 0] <= until]
    return History.of({name: rows[:, n] for n, name in enumerate(("step", *_COLUMNS[kind]))}, _COLUMNS[kind])
