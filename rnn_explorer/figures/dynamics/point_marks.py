"""Fixed and slow points as marks with their names, and the lines along which they send states off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.space import Space
from rnn_explorer.analysis.dynamics.stability import HOLDING, period, time_constant
from rnn_explorer.figures.state_space import Dims, coordinates, joined
from rnn_explorer.figures.style import plain
from rnn_explorer.trace import Array

PICK = {"choose": "pick"}  # `meta` of a trace whose `customdata` can be picked
LEAVES = "#D55E00"  # what leads away, as an eigenvalue outside the unit circle
STAYS = "#009E73"  # what comes back, as one inside
AT_ONE = "#3F9BD6"  # as one on it
_SLOW = "#8468C4"
_SADDLES = ("#D08700", LEAVES, "#C8629A")  # with one, two and more unstable directions
_LENGTH = 0.05  # of an unstable direction with |eigenvalue| 1, in axis lengths; at most three times as long
_GAP = "\u00a0" * 3  # between a point and its name
_LETTER, _NARROW = 7, 480  # pixels: of a letter of a name, and of the plot in a small window
_NAMED = 16  # points at most that have their names beside them
_HOVERED = 3  # eigenvalues that are told of a point


def symbols(points: FixedPoints, space: Space, dims: Dims) -> list[dict[str, Any]]:
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


def faded(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace of what holds no longer: pale, without words, and nothing to choose."""
    pale = {name: value for name, value in trace.items() if name not in ("meta", "customdata", "text", "hovertemplate")}
    return {**pale, "opacity": min(0.25, trace.get("opacity", 1.0)), "hoverinfo": "skip"}


def names_beside(points: FixedPoints, space: Space, limits: Array, dims: Dims) -> list[dict[str, Any]]:
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
            "textposition": sides(projected[:, :2], limits[:2], names),
            "textfont": {"size": 12},
            "hoverinfo": "skip",
        }
    ]


def sides(places: Array, limits: Array, names: Sequence[str]) -> list[str]:
    """On which side of each of (n, 2) points its name stands, so that names meet neither each other nor an edge.

    `limits` is (2, 2): the ends of both axes.
    """
    room = np.array([max(0.15, (_LETTER * len(name) + 20) / _NARROW) for name in names])  # of the width, for each
    apart = np.abs(places[:, None] - places[None]) / np.ptp(limits, axis=1)  # (n, n, 2)
    across = (places[:, 0] - limits[0, 0]) / np.ptp(limits[0])
    close = (apart[..., 0] < 0.2) & (apart[..., 1] < 0.06) | np.eye(len(places), dtype=bool)
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
        words = "neither comes back nor leaves"
    else:
        words = f"{'comes back, 1/e' if steps >= 0 else 'leaves, times e,'} in {abs(steps):.3g} time steps"
    return f"|λ| = {abs(value):.3f}: {words}" + (f"; turns once in {turn:.3g} time steps" if np.isfinite(turn) else "")


def ways_out(points: FixedPoints, space: Space, limits: Array, dims: Dims) -> dict[str, Any]:
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
