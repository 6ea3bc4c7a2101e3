"""The dynamics of a layer as a map of its states: trajectories, fixed and slow points, ways out, kicked states.

A click on a state or a point chooses it as `pick`: "3, 7" is the state at t = 7 of sequence 3, "point 4" a fixed or
slow point, all counted from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import Perturbation, Trajectories
from rnn_explorer.analysis.dynamics.space import Space
from rnn_explorer.analysis.dynamics.stability import HOLDING, period, time_constant
from rnn_explorer.analysis.projection import Basis
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.style import (
    CLASS_COLORS,
    COMPUTED,
    MUTED,
    REFERENCE,
    layer_name,
    legend,
    margin,
    nice_ceiling,
    plain,
    saying,
)
from rnn_explorer.trace import Array

PICK = {"choose": "pick"}  # `meta` of a trace whose `customdata` can be picked
LEAVES = "#D55E00"  # what leads away, as an eigenvalue outside the unit circle
STAYS = "#009E73"  # what comes back, as one inside
AT_ONE = "#3F9BD6"  # as one on it
_SLOW = "#8468C4"
_SADDLES = ("#D08700", LEAVES, "#C8629A")  # with one, two and more unstable directions
_LENGTH = 0.05  # of an unstable direction with |eigenvalue| 1, in axis lengths; at most three times as long
_USED = 0.6  # of an axis, below which all axes are fitted anew
_GAP = "\u00a0" * 3  # between a point and its name
_LETTER, _NARROW = 7, 480  # pixels: of a letter of a name, and of the plot in a small window
_NAMED = 16  # points at most that have their names beside them
_HOVERED = 3  # eigenvalues that are told of a point

_PRESS = "Press “Find fixed points” to search for states that a time step leaves where they are."
_SEARCHING = "Searching for fixed points …"
_AXES = ("PC 1", "PC 2", "PC 3")

Dims = Literal[2, 3]


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
    data = _paths(trajectories, space, dims)
    if points is not None:
        drawn = [_ways_out(points, space, limits, dims), *_symbols(points, space, dims)]
        data += [_faded(trace) for trace in drawn] if stale else [*drawn, *_names(points, space, limits, dims)]
    if perturbation is not None:
        data += _kicked(perturbation, space, dims)
    if chosen is not None:
        data.append(_ring(space.project(chosen[None]), dims))
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
    told = f"Fixed points of {name} under {plain(points.held.words, 60)}, found at optimizer step {points.place.step}"
    return f"Out of date: {told}" if stale else told


def _how(points: FixedPoints | None) -> str:
    if points is None:
        return "Each thin line is the path of one sequence's state; click a state to kick it and see where it goes."
    told = (
        "Thin lines are the sequences' states; a large dot draws states in, a diamond sends them off along its lines, "
        "which are longer for a larger |eigenvalue|."
    )
    return told


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


def coordinates(points: Array, dims: Dims) -> dict[str, Any]:
    """(n, k >= dims) points as the type and coordinates of a trace."""
    columns = {axis: np.ascontiguousarray(points[:, index], np.float32) for index, axis in enumerate("xyz"[:dims])}
    return {"type": "scatter" if dims == 2 else "scatter3d", **columns}


def joined(pieces: list[Array]) -> Array:
    """(n, k): several runs of points with a row of NaN between them, so that one trace draws all."""
    if not pieces:
        return np.zeros((0, 3), dtype=np.float32)
    gap = np.full((1, pieces[0].shape[1]), np.nan, dtype=np.float32)
    return np.concatenate([part for piece in pieces for part in (piece, gap)][:-1])


def _paths(trajectories: Trajectories, space: Space, dims: Dims) -> list[dict[str, Any]]:
    """One trace for each class of sequences, or one for all."""
    projected, lengths = space.project(trajectories.states), trajectories.lengths
    groups: dict[int, list[int]] = {}
    for sequence, label in enumerate(trajectories.labels):
        groups.setdefault(int(label), []).append(sequence)
    traces = []
    for label, members in sorted(groups.items()):
        known = 0 <= label < len(trajectories.label_names)
        places = [[f"{s + 1}, {step}" for step in range(1, lengths[s] + 1)] for s in members]
        traces.append(
            {
                **coordinates(joined([projected[s, : lengths[s]] for s in members]), dims),
                "mode": "lines+markers",
                "name": plain(trajectories.label_names[label], 14) if known else "sequences",
                "showlegend": False,
                "opacity": 0.45,
                "line": {"color": CLASS_COLORS[label % len(CLASS_COLORS)] if known else MUTED, "width": 1},
                "marker": {"size": 3 if dims == 2 else 1.5},
                "meta": PICK,
                "customdata": [place for run in places for place in (*run, "")][:-1],
                "hovertemplate": "sequence, t: %{customdata}<extra></extra>",
            }
        )
    return traces


def _symbols(points: FixedPoints, space: Space, dims: Dims) -> list[dict[str, Any]]:
    """One trace for each kind of point, its legend in words.

    In 2D pointing goes to a last trace of small marks that are not seen: of two marks under the pointer Plotly takes
    the smaller one, and the later of equals, so that states would hide the point in which they have come to rest.
    """
    projected = space.project(points.points)
    traces = []
    for words, members in points.groups():
        nature = points.natures[members[0]]
        symbol, color, size = _look(nature.kind, nature.unstable)
        traces.append(
            {
                **coordinates(projected[members], dims),
                "mode": "markers",
                "name": words,
                "showlegend": True,
                "marker": {
                    "symbol": symbol,
                    "color": color,
                    "size": size if dims == 2 else 0.7 * size,
                    "line": {"width": 1, "color": "rgba(255,255,255,0.8)"},
                },
                **({"hoverinfo": "skip"} if dims == 2 else _pointing(points, members)),
            }
        )
    if dims == 2:
        everyone = list(range(len(points)))
        unseen = {"mode": "markers", "name": "points", "showlegend": False, "opacity": 0, "marker": {"size": 6}}
        traces.append({**coordinates(projected, dims), **unseen, **_pointing(points, everyone)})
    return traces


def _faded(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace of what holds no longer: pale, without words, and nothing to choose."""
    pale = {name: value for name, value in trace.items() if name not in ("meta", "customdata", "text", "hovertemplate")}
    return {**pale, "opacity": min(0.25, trace.get("opacity", 1.0)), "hoverinfo": "skip"}


