"""What the units of a layer go with in a text, as plain numpy data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.analysis.options import LayerOptions
from rnn_explorer.jsonable import jsonable
from rnn_explorer.trace import Array, Direction


@dataclass(frozen=True)
class CorrelateOptions(LayerOptions):
    """Of the analysis `correlates`."""


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
