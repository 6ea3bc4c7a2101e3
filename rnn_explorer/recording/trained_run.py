"""Runs of a trainer in files: a run file with all of its past, or a checkpoint; read by what they hold, not by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnn_explorer.errors import UserError
from rnn_explorer.recording import checkpoint_file
from rnn_explorer.recording.checkpoint_file import Data
from rnn_explorer.recording.files import write_whole
from rnn_explorer.recording.learning_curves import LearningCurves
from rnn_explorer.recording.past_recorder import PastRecorder
from rnn_explorer.recording.run_file.reading import SIGNATURE, opened
from rnn_explorer.recording.run_file.writing import write
from rnn_explorer.recording.state_file import read
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.recording.versions import difference, present
from rnn_explorer.recording.weight_history import WeightHistory
from rnn_explorer.tasks.user_data import store
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array, History

if TYPE_CHECKING:
    from rnn_explorer.training import Trainer

SUFFIX = ".rnnx"  # a file of this name is a run file
EVERY = 3.0  # seconds between two versions of a file that grows, at least
_SHARE = 0.05  # of the time of training for writing it


@dataclass
class TrainedRun:
    """A trainer with what is recorded of its training.

    Attributes:
        trainer: is between two steps.
        curves: its learning curves.
        past: its kept states.
        about: what a run file said of it; None: it came from none.
        seconds: of training so far.
    """

    trainer: Trainer
    curves: LearningCurves = field(default_factory=LearningCurves)
    past: PastRecorder = field(default_factory=PastRecorder)
    about: StoredRun | None = None
    seconds: float = 0.0

    def save(self, path: Path, with_data: bool = True) -> None:
        """Write a run file, or a checkpoint where the path does not end in .rnnx; whole or not at all.

        Args:
            path: where to; what is there is replaced.
            with_data: whether a run file of a run on the user's own data holds these, too.

        Raises:
            OSError: when it cannot be written; what was there stays.
        """
        if path.suffix != SUFFIX:
            checkpoint_file.write(path, self.trainer, self.curves)
            return
        self.past.take_now(self.trainer)
        settings, now = self.trainer.experiment.task_settings, time.time()
        data = store.get(str(settings.to_dict()["data"])) if settings.private and with_data else None
        about = self.about or StoredRun("", "", created=now)
        run = StoredRun(
            about.run_id, self.trainer.experiment.to_json(), name=about.name, note=about.note, tags=about.tags,
            origin=about.origin, origin_step=about.origin_step, seconds=self.seconds, created=about.created,
            **self._made_with(about),
        )  # fmt: skip
        curves: dict[Kind, Array] = {"train": self.curves.train.rows(), "validation": self.curves.validation.rows()}
        states = ((entry.step, read(entry.state)) for entry in self.past.history.entries())
        write_whole(path, lambda file: write(file, run, curves, states, data))

    def _made_with(self, about: StoredRun) -> dict[str, Any]:
        """With what it was trained, and a mark where it has gone on with something else."""
        if about.versions and self.trainer.step_count <= about.step:
            return {"versions": about.versions, "marks": about.marks}
        words = difference(about.versions, present())
        return {"versions": present(), "marks": (*about.marks, *([(about.step, words)] if words else []))}


class GrowingFile:
    """A run file that is written anew while its run trains, so that a reader always finds a whole one.

    Args:
        run: the run.
        path: of the file, which ends in .rnnx.
        with_data: as in `TrainedRun.save`.
        failed: is given the error where it cannot be written; the training goes on.
    """

    def __init__(self, run: TrainedRun, path: Path, with_data: bool, failed: Callable[[OSError], None]) -> None:
        self._run, self._path, self._with_data, self._failed = run, path, with_data, failed
        self._next = 0.0

    def refresh(self) -> None:
        """Write the file, where it is due. The trainer is between two steps."""
        begin = time.monotonic()
        if begin < self._next:
            return
        try:
            self._run.save(self._path, self._with_data)
        except OSError as error:
            self._failed(error)
        end = time.monotonic()
        self._next = end + max(EVERY, (end - begin) / _SHARE)


def load(path: Path, data: Data | None = None, called: str = "") -> TrainedRun:
    """A run out of a run file or a checkpoint, at its newest state.

    Args:
        path: of the file.
        data: gives the data that a model of the user's own data was trained on; None: there are none. A run file may
            hold them.
        called: what sentences call the file; "": its path.

    Raises:
        UserError: when there is no such file, or it cannot be used.
    """
    called = called or str(path)
    try:
        with path.open("rb") as file:
            is_run_file = file.read(len(SIGNATURE)) == SIGNATURE
    except OSError as error:
        raise UserError(f"{called} cannot be read: {error.strerror or error}.") from error
    if not is_run_file and path.suffix != SUFFIX:
        return TrainedRun(*checkpoint_file.read(path, data, called))
    with opened(path, called, data) as found:
        from rnn_explorer.training import Trainer  # torch

        trainer = Trainer(found.experiment)
        past = WeightHistory()
        for entry in found.entries():
            past.add(entry)
        *_, newest = past.states()
        trainer.restore(read(newest))
        curves = LearningCurves(
            History.of_rows(found.curves["train"], TRAIN_COLUMNS),
            History.of_rows(found.curves["validation"], VALIDATION_COLUMNS),
        )
        return TrainedRun(trainer, curves, PastRecorder(past), found.run, found.run.seconds)
