"""A run as its worker holds it: trainer, curves, kept steps and commands, and when what is due."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rnn_explorer.engine.base import ModelInfo, RunView, Status
from rnn_explorer.engine.protocol import Change, Command, Update
from rnn_explorer.recording.weight_history import MEMORY, HistoryEntry, due
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array, History, Snapshot

if TYPE_CHECKING:
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.training import Trainer

CHECKPOINT_EVERY, CHECKPOINT_SHARE = 2.0, 0.02
HISTORY_SHARE = 0.03  # of a run's time for entries of its weight history, but for the first steps
ENTRIES_AT_ONCE = 40  # steps at the beginning whose state is kept whatever it costs, where there is room for all
SLOW = 20.0  # seconds that a budget takes at the slow pace
SLOWEST = 5.0  # steps a second at its beginning
GOES = 30.0  # a second, into which a pace divides the steps: more than there are frames
RATE_WINDOW = 1.0  # seconds over which steps per second are counted


class Throttle:
    """When something that takes time is due again: not too often, and never more than its share of a run's time.

    Args:
        every: seconds between two, at least.
        share: of the time the run was trained, at most.
    """

    def __init__(self, every: float, share: float) -> None:
        self.every, self.share = every, share
        self.cost = 0.0
        self.last = -float("inf")
        self.trained = float("inf")  # seconds of training since the last

    def due(self) -> bool:
        return time.monotonic() - self.last >= self.every and self.trained * self.share >= self.cost

    def did(self, cost: float) -> None:
        """It was done, and took `cost` seconds."""
        self.last, self.trained, self.cost = time.monotonic(), 0.0, cost


class HostedRun:
    """A trainer, and all that its worker needs to train and to report it."""

    def __init__(self, run_id: str, experiment: Experiment) -> None:
        self.run_id, self.experiment = run_id, experiment
        self.trainer: Trainer | None = None
        self.number = 0
        self.status: Status = "starting"
        self.message = ""
        self.commands: deque[Command | Change] = deque()  # not begun yet
        self.job: Iterator[None] | None = None  # building or measuring, in slices; training is no job
        self.until_epoch_end = self.one_step = self.first_slice = False
        self.history = {"train": History(TRAIN_COLUMNS), "validation": History(VALIDATION_COLUMNS)}
        self.test: tuple[float, float] | None = None
        self.marks: tuple[tuple[int, str], ...] = ()
        self.info = ModelInfo(None, "", (), 0, 0)
        self.kept: tuple[int, ...] = ()  # steps whose states the engine keeps
        self.others: tuple[Mapping[str, Array], ...] = ()  # training curves of its branches
        self.version = 0  # grows with everything that a viewer might see
        self._view: RunView | None = None
        self._snapshot: Snapshot | None = None
        self.checkpoint_throttle = Throttle(CHECKPOINT_EVERY, CHECKPOINT_SHARE)
        self.history_throttle = Throttle(0.0, HISTORY_SHARE)
        self.entry_step, self.entry_size = -1, 0  # the newest one that was taken
        self.past: Trainer | None = None  # holds the model of a past step while it is analyzed
        self.times: deque[tuple[float, int]] = deque()
        self.due = 0.0  # on the monotonic clock: when it may make its next step

    @property
    def busy(self) -> bool:
        """Whether something must be completed before it obeys another command."""
        return self.job is not None or self.one_step or (self.trainer is not None and not self.trainer.between_steps)

    @property
    def next_turn(self) -> float:
        """On the monotonic clock: when it wants to go on; 0 for at once."""
        return 0.0 if self.busy else self.due

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.trainer.step_count if self.trainer is not None else 0

    def measured(self) -> tuple[float, ...] | None:
        """Loss and metric on the validation set at the present step; None where they are not on its curve."""
        curve = self.history["validation"].arrays()
        if not len(curve["step"]) or curve["step"][-1] != self.step:
            return None
        return tuple(float(curve[name][-1]) for name in VALIDATION_COLUMNS)

    def stride(self) -> tuple[int, float]:
        """How many steps to make in one go, and the seconds that each must take at least; (0, 0.0) at full speed.

        At the slow pace step s of a budget of T comes after 20 s * sqrt(s / T), so that the first steps can be seen one
        by one; what follows the first budget has the speed of its end.
        """
        training, trainer = self.experiment.training, self.trainer
        if training.speed_limit:
            return 1, 1 / training.speed_limit
        if training.pace == "fast" or trainer is None:
            return 0, 0.0
        budget = trainer.budget()
        rate = max(2 * math.sqrt(min(trainer.step_count, budget) * budget) / SLOW, SLOWEST)
        return math.ceil(rate / GOES), 1 / rate

    def take_entry(self) -> HistoryEntry | None:
        """The present state, where it is worth an entry of the weight history."""
        trainer = self.trainer
        assert trainer is not None
        step = trainer.step_count
        early = step <= ENTRIES_AT_ONCE and self.entry_size * ENTRIES_AT_ONCE <= MEMORY
        if not due(step, self.entry_step) or not (early or self.history_throttle.due()):
            return None
        begin = time.thread_time()
        entry = HistoryEntry(step, trainer.epoch_position(), trainer.state())
        self.history_throttle.did(2 * (time.thread_time() - begin))  # it must be sent, too
        self.entry_step, self.entry_size = step, len(entry.state)
        return entry

    def rate(self) -> float:
        """Steps per second over about the last second, the waiting for other runs included."""
        if self.status != "training" or self.trainer is None or not self.times:
            return 0.0
        now, step = time.monotonic(), self.trainer.step_count
        self.times.append((now, step))
        while len(self.times) > 2 and now - self.times[1][0] >= RATE_WINDOW:
            self.times.popleft()
        begin, first = self.times[0]
        return (step - first) / max(now - begin, 1e-6)

    def note(self, update: Update) -> None:
        """Add an update to what viewers see."""
        if update.anew:
            self.history = {"train": History(TRAIN_COLUMNS), "validation": History(VALIDATION_COLUMNS)}
            self.test = self._snapshot = None
            self.marks = ()
        for name, columns in (("train", TRAIN_COLUMNS), ("validation", VALIDATION_COLUMNS)):
            for row in getattr(update, name).tolist():
                self.history[name].append(int(row[0]), **dict(zip(columns, row[1:], strict=True)))
        self.info = update.info or self.info
        self.test = None if update.status == "training" else update.test or self.test
        self.version += 1

    def view(self) -> RunView:
        """The run as viewers see it, with a picture of its inside at the present step."""
        if self._view is None or self._view.version != self.version:
            trainer = self.trainer
            self._view = RunView(
                run_id=self.run_id,
                experiment=self.experiment,
                status=self.status,
                message=self.message,
                step=self.step,
                epoch=trainer.epoch_position() if trainer is not None else 0.0,
                target=trainer.target if trainer is not None else 0,
                steps_per_epoch=trainer.steps_per_epoch() if trainer is not None else 0,
                steps_per_second=self.rate(),
                train=self.history["train"].arrays(),
                validation=self.history["validation"].arrays(),
                test=self.test,
                snapshot=self._pictured(),
                kept_steps=self.kept,
                origin=None,
                version=self.version,
                marks=self.marks,
                **vars(self.info),
            )
        return self._view

    def _pictured(self) -> Snapshot | None:
        """The newest picture; a model in the middle of a step, or a measurement, is not looked into."""
        trainer = self.trainer
        if trainer is not None and trainer.between_steps and self.job is None:
            if self._snapshot is None or self._snapshot.step != trainer.step_count:
                self._snapshot = trainer.snapshot()
        return self._snapshot
