"""The path of the hidden state: the trajectories of all probe sequences in principal coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis import projection
from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.state_space import Dims, coordinates, joined, room_axes
from rnn_explorer.figures.style import (
    CLASS_COLORS,
    MUTED,
    NO_STEPS,
    REFERENCE,
    TIME_SCALE,
    color_bar,
    margin,
    plain,
    saying,
)
from rnn_explorer.figures.table import Later
from rnn_explorer.trace import Array


def state_trajectory(
    projected: Array,
    lengths: Array,
    explained: Array,
    labels: Array,
    label_names: Sequence[str],
    chosen: int,
    color_by: Literal["time", "class"] = "time",
    dims: Dims = 2,
    limits: Array | None = None,
) -> Figure:
    """Trajectories in the first two or three principal components, the chosen one bold.

    Args:
        projected: (batch, time, k) coordinates with k >= `dims`.
        lengths: (batch,) real steps of each sequence; later ones are not drawn.
        explained: (k,) shares of the variance along each component, 0 to 1.
        labels: (batch,) class of each sequence, -1 where there is none.
        label_names: names of the classes.
        chosen: the sequence drawn bold.
        color_by: "time": the chosen path's points run through a scale from first to last step, the others are
            gray. "class": every path has its class's color.
        dims: 2 or 3.
        limits: (k, 2) ends of the axes; None: from the data.
    """
    batch = len(projected)
    lengths = np.asarray(lengths, dtype=int)
    points = np.asarray(projected, dtype=np.float32)[:, :, :dims]
    length = int(lengths[chosen]) if batch else 0
    groups: dict[int, list[int]] = {}
    for sequence in range(batch):
        label = int(labels[sequence]) if color_by == "class" else -1
        groups.setdefault(label, []).append(sequence)

    data: list[dict[str, Any]] = []
    for label in sorted(groups):
        others = [sequence for sequence in groups[label] if sequence != chosen]
        known = 0 <= label < len(label_names)
        if not others:
            continue
        color = CLASS_COLORS[label % len(CLASS_COLORS)] if known else MUTED
        data.append(
            {
                **coordinates(joined([points[sequence, : lengths[sequence]] for sequence in others]), dims),
                "mode": "lines",
                "name": plain(str(label_names[label]), 14) if known else "other sequences",
                "showlegend": known,
                "opacity": 0.85 if known else 0.5,  # not in the color: lines in 3D do not know transparent colors
                "line": {"color": color, "width": 1.2 if dims == 2 else 2},
                "hoverinfo": "skip",
            }
        )
    starts = points[np.flatnonzero(lengths > 0), 0] if points.shape[1] else points[:, :0].reshape(-1, points.shape[2])
    data.append(
        {
            **coordinates(starts, dims),
            "mode": "markers",
            "name": "t = 1",
            "showlegend": True,
            "marker": {
                "symbol": "circle-open",
                "size": 6 if dims == 2 else 4,
                "color": REFERENCE,
                "line": {"width": 1.2, "color": REFERENCE},
            },
            "hoverinfo": "skip",
        }
    )
    bold = points[chosen, :length] if batch else np.zeros((0, dims), dtype=np.float32)
    label = int(labels[chosen]) if batch else -1
    by_class = color_by == "class" and 0 <= label < len(label_names)
    if by_class:
        color = CLASS_COLORS[label % len(CLASS_COLORS)]
        marker: dict[str, Any] = {"color": color}
    else:
        color = MUTED
        marker = {
            "color": np.arange(1, length + 1, dtype=np.int32),
            "cmin": 1,
            "cmax": max(length, 2),
            "colorscale": TIME_SCALE,
            "showscale": True,
            "colorbar": color_bar("t", tickvals=[1, max(length, 2)], ticktext=["1", f"{max(length, 2)}"]),
        }
    hover = "<br>".join(f"PC {axis + 1} %{{{'xyz'[axis]}:.2f}}" for axis in range(dims))
    data.append(
        {
            **coordinates(bold, dims),
            "mode": "lines+markers",
            "name": plain(str(label_names[label]), 14) if by_class else "chosen sequence",
            "showlegend": by_class and len(groups[label]) == 1,  # else its class is named already
            "line": {"color": color, "width": 2.2 if dims == 2 else 4},
            "marker": {**marker, "size": _size(length) if dims == 2 else 4, "line": {"width": 0}},
            "customdata": np.arange(1, length + 1, dtype=np.int32),
            "hovertemplate": f"t = %{{customdata}}<br>{hover}<extra></extra>",
        }
    )

    titles = [f"PC {axis + 1} ({100 * float(explained[axis]):.0f} %)" for axis in range(dims)]
    # With a scale the bar takes the right edge, so the legend stands inside, where paths rarely go.
    layout: dict[str, Any] = {
        "margin": margin(44, 44, 24, 36),
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"size": 10},
            "itemwidth": 30,
            "bgcolor": "rgba(0,0,0,0)",
        },
    }
    if color_by == "class" and label_names:
        longest = min(max(len(str(name)) for name in label_names), 14)
        layout["margin"] = margin(44, 52 + max(7 * longest, 28), 6, 36)
        layout["legend"] = {"x": 1.01, "y": 1, "font": {"size": 10}, "tracegroupgap": 0, "bgcolor": "rgba(0,0,0,0)"}
    ends = _ends(points, lengths, limits, dims)
    if dims == 2:
        layout["xaxis"] = {"title": {"text": titles[0], "standoff": 4}, "range": ends[0], "nticks": 7}
        layout["yaxis"] = {
            "title": {"text": titles[1], "standoff": 2},
            "range": ends[1],
            "nticks": 5,
        }
        width, height = (end[1] - end[0] for end in ends)
        if 1.25 <= width / height <= 5:  # else one scale for both axes would leave most of the subplot empty
            layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    else:
        layout["margin"] |= {"l": 0, "b": 0}
        layout["scene"] = {
            **room_axes(titles, ends),
            "camera": {"eye": {"x": 1.9, "y": 1.9, "z": 1.1}, "center": {"x": 0, "y": 0, "z": -0.3}},
        }
    shown = 100 * float(np.sum(explained[:dims]))
    return Figure(
        name="state_trajectory",
        title=f"Hidden-state trajectories (PCA, {shown:.0f} % of variance)",
        how_to_read=(
            "Each line is one sequence, from its ring at t = 1; "
            + ("the bold one's color is time." if not by_class else "color is its class, bold the chosen one.")
        ),
        data=data,
        layout=saying(layout, "" if np.any(lengths) else NO_STEPS),
        marks=[Mark("point", trace=len(data) - 1)],
        table=Later(lambda: _table(points, lengths, labels, label_names, dims)),
    )


def _size(length: int) -> float:
    return 7.0 if length <= 20 else 5.0 if length <= 60 else 4.0


def _ends(points: Array, lengths: Array, limits: Array | None, dims: int) -> list[list[float]]:
    if limits is not None:
        return [[float(low), float(high)] for low, high in limits[:dims]]
    real = points[np.arange(points.shape[1])[None, :] < lengths[:, None]]
    real = real[np.isfinite(real).all(axis=1)]
    if not len(real):
        return [[-1.0, 1.0]] * dims
    low, high = real.min(axis=0), real.max(axis=0)
    room = max(float((high - low).max()), 1e-3) / 20
    return [[float(low[axis]) - room, float(high[axis]) + room] for axis in range(dims)]


def _table(points: Array, lengths: Array, labels: Array, label_names: Sequence[str], dims: int) -> dict[str, Array]:
    real = np.arange(points.shape[1])[None, :] < lengths[:, None]  # (batch, time)
    sequence, step = np.nonzero(real)
    names = np.array([*map(str, label_names), ""], dtype=object)  # the last for "none"
    label = np.asarray(labels, dtype=int)
    label = np.where((label >= 0) & (label < len(label_names)), label, len(label_names))
    chosen = points[real]
    return {
        "sequence": sequence,
        "step": step + 1,
        "class": names[label[sequence]],
        **{f"PC {axis + 1}": chosen[:, axis] for axis in range(dims)},
    }


@FIGURES.register("state_trajectory")
def _examples() -> Examples:
    def of(hidden: int, time: int, names: Sequence[str] = (), **more: Any) -> partial[Figure]:
        states = samples.layer("lstm", hidden, max(time, 1)).states["hidden"]
        lengths = np.array([time, time, min(time, 1)])
        basis = projection.fit(states, 3, lengths)
        projected = projection.project(basis, states)
        labels = np.arange(3) % len(names) if names else np.full(3, -1)
        ends = projection.limits(projected, lengths=lengths)
        return partial(
            state_trajectory, projected, lengths, basis.explained, labels, names, 0, **{"limits": ends, **more}
        )

    return {
        USUAL: of(32, 50, ("odd", "even")),
        EMPTY: of(6, 0),
        EXTREME: of(256, 400, (samples.HOSTILE, "b", "c"), color_by="class"),
        "classes": of(2, 20, ("odd", "even"), color_by="class"),
        "one class": of(2, 20, ("only",), color_by="class"),
        "in 3D": of(32, 50, dims=3),
        "classes in 3D": of(32, 50, ("odd", "even"), color_by="class", dims=3),
        "ends of its own": of(1, 1, limits=None),
    }
