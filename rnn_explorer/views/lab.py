"""The lab's view: the learning curves, what the model says, its states, their path, and every gate."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from rnn_explorer.analysis import projection
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.curves import curves
from rnn_explorer.figures.gates import gates
from rnn_explorer.figures.lab.gate_lines import gate_lines
from rnn_explorer.figures.lab.gate_saturation import gate_saturation
from rnn_explorer.figures.lab.state_trajectory import state_trajectory
from rnn_explorer.figures.lab.unrolled import unrolled
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.figures.states import states
from rnn_explorer.trace import Explanation, LayerTrace, Snapshot
from rnn_explorer.views.base import (
    VIEWS,
    AnalysisRequest,
    Control,
    View,
    ViewState,
    common_controls,
    shown_layer,
)
from rnn_explorer.views.selection import Selection

_LAYER = ("layer", "direction")
CURVES_EVERY = 0.13  # seconds between two drawings of the curves while they grow; the page draws them as seldom
REFIT = 0.5  # seconds between two fits of the path's axes while training: a fit of 128 units costs milliseconds


@dataclass(frozen=True)
class LabSelection(Selection):
    """What the lab's figures show.

    Attributes:
        gates: what the layer's inside is shown as: "unrolled", "maps", "unit" or "saturation"; "" is the layer unrolled
            for a cell without gates, whose only other map is that of its hidden state, and maps for others.
        log: whether the loss has a logarithmic axis.
        dims: 2 or 3 dimensions of the hidden state's path.
        color: the path colored by "time" or by "class".
        axes: whether the ends of the path's axes "fit" what is drawn, or are "kept", so that moments can be compared.
    """

    gates: Literal["", "unrolled", "maps", "unit", "saturation"] = ""
    log: bool = False
    dims: Literal[2, 3] = 2
    color: Literal["time", "class"] = "time"
    axes: Literal["fit", "keep"] = "fit"

    def fit(self, snapshot: Snapshot) -> Self:
        fitted = super().fit(snapshot)
        gated = any(layer.bounded for layer in snapshot.trace.layers)
        return dataclasses.replace(fitted, gates=fitted.gates or ("maps" if gated else "unrolled"))


@VIEWS.register("lab")
class LabView(View):
    """Five figures that show one run from outside and inside."""

    name = "lab"
    selection_class = LabSelection
    rows = "1fr 1fr 1.1fr"
    spans = {"gates": (6, 1)}
    usual = ("curves", "prediction", "states", "state_trajectory", "gates")
    film = {
        "curves": (({}, ("log",)),),
        "prediction": (({}, ("sequence",)),),
        "states": (({}, (*_LAYER, "sequence")),),
        "state_trajectory": (({}, (*_LAYER, "sequence", "dims", "color", "axes")),),
        "gates": (
            ({"gates": "unit"}, (*_LAYER, "sequence", "gates", "unit")),
            ({"gates": "saturation"}, (*_LAYER, "gates", "unit")),
            ({}, (*_LAYER, "sequence", "gates")),
        ),
    }

    def __init__(self, selection: LabSelection) -> None:
        super().__init__(selection)
        self._basis: projection.Basis | None = None
        self._fitted, self._fitted_step = -math.inf, -1
        self._limits: Any = None
        self._layer: tuple[int, str, int] | None = None
        self._answered: tuple[int, Figure] | None = None
        self._drawn: tuple[tuple[Any, ...], float, Figure] | None = None  # the newest curves, of what and when

    def tools(self, state: ViewState) -> list[Control]:
        tools = common_controls(state)
        tools.append(Control("log", "toggle", "Logarithmic axis for the loss", "curves", "log scale"))
        tools.append(
            Control("dims", "select", "Dimensions of the path", "state_trajectory", options=((2, "2D"), (3, "3D")))
        )
        if state.view.snapshot is not None and state.view.snapshot.label_names:
            colors = (("time", "color: time"), ("class", "color: class"))
            tools.append(Control("color", "select", "What the colors mean", "state_trajectory", options=colors))
        ends = (("fit", "axes fitted"), ("keep", "axes kept"))
        tools.append(
            Control(
                "axes", "select", "Whether the path's axes fit each moment or stay", "state_trajectory", options=ends
            )
        )
        ways = (
            ("unrolled", "unrolled"),
            ("maps", "all units"),
            ("unit", "one unit, as lines"),
            ("saturation", "saturation"),
        )
        tools.append(Control("gates", "select", "How the inside of the layer is shown", "gates", options=ways))
        return tools

    def analyses(self, state: ViewState) -> list[AnalysisRequest]:
        if self._basis is None and not state.past and state.view.snapshot is not None:
            # Who begins in the past, such as an export, draws nothing of the living model, whose axes are the run's.
            chosen = self.fitted(state)
            self._path(state, state.view.snapshot, shown_layer(state, chosen)[0], chosen)
        return []

    def panels(self, state: ViewState) -> list[Figure]:
        names = self.usual if state.view.snapshot is not None else ("curves",)
        return [self.panel(state, name) for name in names]

    def panel(self, state: ViewState, name: str) -> Figure:
        if name == "curves":
            return self._curves(state)
        snapshot, chosen = state.view.snapshot, self.fitted(state)
        assert snapshot is not None
        if name == "prediction":
            return self._answer(state, snapshot.explanations[chosen.sequence], chosen.sequence)
        layer, length = shown_layer(state, chosen)
        if name == "states":
            return states(layer, chosen.sequence, length)
        if name == "state_trajectory":
            return self._path(state, snapshot, layer, chosen)
        return _inside(layer, length, snapshot, chosen)

    def _curves(self, state: ViewState) -> Figure:
        """The curves, which change least from one frame to the next: while they grow, not for every frame."""
        kind = (state.view.run_id, state.view.status, state.past, self.selection.log, len(state.others))
        now = time.monotonic()
        if self._drawn is None or kind != self._drawn[0] or not _grows(state) or now - self._drawn[1] >= CURVES_EVERY:
            self._drawn = kind, now, curves_of(state, self.selection.log)
        return self._drawn[2]

    def _answer(self, state: ViewState, explanation: Explanation, sequence: int) -> Figure:
        before = self._answered[1] if self._answered and self._answered[0] == sequence and _moves(state) else None
        made = prediction(explanation, state.view.experiment.model.cell, before)
        self._answered = sequence, made
        return made

    def _path(self, state: ViewState, snapshot: Snapshot, layer: LayerTrace, chosen: LabSelection) -> Figure:
        hidden, lengths = layer.states["hidden"], snapshot.trace.lengths
        basis = self._axes(state, snapshot, layer)
        projected = projection.project(basis, hidden)
        # A state too large for single precision along one axis is not drawn along the others either.
        projected[~np.isfinite(projected).all(axis=-1)] = np.nan
        # While the model learns the ends only go outwards; a past step that fits its own leaves those of today alone.
        outwards = state.view.status == "training" and not state.past
        ends = projection.limits(projected, self._limits if outwards or chosen.axes == "keep" else None, lengths)
        if not state.past or chosen.axes == "keep":
            self._limits = ends
        return state_trajectory(
            projected,
            lengths,
            projection.explained(basis, hidden, lengths),
            snapshot.labels,
            snapshot.label_names,
            chosen.sequence,
            color_by=chosen.color,
            dims=chosen.dims,
            limits=ends,
        )

    def _axes(self, state: ViewState, snapshot: Snapshot, layer: LayerTrace) -> projection.Basis:
        """One basis for a run, so that its moments compare: it follows the living model and rests in the past."""
        shown = (layer.layer, layer.direction, layer.hidden_size)
        if shown != self._layer:  # another layer has another space
            self._layer, self._basis, self._limits = shown, None, None
        basis, now = self._basis, time.monotonic()
        rested = now - self._fitted > REFIT or state.view.status != "training"
        if basis is None or (not state.past and snapshot.step != self._fitted_step and rested):
            fresh = projection.fit(layer.states["hidden"], lengths=snapshot.trace.lengths)
            basis = self._basis = fresh if basis is None else projection.align(fresh, basis)
            self._fitted, self._fitted_step = now, snapshot.step
        return basis


def _inside(layer: LayerTrace, length: int, snapshot: Snapshot, chosen: LabSelection) -> Figure:
    """The inside of the layer, in the way that is chosen."""
    trace = snapshot.trace
    if chosen.gates == "unit":
        return gate_lines(layer, chosen.sequence, length, chosen.unit)
    if chosen.gates == "saturation":
        return gate_saturation(layer, trace.lengths, chosen.unit)
    inputs, explanation = trace.inputs[chosen.sequence], snapshot.explanations[chosen.sequence]
    if chosen.gates == "" or chosen.gates == "unrolled":
        return unrolled(layer, chosen.sequence, length, inputs, explanation)
    return gates(layer, chosen.sequence, length, inputs, explanation.symbols)


def _grows(state: ViewState) -> bool:
    """Whether the living model learns on so fast that the next frame comes at once, and is looked at."""
    return state.view.status == "training" and not state.past and state.view.steps_per_second > 1 / CURVES_EVERY


def _moves(state: ViewState) -> bool:
    """Whether the picture moves, so that its axes had better not."""
    return state.view.status == "training" or state.past


def curves_of(state: ViewState, log: bool = False) -> Figure:
    """The learning curves of a run, with those of its other branches, and where the person looks."""
    view = state.view
    baseline = view.baseline
    return curves(
        view.train,
        view.validation,
        baseline.loss if baseline else math.nan,
        baseline.metric if baseline else math.nan,
        baseline.how if baseline else "",
        view.metric_name,
        view.experiment.model.cell,
        log=log,
        test={"loss": view.test[0], "metric": view.test[1]} if view.test else None,
        at=state.step if state.past else None,
        others=state.others,
        marks=view.marks,
    )
