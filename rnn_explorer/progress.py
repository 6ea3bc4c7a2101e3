"""How far a training has come, as text: a bar on a terminal, a line for each validation elsewhere."""

from __future__ import annotations

import math
import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

from rnn_explorer.readable import number

if TYPE_CHECKING:
    from rnn_explorer.training import StepReport, Trainer

_BAR = 24  # characters
_REDRAW = 0.1  # seconds between two looks of the progress bar


class ProgressBar:
    """A progress bar on a terminal, or a line for each validation.

    Args:
        trainer: whose training is shown, to the end of its present budget.
        stream: where to; None: standard error.
    """

    def __init__(self, trainer: Trainer, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._goal, self._metric = trainer.target, trainer.task.metric.name
        self._drawn = -math.inf
        self._validation = ""

    def report(self, report: StepReport) -> None:
        """Note a validation."""
        self._validation = f"validation loss {cell_text(report.val_loss)} {self._metric} {cell_text(report.val_metric)}"
        if not self._live:
            training = "" if math.isnan(report.train_loss) else f"training loss {cell_text(report.train_loss)}  "
            print(f"step {report.step}/{self._goal}  {training}{self._validation}", file=self._stream, flush=True)

    def progress(self, report: StepReport) -> None:
        """Draw the bar, where it is time to."""
        now = time.monotonic()
        if not self._live or (now - self._drawn < _REDRAW and report.step < self._goal):
            return
        self._drawn = now
        line = (
            f"[{bar(report.step / self._goal)}] {report.step}/{self._goal}  "
            f"loss {cell_text(report.train_loss)}  {self._validation}"
        )
        print(f"\r\x1b[2K{line[: width() - 1]}", end="", file=self._stream, flush=True)

    def close(self) -> None:
        """End the line of the bar."""
        if self._live:
            print(file=self._stream)


def bar(share: float) -> str:
    """A progress bar of fixed width for a share from 0 to 1."""
    full = min(max(int(share * _BAR), 0), _BAR)
    return "#" * full + "." * (_BAR - full)


def width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size().columns


def cell_text(value: object) -> str:
    """A value as a table has it: a float in four digits, "-" for None."""
    if value is None:
        return "-"
    return number(value, 4) if isinstance(value, float) and math.isfinite(value) else str(value)
