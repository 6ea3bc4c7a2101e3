"""A worker whose trainers fail: with seed 666 at their third step, with seed 13 when they are built."""

from __future__ import annotations

import sys

from rnn_explorer.engine import worker
from rnn_explorer.training import StepReport, Trainer

_step, _reset_to = Trainer.step, Trainer._start


def step(self: Trainer) -> StepReport:
    if self.experiment.training.seed == 666 and self.step_count == 2:
        raise RuntimeError("made to fail")
    return _step(self)


def start(self: Trainer, *args: object) -> None:
    if self.task.seed == 13:
        raise RuntimeError("made to fail while built")
    _reset_to(self, *args)  # type: ignore[arg-type]


if __name__ == "__main__":
    Trainer.step, Trainer._start = step, start  # type: ignore[method-assign]
    worker.main(sys.argv[1])
