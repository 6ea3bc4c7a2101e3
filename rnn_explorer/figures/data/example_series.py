"""Sequences of a task that are numbers, as lines over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnn_explorer.analysis.data.record import Example
from rnn_explorer.figures.data.example_names import LONGEST_TITLE, color_of, name_of
from rnn_explorer.figures.style import REFERENCE, heading, key, legend, margin, plain, subplot, time_axis, time_ticks
from rnn_explorer.trace import Strip

_COLUMNS = (6, 3)  # groups at most, wide and narrow
OWN_AXES = " The two sides have axes of their own, since their ranges differ."
_FLAT = 4.0  # times as large as the other, from which a range would flatten it on one axis


def draw_series(
    items: Sequence[Example],
    wide: bool,
    scale_of: Sequence[Example],
    data: list[dict[str, Any]],
    layout: dict[str, Any],
) -> bool:
    """Draw them; returns whether some axis is not shared with `scale_of`."""
    groups = list(dict.fromkeys(strip.group for item in items for strip in item.strips))
    dropped = len(groups) - _COLUMNS[not wide]
    groups = groups[: _COLUMNS[not wide]] or [""]
    left = 42 + int(6.2 * min(max((len(item.title) for item in items), default=0), LONGEST_TITLE))
    layout["margin"] = margin(left, 10, 40, 36)
    layout["legend"] = legend(y=1.0)
    longest = max((item.length for item in items), default=0)
    gap = 0.045 if wide else 0.1
    width = (1.0 + gap) / len(groups)
    height = 1.0 / max(len(items), 1)
    number, ends = 0, {group: _ends(items, scale_of, group) for group in groups}
    for row, item in enumerate(items or [Example("series", "", -1, 0)]):
        for column, group in enumerate(groups):
            x, y = subplot("x", number), subplot("y", number)
            last = row == max(len(items), 1) - 1
            layout[key(x)] = time_axis(
                longest,
                domain=[column * width, column * width + width - gap],
                anchor=y,
                showticklabels=last,
                title={"text": "time step t" if last else "", "standoff": 4},
            ) | time_ticks(max(longest, 1), 8 if wide else 2)
            layout[key(y)] = {
                "domain": [max(0.0, 1.0 - (row + 0.86) * height), 1.0 - row * height],
                "anchor": x,
                "range": ends[group][0],
                "nticks": 3,
                "tickfont": {"size": 9},
                "zeroline": False,
                "title": {"text": ""},
            }
            _lines([strip for strip in item.strips if strip.group == group], item, (x, y), data)
            number += 1
        if item.title:
            layout["annotations"].append(
                heading(
                    name_of(item), 0.0, 1.0 - (row + 0.43) * height, xanchor="right", yanchor="middle", xshift=-32,
                    font={"size": 11},
                )
            )  # fmt: skip
    for column, group in enumerate(groups):
        text = _heading(items, group) + (f" (and {dropped} more)" if dropped > 0 and column == len(groups) - 1 else "")
        layout["annotations"].append(heading(text, column * width + (width - gap) / 2, 1.0, yshift=4))
    return any(apart for _, apart in ends.values())


def comparable(one: float, other: float) -> bool:
    """Whether two sizes, at least 0, can be seen on one axis."""
    return max(one, other) <= _FLAT * min(one, other)


def _ends(items: Sequence[Example], scale_of: Sequence[Example], group: str) -> tuple[list[float], bool]:
    """The range of a column of subplots, and whether it is its own where one with `scale_of` was asked for."""
    mine = {id(item) for item in items}
    others = [item for item in scale_of if id(item) not in mine]
    own, shared = _range(items, group), _range([*items, *others], group)
    if not any(strip.group == group for item in others for strip in item.strips):
        return own, False
    spans = [high - low for low, high in (own, _range(others, group), shared)]
    apart = not (comparable(spans[0], spans[2]) and comparable(spans[1], spans[2]))
    return (own if apart else shared), apart


def _heading(items: Sequence[Example], group: str) -> str:
    """What a column shows: its inputs, and what is asked for."""
    strips = [strip for item in items[:1] for strip in item.strips if strip.group == group]
    names = dict.fromkeys(strip.name for strip in strips)
    if len(names) > 3:
        return plain(group or "numbers", 40)
    return plain(", ".join(names), 40)


def _lines(strips: Sequence[Strip], item: Example, axes: tuple[str, str], data: list[dict[str, Any]]) -> None:
    several = sum(strip.role == "input" for strip in strips) > 1
    inputs = 0
    for strip in strips:
        values = np.asarray(strip.values, dtype=np.float64)[: item.length]
        if strip.role == "target":
            line = {"color": REFERENCE, "width": 1.6, "dash": "dash"}
        elif several:
            line = {"color": color_of(inputs), "width": 1.2}
            inputs += 1
        else:
            line = {"color": color_of(max(item.label, 0)), "width": 1.6}
        levels = len(np.unique(values[np.isfinite(values)])) <= 3
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": plain(strip.name, 24),
                "x": np.arange(1, len(values) + 1, dtype=np.int32),
                "y": values,
                "line": {**line, "shape": "hvh"} if levels else line,
                "xaxis": axes[0],
                "yaxis": axes[1],
                "hovertemplate": f"{plain(strip.name, 24)}, t = %{{x}}<br>%{{y:.3g}}<extra></extra>",
                "showlegend": False,
            }
        )


def _range(items: Sequence[Example], group: str) -> list[float]:
    """One range for all the rows of a column."""
    found = [
        np.asarray(strip.values, dtype=np.float64) for item in items for strip in item.strips if strip.group == group
    ]
    values = np.concatenate([np.zeros(0), *found])
    values = values[np.isfinite(values)]
    if not values.size:
        return [-1.0, 1.0]
    low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0) or 1.0
    room = 0.08 * (high - low)
    return [low - room, high + room]
