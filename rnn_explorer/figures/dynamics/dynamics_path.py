"""The dynamics of a layer as a map of its states: trajectories, fixed and slow points, ways out, kicked states.

A click on a state or a point chooses it as `pick`: "3, 7" is the state at t = 7 of sequence 3, "point 4" a fixed or
slow point, all counted from 1.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import Perturbation, Trajectories
from rnn_explorer.analysis.dynamics.space import Space
from rnn_explorer.analysis.projection import Basis
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.dynamics import samples
from rnn_explorer.figures.dynamics.point_marks import faded, names_beside, symbols, ways_out
from rnn_explorer.figures.dynamics.state_paths import kicked_paths, ring, sequence_paths
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.state_space import Dims, room_axes
from rnn_explorer.figures.style import (
    COMPUTED,
    layer_name,
    legend,
    margin,
    nice_ceiling,
    plain,
    saying,
)
from rnn_explorer.trace import Array

_USED = 0.6  # of an axis, below which all axes are fitted anew

_PRESS = "Press “Find fixed points” to search for states that a time step leaves where they are."
_SEARCHING = "Searching for fixed points …"
_AXES = ("PC 1", "PC 2", "PC 3")


def dynamics_path(
    trajectories: Trajectories | None,
    points: FixedPoints | None = None,
    perturbation: Perturbation | None = None,
    *,
    dims: Dims = 2,
    space: Space | None = None,
    limits: Array | None = None,
    chosen: Array | None = None,
    searching: bool = False,
    stale: str = "",
) -> Figure:
    """Trajectories, the fixed and slow points among them, and the paths of kicked states.

    Args:
        trajectories: of the probe sequences; None: nothing is known yet.
        points: drawn as large symbols, with their unstable directions as lines.
        perturbation: drawn as paths from one state.
        dims: 2 or 3 axes.
        space: the axes; None: the trajectories' own.
        limits: (k, 2) ends of the axes, such as `extent` gives; None: round everything.
        chosen: (size,) a joined state that has a ring around it.
        searching: whether a first search for points is on its way.
        stale: why the points hold no longer, which are pale then and cannot be chosen; "" where they hold.
    """
    if trajectories is None:
        return _nothing_yet()
    space = trajectories.space if space is None else space
    limits = extent(space, trajectories, points, perturbation) if limits is None else limits
    data = sequence_paths(trajectories, space, dims)
    if points is not None:
        drawn = [ways_out(points, space, limits, dims), *symbols(points, space, dims)]
        data += [faded(trace) for trace in drawn] if stale else [*drawn, *names_beside(points, space, limits, dims)]
    if perturbation is not None:
        data += kicked_paths(perturbation, space, dims)
    if chosen is not None:
        data.append(ring(space.project(chosen[None]), dims))
    layout = _layout(space, limits, dims)
    if points is None:
        layout["annotations"] = [_hint(_SEARCHING if searching else _PRESS)]
    return Figure(
        name="dynamics",
        title=_title(trajectories, points, stale),
        how_to_read=_how(points),
        data=data,
        layout=layout,
        table=_table(trajectories, points, perturbation, space, stale),
    )


def _title(trajectories: Trajectories, points: FixedPoints | None, stale: str) -> str:
    place = trajectories.place
    name = layer_name(place.cell, place.layer, place.direction)
    if points is None:
        return f"Hidden-state trajectories of {name}"
    title = f"Fixed points of {name} under {plain(points.held.words, 60)}, found at optimizer step {points.place.step}"
    return f"Out of date: {title}" if stale else title


def _how(points: FixedPoints | None) -> str:
    if points is None:
        return "Each thin line is the path of one sequence's state; click a state to kick it and see where it goes."
    return (
        "Thin lines are the sequences' states; a large dot draws states in, a diamond sends them off along its lines, "
        "which are longer for a larger |eigenvalue|."
    )


def _nothing_yet() -> Figure:
    layout = _layout(Space(Basis(np.zeros(1), np.zeros((3, 1)), np.zeros(3)), _AXES), np.tile([-1.0, 1.0], (3, 1)), 2)
    return Figure(
        name="dynamics",
        title="Hidden-state trajectories",
        how_to_read=_how(None),
        data=[],
        layout=saying(layout, COMPUTED),
        table={name: [] for name in ("what", "number", "step", "words", *_AXES)},
    )


def _hint(text: str) -> dict[str, Any]:
    """Words above the states, where the legend will be."""
    return {
        "text": text,
        "x": 1,
        "y": 1,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "right",
        "yanchor": "bottom",
        "align": "right",
        "showarrow": False,
        "font": {"size": 12},
    }


def extent(
    space: Space,
    trajectories: Trajectories,
    points: FixedPoints | None = None,
    perturbation: Perturbation | None = None,
    previous: Array | None = None,
) -> Array:
    """(3, 2): ends of the axes that hold all trajectories, points and paths of kicked states.

    Given `previous`, they only move outwards, but for a jump inwards where little of an axis is used any more.
    """
    pieces = [projection.valid(space.project(trajectories.states), trajectories.lengths)]
    if points is not None:
        pieces.append(space.project(points.points))
    if perturbation is not None:
        pieces.append(projection.valid(space.project(perturbation.states)))
    rows = np.concatenate(pieces)
    ends = projection.limits(rows)
    for axis, (low, high) in enumerate(zip(rows.min(axis=0), rows.max(axis=0), strict=True) if len(rows) else ()):
        width = float(high - low)
        if width > 1e-6 * np.ptp(rows, axis=0).max():  # else that axis is as long as the longest
            grid, room = nice_ceiling(width / 12, (1, 2, 5, 10)), width / 20
            ends[axis] = np.floor((low - room) / grid) * grid, np.ceil((high + room) / grid) * grid
    if previous is None or (np.ptp(ends, axis=1) < _USED * np.ptp(previous, axis=1)).any():
        return ends
    return np.stack([np.minimum(ends[:, 0], previous[:, 0]), np.maximum(ends[:, 1], previous[:, 1])], axis=1)


def axis_title(space: Space, axis: int) -> str:
    """ "PC 1 (62 %)", or the name of one of the state's numbers."""
    if axis >= len(space.names):
        return "no further axis"
    return f"{space.names[axis]} ({100 * float(space.basis.explained[axis]):.0f} %)"


