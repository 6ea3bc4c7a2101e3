"""How far back a model remembers, as plain numpy data, and what it means in words.

The measure is the true Jacobian product through time, d s_T / d s_{T-lag}, where s is the whole state of a cell (hidden
and cell state joined for the LSTM). Its spectral norm is the largest factor by which a small change of the state
`lag` steps back still changes the last one. The gradient of the weights mixes long and short paths and says nothing
of this.

Sources: Y. Bengio, P. Simard, P. Frasconi, "Learning long-term dependencies with gradient descent is difficult",
IEEE Transactions on Neural Networks 5 (1994); R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training
recurrent neural networks" (2013), equation 5, https://arxiv.org/abs/1211.5063. Time constants of gates: C. Tallec and
Y. Ollivier, "Can recurrent neural networks warp time?" (2018), https://arxiv.org/abs/1804.11188.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis.memory.cell_memory import MEMORY, CellMemory
from rnn_explorer.analysis.options import LayerOptions, SequenceOptions
from rnn_explorer.jsonable import jsonable
from rnn_explorer.settings import setting
from rnn_explorer.trace import Array, Direction

Severity = Literal["good", "warning", "fact"]


@dataclass(frozen=True)
class MemoryOptions(SequenceOptions):
    """Of the analysis `memory`."""

    output: int | None = setting(
        None,
        absent="the predicted class or the first value",
        label="Answer",
        help="The class or value whose inputs are weighed (input saliency), from 0.",
    )
    time_step: int | None = setting(
        None,
        absent="the last",
        label="At t =",
        help="The prediction at which time step, from 1, is weighed (input saliency).",
    )


@dataclass(frozen=True)
class JacobianNormOptions(LayerOptions, SequenceOptions):
    """Of the analysis `jacobian_norms`."""


@dataclass(frozen=True)
class Finding:
    """One thing that the numbers say, in words.

    Attributes:
        name: the rule, such as "vanishing".
        severity: "good", "warning", or "fact" for what is neither.
        text: one sentence with its numbers.
        layer: which layer it is about, from 0; None: the whole model.
        direction: of that layer.
    """

    name: str
    severity: Severity
    text: str
    layer: int | None = None
    direction: Direction = "forward"


@dataclass(frozen=True)
class InputSaliency:
    """How much each input moves one answer: the gradient's norm over the features that enter at a step.

    Source: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks" (2013), section 3,
    https://arxiv.org/abs/1312.6034.

    Attributes:
        output: which class or value, from 0, and its name.
        time_step: the answer after this step, from 1.
        value: the class's logit (before softmax), or the value itself.
        classes: whether it is a class.
        norm: (length,) ||d value / d x_k|| at index k - 1, x_k as it enters the first layer; 0 for inputs the answer
            has not seen.
        symbols: what entered at each step, where inputs are symbols, else empty.
    """

    output: int
    output_name: str
    time_step: int
    value: float
    classes: bool
    norm: Array
    symbols: tuple[str, ...]

    @property
    def relative(self) -> Array:
        """(length,) the norms relative to the largest, 0 to 1; all 0 where no input matters, NaN beyond numbers."""
        largest = self.norm.max(initial=0.0)
        if not np.isfinite(largest):
            return np.full_like(self.norm, np.nan)
        return self.norm / largest if largest > 0 else np.zeros_like(self.norm)

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        return {
            "output": self.output,
            "output_name": self.output_name,
            "time_step": self.time_step,
            "value": jsonable(self.value),
            "absolute": jsonable(self.norm),
            "relative": jsonable(self.relative),
            "symbols": list(self.symbols),
        }


@dataclass(frozen=True)
class MemoryReport:
    """How far back a model remembers, how it came by it, and what it means.

    Attributes:
        step: optimizer steps that the model had made.
        sequence: which of the probe sequences, from 0.
        length: its real steps.
        loss: of this sequence.
        cells: one for each layer and direction, in the order of computation.
        saliency: which inputs move the answer.
        findings: the same in words.
    """

    step: int
    sequence: int
    length: int
    loss: float
    cells: tuple[CellMemory, ...]
    saliency: InputSaliency
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        return {
            "step": self.step,
            "sequence": self.sequence,
            "length": self.length,
            "loss": jsonable(self.loss),
            "threshold": MEMORY,
            "cells": [cell.to_dict() for cell in self.cells],
            "saliency": self.saliency.to_dict(),
            "findings": [
                {"name": found.name, "severity": found.severity, "text": found.text, "layer": found.layer}
                | ({} if found.layer is None else {"direction": found.direction})
                for found in self.findings
            ],
        }


@dataclass(frozen=True)
class JacobianNorms:
    """The norms of d s_t / d s_k for all pairs of steps of one cell, or for every so many.

    Attributes:
        cell: the cell's key.
        layer, direction, sequence: which cell and which of the probe sequences.
        steps: (points,) the time steps of rows and columns, from 1, ascending.
        log10_norm: (points, points) log10 of the spectral norm at row t, column k; NaN where step k is read after
            step t, -inf where the norm is zero.
        stride: steps between neighboring points; 1: every step is there.
        length: real steps of the sequence.
    """

    cell: str
    layer: int
    direction: Direction
    sequence: int
    steps: Array
    log10_norm: Array
    stride: int
    length: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        return {
            "cell": self.cell,
            "layer": self.layer,
            "direction": self.direction,
            "sequence": self.sequence,
            "steps": self.steps.tolist(),
            "stride": self.stride,
            "length": self.length,
            "log10_norm": jsonable(self.log10_norm),
        }
