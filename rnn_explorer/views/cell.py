"""The cell's view: one cell with the numbers of one step on its wires, its equations, and what would happen if."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis.cell_internals.record import CellInternals, CellOptions, EditOptions, WhatIf
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.cell.cell_drawing import cell_drawing
from rnn_explorer.figures.cell.over_time import over_time
from rnn_explorer.figures.cell.what_if import what_if, what_if_answer
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.figures.states import states
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.trace import Array, Snapshot
from rnn_explorer.views.base import (
    VIEWS,
    AnalysisRequest,
    Control,
    View,
    ViewState,
    common_controls,
    shown_layer,
)
from rnn_explorer.views.selection import Selection, option

MEAN = -1  # as a unit: the mean over all
MOST_ACTIVE = -2  # as a unit: one that moves, while the user has chosen none
MIDDLE = 0  # as a step: one in the middle of the sequence, while the user has chosen none
_DULL = 0.25  # of the most active unit's spread, below which another unit is opened
EDITS = tuple(spec.name for spec in EditOptions.specs())


@dataclass(frozen=True)
class CellSelection(Selection):
    """What is shown of the cell.

    Attributes:
        unit: from 0; -1 for the mean over all units, -2 for one that the view opens.
        time: the step, from 1; 0 for one that the view opens.
        view: the cell at that step, or repeated over the steps around it.
        change: what is to be different, as JSON: an object with some of `EDITS`, the options of `what_if` for that;
            "" for nothing. Addresses once called `clamp` "force".
    """

    unit: int = option(CellOptions, "unit", opens=MOST_ACTIVE)
    time: int = MIDDLE
    view: Literal["single", "unrolled"] = "single"
    change: str = ""

    @classmethod
    def lowest_unit(cls) -> int:
        return MEAN

    def fit(self, snapshot: Snapshot) -> CellSelection:
        fitted = super().fit(snapshot)
        length = int(snapshot.trace.lengths[fitted.sequence])
        unit = MOST_ACTIVE if self.unit == MOST_ACTIVE else fitted.unit
        time = MIDDLE if self.time == MIDDLE else min(max(fitted.time, 1), length)
        return dataclasses.replace(fitted, unit=unit, time=time)

    def edits(self) -> dict[str, Any]:
        """The options of `what_if` that change something; empty where nothing is changed or the text makes no sense."""
        try:
            edits = json.loads(self.change or "{}")
        except (ValueError, RecursionError):
            return {}
        if not isinstance(edits, dict):
            return {}
        edits = {"clamp": edits.get("force"), **edits}
        return {name: edits[name] for name in EDITS if isinstance(edits.get(name), list) and edits[name]}


def lively_step(values: Array) -> int:
    """The step, from 1, of a sequence's middle third at which a unit changes most.

    Args:
        values: (time,) at least one.
    """
    length = len(values)
    first, last = length // 3, max(-(-2 * length // 3), length // 3 + 1)
    change = np.abs(np.diff(values, prepend=0.0))[first:last]
    change = np.nan_to_num(change, nan=0.0, posinf=0.0)
    return first + 1 + int(change.argmax())


@VIEWS.register("cell")
class CellView(View):
    """The drawing above; below it the sequence and the gates, or what has changed."""

    name = "cell"
    selection_class = CellSelection
    rows = "1.75fr 1fr"
    spans = {"cell": (6, 1)}
    least_height = 660
    usual = ("cell", "prediction", "states")

    def __init__(self, selection: CellSelection) -> None:
        super().__init__(selection)
        self._opened: dict[tuple[int, str], int] = {}  # layer and direction -> the unit
        self._step: dict[tuple[int, str, int, int], int] = {}  # these, unit and sequence -> the step

    def fitted(self, state: ViewState) -> CellSelection:
        """The selection with the unit and the step that are opened where the user has chosen none; these stay."""
        chosen: CellSelection = super().fitted(state)
        if chosen.unit != MOST_ACTIVE and chosen.time != MIDDLE:
            return chosen
        layer, length = shown_layer(state, chosen)
        hidden = layer.states["hidden"][chosen.sequence, :length].astype(np.float64)  # (time, hidden)
        place = (chosen.layer, chosen.direction)
        unit = chosen.unit
        if unit == MOST_ACTIVE:
            spread = np.nan_to_num(np.ptp(hidden, axis=0), nan=0.0, posinf=0.0)  # (hidden,)
            unit = self._opened.get(place, -1)
            if not 0 <= unit < len(spread) or spread[unit] < _DULL * spread.max():
                unit = self._opened[place] = int(spread.argmax())
        time = chosen.time
        if time == MIDDLE:
            if (*place, unit, chosen.sequence) not in self._step:
                values = hidden.mean(axis=1) if unit == MEAN else hidden[:, unit]
                self._step[(*place, unit, chosen.sequence)] = lively_step(values)
            time = min(self._step[(*place, unit, chosen.sequence)], length)
        return dataclasses.replace(chosen, unit=unit, time=time)

    def tools(self, state: ViewState) -> list[Control]:
        chosen = self.fitted(state)
        _, length = shown_layer(state, chosen)
        assert state.view.snapshot is not None
        units = state.view.snapshot.trace.layers[0].hidden_size
        named = ((MEAN, "mean over units"), *((unit, f"unit {unit}") for unit in range(units)))
        views = (("single", "one time step"), ("unrolled", "unrolled over time"))
        return [
            *common_controls(state, unit=False),
            Control.of(CellSelection, "unit", options=named),
            Control(
                "time",
                "range",
                "The time step that is drawn (or click one in a figure)",
                "cell",
                "t",
                low=1,
                high=length,
            ),
            Control("view", "select", "How the cell is drawn", "cell", options=views),
        ]

    def analyses(self, state: ViewState) -> list[AnalysisRequest]:
        chosen = self.fitted(state)
        where = {"sequence": chosen.sequence, "layer": chosen.layer, "direction": chosen.direction}
        unit = None if chosen.unit == MEAN else chosen.unit
        requests = [AnalysisRequest("cell_internals", "cell_internals", {**where, "unit": unit}, every=0.15)]
        edits = chosen.edits()
        if edits:
            requests.append(AnalysisRequest("what_if", "what_if", {**where, "unit": unit, **edits}, every=0.4))
        return requests

    def panels(self, state: ViewState) -> Sequence[Figure | SvgPanel]:
        if state.view.snapshot is None:
            return [cell_drawing(None)]
        chosen = self.fitted(state)
        report: CellInternals | None = state.result("cell_internals").value
        result: WhatIf | None = state.result("what_if").value if chosen.edits() else None
        if result is not None and not state.result("what_if").error:
            report = result.internals
        top = cell_drawing(report, chosen.time - 1, chosen.view)
        return [top, *(self._changed(state, chosen) if chosen.edits() else self._as_it_is(state, chosen))]

    def _as_it_is(self, state: ViewState, chosen: CellSelection) -> list[Figure]:
        """The sequence with what is said of it, and the chosen unit over time, or all units where none is chosen."""
        assert state.view.snapshot is not None
        explanation = state.view.snapshot.explanations[chosen.sequence]
        layer, length = shown_layer(state, chosen)
        report: CellInternals | None = state.result("cell_internals").value
        if chosen.unit == MEAN or report is None:
            second = states(layer, chosen.sequence, length)
        else:
            second = over_time(report)
        return [prediction(explanation, state.view.experiment.model.cell), second]

    def _changed(self, state: ViewState, chosen: CellSelection) -> list[Figure]:
        result: WhatIf | None = state.result("what_if").value
        unit = None if chosen.unit == MEAN else chosen.unit
        return [what_if(result, unit), what_if_answer(result)]
