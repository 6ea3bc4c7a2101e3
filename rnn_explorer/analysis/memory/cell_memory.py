"""How far back one cell remembers, and what its gates do, as plain numpy data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.analysis.saturation import Saturation
from rnn_explorer.jsonable import jsonable
from rnn_explorer.trace import Array, Direction

MEMORY = 0.01  # a norm below this, where lag 0 is 1, counts as forgotten
BINS = 20  # of the histograms from 0 to 1


@dataclass(frozen=True)
class Decay:
    """norm = amplitude x rho^lag, fitted to a curve; NaN where nothing could be fitted.

    Attributes:
        log10_amplitude: the line's height at lag 0.
        log10_rho: its slope, log10 of the factor a step.
    """

    log10_amplitude: float
    log10_rho: float

    @property
    def rho(self) -> float:
        """The factor a step."""
        return float(np.float_power(10.0, min(self.log10_rho, 308.0)))

    @property
    def time_constant(self) -> float:
        """Steps in which the norm falls to 1/e: -1 / ln rho; infinite where it does not fall."""
        return float(time_constants(np.array(self.log10_rho * math.log(10.0))))

    def log10(self, lags: Array) -> Array:
        """The fitted line at some lags, as log10 of the norm."""
        return self.log10_amplitude + np.asarray(lags) * self.log10_rho


@dataclass(frozen=True)
class GateStatistics:
    """What the gates of one cell do, over all real steps of all probe sequences.

    Attributes:
        keeper: the gate that keeps the old state: "forget" for the LSTM, "update" for the GRU (1 keeps), "" where
            there is none.
        histograms: gate -> (`BINS`,) the share of its values in equal bins from 0 to 1; for the simple RNN "slope",
            which is sigma'(a).
        means: gate -> (hidden,) its mean by unit; likewise.
        saturation: gate -> how often each unit lies near an end; for a signed gate of its magnitude; likewise.
        time_constants: (hidden,) -1 / ln f by unit, in steps, with the geometric mean of f over steps; empty without
            a `keeper`; infinite where the gate is always 1.
        nonlinearity: "tanh" or "relu" where "slope" is there, else "".
        dead: relu units that are off at every step.
        spectral_radius: of the simple RNN's recurrent weights, the largest size of an eigenvalue; NaN for others.
    """

    keeper: str
    histograms: Mapping[str, Array]
    means: Mapping[str, Array]
    saturation: Mapping[str, Saturation]
    time_constants: Array
    nonlinearity: str = ""
    dead: int = 0
    spectral_radius: float = math.nan

    @property
    def shown(self) -> str:
        """The gate that explains the memory: the keeper, the slope of a simple RNN, or "" for neither."""
        return self.keeper or ("slope" if "slope" in self.histograms else "")

    def share_above(self, gate: str) -> float:
        """The share of all of a gate's values above `HIGH`."""
        return float(self.saturation[gate].above.mean())

    def share_below(self, gate: str) -> float:
        """The share of all of a gate's values below `LOW`."""
        return float(self.saturation[gate].below.mean())

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        gates = {
            name: {
                "histogram": jsonable(self.histograms.get(name)),
                "mean": jsonable(self.means[name]),
                "share_above": jsonable(self.share_above(name)),
                "share_below": jsonable(self.share_below(name)),
                "above": jsonable(self.saturation[name].above),
                "below": jsonable(self.saturation[name].below),
            }
            for name in self.saturation
        }
        return {
            "keeper": self.keeper,
            "gates": gates,
            "time_constants": jsonable(self.time_constants),
            "nonlinearity": self.nonlinearity,
            "dead": self.dead,
            "spectral_radius": jsonable(self.spectral_radius),
        }


