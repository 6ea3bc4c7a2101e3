"""Training to the end of a budget, with what each step brought recorded."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

from rnn_explorer.recording.learning_curves import LearningCurves
from rnn_explorer.training import Diverged, StepReport, Trainer

End = Literal["finished", "interrupted", "diverged"]


def record(trainer: Trainer, curves: LearningCurves, show: Callable[[StepReport], None]) -> tuple[End, str]:
    """Train to the end of the budget, to an early stop, a divergence or Ctrl-C.

    Args:
        trainer: is between two steps afterwards, however it ends.
        curves: each report is added to them.
        show: is given each report.

    Returns:
        How it ended, and a sentence about a divergence or an early stop; "" for none.
    """
    with _interrupts() as interrupted:
        try:
            for report in trainer.run(math.inf):
                curves.add(report)
                show(report)
                if interrupted:
                    return "interrupted", ""
        except Diverged as error:
            return "diverged", str(error)
    return "finished", trainer.stopped_early


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C instead of being torn out of an optimizer step; a second one interrupts at once.

    Python handles signals in its main thread alone; in others nothing is collected.
    """
    caught: list[int] = []

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = signal.signal(signal.SIGINT, catch)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)
