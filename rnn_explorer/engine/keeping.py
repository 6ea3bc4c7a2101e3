"""An engine's runs in a store, so that they outlive it.

A run is kept from its first optimizer step on, with the user's own data where it is about these. What its worker
reports goes to the store once a second, each checkpoint at once, and the states of its past now and then, since most of
them are thinned out before long. Nothing here waits for the disk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnn_explorer.engine.protocol import Update
from rnn_explorer.engine.run_table import Run
from rnn_explorer.engine.stored_run import COLUMNS, StoredEntry, resume, run_of, stored_entries
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.run_file.reading import RunFile
from rnn_explorer.recording.state_file import read
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.recording.versions import present
from rnn_explorer.tasks.user_data import store as user_data
from rnn_explorer.tasks.user_data.store import DataGone
from rnn_explorer.trace import Array, History

EVERY = 1.0  # seconds between two reports of a run that trains
PAST_EVERY = 8.0  # seconds between two reports of its past, and of what takes long to sum up
_LOST = "A part of its curve or of its past was lost, since the disk did not take it for too long."
SPARKS = 40  # losses in a run's small picture


@dataclass
class _Kept:
    """What is known of a run's place in the store.

    Attributes:
        rows: of its curves that are not there yet.
        since: when the first of these came; infinite: nothing waits.
        steps: whose states are there.
        past_at: when its past was last reported.
        experiment: as it is there.
        made_with: the versions and marks that are there.
        seconds, at: of training so far, and when that was known.
    """

    rows: dict[Kind, list[Array]] = field(default_factory=lambda: {"train": [], "validation": []})
    since: float = math.inf
    steps: set[int] = field(default_factory=set)
    past_at: float = -math.inf
    experiment: Experiment | None = None
    made_with: tuple[Mapping[str, str], tuple[tuple[int, str], ...]] = ({}, ())
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

    def data_for(self, run: Run | None) -> bytes | None:
        """The user's own data of a run that is not kept yet; None where it needs none, or they are gone.

        To be called before the engine's lock is taken, since it reads a file.
        """
        token = "" if run is None or run.is_kept else user_data.token_of(run.experiment.task_settings)
        try:
            return user_data.packed(token) if token else None
        except DataGone:
            return None

    def learned(self, run: Run, update: Update, data: bytes | None = None) -> None:
        """Take in what a worker reported, after the run has.

        Args:
            run: whose.
            update: it.
            data: as `data_for` gave them.
        """
        if update.anew and run.is_kept:
            self._back_to(run, -1)
            self._kept[run.run_id].seconds = 0.0
        if not run.is_kept:
            if not run.step or (data is None and run.experiment.task_settings.private):
                return
            self._add(run, data)
        else:
            kept = self._kept[run.run_id]
            for kind in COLUMNS:
                if len(rows := getattr(update, kind)):
                    kept.rows[kind].append(rows)
                    kept.since = min(kept.since, time.monotonic())
            if update.checkpoint is not None:
                self._append(run, kept)  # before it: where a run goes on from, its curve must have come to
                kept.steps.add(update.step)
                self._keep(run, update.step, update.epoch, update.checkpoint)
        if run.status != "training":
            self.report(run)

    def adopted(self, run: Run, found: RunFile, data: bytes | None = None) -> None:
        """A run came with a run file: it is kept at once, with what the file says of it and all rows of its curves.

        Args:
            run: it.
            found: the file.
            data: as `data_for` gave them.
        """
        if data is None and run.experiment.task_settings.private:
            return
        self._add(run, data)
        about, kept = found.run, self._kept[run.run_id]
        kept.rows, kept.seconds = {kind: [found.curves[kind]] for kind in COLUMNS}, about.seconds
        self.store.change([run.run_id], name=about.name, note=about.note, tags=about.tags)
        self.report(run)

    def report(self, run: Run) -> None:
        """Let the store know of a run what it does not know yet."""
        if not run.is_kept:
            return
        kept, now = self._kept[run.run_id], time.monotonic()
        is_full = run.status != "training" or now - kept.past_at >= PAST_EVERY
        self._append(run, kept)
        before = kept.seconds
        self.store.change([run.run_id], **self._facts(run, kept), **(_summed_up(run) if is_full else {}))
        if kept.seconds > before:
            self.store.append(run.run_id, "clock", np.array([[run.step, kept.seconds]]))
        if is_full:
            kept.past_at = now
            self._report_past(run, kept)

    def _append(self, run: Run, kept: _Kept) -> None:
        for kind, rows in kept.rows.items():
            if rows:
                self.store.append(run.run_id, kind, np.concatenate(rows))
        kept.forget_rows()

    def _report_past(self, run: Run, kept: _Kept) -> None:
        wanted = set(run.weight_history.steps)
        known, kept.steps = kept.steps, wanted
        if gone := known - wanted:
            self.store.keep_only(run.run_id, wanted)
            _forget_states(run, gone)
        for entry in run.weight_history.entries():
            if entry.step not in known:
                self._keep(run, entry.step, entry.epoch, read(entry.state), can_go=True)

    def _keep(self, run: Run, step: int, epoch: float, state: bytes, can_go: bool = False) -> None:
        """Keep a state; once it is on the disk, the run's past can be read from there."""
        kept, there = self._kept[run.run_id], StoredEntry(self.store, run.run_id, step, len(state))

        def done() -> None:
            if step in kept.steps:
                run.elsewhere[step] = there

        self.store.keep(run.run_id, step, epoch, state, can_go=can_go, done=done)

    def tend(self, runs: Iterable[Run]) -> None:
        """Report what has waited for long; called now and then."""
        now = time.monotonic()
        lost = {} if self.store.trouble else self.store.lost
        for run in runs:
            if not run.is_kept:
                continue
            if run.run_id in lost:
                self._give_again(run)
            elif now - self._kept[run.run_id].since >= EVERY:
                self.report(run)

    def _give_again(self, run: Run) -> None:
        """The disk took nothing for so long that a part of a run was dropped: all that is known of it here is due."""
        kept = self._kept[run.run_id]
        kept.rows = {kind: [_table(getattr(run, kind))] for kind in COLUMNS}
        kept.steps, kept.past_at = set(run.elsewhere), -math.inf
        self.store.mended(run.run_id)
        self.report(run)

    def forget(self, run: Run) -> None:
        """A run leaves the engine, and stays in the store as it is now."""
        if run.status == "training":
            step = run.checkpoint.step if run.checkpoint is not None else 0
            run.status, run.message = "interrupted", f"It left the server's memory at step {run.step}. {resume(step)}"
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
        _forget_states(run, {known for known in kept.steps if known > step})
        kept.steps = {known for known in kept.steps if known <= step}
        self.store.rewind(run.run_id, step)

    def revived(self, run_id: str) -> Run | None:
        """A run out of the store, at its newest stored state, to be hosted; None where it is not kept.

        Raises:
            UserError: when it is kept, but cannot be used any more, or there is no room for its data.
            sqlite3.Error, OSError: when the disk fails.
        """
        self.store.flush(1.0)  # it may have left the engine a moment ago
        stored = self.store.run(run_id)
        if stored is None or stored.deleted is not None:
            return None
        entries = stored_entries(self.store, run_id)
        if not entries:
            return None
        steps = {entry.step for entry in entries}
        run = run_of(self.store, stored, entries)
        if run_id in self.store.lost and _LOST not in run.message:
            run.message = f"{_LOST} {run.message}".strip()
        if stored.data and (content := self.store.data(run_id)) is not None:
            user_data.put_back(user_data.token_of(run.experiment.task_settings), content)
        self._kept[run_id] = _Kept(
            steps=steps,
            experiment=run.experiment,
            made_with=(stored.versions, stored.marks),
            seconds=stored.seconds,
        )
        return run

    def _add(self, run: Run, data: bytes | None) -> None:
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
                versions=run.versions,
                marks=run.marks,
            )
        )
        if data is not None:
            self.store.keep_data(run.run_id, data)
        run.is_kept = True
        rows = {kind: [_table(getattr(run, kind))] for kind in COLUMNS}
        kept = self._kept[run.run_id] = _Kept(rows, experiment=run.experiment, made_with=(run.versions, run.marks))
        self._append(run, kept)
        for newest in list(run.weight_history.entries())[-1:]:  # so that it can go on, whenever the process ends
            kept.steps.add(newest.step)
            self._keep(run, newest.step, newest.epoch, read(newest.state))
        self.report(run)

    def _facts(self, run: Run, kept: _Kept) -> dict[str, Any]:
        """What a store keeps of a run in its row, and changes all the time."""
        now = time.monotonic()
        if run.steps_per_second:
            kept.seconds += now - kept.at
        kept.at = now
        found: dict[str, Any] = {
            "step": run.step,
            "epoch": run.epoch,
            "target": run.target,
            "steps_per_epoch": run.steps_per_epoch,
            "parameters": run.parameters,
            "metric_name": run.info.metric_name,
            "seconds": kept.seconds,
        }
        found["test_loss"], found["test_metric"] = run.test or (None, None)
        if run.status != "starting":  # what it was stays until it is known what it will be
            found |= {"status": run.status, "message": run.message}
        if run.versions == present() and (run.versions, run.marks) != kept.made_with:  # it has gone on here
            kept.made_with = run.versions, run.marks
            found |= {"versions": run.versions, "marks": run.marks}
        if kept.experiment is not run.experiment:
            kept.experiment = run.experiment
            found["experiment"] = run.experiment.to_json()
        return found


def _forget_states(run: Run, steps: Iterable[int]) -> None:
    for step in steps:
        run.elsewhere.pop(step, None)


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
