"""The flow of a layer's states under a constant input: where one step takes them, and how fast."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import Flow, Trajectories
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.dynamics import samples
from rnn_explorer.figures.dynamics.dynamics_path import axis_title, dynamics_path
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.state_space import coordinates
from rnn_explorer.figures.style import (
    COMPUTED,
    Scale,
    color_bar,
    layer_name,
    margin,
    nice_ceiling,
    nice_floor,
    plain,
    ramp,
    saying,
)
from rnn_explorer.trace import Array

SPEED_SCALE: Scale = ramp("#7A5CC8")
_HOW = "Arrows point where one time step takes a state, the color tells how far on a log scale; pale places hardly move"
_MOVES = ("change along the first axis", "change along the second axis", "speed")
_HEAD = 0.38  # of an arrow's length
_WIDE = 0.45  # half the head's angle, in radians
_ROUND = (1, 2, 5, 10)
_DECADES = 4  # of speed, below the fastest, that colors tell apart


def flow(
    record: Flow | None,
    trajectories: Trajectories | None = None,
    points: FixedPoints | None = None,
    *,
    limits: Array | None = None,
    chosen: Array | None = None,
) -> Figure:
    """Arrows for where one step takes the states of a grid, over a map of how far.

    Args:
        record: the flow, whose axes are those of the figure; None: nothing is known yet.
        trajectories: of the probe sequences, drawn over it in the same axes.
        points: fixed and slow points, likewise.
        limits: (2 or more, 2) ends of the axes; None: those of the grid.
        chosen: (size,) a joined state that has a ring around it.
    """
    if record is None:
        return _nothing_yet()
    ends = np.array([record.x[[0, -1]], record.y[[0, -1]]]) if limits is None else limits[:2]
    data: list[dict[str, Any]] = [_speed(record), _arrows(record)]
    layout = _layout(record, ends)
    if trajectories is not None:
        over = dynamics_path(trajectories, points, space=record.space, limits=ends, chosen=chosen)
        data += [_smaller(trace) for trace in over.data if trace.get("mode") != "text"]
    place = record.place
    name = layer_name(place.cell, place.layer, place.direction)
    kind = "a slice" if record.slice else "exact"
    rows, columns = record.speed.shape
    return Figure(
        name="flow",
        title=f"Flow ({kind}) of {name}, {plain(record.held.words, 40)}",
        how_to_read=_HOW
        + (" (in this plane through the states' mean, which they may leave)." if record.slice else "."),
        data=data,
        layout=layout,
        table={
            record.space.names[0]: np.tile(record.x, rows),
            _second(record): np.repeat(record.y, columns),
            **dict(zip(_MOVES, (*record.velocity.reshape(-1, 2).T, record.speed.ravel()), strict=True)),
        },
    )


def _smaller(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace of the paths as it is drawn over arrows."""
    marker = trace.get("marker", {})
    return {**trace, "showlegend": False, "marker": {**marker, "size": 0.75 * marker.get("size", 0)}}


def _nothing_yet() -> Figure:
    ends = {"range": [-1.0, 1.0], "showgrid": False}
    return Figure(
        name="flow",
        title="Flow of the states",
        how_to_read=_HOW + ".",
        data=[],
        layout=saying(
            {
                "margin": margin(48, 60, 6, 36),
                "xaxis": {"title": {"text": "PC 1", "standoff": 4}, **ends},
                "yaxis": {"title": {"text": "PC 2", "standoff": 2}, **ends},
            },
            COMPUTED,
        ),
        table={name: [] for name in ("PC 1", "PC 2", *_MOVES)},
    )


def _second(record: Flow) -> str:
    return record.space.names[1] if len(record.space.names) > 1 else "no further axis"


