"""The dynamics page's view: where states rest, how they move near there, and where a kicked one goes."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import (
    FixedPointOptions,
    Perturbation,
    PerturbOptions,
    Spectrum,
    Trajectories,
)
from rnn_explorer.analysis.dynamics.space import LayerRef, Space
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.dynamics.dynamics_path import dynamics_path, extent
from rnn_explorer.figures.dynamics.eigenvalues import at_point, at_state, eigenvalues, limit_of
from rnn_explorer.figures.dynamics.findings import dynamics_findings
from rnn_explorer.figures.dynamics.flow import flow
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.trace import Array, Snapshot
from rnn_explorer.views.base import VIEWS, AnalysisRequest, Control, Selection, View, ViewState, common_controls, option

KICKED_STEPS = 100  # steps that a kicked state is followed
SETTLE = 0.4  # seconds for which the input and the past step must stand still before a search begins
_STATE = re.compile(r"([0-9]{1,6}), ([0-9]{1,6})")
_POINT = re.compile(r"point ([0-9]{1,6})")
_STARTS = "|".join(map(str, FixedPointOptions.spec("inits").offered))
_SEARCH = re.compile(rf"([0-9]{{1,9}});(-1|[0-9]{{1,9}});([0-9]{{1,3}});(forward|backward);({_STARTS});(.{{0,4000}})")
_SHARED = ("layer", "direction")
_ANSWERS = ("trajectories", "points", "flow", "spectrum", "kicked")
PRESENT = -1  # as the step of a search: the living model
RELAY = 1.0  # seconds between two planes that the flow is asked for while the paths move


@dataclass(frozen=True)
class DynamicsSelection(Selection):
    """What is shown of the dynamics.

    Attributes:
        dims: 2 or 3 axes.
        find: the search that was asked for, as `SearchFor.write` writes it; "": none.
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