def _names(points: FixedPoints, space: Space, limits: Array, dims: Dims) -> list[dict[str, Any]]:
    """What the points that hold states stand for, beside them; nothing where all say the same, or they are many."""
    members = [index for index, nature in enumerate(points.natures) if nature.kind in HOLDING]
    names = [plain(points.holds(index), 18) for index in members]
    if not any(names) or len(members) > _NAMED:
        return []
    projected = space.project(points.points[members])
    return [
        {
            **coordinates(projected, dims),
            "mode": "text",
            "name": "prediction there",
            "showlegend": False,
            "text": [f"{_GAP}<b>{name}</b>{_GAP}" for name in names],
            "textposition": _sides(projected[:, :2], limits[:2], names),
            "textfont": {"size": 12},
            "hoverinfo": "skip",
        }
    ]


def _sides(places: Array, limits: Array, names: Sequence[str]) -> list[str]:
    """On which side of each of (n, 2) points its name stands, so that names meet neither each other nor an edge.

    `limits` is (2, 2): the ends of both axes.
    """
    room = np.array([max(0.15, (_LETTER * len(name) + 20) / _NARROW) for name in names])  # of the width, for each
    apart = np.abs(places[:, None] - places[None]) / np.ptp(limits, axis=1)  # (n, n, 2)
    across = (places[:, 0] - limits[0, 0]) / np.ptp(limits[0])
    close = (apart[..., 0] < 0.2) & (apart[..., 1] < 0.06)
    sides = []
    for mine, at, needed, (x, y) in zip(close, across, room, places, strict=True):
        others = places[mine]
        above = "top" if y >= np.median(others[:, 1]) else "bottom"
        if at < needed or at > 1 - needed:
            sides.append(f"{above} {'right' if at < 0.5 else 'left'}")
        elif x <= others[:, 0].min() and len(others) > 1:
            sides.append("middle left")
        elif x >= others[:, 0].max():
            sides.append("middle right")
        else:
            sides.append(f"{above} center")
    return sides


