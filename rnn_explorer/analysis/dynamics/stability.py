"""What the eigenvalues of a step's Jacobian say of the states around a point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnn_explorer.readable import counted
from rnn_explorer.trace import Array

BAND = 1e-3  # an eigenvalue within 1 -+ this is marginal: it takes over a thousand steps to come back or to leave
KINDS = ("stable", "marginal", "saddle", "unstable", "slow")
HOLDING = ("stable", "marginal")  # kinds of points at which states stay


def time_constant(eigenvalues: Array) -> Array:
    """-1 / ln|l|: steps in which a distance shrinks by 1/e; below 0 where it grows instead, by e in as many steps.

    Args:
        eigenvalues: complex, any shape.

    Returns:
        float64 of that shape; infinite where |l| is 1, 0 where l is 0.
    """
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.abs(eigenvalues))
        return np.where(logarithm == 0, math.inf, -1 / logarithm)


def period(eigenvalues: Array) -> Array:
    """2 pi / |arg l|: steps in which a state turns once round; infinite for l > 0, 2 for l < 0, infinite for 0."""
    with np.errstate(divide="ignore"):
        return 2 * math.pi / np.abs(np.angle(eigenvalues))


def largest_first(values: Array, vectors: Array) -> tuple[Array, Array]:
    """Eigenvalues (size,) by falling size, with their eigenvectors, which come as columns of (size, size).

    Of a complex pair the one with the positive imaginary part comes first.

    Returns:
        (size,) and (size, size) complex128; row j of the second belongs to eigenvalue j.
    """
    order = np.lexsort((-values.imag, -np.abs(values).round(12)))
    return values[order].astype(np.complex128), vectors.T[order].astype(np.complex128)


@dataclass(frozen=True)
class Stability:
    """What the eigenvalues at a point make of it.

    Attributes:
        kind: "stable": all |l| below 1. "marginal": none above 1, some at 1. "saddle": some above 1. "unstable": all.
        unstable: how many are above 1.
        marginal: how many are at 1, give or take `BAND`.
    """

    kind: str
    unstable: int
    marginal: int

    @classmethod
    def of(cls, eigenvalues: Array, slow: bool = False) -> Stability:
        """Classify eigenvalues (size,) at a fixed point, or with `slow` at a slow point."""
        size = np.abs(eigenvalues)
        unstable = int((size > 1 + BAND).sum())
        marginal = int((np.abs(size - 1) <= BAND).sum())
        kind = "unstable" if unstable == len(size) else "saddle" if unstable else "marginal" if marginal else "stable"
        return cls("slow" if slow else kind, unstable, marginal)

    @property
    def words(self) -> str:
        """ "saddle, 1 unstable direction", "slow point"."""
        text = {"slow": "slow point", "unstable": "unstable in all directions"}.get(self.kind, self.kind)
        if self.unstable and self.kind in ("saddle", "slow"):
            text += f", {counted(self.unstable, 'unstable direction')}"
        if self.marginal and self.kind != "slow":
            text += f", {counted(self.marginal, 'marginal direction')}"
        return text

    def group(self, number: int) -> str:
        """So many points of this nature, for a legend: "8 stable", "12 saddles, 1 unstable direction"."""
        noun = {"saddle": "saddle", "slow": "slow point"}.get(self.kind)
        text = f"{number} {self.kind}" if noun is None else counted(number, noun)
        return f"{text}, {counted(self.unstable, 'unstable direction')}" if self.kind == "saddle" else text
