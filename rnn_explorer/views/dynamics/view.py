"""The view: the state space with its fixed points, eigenvalues, flow, and what all that means."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import Perturbation, Spectrum, Trajectories
from rnn_explorer.analysis.dynamics.space import LayerRef, Space
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.dynamics.dynamics_path import dynamics_path, extent
from rnn_explorer.figures.dynamics.eigenvalues import at_point, at_state, eigenvalues, limit_of
from rnn_explorer.figures.dynamics.findings import dynamics_findings
from rnn_explorer.figures.dynamics.flow import flow
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.trace import Array
from rnn_explorer.views.base import VIEWS, AnalysisRequest, Control, View, ViewState, common_controls
from rnn_explorer.views.dynamics.search import PRESENT, SearchRequest
from rnn_explorer.views.dynamics.selection import DynamicsSelection

KICKED_STEPS = 100  # steps that a kicked state is followed
SETTLE = 0.4  # seconds for which the input and the past step must stand still before a search begins
RELAY = 1.0  # seconds between two planes that the flow is asked for while the paths move
_SHARED = ("layer", "direction")
_ANSWERS = ("trajectories", "points", "flow", "spectrum", "kicked")


@VIEWS.register("dynamics")
class DynamicsView(View):
    """The state space with its fixed points; beside it eigenvalues and flow; below, what all that means."""

    name = "dynamics"
    selection_class = DynamicsSelection
    rows = "1fr 1fr minmax(5rem, max-content)"
    spans = {"dynamics": (4, 2), "eigenvalues": (2, 1), "flow": (2, 1), "found": (6, 1)}
    least_height = 575
    usual = ("dynamics", "eigenvalues", "flow", "found")

    def __init__(self, selection: DynamicsSelection) -> None:
        super().__init__(selection)
        self._place: tuple[Any, ...] = ()
        self._fitted: Trajectories | None = None
        self._space: Space | None = None
        self._limits: Array | None = None
        self._reach = 0.0
        self._plane: dict[str, Any] = {}
        self._laid = -math.inf
        self._points: FixedPoints | None = None  # the last that were found, which stay until others are
        self._done = ""  # the search that they answer

    def tools(self, state: ViewState) -> list[Control]:
        tools = [tool for tool in common_controls(state, unit=False) if tool.field in _SHARED]
        often = ((0, "only when asked"), (5, "every 5 s"), (15, "every 15 s"))
        find = "Search for states that one time step leaves where they are"
        again = (self._search_now(state).write(), "")
        place = "dynamics"
        tools += [
            Control("find", "button", find, place, "Find fixed points", options=(again,)),
            Control("refresh", "select", "When to search again while it learns", place, options=often),
            Control.of(DynamicsSelection, "inits", place),
        ]
        if self._space is None or len(self._space.names) > 2:
            tools.append(Control("dims", "select", "Dimensions of the picture", place, options=((2, "2D"), (3, "3D"))))
        if self.fitted(state).pick:
            tools.append(Control.of(DynamicsSelection, "kick", "found"))
            tools.append(
                Control("pick", "button", "Choose nothing", "found", "Clear the choice", options=(("", "Clear"),))
            )
        return tools

    def analyses(self, state: ViewState) -> list[AnalysisRequest]:
        chosen, snapshot = self.fitted(state), state.view.snapshot
        assert snapshot is not None
        place = {"layer": chosen.layer, "direction": chosen.direction}
        held = chosen.constant(snapshot)
        about = {**place, "input": None if held is None else list(held)}
        requests = [AnalysisRequest("trajectories", "trajectories", place)]
        paths = _about_this(state.result("trajectories").value, chosen)
        self._keep(state)
        points = None if self._stale(state) else _about_this(self._points, chosen)
        if paths is not None:
            self._follow(paths, points, self._kicked(state))
            requests.append(AnalysisRequest("flow", "flow", {**about, **self._plane_of(state)}, every=1.0))
        search, title = SearchRequest.read(chosen.find), "Searching fixed points"
        if chosen.refresh:
            options = {**about, "inits": chosen.inits}
            requests.append(
                AnalysisRequest("points", "fixed_points", options, chosen.find, chosen.refresh, SETTLE, title)
            )
        elif (
            search is not None and chosen.find != self._done and search.past == (state.step if state.past else PRESENT)
        ):
            requests.append(
                AnalysisRequest("points", "fixed_points", search.options(), chosen.find, math.inf, SETTLE, title)
            )
        kick = {**about, "size": chosen.kick, "steps": KICKED_STEPS}
        picked, index = chosen.state(), chosen.point()
        if picked is not None:
            at = {"sequence": picked[0], "time": picked[1]}
            requests.append(AnalysisRequest("spectrum", "spectrum", {**about, **at}, every=1.0))
            requests.append(AnalysisRequest("kicked", "perturb", {**kick, **at}, every=1.0))
        elif points is not None and index is not None and index < len(points):
            requests.append(
                AnalysisRequest("kicked", "perturb", {**kick, "state": points.points[index].tolist()}, every=1.0)
            )
        return requests

    def panels(self, state: ViewState) -> Sequence[Figure | TextPanel]:
        if state.view.snapshot is None:
            return [dynamics_path(None), eigenvalues(np.zeros(0)), flow(None), dynamics_findings(None, None, None)]
        chosen = self.fitted(state)
        # Right after another layer is chosen, answers may still be about the last one.
        known = {name: _about_this(state.result(name).value, chosen) for name in _ANSWERS}
        self._keep(state)
        stale = self._stale(state)
        paths: Trajectories | None = known["trajectories"]
        points: FixedPoints | None = _about_this(self._points, chosen)
        current = None if stale else points
        kicked = self._kicked(state)
        index = chosen.point()
        if current is None or index is None or index >= len(current):
            index = None
        if chosen.state() is None and index is None:
            kicked = None
        if paths is not None:
            self._follow(paths, points, kicked)
        ring = None
        if paths is not None and (picked := chosen.state()) is not None:
            ring = paths.states[picked].astype(np.float64)
        elif current is not None and index is not None:
            ring = current.points[index]
        whole = self._space is not None and len(self._space.names) < 3
        return [
            dynamics_path(
                paths,
                points,
                kicked,
                stale=stale,
                dims=2 if whole else chosen.dims,
                space=self._space,
                limits=self._limits,
                chosen=ring,
                searching=state.result("points").pending,
            ),
            self._eigenvalues(current, known["spectrum"] if chosen.state() is not None else None, index),
            flow(known["flow"], paths, current, chosen=ring),
            dynamics_findings(points, kicked, index, stale),
        ]

    def _search_now(self, state: ViewState) -> SearchRequest:
        """The search that the button starts now."""
        chosen, last = self.fitted(state), SearchRequest.read(self.selection.find)
        assert state.view.snapshot is not None
        return SearchRequest(
            1 if last is None else (last.number + 1) % 10**9,
            state.step if state.past else PRESENT,
            chosen.layer,
            chosen.direction,
            chosen.inits,
            chosen.constant(state.view.snapshot),
        )

    def _keep(self, state: ViewState) -> None:
        """Keep what was found: the search is made once, and its result shown until there is another one."""
        found: FixedPoints | None = state.result("points").value
        if found is None:
            return
        self._points = found
        search = SearchRequest.read(self.selection.find)
        if search is not None and search.answered_by(found):
            self._done = self.selection.find

    def _stale(self, state: ViewState) -> str:
        """Why the points that were found last hold no longer; "" where they do, or there are none."""
        points, snapshot = self._points, state.view.snapshot
        if points is None or snapshot is None:
            return ""
        chosen = self.fitted(state)
        if points.held.values != chosen.constant(snapshot):
            return f"under {points.held.words}, and another input is held now"
        if points.place.step != state.step and not (
            chosen.refresh and state.view.status == "training" and not state.past
        ):
            return f"at optimizer step {points.place.step}, and the model is at optimizer step {state.step} now"
        return ""

    def _kicked(self, state: ViewState) -> Perturbation | None:
        """What became of a kicked state, if it was kicked under the input that is held now."""
        chosen, snapshot = self.fitted(state), state.view.snapshot
        found: Perturbation | None = _about_this(state.result("kicked").value, chosen) if chosen.pick else None
        if found is None or snapshot is None:
            return None
        return found if found.held.values == chosen.constant(snapshot) else None

    def _follow(self, paths: Trajectories, points: FixedPoints | None, kicked: Perturbation | None) -> None:
        """Axes that turn and grow with the states, and jump only when another layer is shown."""
        place = _key(paths.place)
        if place != self._place:
            self._place, self._fitted, self._space, self._limits, self._reach = place, None, None, None, 0.0
            self._plane = {}
        if paths is not self._fitted:
            old, new = self._space, paths.space
            if old is not None and not new.whole:
                new = Space(projection.align(new.basis, old.basis), new.names)
            self._fitted, self._space = paths, new
        assert self._space is not None
        self._limits = extent(self._space, paths, points, kicked, self._limits)

    def _eigenvalues(self, points: FixedPoints | None, spectrum: Spectrum | None, index: int | None) -> Figure:
        if spectrum is not None:
            self._reach = max(self._reach, limit_of(spectrum.eigenvalues))
            return at_state(spectrum, self._reach)
        if points is None or not len(points):
            return eigenvalues(np.zeros(0))
        self._reach = max(self._reach, limit_of(points.eigenvalues))
        return at_point(points, index or 0, self._reach)

    def _plane_of(self, state: ViewState) -> dict[str, Any]:
        """Options of the flow: the plane and the ends of the axes that the paths are drawn in.

        They change with every new result about the trajectories, and an analysis whose options change is made anew; so
        the plane follows only now and then while it learns, and never while the flow is on its way.
        """
        assert self._space is not None and self._limits is not None
        now = time.monotonic()
        rested = now - self._laid > RELAY or state.view.status != "training"
        if not self._plane or (rested and not state.result("flow").pending):
            basis = self._space.basis
            plane = {"limits": self._limits[:2].tolist()}
            if not self._space.whole:
                plane |= {"mean": basis.mean.round(6).tolist(), "components": basis.components.round(6).tolist()}
            if plane != self._plane:
                self._plane, self._laid = plane, now
        return self._plane


def _key(place: LayerRef) -> tuple[Any, ...]:
    return place.layer, place.direction, place.size


def _about_this(record: Any, chosen: DynamicsSelection) -> Any:
    """An answer, where it is about the layer that is chosen."""
    if record is None or (record.place.layer, record.place.direction) != (chosen.layer, chosen.direction):
        return None
    return record
