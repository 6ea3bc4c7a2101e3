"""The numbers on the wires of a cell's drawing: what a cell is given to compute them from, in double precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from rnn_explorer.trace import Array

Wires = tuple[dict[str, Array], frozenset[str]]  # name -> (time, units), and the names of those from 0 to 1


class Wiring(Protocol):
    """All time steps of a sequence, in the order of reading, for the units that are asked for.

    Attributes:
        recorded: gates and states as the model has them, name -> (time, units).
    """

    @property
    def recorded(self) -> Mapping[str, Array]: ...

    def old(self, name: str) -> Array:
        """(time, units): one state before each time step."""

    def parts(self, gate: str) -> dict[str, Array]:
        """The four parts of a gate's sum, each (time, units): "forget.x", "forget.b_i", "forget.h", "forget.b_h"."""

    def gate(self, gate: str, activation: Callable[[Array], Array]) -> dict[str, Array]:
        """The parts of a gate, their sum ("forget.pre"), and the gate, with what is clamped."""

    def clamped(self, gate: str, values: Array) -> Array:
        """A gate's values, (time, units), with those that are clamped."""

    def ablated(self, state: Array) -> Array:
        """A state after each time step, (time, units), 0 in ablated units."""


def sigma(x: Array) -> Array:
    """The logistic function."""
    return 0.5 * (1 + np.tanh(x / 2))


def relu(x: Array) -> Array:
    """The rectifier."""
    return np.maximum(x, 0.0)