def _speed(record: Flow) -> dict[str, Any]:
    """The speed as a map on a log scale that ends at round numbers."""
    with np.errstate(divide="ignore"):
        z = np.log10(record.speed).astype(np.float32)
    finite = record.speed[np.isfinite(z)]
    fastest, slowest = (float(finite.max()), float(finite.min())) if finite.size else (1.0, 0.1)
    top = nice_ceiling(fastest, _ROUND)
    low = min(nice_floor(max(slowest, top / 10**_DECADES), _ROUND), top / 2)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(top)) + 1)
    ticks = sorted({low, top, *(10.0**power for power in powers if low < 10.0**power < top)})
    return {
        "type": "heatmap",
        "x": record.x.astype(np.float32),
        "y": record.y.astype(np.float32),
        "z": np.nan_to_num(z, nan=math.log10(top), posinf=math.log10(top), neginf=math.log10(low)),
        "zmin": math.log10(low),
        "zmax": math.log10(top),
        "zsmooth": "best",
        "colorscale": SPEED_SCALE,
        "showscale": True,
        "colorbar": color_bar(
            "|F(s) − s|", tickvals=[math.log10(tick) for tick in ticks], ticktext=[f"{tick:.3g}" for tick in ticks]
        ),
        "hoverinfo": "skip",
    }


def _arrows(record: Flow) -> dict[str, Any]:
    """Arrows of one length, as lines in one trace; in screen-like units, so that heads look alike along both axes."""
    cell = np.array([np.ptp(record.x) / (len(record.x) - 1), np.ptp(record.y) / (len(record.y) - 1)])
    centers = np.stack(np.meshgrid(record.x, record.y), axis=-1).reshape(-1, 2)
    along = (record.velocity.reshape(-1, 2) / cell).astype(np.float64)
    length = np.linalg.norm(along, axis=1)
    moving = np.isfinite(length) & (length > 1e-9)
    unit = along[moving] / length[moving, None]
    tail, tip = -0.38 * unit, 0.38 * unit
    barbs = []
    for turn in (np.pi - _WIDE, np.pi + _WIDE):
        cosine, sine = np.cos(turn), np.sin(turn)
        turned = np.stack([cosine * unit[:, 0] - sine * unit[:, 1], sine * unit[:, 0] + cosine * unit[:, 1]], axis=1)
        barbs.append(tip + 0.76 * _HEAD * turned)
    strokes = np.stack([tail, tip, barbs[0], tip, barbs[1], np.full_like(tip, np.nan)], axis=1)  # (n, 6, 2)
    drawn = centers[moving, None, :] + strokes * cell
    return {
        **coordinates(drawn.reshape(-1, 2), 2),
        "mode": "lines",
        "name": "one time step",
        "showlegend": False,
        "line": {"color": "rgba(136,136,136,0.95)", "width": 1},
        "hoverinfo": "skip",
    }


def _layout(record: Flow, ends: Array) -> dict[str, Any]:
    titles = [axis_title(record.space, axis) for axis in range(2)]
    return {
        "margin": margin(48, 60, 6, 36),
        "xaxis": {
            "title": {"text": titles[0], "standoff": 4},
            "range": [float(end) for end in ends[0]],
            "nticks": 7,
            "showgrid": False,
        },
        "yaxis": {
            "title": {"text": titles[1], "standoff": 2},
            "range": [float(end) for end in ends[1]],
            "nticks": 5,
            "showgrid": False,
        },
    }


@FIGURES.register("flow")
def _examples() -> Examples:
    some, found = samples.trajectories(2), samples.points(2)
    large = samples.flow_field(8, 1e9)
    held = dataclasses.replace(large.held, words=HOSTILE)
    return {
        USUAL: partial(flow, samples.flow_field(2), some, found, chosen=np.zeros(2)),
        EMPTY: partial(flow, None),
        EXTREME: partial(flow, dataclasses.replace(large, held=held), samples.trajectories(8), samples.points(8)),
        "one unit": partial(flow, samples.flow_field(1)),
        "standing still": partial(flow, samples.flow_field(3, 0.0)),
    }
