"""A run out of a store, as an engine takes it in again."""

from __future__ import annotations

from collections.abc import Mapping

from rnn_explorer.engine.base import Status
from rnn_explorer.engine.run_table import Checkpoint, Run
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.state_file import read
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.recording.versions import difference, present
from rnn_explorer.recording.weight_history import HistoryEntry, WeightHistory
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array, History

COLUMNS: dict[Kind, tuple[str, ...]] = {"train": TRAIN_COLUMNS, "validation": VALIDATION_COLUMNS}
_OTHERWISE = "From here on it trains with"  # so begins what is said where a run comes back to something else


class StoredEntry:
    """The state of a step that lies in a store."""

    def __init__(self, store: RunStore, run_id: str, step: int, size: int) -> None:
        self._store, self._run_id, self._step, self._size = store, run_id, step, size
        self.held = 0

    def __len__(self) -> int:
        """Its bytes."""
        return self._size

    def read(self) -> bytes:
        """The state.

        Raises:
            OSError: when it is gone or not whole, or the disk fails.
        """
        content = self._store.state(self._run_id, self._step)
        if content is None or len(content) != self._size:
            raise OSError(f"step {self._step} of run {self._run_id} is not kept any more")
        return content


def stored_entries(store: RunStore, run_id: str) -> list[HistoryEntry]:
    """The states of a run that lie in a store, each read when it is needed."""
    return [
        HistoryEntry(step, epoch, StoredEntry(store, run_id, step, size))
        for step, (epoch, size) in store.states(run_id).items()
    ]


def run_of(store: RunStore, stored: StoredRun, entries: list[HistoryEntry]) -> Run:
    """The run at its newest state that can be read.

    Args:
        store: that it is in.
        stored: it.
        entries: its states, at least one, as `stored_entries` gives them; those that are not whole are taken out.

    Raises:
        SettingError: when its settings cannot be used any more.
        sqlite3.Error, OSError: when the disk fails.
    """
    while len(entries) > 1 and not _is_whole(entries[-1]):
        entries.pop()
    newest = entries[-1]
    rows = {kind: store.curve(stored.run_id, kind) for kind in COLUMNS}
    train, validation = (_history(rows[kind], kind, newest.step) for kind in COLUMNS)
    ended = max(stored.step, newest.step, int(rows["train"][-1, 0]) if len(rows["train"]) else 0)
    status, message = _as_it_was(stored, newest.step, ended)
    run = Run(
        Experiment.from_json(stored.experiment),
        stored.parameters,
        stored.owner,
        stored.run_id,
        root=stored.root,
        status=status,
        message=message,
        test=None if stored.test_loss is None else (stored.test_loss, stored.test_metric or 0.0),
        origin=(stored.origin, stored.origin_step) if stored.origin else None,
        step=newest.step,
        epoch=newest.epoch,
        target=stored.target,
        steps_per_epoch=stored.steps_per_epoch,
        train=train,
        validation=validation,
        checkpoint=Checkpoint(newest.state, newest.step, train.copy(), validation.copy()),
        weight_history=WeightHistory(entries=entries),
        is_kept=True,
        versions=stored.versions,
        marks=stored.marks,
    )
    run.marks = run.marks_at(newest.step)
    return run


def _as_it_was(stored: StoredRun, step: int, ended: int) -> tuple[Status, str]:
    """Status and message of a run that had come to a step and comes back at another: as it was, but at rest."""
    status, message = stored.status, stored.message.partition(_OTHERWISE)[0].strip()
    if status in ("training", "starting") or (status == "interrupted" and not message):
        status, message = "interrupted", f"The server ended at step {ended}. {resume(step, ended)}"
    elif status == "failed":  # what was at fault may be mended by now
        status, message = "paused", ""
    elif status in ("paused", "finished", "diverged") and step < stored.step:
        status, message = "interrupted", f"The state of step {stored.step} is not on the disk. {resume(step)}"
    return status, f"{message} {said_of(stored.versions, step)}".strip()  # type: ignore[return-value]


def said_of(versions: Mapping[str, str], step: int) -> str:
    """What is said of a run that comes back at a step, where it was trained with something else; "" where not."""
    words = difference(versions, present()) if step else ""
    return f"{_OTHERWISE} {words}: its curve may differ, and a mark in it shows where." if words else ""


def resume(step: int, ended: int | None = None) -> str:
    """What to do with a run that is interrupted, and goes on from a step; from another one than it had come to."""
    return "Press Resume to go on." if step == ended else f"Press Resume to go on from step {step}."


def _is_whole(entry: HistoryEntry) -> bool:
    try:
        return bool(read(entry.state))
    except OSError:
        return False


def _history(rows: Array, kind: Kind, until: int) -> History:
    rows = rows[rows[:, 0] <= until]
    return History.of({name: rows[:, n] for n, name in enumerate(("step", *COLUMNS[kind]))}, COLUMNS[kind])
