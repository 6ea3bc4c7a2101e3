"""A worker whose trainers do wrong, by their seed.

13 fails when it is built, 666 at its third step. At their third step, too: 77 hangs for ever; 78 from then on cannot
make a snapshot, 79 no state; 82 cannot rest once it has failed; 83 tells of a step that is before the last one.
90 measures itself in hundreds of slices.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from typing import Any

from rnn_explorer.engine import worker
from rnn_explorer.training import StepReport, Trainer

_proceed, _start, _measure = Trainer.proceed, Trainer._start, Trainer.measure


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("made to fail")


def proceed(self: Trainer) -> StepReport | None:
    seed = self.experiment.training.seed
    if self.step_count == 2:
        if seed == 82:
            self.rest = fail  # type: ignore[method-assign]
        if seed in (666, 82):
            fail()
        if seed == 77:
            time.sleep(3600)
        elif seed == 79:
            self.state = fail  # type: ignore[method-assign]
        elif seed == 78:
            self.snapshot = fail  # type: ignore[method-assign]
    report = _proceed(self)
    if report is not None and seed == 83 and report.step == 3:
        return StepReport(1, *list(vars(report).values())[1:])
    return report


def start(self: Trainer, *args: object) -> None:
    if self.task.seed == 13:
        raise RuntimeError("made to fail while built")
    _start(self, *args)  # type: ignore[arg-type]


def measure(self: Trainer, split: str) -> Generator[None, None, tuple[float, float]]:
    if self.experiment.training.seed == 90:
        for _ in range(300):
            time.sleep(0.02)
            yield
    return (yield from _measure(self, split))


if __name__ == "__main__":
    Trainer.proceed, Trainer._start, Trainer.measure = proceed, start, measure  # type: ignore[method-assign]
    worker.main(sys.argv[1])