def _layout(space: Space, limits: Array, dims: Dims) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "margin": margin(48, 12, 26, 36),
        "legend": legend(),
    }
    ends = [[float(low), float(high)] for low, high in limits[:dims]]
    titles = [axis_title(space, axis) for axis in range(dims)]
    if dims == 2:
        layout["xaxis"] = {"title": {"text": titles[0], "standoff": 4}, "range": ends[0], "nticks": 7}
        layout["yaxis"] = {"title": {"text": titles[1], "standoff": 2}, "range": ends[1], "nticks": 5}
        return layout
    layout["margin"] |= {"l": 0, "b": 0}
    layout["scene"] = {
        **room_axes(titles, ends),
        "camera": {"eye": {"x": 1.6, "y": 1.6, "z": 0.9}, "center": {"x": 0, "y": 0, "z": -0.25}},
    }
    return layout


def _table(
    trajectories: Trajectories,
    points: FixedPoints | None,
    perturbation: Perturbation | None,
    space: Space,
    stale: str,
) -> dict[str, Any]:
    """One row for each thing that is drawn: states of sequences, points, states after a kick."""
    sequence, step = np.nonzero(np.arange(trajectories.states.shape[1])[None, :] < trajectories.lengths[:, None])
    rows = [space.project(trajectories.states[sequence, step])]
    what: list[str] = ["state"] * len(sequence)
    number, steps = [sequence], [step + 1]
    words: list[str] = [""] * len(sequence)
    if points is not None:
        rows.append(space.project(points.points))
        what += ["point"] * len(points)
        number.append(np.arange(1, len(points) + 1))
        steps.append(np.zeros(len(points), dtype=int))
        after = f" (out of date: found {stale})" if stale else ""
        holds = (points.holds(index) for index in range(len(points)))
        words += [
            nature.words + (f": {says}" if says else "") + after
            for nature, says in zip(points.natures, holds, strict=True)
        ]
    if perturbation is not None:
        kicks, time = perturbation.states.shape[:2]
        rows.append(space.project(perturbation.states).reshape(-1, 3))
        what += ["kicked state"] * (kicks * time)
        number.append(np.repeat(np.arange(kicks), time))
        steps.append(np.tile(np.arange(time), kicks))
        words += [("returns" if back else "does not return") for back in perturbation.returned for _ in range(time)]
    projected = np.concatenate(rows)
    return {
        "what": np.array(what, dtype=object),
        "number": np.concatenate(number),
        "step": np.concatenate(steps),
        "words": np.array(words, dtype=object),
        **{name: projected[:, axis] for axis, name in enumerate(space.names)},
    }


@FIGURES.register("dynamics_path")
def _examples() -> Examples:
    some, found, kicked = samples.trajectories(3), samples.points(3), samples.perturbation(3)
    many = dataclasses.replace(samples.trajectories(8, labels=True), label_names=(HOSTILE, "even"))
    held = dataclasses.replace(found.held, words=HOSTILE)
    odd = dataclasses.replace(samples.points(8), held=held, answer_names=(HOSTILE, "even"))
    return {
        USUAL: partial(dynamics_path, some, found, chosen=np.zeros(3)),
        EMPTY: partial(dynamics_path, None),
        EXTREME: partial(dynamics_path, many, odd, samples.perturbation(8), chosen=np.zeros(8)),
        "before a search": partial(dynamics_path, some),
        "searching": partial(dynamics_path, some, searching=True),
        "no points": partial(dynamics_path, some, samples.points(3, 0)),
        "kicked": partial(dynamics_path, some, found, kicked),
        "out of date": partial(dynamics_path, some, found, stale="under another input"),
        "one unit": partial(dynamics_path, samples.trajectories(1), samples.points(1)),
        "in 3D": partial(dynamics_path, some, found, kicked, dims=3, chosen=np.zeros(3)),
    }
