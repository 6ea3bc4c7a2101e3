"""What a model has written or foretold by itself, and what its units go with in a text, as plain numpy data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.jsonable import jsonable
from rnn_explorer.trace import Array, Direction

LONGEST_PREFIX = 2000  # characters that a text may begin with
CANDIDATES = 5  # symbols kept for each place of a written text
TOLERANCE = 0.5  # standard deviations by which a free run may be off and still count as following the series


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


@dataclass(frozen=True)
class Correlates:
    """What the units of one layer go with in a text.

    Attributes:
        cell: the cell's key.
        layer, direction: which layer.
        split: the part of the data that was read ("validation").
        steps: places in it.
        quantities: states and gates, in the cell's order.
        features: what was compared, in words.
        values: (quantities, hidden_size, features) Pearson's r, -1 to 1; NaN where one of the two never changes.
    """

    cell: str
    layer: int
    direction: Direction
    split: str
    steps: int
    quantities: tuple[str, ...]
    features: tuple[str, ...]
    values: Array

    def of(self, quantity: str, unit: int) -> dict[str, float]:
        """r of one unit with every feature.

        Raises:
            ValueError: for a quantity that there is not.
        """
        row = self.values[self.quantities.index(quantity), unit]
        return dict(zip(self.features, row.tolist(), strict=True))

    def ranked(self, feature: str, quantity: str = "hidden") -> list[tuple[int, float]]:
        """Units with their r, the strongest first; those without one are left out.

        Raises:
            ValueError: for a feature or quantity that there is not.
        """
        r = self.values[self.quantities.index(quantity), :, self.features.index(feature)]
        order = np.argsort(-np.abs(r), kind="stable")  # NaN comes last
        return [(int(unit), float(r[unit])) for unit in order if not math.isnan(r[unit])]

    def strongest(self, most: int = 20) -> list[tuple[str, int, str, float]]:
        """The largest r in size: quantity, unit, feature, r."""
        order = np.argsort(-np.abs(self.values.ravel()), kind="stable")[:most]  # NaN comes last
        found = []
        for quantity, unit, feature in zip(*np.unravel_index(order, self.values.shape), strict=True):
            r = float(self.values[quantity, unit, feature])
            if not math.isnan(r):
                found.append((self.quantities[quantity], int(unit), self.features[feature], r))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a number is None."""
        return {
            "cell": self.cell,
            "layer": self.layer,
            "direction": self.direction,
            "split": self.split,
            "steps": self.steps,
            "strongest": [list(entry) for entry in self.strongest()],
            "features": list(self.features),
            "values": {name: jsonable(self.values[number]) for number, name in enumerate(self.quantities)},
        }
