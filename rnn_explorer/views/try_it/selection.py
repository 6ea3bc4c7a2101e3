"""What can be chosen on the page to try a model out."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

from rnn_explorer.analysis.generate.record import ClosedLoopOptions, SampleOptions
from rnn_explorer.trace import LayerTrace, Snapshot
from rnn_explorer.views.selection import Selection, option

BEST = -1  # as a unit: the one that goes best with the chosen feature
STRONGEST = ""  # as a feature: the one that some unit follows most closely


@dataclass(frozen=True)
class TrySelection(Selection):
    """What is tried.

    Attributes:
        unit: from 0; -1 for the one that goes best with `feature`.
        mode: sequences of the task, or one of one's own.
        own: that one, as JSON: a text, or numbers by time step.
        prefix: what the model reads before it writes.
        temperature: of its draws.
        again: how often a new sample was asked for.
        steps: of the free run.
        begin: it begins after a "sequence" of the task, or near the "end" of the series that this is of.
        back: how many steps before that end.
        value: which of the values at a step is drawn, from 0.
        feature: of the text; units are sought that go with it. "" for the one that some unit follows most closely.
        quantity: the state or gate that colors the text.
    """

    unit: int = BEST
    mode: Literal["task", "own"] = "task"
    own: str = ""
    prefix: str = ""
    temperature: float = option(SampleOptions, "temperature", opens=0.8)
    again: int = 0
    steps: int = option(ClosedLoopOptions, "steps")
    begin: Literal["sequence", "end"] = "sequence"
    back: int = option(ClosedLoopOptions, "back", opens=0)
    value: int = 0
    feature: str = STRONGEST
    quantity: str = "hidden"

    @classmethod
    def lowest_unit(cls) -> int:
        return BEST

    def fit(self, snapshot: Snapshot) -> TrySelection:
        fitted = super().fit(snapshot)
        trace = snapshot.trace
        known = quantities(trace.layer(fitted.layer, fitted.direction))
        values = trace.inputs.shape[2] if trace.inputs.ndim == 3 else 1
        return dataclasses.replace(
            fitted,
            again=max(self.again, 0),
            value=min(max(self.value, 0), values - 1),
            quantity=self.quantity if self.quantity in known else "hidden",
        )

    def values(self) -> Any:
        """The own sequence as the analysis takes it; None where there is none, or the text makes no sense."""
        try:
            given = json.loads(self.own or "null")
        except (ValueError, RecursionError):
            return None
        return given if isinstance(given, (str, list)) and given else None


def quantities(layer: LayerTrace) -> tuple[str, ...]:
    """The states and gates that can color a text."""
    return (*layer.states, *layer.gates)
