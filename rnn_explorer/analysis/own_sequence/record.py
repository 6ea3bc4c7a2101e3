"""What a model made of a sequence that the user typed or drew, as plain numpy data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.jsonable import jsonable
from rnn_explorer.settings import Settings, setting
from rnn_explorer.trace import Array, Explanation, Trace

LONGEST = 200  # time steps, where the task's own sequences are not longer


@dataclass(frozen=True)
class OwnSequenceOptions(Settings):
    """Of the analysis `own_sequence`.

    For a task of symbols `values` is a text, one character a time step. For a task of numbers it has one entry a time
    step: a number, or a list with one for each feature, in the task's own unit.
    """

    values: Any = setting((), label="Your own sequence", help="A text, or one entry a time step.")


@dataclass(frozen=True)
class OwnSequence:
    """One sequence through a model.

    Attributes:
        trace: every gate and state, with a batch axis of 1; its targets mean nothing.
        explanation: the sequence and the answers to it; right is only what the sequence itself tells.
        legal: (time, classes) bool: what the task's grammar allows after each step; None for a task without a grammar.
        notes: sentences about what was done to what was given.
    """

    trace: Trace
    explanation: Explanation
    legal: Array | None = None
    notes: tuple[str, ...] = ()

    def legal_share(self) -> Array:
        """(time,) the probability on legal symbols; NaN where the string has ended or broken the grammar.

        Raises:
            ValueError: for a task without a grammar.
        """
        if self.legal is None or self.explanation.probabilities is None:
            raise ValueError("this task has no grammar")
        return legal_share(self.explanation.probabilities, self.legal)

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; what is not a finite number is None."""
        told = self.explanation
        return {
            "title": told.title,
            "verdict": told.verdict,
            "length": told.length,
            "notes": list(self.notes),
            "symbols": list(told.symbols),
            "inputs": jsonable(self.trace.inputs[0]),
            "answers": jsonable(self.trace.answers[0]),
            "legal": None if self.legal is None else self.legal.tolist(),
            "legal_share": None if self.legal is None else jsonable(self.legal_share()),
            "layers": [
                {
                    "layer": layer.layer,
                    "direction": layer.direction,
                    **{name: jsonable(values[0]) for name, values in {**layer.states, **layer.gates}.items()},
                }
                for layer in self.trace.layers
            ],
        }


def legal_share(probabilities: Array, legal: Array) -> Array:
    """(time,) the probability on legal symbols; NaN where no symbol is legal.

    Args:
        probabilities: (time, symbols).
        legal: (time, symbols) bool.
    """
    share = np.where(legal, probabilities, 0.0).sum(axis=1)
    return np.where(legal.any(axis=1), share, np.nan)
