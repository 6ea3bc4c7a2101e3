"""What can be chosen on the dynamics page."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Literal

from rnn_explorer.analysis.dynamics.record import FixedPointOptions, PerturbOptions
from rnn_explorer.trace import Snapshot
from rnn_explorer.views.selection import Selection, option

_STATE = re.compile(r"([0-9]{1,6}), ([0-9]{1,6})")
_POINT = re.compile(r"point ([0-9]{1,6})")


@dataclass(frozen=True)
class DynamicsSelection(Selection):
    """What is shown of the dynamics.

    Attributes:
        dims: 2 or 3 axes.
        find: the search that was asked for, as `SearchRequest.write` writes it; "": none.
        refresh: seconds between two searches while the model learns; 0: only where one is asked for.
        inits: searches in all.
        pick: the chosen state, "3, 7" for step 7 of sequence 3, or "point 4"; all from 1.
        kick: how far it is kicked, in units of the states' spread.
        input: the constant input, numbers with commas between; "": zeros.
    """

    dims: Literal[2, 3] = 2
    find: str = ""
    refresh: Literal[0, 5, 15] = 0
    inits: int = option(FixedPointOptions, "inits")
    pick: str = ""
    kick: float = option(PerturbOptions, "size", opens=0.5)
    input: str = ""

    def fit(self, snapshot: Snapshot) -> DynamicsSelection:
        fitted = super().fit(snapshot)
        state = fitted.state()
        if state is not None:
            lengths = snapshot.trace.lengths
            there = state[0] < len(lengths) and state[1] < lengths[state[0]]
            fitted = fitted if there else dataclasses.replace(fitted, pick="")
        return fitted

    def state(self) -> tuple[int, int] | None:
        """Sequence and step of the chosen state, from 0."""
        found = _STATE.fullmatch(self.pick)
        pair = (int(found[1]) - 1, int(found[2]) - 1) if found else (-1, -1)
        return pair if min(pair) >= 0 else None

    def point(self) -> int | None:
        """The number of the chosen point, from 0."""
        found = _POINT.fullmatch(self.pick)
        return int(found[1]) - 1 if found and int(found[1]) else None

    def held(self, snapshot: Snapshot) -> list[float] | None:
        """The constant input; None where it is zeros, or does not suit the task."""
        inputs = snapshot.trace.inputs
        wanted = 1 if inputs.ndim == 2 else inputs.shape[-1]
        try:
            numbers = [float(word) for word in self.input.split(",")] if self.input else []
        except ValueError:
            return None
        return numbers if len(numbers) == wanted and all(map(math.isfinite, numbers)) else None

    def constant(self, snapshot: Snapshot) -> tuple[float, ...] | None:
        """The constant input as analyses take it: zeros, in whatever way they are chosen, are None."""
        held = self.held(snapshot)
        symbols = snapshot.trace.inputs.ndim == 2
        return None if held is None or not (symbols or any(held)) else tuple(held)
