"""What a model has written or foretold by itself, as plain numpy data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.analysis.options import SequenceOptions
from rnn_explorer.jsonable import jsonable
from rnn_explorer.settings import Settings, setting
from rnn_explorer.trace import Array

CANDIDATES = 5  # symbols kept for each place of a written text
TOLERANCE = 0.5  # standard deviations by which a free run may be off and still count as following the series
_LONGEST = 2000  # steps that are generated


@dataclass(frozen=True)
class SampleOptions(Settings):
    """Of the analysis `sample`."""

    prefix: str = setting(
        "",
        longest=2000,
        verbatim=True,
        label="What it reads before it writes",
        help="How the text begins; nothing for the end of a line, or whatever comes first in the alphabet.",
    )
    length: int = setting(200, low=1, high=_LONGEST, label="Length", help="How much it writes.", unit="symbols")
    temperature: float = setting(
        1.0,
        low=0,
        high=10,
        offered=(0, 2),
        step=0.1,
        label="Temperature",
        help="Below 1 the likely becomes likelier, at 0 only the likeliest is written; above 1 the rare comes up.",
    )
    seed: int = setting(0, low=0, high=2**63 - 1, label="Seed", help="Of the draws: the same writes the same.")


@dataclass(frozen=True)
class ClosedLoopOptions(SequenceOptions):
    """Of the analysis `closed_loop`."""

    steps: int = setting(
        100,
        low=1,
        high=_LONGEST,
        offered=(1, 300),
        step=1,
        label="Steps",
        help="Time steps that it goes on for, reading its own forecasts.",
    )
    back: int | None = setting(
        None,
        absent="after the sequence",
        low=0,
        high=2**31,
        offered=(0, 300),
        step=1,
        label="Before the end",
        help="Time steps before the end from which it reads its own forecasts: at 0 it goes beyond the data.",
    )


@dataclass(frozen=True)
class Sample:
    """A text that a model has gone on writing.

    Row t of the arrays over time is what the model expects after symbol t, from 0, so it is about the symbol t + 1; the
    last row is about the one that would come next.

    Attributes:
        symbols: the text, what was given first.
        given: how many of them were given.
        temperature: by which the logits were divided; 0: always the likeliest symbol.
        seed: of the draws.
        candidates: (time, k) text: the k likeliest symbols, likeliest first.
        probabilities: (time, k) of the candidates, as the model says, 0 to 1.
        chances: (time, k) the same at this temperature: what was drawn from.
        taken: (time - 1,) the chance that each symbol but the first had, at this temperature.
        notes: sentences about what was done to what was given.
    """

    symbols: tuple[str, ...]
    given: int
    temperature: float
    seed: int
    candidates: Array
    probabilities: Array
    chances: Array
    taken: Array
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.symbols)

    @property
    def written(self) -> str:
        """What the model wrote."""
        return "".join(self.symbols[self.given :])

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            "text": self.text,
            "written": self.written,
            "given": self.given,
            "temperature": self.temperature,
            "seed": self.seed,
            "notes": list(self.notes),
            "candidates": self.candidates.tolist(),
            "probabilities": jsonable(self.probabilities),
            "chances": jsonable(self.chances),
            "taken": jsonable(self.taken),
        }


@dataclass(frozen=True)
class ClosedLoop:
    """A series that a model went on with by itself, each forecast being its next input.

    All values are in the series' own unit.

    Attributes:
        sequence: which of the probe sequences was read first, or led to the series from whose end was read.
        title: the series in a few words.
        names: of the values at a step.
        window: (steps read, values).
        truth: (at most `steps`, values): how the series goes on after the window; shorter where it ends, NaN where a
            value is missing.
        one_step: (steps read + truth, values): the forecast of the next value after each step, the true values being
            read all along; row t, from 0, is about step t + 1.
        free: (steps, values): the free run, from the first step after the window on.
        scale: (values,) one standard deviation of the training part.
        when: what time each step of window and truth is; empty where unknown.
        beyond: steps of the free run that lie beyond the last value of a series whose end is known.
    """

    sequence: int
    title: str
    names: tuple[str, ...]
    window: Array
    truth: Array
    one_step: Array
    free: Array
    scale: Array
    when: tuple[str, ...] = ()
    beyond: int = 0

    @property
    def read(self) -> int:
        """Steps of the window."""
        return len(self.window)

    def drift(self) -> Array:
        """(truth,) how far the free run is from the series, in standard deviations: of several values the largest.

        NaN where the run is no number; 0 where no value of the series is known, since nothing speaks against the run.
        """
        off = np.abs(self.free[: len(self.truth)] - self.truth) / self.scale
        return np.where(np.isnan(self.truth), 0.0, off).max(axis=1)

    def horizon(self, tolerance: float = TOLERANCE) -> int:
        """Steps for which the free run has stayed within `tolerance` standard deviations of the series."""
        lost = np.flatnonzero(~(self.drift() <= tolerance))  # what is not a number is lost
        return int(lost[0]) if len(lost) else len(self.truth)

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        return {
            "sequence": self.sequence,
            "title": self.title,
            "names": list(self.names),
            "window": jsonable(self.window),
            "truth": jsonable(self.truth),
            "one_step": jsonable(self.one_step),
            "free": jsonable(self.free),
            "scale": jsonable(self.scale),
            "when": list(self.when),
            "beyond": self.beyond,
            "tolerance": TOLERANCE,
            "horizon": self.horizon(),
        }