@dataclass(frozen=True)
class SearchFor:
    """What a search was asked for: so another input, layer or step is searched only when the user asks again.

    Attributes:
        number: counts the searches, so that the same can be asked for again.
        past: the step of the past that is searched; -1 for the present.
        layer, direction, inits: as in the selection.
        input: as the analysis takes it.
    """

    number: int
    past: int
    layer: int
    direction: str
    inits: int
    input: tuple[float, ...] | None

    def write(self) -> str:
        """As a text that `read` reads."""
        held = "" if self.input is None else ",".join(map(repr, self.input))
        return f"{self.number};{self.past};{self.layer};{self.direction};{self.inits};{held}"

    @classmethod
    def read(cls, text: str) -> SearchFor | None:
        """None for a text that is none of `write`'s."""
        found = _SEARCH.fullmatch(text)
        if found is None:
            return None
        number, past, layer, direction, inits, held = found.groups()
        try:
            values = tuple(float(word) for word in held.split(",")) if held else None
        except ValueError:
            return None
        if values is not None and not all(map(math.isfinite, values)):
            return None
        return cls(int(number), int(past), int(layer), direction, int(inits), values)

    def options(self) -> dict[str, Any]:
        """Of the analysis `fixed_points`."""
        held = None if self.input is None else list(self.input)
        return {"layer": self.layer, "direction": self.direction, "input": held, "inits": self.inits}

    def answered_by(self, points: FixedPoints) -> bool:
        """Whether these points are what was asked for."""
        place = points.place
        mine = (self.layer, self.direction, self.inits, self.input)
        return mine == (place.layer, place.direction, points.inits, points.held.values)


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

    def tools(self, seen: ViewState) -> list[Control]:
        tools = [tool for tool in common_controls(seen, unit=False) if tool.field in _SHARED]
        often = ((0, "only when asked"), (5, "every 5 s"), (15, "every 15 s"))
        find = "Search for states that one time step leaves where they are"
        again = (self._asked_for(seen).write(), "")
        place = "dynamics"
        tools += [
            Control("find", "button", find, place, "Find fixed points", options=(again,)),
            Control("refresh", "select", "When to search again while it learns", place, options=often),
            Control.of(DynamicsSelection, "inits", place),
        ]
        if self._space is None or len(self._space.names) > 2:
            tools.append(Control("dims", "select", "Dimensions of the picture", place, options=((2, "2D"), (3, "3D"))))
        if self.fitted(seen).pick:
            tools.append(Control.of(DynamicsSelection, "kick", "found"))
            tools.append(
                Control("pick", "button", "Choose nothing", "found", "Clear the choice", options=(("", "Clear"),))
            )
        return tools

    def analyses(self, seen: ViewState) -> list[AnalysisRequest]:
        chosen, snapshot = self.fitted(seen), seen.view.snapshot
        assert snapshot is not None
        place = {"layer": chosen.layer, "direction": chosen.direction}
        held = chosen.constant(snapshot)
        about = {**place, "input": None if held is None else list(held)}
        asked = [AnalysisRequest("trajectories", "trajectories", place)]
        paths = _about_this(seen.result("trajectories").value, chosen)
        self._keep(seen)
        points = None if self._stale(seen) else _about_this(self._points, chosen)
        if paths is not None:
            self._follow(paths, points, self._kicked(seen))
            asked.append(AnalysisRequest("flow", "flow", {**about, **self._plane_of(seen)}, every=1.0))
        search, title = SearchFor.read(chosen.find), "Searching fixed points"
        if chosen.refresh:
            options = {**about, "inits": chosen.inits}
            asked.append(AnalysisRequest("points", "fixed_points", options, chosen.find, chosen.refresh, SETTLE, title))
        elif search is not None and chosen.find != self._done and search.past == (seen.step if seen.past else PRESENT):
            asked.append(
                AnalysisRequest("points", "fixed_points", search.options(), chosen.find, math.inf, SETTLE, title)
            )
        kick = {**about, "size": chosen.kick, "steps": KICKED_STEPS}
        state, index = chosen.state(), chosen.point()
        if state is not None:
            at = {"sequence": state[0], "time": state[1]}
            asked.append(AnalysisRequest("spectrum", "spectrum", {**about, **at}, every=1.0))
            asked.append(AnalysisRequest("kicked", "perturb", {**kick, **at}, every=1.0))
        elif points is not None and index is not None and index < len(points):
            asked.append(
                AnalysisRequest("kicked", "perturb", {**kick, "state": points.points[index].tolist()}, every=1.0)
            )
        return asked

    def panels(self, seen: ViewState) -> Sequence[Figure | TextPanel]:
        if seen.view.snapshot is None:
            return [dynamics_path(None), eigenvalues(np.zeros(0)), flow(None), dynamics_findings(None, None, None)]
        chosen = self.fitted(seen)
        # Right after another layer is chosen, answers may still be about the last one.
        known = {name: _about_this(seen.result(name).value, chosen) for name in _ANSWERS}
        self._keep(seen)
        stale = self._stale(seen)
        paths: Trajectories | None = known["trajectories"]
        points: FixedPoints | None = _about_this(self._points, chosen)
        current = None if stale else points
        kicked = self._kicked(seen)
        index = chosen.point()
        if current is None or index is None or index >= len(current):
            index = None
        if chosen.state() is None and index is None:
            kicked = None
        if paths is not None:
            self._follow(paths, points, kicked)
        ring = None
        if paths is not None and (state := chosen.state()) is not None:
            ring = paths.states[state].astype(np.float64)
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
                searching=seen.result("points").pending,
            ),
            self._eigenvalues(current, known["spectrum"] if chosen.state() is not None else None, index),
            flow(known["flow"], paths, current, chosen=ring),
            dynamics_findings(points, kicked, index, stale),
        ]

    def _asked_for(self, seen: ViewState) -> SearchFor:
        """What the button asks for now."""
        chosen, last = self.fitted(seen), SearchFor.read(self.selection.find)
        assert seen.view.snapshot is not None
        return SearchFor(
            1 if last is None else (last.number + 1) % 10**9,
            seen.step if seen.past else PRESENT,
            chosen.layer,
            chosen.direction,
            chosen.inits,
            chosen.constant(seen.view.snapshot),
        )

    def _keep(self, seen: ViewState) -> None:
        """Keep what was found: the search is made once, and its result shown until there is another one."""
        found: FixedPoints | None = seen.result("points").value
        if found is None:
            return
        self._points = found
        search = SearchFor.read(self.selection.find)
        if search is not None and search.answered_by(found):
            self._done = self.selection.find

    def _stale(self, seen: ViewState) -> str:
        """Why the points that were found last hold no longer; "" where they do, or there are none."""
        points, snapshot = self._points, seen.view.snapshot
        if points is None or snapshot is None:
            return ""
        chosen = self.fitted(seen)
        if points.held.values != chosen.constant(snapshot):
            return f"under {points.held.words}, and another input is held now"
        if points.place.step != seen.step and not (chosen.refresh and seen.view.status == "training" and not seen.past):
            return f"at optimizer step {points.place.step}, and the model is at optimizer step {seen.step} now"
        return ""

    def _kicked(self, seen: ViewState) -> Perturbation | None:
        """What became of a kicked state, if it was kicked under the input that is held now."""
        chosen, snapshot = self.fitted(seen), seen.view.snapshot
        found: Perturbation | None = _about_this(seen.result("kicked").value, chosen) if chosen.pick else None
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

    def _plane_of(self, seen: ViewState) -> dict[str, Any]:
        """Options of the flow: the plane and the ends of the axes that the paths are drawn in.

        They change with every new result about the trajectories, and an analysis whose options change is made anew; so
        the plane follows only now and then while it learns, and never while the flow is on its way.
        """
        assert self._space is not None and self._limits is not None
        now = time.monotonic()
        rested = now - self._laid > RELAY or seen.view.status != "training"
        if not self._plane or (rested and not seen.result("flow").pending):
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