@dataclass(frozen=True)
class CellMemory:
    """How far back one cell remembers, over one sequence.

    A backward cell reads from the end: its lag counts steps of its own reading, and its last state is at time step 1.

    Attributes:
        cell: the cell's key.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        log10_norm: (length,) log10 of the spectral norm of d s_T / d s_{T-lag} by lag from 0; -inf where it is zero,
            NaN where states are not finite.
        loss_gradient: (length,) ||dL / d s_k|| at index k - 1: the total derivative of this sequence's loss by the
            state after time step k, through later steps and the layers above.
        decay: an exponential fitted to `log10_norm`.
        gates: what its gates do.
    """

    cell: str
    layer: int
    direction: Direction
    log10_norm: Array
    loss_gradient: Array
    decay: Decay
    gates: GateStatistics

    @property
    def lags(self) -> Array:
        """(length,) 0, 1, ... in steps of reading."""
        return np.arange(len(self.log10_norm))

    @property
    def known(self) -> bool:
        """Whether the curve is made of numbers, zero included."""
        return not bool(np.isnan(self.log10_norm).any())

    @property
    def effective_memory(self) -> int | None:
        """The largest lag up to which the norm stays at or above `MEMORY`; None where states are not finite."""
        return last_above(self.log10_norm, MEMORY) if self.known else None

    @property
    def whole_sequence(self) -> bool:
        """Whether the norm never falls below `MEMORY`: the effective memory is at least what was found."""
        return self.effective_memory == len(self.log10_norm) - 1

    @property
    def read(self) -> Array:
        """(length,) the time step, from 1, that comes first, second, ... in the order of reading."""
        steps = np.arange(1, len(self.log10_norm) + 1)
        return steps if self.direction == "forward" else steps[::-1]

    def loss_reach(self, back: int) -> float:
        """||dL/ds|| `back` steps of reading before the last step, relative to the last; NaN where that is 0.

        Raises:
            ValueError: for more steps back than there are.
        """
        if not 0 <= back < len(self.loss_gradient):
            raise ValueError(f"back is {back}, but must be 0 to {len(self.loss_gradient) - 1}")
        last, then = (self.loss_gradient[self.read[place] - 1] for place in (-1, -1 - back))
        return float(then / last) if last > 0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        furthest = len(self.loss_gradient) - 1
        return {
            "cell": self.cell,
            "layer": self.layer,
            "direction": self.direction,
            "log10_norm": jsonable(self.log10_norm),
            "log10_amplitude": jsonable(self.decay.log10_amplitude),
            "rho": jsonable(self.decay.rho),
            "time_constant": jsonable(self.decay.time_constant),
            "effective_memory": self.effective_memory,
            "whole_sequence": self.whole_sequence,
            "loss_gradient": jsonable(self.loss_gradient),
            "loss_reach": jsonable(self.loss_reach(furthest)) if furthest >= 0 else None,
            "gates": self.gates.to_dict(),
        }


def fit_decay(log10_norm: Array) -> Decay:
    """Fit log10 norm = log10 A + lag x log10 rho by least squares over all lags where the norm is above zero.

    Args:
        log10_norm: (lags,) from lag 0; -inf and NaN are left out.

    Returns:
        NaN for both numbers where fewer than two lags are left.
    """
    lags = np.flatnonzero(np.isfinite(log10_norm))
    if lags.size < 2:
        return Decay(math.nan, math.nan)
    heights = log10_norm[lags]
    middle = lags.mean()
    slope = float((lags - middle) @ (heights - heights.mean()) / np.square(lags - middle).sum())
    return Decay(float(heights.mean() - slope * middle), slope)


def time_constants(log_gate: Array) -> Array:
    """-1 / ln f from ln f: 0 where f is 0, infinite where it is 1 (or more, which is no decay).

    Args:
        log_gate: natural logarithms of factors a step.
    """
    falls = np.asarray(log_gate) < 0
    steps = -1.0 / np.where(falls, log_gate, -1.0)
    return np.where(falls, steps, np.where(np.isnan(log_gate), np.nan, np.inf))


def last_above(log10_norm: Array, level: float) -> int:
    """The largest lag up to which a curve that starts at norm 1 stays at or above a level."""
    below = np.flatnonzero(log10_norm < math.log10(level))
    return int(below[0]) - 1 if below.size else len(log10_norm) - 1
