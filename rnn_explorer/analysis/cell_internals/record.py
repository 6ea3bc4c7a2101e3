"""What was found inside one cell, as plain numpy data: the numbers on its wires, and what a change would have done.

The names of the wires, one number a time step each:

    every cell      x, h_prev, h
    simple RNN      pre_activation and its four parts
    LSTM            input, forget, candidate, output, each with its parts and its sum; c_prev, keep, write, c, tanh_c
    GRU             reset, update, candidate, each with its parts and its sum; candidate.inner, candidate.gated,
                    take, keep, write

The parts of a gate called `gate` are `gate.x` (W_i x), `gate.b_i`, `gate.h` (W_h h) and `gate.b_h`; their sum, before
the activation, is `gate.pre`. `keep` is what stays of the old state, `write` what is added to it, `take` is 1 - z,
`candidate.inner` is W_hn h + b_hn and `candidate.gated` the same times r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis.options import LayerOptions, SequenceOptions
from rnn_explorer.jsonable import jsonable
from rnn_explorer.settings import Settings, setting
from rnn_explorer.trace import Array, Direction, Explanation


@dataclass(frozen=True)
class CellOptions(LayerOptions, SequenceOptions):
    """Of the analysis `cell_internals`."""

    unit: int | None = setting(
        None, absent="the mean over units", label="Unit", help="Whose numbers stand on the wires: which unit, from 0."
    )


@dataclass(frozen=True)
class EditOptions(Settings):
    """What is to be different about a cell, its input or its weights.

    A clamp is (gate, unit from 0 or -1 for all, value), and where it should not be at every time step also (first,
    last) time step, from 1, both included: the gate has this value whatever the cell computes, and all that follows
    from it follows. An input is (time step from 1, feature from 0, new value), for symbols (time step from 1, number of
    the new symbol). A weight is (name of a parameter, row, column, new value): weight_ih, weight_hh, bias_ih or
    bias_hh, whose rows run through the gates in `gate_names` order; the column of a bias is 0, and a value of None
    leaves the weight as it is and only says it.
    """

    clamp: Sequence[Sequence[Any]] = setting((), label="Clamp a gate", help="Gates with a value of their own.")
    ablate: tuple[int, ...] = setting((), longest=512, label="Ablate units", help="Units whose states are held at 0.")
    inputs: Sequence[Sequence[Any]] = setting((), label="Edit input", help="What enters instead.")
    weights: Sequence[Sequence[Any]] = setting((), label="Edit weight", help="New weights of the cell.")


@dataclass(frozen=True)
class WhatIfOptions(EditOptions, CellOptions):
    """Of the analysis `what_if`."""


@dataclass(frozen=True)
class Largest:
    """The largest single terms w_j x_j of a sum, largest in size first.

    Attributes:
        index: (time, k) which j.
        value: (time, k) the terms, signed.
    """

    index: Array
    value: Array


@dataclass(frozen=True)
class Edited:
    """A wire that a change acts on directly; what only follows from a change is not edited.

    Attributes:
        how: "clamped": a gate has a given value. "ablated": a state is held at 0. "edited": another input or weight.
        share: (time,) the share of the shown units that it acts on at each step, 0 to 1.
    """

    how: Literal["clamped", "ablated", "edited"]
    share: Array


@dataclass(frozen=True)
class CellInternals:
    """The numbers on every wire of one cell, over one sequence.

    Index t on the time axis belongs to input t in either direction; a backward cell comes to it from step t + 1.

    Attributes:
        cell: the cell's key.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        sequence: which of the probe sequences.
        unit: from 0; None: every number is a mean over the units.
        hidden_size, input_size: units, and numbers that enter at a step.
        nonlinearity: "tanh", or "relu" for a simple RNN with it.
        gate_names, state_names: the cell's own, in its order; for a cell without equations of its own here, each of
            them is a wire, and `h_prev` and `h` are joined by `<state>_prev` for the other states.
        bounded: the wires whose values lie between 0 and 1.
        wires: name -> (time,) float64; `x` is the value that enters, or the length of the vector of several.
        inputs: what enters at each step, in words.
        input_names: of the numbers that enter at a step.
        largest: "gate.x" and "gate.h" -> the largest terms of that part; empty for a mean.
        changes: of a changed model, what is changed, one sentence each, without a full stop.
        edited: of a changed model, the wires that a change acts on.
        original: of a changed model, the same of the model as it was trained; else None.
    """

    cell: str
    layer: int
    direction: Direction
    sequence: int
    unit: int | None
    hidden_size: int
    input_size: int
    nonlinearity: str
    gate_names: tuple[str, ...]
    state_names: tuple[str, ...]
    bounded: frozenset[str]
    wires: Mapping[str, Array]
    inputs: tuple[str, ...]
    input_names: tuple[str, ...]
    largest: Mapping[str, Largest] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    edited: Mapping[str, Edited] = field(default_factory=dict)
    original: CellInternals | None = None

    @property
    def length(self) -> int:
        """Time steps."""
        return len(self.inputs)

    @property
    def before(self) -> str:
        """The index of the state that a step starts from, as equations write it."""
        return "t−1" if self.direction == "forward" else "t+1"

    @property
    def whose(self) -> str:
        """ "unit 5", or "mean over 32 units"."""
        return f"mean over {self.hidden_size} units" if self.unit is None else f"unit {self.unit}"

    def edit(self, wire: str, t: int) -> tuple[str, float]:
        """How a wire is changed at step t, from 0, and for which share of the units; ("", 0.0) where it is not."""
        found = self.edited.get(wire)
        share = 0.0 if found is None else float(found.share[t])
        return (found.how, share) if found is not None and share > 0 else ("", 0.0)

    def terms(self, wire: str, t: int) -> list[tuple[str, float]]:
        """The largest terms of one part ("forget.x") at step t, from 0: names and values; terms of 0 are left out."""
        found = self.largest.get(wire)
        if found is None:
            return []
        own = wire.endswith(".x")
        pairs = zip(found.index[t].tolist(), found.value[t].tolist(), strict=True)
        return [(self.input_names[j] if own else f"unit {j}", value) for j, value in pairs if value != 0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        return {
            "cell": self.cell,
            "layer": self.layer,
            "direction": self.direction,
            "sequence": self.sequence,
            "unit": self.unit,
            "inputs": list(self.inputs),
            "wires": {name: jsonable(values) for name, values in self.wires.items()},
            "largest": {
                wire: [[[name, jsonable(value)] for name, value in self.terms(wire, t)] for t in range(self.length)]
                for wire in self.largest
            },
        } | self._changed_dict()

    def _changed_dict(self) -> dict[str, Any]:
        """What a changed model has besides."""
        if self.original is None:
            return {}
        return {
            "changes": list(self.changes),
            "edited": {wire: {"how": each.how, "share": jsonable(each.share)} for wire, each in self.edited.items()},
            "original": self.original.to_dict(),
        }


@dataclass(frozen=True)
class Rollout:
    """One sequence on its way through the model.

    Attributes:
        gates: of the chosen layer, name -> (time, hidden_size).
        states: of the chosen layer, name -> (time, hidden_size), after each step.
        answers: (time, output_size): what the model would say if the sequence ended at that step.
        explanation: the sequence and the answer in words.
    """

    gates: Mapping[str, Array]
    states: Mapping[str, Array]
    answers: Array
    explanation: Explanation


@dataclass(frozen=True)
class WhatIf:
    """What the model did with one sequence, and what it would have done.

    Attributes:
        cell: the cell's key.
        layer, direction, sequence: which layer was changed, and for which of the probe sequences.
        bounded: the gates whose values lie between 0 and 1.
        classes: whether the answers are probabilities of classes.
        per_step: whether an answer is asked for at every step, not only at the end.
        output_names: of the classes or values.
        changes: what was changed, one sentence each, without a full stop.
        original, changed: the two passages; inputs, layers and answers that no change reaches are equal to the bit.
        internals: the numbers on the wires of the changed cell, with the original's.
    """

    cell: str
    layer: int
    direction: Direction
    sequence: int
    bounded: frozenset[str]
    classes: bool
    per_step: bool
    output_names: tuple[str, ...]
    changes: tuple[str, ...]
    original: Rollout
    changed: Rollout
    internals: CellInternals

    @property
    def length(self) -> int:
        """Time steps."""
        return len(self.original.answers)

    def distance(self) -> Array:
        """(time,) how far the hidden state is from the original one, ||h' - h||, after each step."""
        with np.errstate(all="ignore"):
            return np.linalg.norm(self.difference(), axis=-1)

    def difference(self) -> Array:
        """(time, hidden_size) float64: the changed hidden state less the original one."""
        pair = self.changed.states["hidden"], self.original.states["hidden"]
        with np.errstate(all="ignore"):  # a clamped gate can make states grow beyond all bounds
            return pair[0].astype(np.float64) - pair[1]

    def answer_words(self) -> tuple[str, str]:
        """What the model says at the end: originally, and after the change."""
        return self.original.explanation.verdict, self.changed.explanation.verdict

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        return {
            "cell": self.cell,
            "layer": self.layer,
            "direction": self.direction,
            "sequence": self.sequence,
            "changes": list(self.changes),
            "distance": jsonable(self.distance()),
            "output_names": list(self.output_names),
            "original": _passage_dict(self.original),
            "changed": _passage_dict(self.changed),
            "cell_internals": self.internals.to_dict(),
        }


def _passage_dict(passage: Rollout) -> dict[str, Any]:
    explanation = passage.explanation
    return {
        "title": explanation.title,
        "verdict": explanation.verdict,
        "correct": None if explanation.correct is None else bool(explanation.correct),
        "answers": jsonable(passage.answers),
        "gates": {name: jsonable(values) for name, values in passage.gates.items()},
        "states": {name: jsonable(values) for name, values in passage.states.items()},
    }
