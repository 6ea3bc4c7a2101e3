"""The past of a run that trains outside of an engine: states that are worth keeping, for a stated share of its time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rnn_explorer.recording.weight_history import HistoryEntry, WeightHistory, due

if TYPE_CHECKING:
    from rnn_explorer.training import Trainer

SHARE = 0.03  # of the time of training
_SOON = 10  # steps at the beginning, whose states are kept whatever they cost


class PastRecorder:
    """Takes states of a trainer into a weight history.

    Args:
        history: what is known of its past; None: nothing.
    """

    def __init__(self, history: WeightHistory | None = None) -> None:
        self.history = WeightHistory() if history is None else history
        self._next = 0.0  # when the next state may be taken

    def take(self, trainer: Trainer) -> None:
        """Keep the present state, where it is due. The trainer is between two steps."""
        step, steps = trainer.step_count, self.history.steps
        if (not steps or due(step, steps[-1])) and (step <= _SOON or time.monotonic() >= self._next):
            self.take_now(trainer)

    def take_now(self, trainer: Trainer) -> None:
        """Keep the present state; what was kept of later steps is forgotten, for the trainer has gone back."""
        begin = time.thread_time()
        self.history = self.history.until(trainer.step_count)
        self.history.add(HistoryEntry(trainer.step_count, trainer.epoch_position(), trainer.state()))
        self._next = time.monotonic() + (time.thread_time() - begin) / SHARE
