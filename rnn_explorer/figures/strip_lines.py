"""Numbers that go in, are right or are answered, as lines over time, and the ends of their axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.style import CLASS_COLORS, MUTED, REFERENCE, cell_color, cell_marker, nice_ceiling, plain
from rnn_explorer.trace import Strip

MARKERS = 16  # marks on a line of answers, at most
_FILLED = 0.6  # of an axis that stays


def draw_strips(
    strips: list[Strip],
    cell: str,
    length: int,
    axes: tuple[str, str],
    data: list[dict[str, Any]],
    by_role: bool,
) -> None:
    """The lines of one subplot, named by role where there are many groups, else each by its own name."""
    inputs = 0
    steps = np.arange(1, length + 1, dtype=np.int32)
    for strip in sorted(strips, key=lambda strip: ("input", "target", "answer").index(strip.role)):
        values = np.asarray(strip.values, dtype=np.float64)[:length]  # single precision knows no steps of 1 at 1e15
        known = np.isfinite(values)
        lonely = int(known.sum()) <= max(1, len(values) // 10)
        levels = strip.role != "answer" and _has_few_levels(values[known])  # pulses, markers, bits: steps
        if strip.role == "input":
            color = MUTED if not inputs else CLASS_COLORS[inputs % len(CLASS_COLORS)]
            line = {"color": color, "width": 1.4, "dash": "dot"}
            inputs += 1
        elif strip.role == "target":
            line = {"color": REFERENCE, "width": 1.6, "dash": "dash"}
        else:
            line = {"color": cell_color(cell), "width": 2}
        marker: dict[str, Any] = {"size": 7, "symbol": "x" if strip.role == "target" else "circle"}
        if strip.role == "answer" and not lonely:  # told from gray by its shape, too
            marker = {"size": 6, "symbol": cell_marker(cell), "maxdisplayed": MARKERS}
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers" if lonely or strip.role == "answer" else "lines",
                "name": strip.role if by_role else plain(strip.name, 24),
                "legendgroup": strip.role if by_role else strip.name,
                "x": steps[: len(values)],
                "y": values,
                "line": {**line, "shape": "hvh"} if levels else line,
                "marker": {"color": line["color"], **marker},
                "xaxis": axes[0],
                "yaxis": axes[1],
                "hovertemplate": f"{plain(strip.name, 24)}, t = %{{x}}<br>%{{y:.3g}}<extra></extra>",
            }
        )


def _has_few_levels(values: np.ndarray) -> bool:
    """Whether there are at most three different numbers; quicker than sorting them."""
    for _ in range(3):
        if not values.size:
            break
        values = values[values != values[0]]
    return not values.size


def kept_ends(extent: list[float], before: Figure | None, axis: str) -> list[float]:
    """The ends that an axis had, where they leave room for `extent` and it fills most of them: a browser draws lines on
    axes that stay for a small part of what new axes cost."""
    low, high = before.layout.get(axis, {}).get("range", extent) if before else extent
    fits = low <= extent[0] and extent[1] <= high and extent[1] - extent[0] >= _FILLED * (high - low)
    return [low, high] if fits else extent


def extent_of(strips: list[Strip], length: int) -> list[float]:
    """Room for all inputs and targets, which stay while training runs; answers widen it in jumps, up to a point."""
    fixed, answers = (
        np.concatenate(
            [np.asarray(s.values, dtype=np.float64)[:length] for s in strips if (s.role == "answer") is said]
            or [np.zeros(0)]
        )
        for said in (False, True)
    )
    fixed, answers = fixed[np.isfinite(fixed)], answers[np.isfinite(answers)]
    if fixed.size == 0:
        fixed = answers
    if fixed.size == 0:
        return [-1.0, 1.0]
    low, high = float(fixed.min()), float(fixed.max())
    if high - low < 1e-6 * max(1.0, abs(high)):  # a single number: zero gives it a scale
        low, high = min(low, 0.0), max(high, 0.0)
    span = high - low or 1.0
    if answers.size:
        over = min(max(float(answers.max()) - high, low - float(answers.min()), 0.0), span)
        if over > 0.1 * span:
            step = nice_ceiling(over, (1, 2, 5, 10))
            low, high = (
                low - (step if float(answers.min()) < low else 0.0),
                high + (step if float(answers.max()) > high else 0.0),
            )
    return [low - 0.1 * span, high + 0.1 * span]
