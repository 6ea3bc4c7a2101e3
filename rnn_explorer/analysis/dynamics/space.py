"""Which layer's dynamics, under which constant input, in which axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.projection import Basis
from rnn_explorer.jsonable import jsonable
from rnn_explorer.trace import Array, Direction


@dataclass(frozen=True)
class LayerRef:
    """One layer of a model, read in one direction.

    Attributes:
        cell: the cell's key.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        hidden_size: units.
        state_names: the states that are joined, in this order.
        step: optimizer steps that the model had made.
    """

    cell: str
    layer: int
    direction: Direction
    hidden_size: int
    state_names: tuple[str, ...]
    step: int

    @property
    def size(self) -> int:
        """Numbers in the joined state."""
        return self.hidden_size * len(self.state_names)

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            "cell": self.cell,
            "layer": self.layer,
            "direction": self.direction,
            "hidden_size": self.hidden_size,
            "state_names": list(self.state_names),
            "step": self.step,
        }


@dataclass(frozen=True)
class ConstantInput:
    """The input that is held constant.

    Attributes:
        values: the numbers that enter the network, or the one number of a symbol; None: zeros.
        words: the same for a person.
        settled: whether the layers below came to rest under it, which makes this layer's own input constant too; None
            where there is no layer below, or its states were taken as they were at one step.
    """

    values: tuple[float, ...] | None
    words: str
    settled: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            "values": None if self.values is None else list(self.values),
            "words": self.words,
            "layers_below_settled": self.settled,
        }


@dataclass(frozen=True)
class Space:
    """The axes in which the states of a layer are drawn.

    Attributes:
        basis: three axes of the joined state: principal components over the validation sequences, or for a state of one
            or two numbers these numbers themselves. For an LSTM the joined state is the honest one: two states with
            the same hidden state and different cell states go different ways.
        names: of the axes that there are, at most three.
    """

    basis: Basis
    names: tuple[str, ...]

    @classmethod
    def of(cls, states: Array, state_names: tuple[str, ...]) -> Space:
        """The axes for states (n, size), joined in the order of `state_names`."""
        basis, size = projection.fit(states, 3), states.shape[-1]
        if size > 2:
            return cls(basis, ("PC 1", "PC 2", "PC 3"))
        variance = states.var(axis=0) if len(states) else np.zeros(size)
        explained = np.zeros(3)
        explained[:size] = variance / variance.sum() if variance.sum() > 0 else 0.0
        units = size // len(state_names)
        names = (f"{name} {unit}" for name in state_names for unit in range(units))
        return cls(Basis(np.zeros(size), np.eye(3, size), explained), tuple(names))

    @property
    def whole(self) -> bool:
        """Whether the first two axes hold all of the state."""
        return self.basis.components.shape[1] <= 2

    def project(self, states: Array) -> Array:
        """(..., 3) float32: the coordinates of joined states (..., size); no numbers for states beyond all bounds."""
        with np.errstate(all="ignore"):
            projected = projection.project(self.basis, states)
        projected[~np.isfinite(projected).all(axis=-1)] = np.nan
        return projected

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            "names": list(self.names),
            "mean": jsonable(self.basis.mean),
            "components": jsonable(self.basis.components),
            "explained": jsonable(self.basis.explained),
        }