def _pointing(points: FixedPoints, members: list[int]) -> dict[str, Any]:
    """Hover text and selection of a point."""
    return {
        "meta": PICK,
        "customdata": [f"point {index + 1}" for index in members],
        "text": [_hover(points, index) for index in members],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _look(kind: str, unstable: int) -> tuple[str, str, float]:
    """Symbol, color and size of a point."""
    if kind == "saddle":
        return ("diamond", "x", "cross")[min(unstable, 3) - 1], _SADDLES[min(unstable, 3) - 1], 9.0
    return {
        "stable": ("circle", STAYS, 13.0),
        "marginal": ("square", AT_ONE, 8.0),
        "unstable": ("circle-open", LEAVES, 11.0),
        "slow": ("circle", _SLOW, 6.0),
    }[kind]


def _hover(points: FixedPoints, index: int) -> str:
    """What is said of one point, a line each."""
    lines = [f"point {index + 1}: {points.natures[index].words}"]
    answer = points.answer_words(index)
    if answer:
        lines.append(f"predicts {plain(answer, 40)}")
    lines.append(f"q = {points.q[index]:.1e}; {100 * float(points.share[index]):.0f} % of the searches end here")
    for value in points.eigenvalues[index, :_HOVERED]:
        lines.append(eigenvalue_words(complex(value)))
    return "<br>".join(lines)


def eigenvalue_words(value: complex) -> str:
    """ "|λ| = 0.963: comes back, 1/e in 26 steps; turns once in 12 steps"."""
    one = np.array(value)
    steps, turn = float(time_constant(one)), float(period(one))
    if np.isinf(steps):
        told = "neither comes back nor leaves"
    else:
        told = f"{'comes back, 1/e' if steps >= 0 else 'leaves, times e,'} in {abs(steps):.3g} time steps"
    return f"|λ| = {abs(value):.3f}: {told}" + (f"; turns once in {turn:.3g} time steps" if np.isfinite(turn) else "")


def _ways_out(points: FixedPoints, space: Space, limits: Array, dims: Dims) -> dict[str, Any]:
    """Unstable directions as lines through their points, both ways; a spiral's plane as two crossing lines."""
    span = float((limits[:dims, 1] - limits[:dims, 0]).max())
    pieces = []
    for state, values, vectors in zip(points.points, points.growth, points.directions, strict=True):
        for value, vector in zip(values, vectors, strict=True):
            reach = _LENGTH * span * min(abs(value), 3.0)
            for part in (vector.real, vector.imag) if value.imag else (vector.real,):
                pieces.append(space.project(np.stack([state - reach * part, state + reach * part])))
    return {
        **coordinates(joined(pieces), dims),
        "mode": "lines",
        "name": "unstable directions",
        "showlegend": False,
        "line": {"color": LEAVES, "width": 2 if dims == 2 else 4},
        "hoverinfo": "skip",
    }


def _ring(projected: Array, dims: Dims) -> dict[str, Any]:
    return {
        **coordinates(projected, dims),
        "mode": "markers",
        "name": "chosen",
        "showlegend": False,
        "marker": {
            "symbol": "circle-open",
            "size": 20 if dims == 2 else 14,
            "color": REFERENCE,
            "line": {"width": 2.5, "color": REFERENCE},
        },
        "hoverinfo": "skip",
    }


def _kicked(perturbation: Perturbation, space: Space, dims: Dims) -> list[dict[str, Any]]:
    """The path of the state left alone, of those that return, and of those that do not; ends as triangles."""
    projected = space.project(perturbation.states)  # (1 + kicks, 1 + steps, 3)
    back = perturbation.returned.copy()
    back[0] = False  # drawn on its own
    away = ~perturbation.returned
    traces = []
    for name, members, color, width in (
        (f"{int(back.sum())} kicked, return", np.flatnonzero(back), STAYS, 1.5),
        (f"{int(away.sum())} kicked, do not", np.flatnonzero(away), LEAVES, 1.5),
        ("left alone", np.array([0]), REFERENCE, 3.0),
    ):
        traces.append(
            {
                **coordinates(joined([projected[index] for index in members]), dims),
                "mode": "lines",
                "name": name,
                "showlegend": True,
                "line": {"color": color, "width": width if dims == 2 else 2 * width},
                "hoverinfo": "skip",
            }
        )
    ends = np.array([STAYS if returned else LEAVES for returned in perturbation.returned])
    ends[0] = "#888888"
    traces.append(
        {
            **coordinates(projected[:, -1], dims),
            "mode": "markers",
            "name": "where they end",
            "showlegend": False,
            "marker": {
                "symbol": "square-open",
                "size": 9 if dims == 2 else 5,
                "color": list(ends),
                "line": {"width": 2, "color": list(ends)},
            },
            "hoverinfo": "skip",
        }
    )
    return traces


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
        f"{name}axis": {"title": {"text": title, "font": {"size": 10}}, "range": end, "nticks": 4, "gridcolor": MUTED}
        for name, title, end in zip("xyz", titles, ends, strict=True)
    }
    layout["scene"] |= {
        "aspectmode": "manual",
        "aspectratio": {"x": 1.5, "y": 1.5, "z": 0.9},
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
