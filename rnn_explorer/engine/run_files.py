"""Runs into run files and out of them: a file as a run that can be hosted, and a run as what a file holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from rnn_explorer.engine.base import Engine, UnknownRun
from rnn_explorer.engine.run_table import Checkpoint, Run
from rnn_explorer.engine.stored_run import said_of, stored_entries
from rnn_explorer.recording.run_file import writing
from rnn_explorer.recording.run_file.reading import RunFile
from rnn_explorer.recording.state_file import State, read
from rnn_explorer.recording.store.curves import COLUMNS
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.recording.versions import present
from rnn_explorer.recording.weight_history import HistoryEntry, WeightHistory
from rnn_explorer.tasks.user_data.reading import Table, Text
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array, History

Curves = Mapping[Kind, Array]
_log = logging.getLogger(__name__)


def run_of_file(found: RunFile, owner: str, keep: Callable[[bytes], State]) -> Run:
    """A run that goes on from the newest state of a file.

    Args:
        found: the file.
        owner: the visitor whose run it becomes.
        keep: stores a state.

    Raises:
        UserError, OSError: when a state cannot be read.
    """
    past = WeightHistory()
    for entry in found.entries():
        past.add(replace(entry, state=keep(read(entry.state))))
    about = found.run
    train = History.of_rows(found.curves["train"], TRAIN_COLUMNS)
    validation = History.of_rows(found.curves["validation"], VALIDATION_COLUMNS)
    *_, newest = past.entries()
    run = Run(
        found.experiment,
        about.parameters,
        owner,
        status="paused",
        message=said_of(about.versions, about.step),
        origin=(about.run_id, about.step) if about.run_id else None,
        step=about.step,
        epoch=about.epoch,
        target=about.target,
        steps_per_epoch=about.steps_per_epoch,
        train=train,
        validation=validation,
        checkpoint=Checkpoint(newest.state, newest.step, train.copy(), validation.copy()),
        weight_history=past,
        versions=about.versions,
        marks=about.marks,
    )
    run.marks = run.marks_at(run.step)
    return run


def write(
    file: BinaryIO, run: StoredRun, past: Sequence[HistoryEntry], curves: Curves, data: Table | Text | None = None
) -> None:
    """Write a run file.

    Args:
        file: can be written at any place.
        run: what is said of it.
        past: its states. One that has been let go meanwhile is left out, but not the newest.
        curves: (rows, 1 + columns) each, the step first.
        data: the user's own data; None: none, or they are left out.

    Raises:
        OSError: when it cannot be written, or the newest state cannot be read.
    """
    writing.write(file, run, curves, _states_of(past), data)


def _states_of(past: Sequence[HistoryEntry]) -> Iterator[tuple[int, bytes]]:
    for number, entry in enumerate(past, 1):
        try:
            state = read(entry.state)
        except OSError:
            if number == len(past):
                raise
            _log.warning("the state of step %d is left out of a run file", entry.step)
            continue
        yield entry.step, state


def known(engine: Engine, store: RunStore | None, run_id: str) -> tuple[StoredRun, tuple[HistoryEntry, ...], Curves]:
    """A run with its states and its curves, as an engine and a store have it together.

    Raises:
        UnknownRun: where neither knows it.
    """
    try:
        past, view = engine.past(run_id), engine.view(run_id)
    except UnknownRun:
        if store is None or (stored := store.run(run_id)) is None:
            raise
        return stored, tuple(stored_entries(store, run_id)), {kind: store.curve(run_id, kind) for kind in COLUMNS}
    run = StoredRun(run_id, "", view.owner, versions=present(), marks=view.marks)
    curves: Curves = {"train": _rows(view.train), "validation": _rows(view.validation)}
    if store is not None:
        store.flush(1.0)
        run = store.run(run_id) or run
        curves = {kind: _joined(store.curve(run_id, kind), rows) for kind, rows in curves.items()}
    return replace(run, experiment=view.experiment.to_json(), step=past[-1].step if past else 0), past, curves


def _rows(curve: Mapping[str, Array]) -> Array:
    """(rows, 1 + columns) of a curve whose columns are given by name, the step first."""
    return np.stack([values.astype(np.float64) for values in curve.values()], axis=1)


def _joined(stored: Array, present: Array) -> Array:
    """A curve as a store has it, which is finer, and what has come since."""
    last = stored[-1, 0] if len(stored) else -1.0
    return np.concatenate([stored, present[present[:, 0] > last]])
