"""Probabilities of classes after each time step as a map, and those of the last one as bars."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnn_explorer.figures.style import REFERENCE, cell_color, key, ramp
from rnn_explorer.trace import Explanation

_HEIGHT = 190  # pixels the live picture has, more or less


def class_axis(names: list[str], target: int | None, domain: list[float], anchor: str) -> dict[str, Any]:
    """Classes from top to bottom, the right one in bold."""
    row = (_HEIGHT - 48) * (domain[1] - domain[0]) / max(len(names), 1)  # pixels
    stride = max(1, math.ceil(9.5 / row))  # no more labels than can be read, and the right class among them
    first = 0 if target is None else target % stride
    shown = list(range(first, len(names), stride))
    return {
        "domain": domain,
        "anchor": anchor,
        "range": [len(names) - 0.5, -0.5],
        "tickmode": "array",
        "tickvals": shown,
        "ticktext": [f"<b>{names[index]} ▸</b>" if index == target else names[index] for index in shown],
        "tickfont": {"size": 10 if row * stride >= 12 else 9},
        "showgrid": False,
        "zeroline": False,
        "title": {"text": ""},
    }


def draw_classes(
    explanation: Explanation,
    cell: str,
    names: list[str],
    axes: tuple[str, str],
    data: list[dict[str, Any]],
    layout: dict[str, Any],
) -> None:
    """Probabilities, classes x time, with the right class framed: its row, or one cell a step."""
    x, y = axes
    length = explanation.length
    probabilities = np.asarray(explanation.probabilities, dtype=np.float32)[:length]
    data.append(
        {
            "type": "heatmap",
            "z": np.ascontiguousarray(probabilities.T),
            "x0": 1,
            "dx": 1,
            "zmin": 0,
            "zmax": 1,
            "colorscale": ramp(cell_color(cell)),
            "showscale": False,
            "xaxis": x,
            "yaxis": y,
            "hovertemplate": "%{customdata}, after t = %{x}<br>probability %{z:.3f}<extra></extra>",
            "customdata": [[name] * len(probabilities) for name in names],
        }
    )
    if explanation.target_classes is not None:
        right = np.asarray(explanation.target_classes)[:length]
        steps = np.flatnonzero((right >= 0) & (right < len(names)))
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "right answer",
                "showlegend": False,
                "x": (steps + 1).astype(np.int32),
                "y": right[steps].astype(np.int32),
                "marker": {"symbol": "square-open", "size": 7, "color": REFERENCE, "line": {"width": 1.2}},
                "xaxis": x,
                "yaxis": y,
                "hoverinfo": "skip",
            }
        )
    elif explanation.target_class is not None:
        layout["shapes"].append(
            {
                "type": "rect",
                "xref": f"{x} domain",
                "yref": y,
                "x0": 0,
                "x1": 1,
                "y0": explanation.target_class - 0.5,
                "y1": explanation.target_class + 0.5,
                "line": {"color": REFERENCE, "width": 1.3},
            }
        )


def draw_last(
    explanation: Explanation,
    cell: str,
    names: list[str],
    x: str,
    y: str,
    left: float,
    data: list[dict[str, Any]],
    layout: dict[str, Any],
) -> None:
    """The probabilities after the last step as bars beside their rows, with numbers."""
    probabilities = np.asarray(explanation.probabilities, dtype=np.float32)[: explanation.length]
    last = probabilities[-1] if len(probabilities) else np.zeros(0, dtype=np.float32)
    best = int(np.argmax(last)) if last.size else -1
    data.append(
        {
            "type": "bar",
            "orientation": "h",
            "x": last,
            "y": np.arange(len(last), dtype=np.int32),
            "marker": {"color": cell_color(cell)},
            "text": [f"{value:.2f}" if value >= 0.05 or row == best else "" for row, value in enumerate(last)],
            "textposition": "outside",
            "textfont": {"size": 9},
            "constraintext": "none",
            "cliponaxis": False,
            "showlegend": False,
            "xaxis": x,
            "yaxis": y,
            "customdata": names[: len(last)],
            "hovertemplate": "%{customdata}, at the end<br>probability %{x:.3f}<extra></extra>",
        }
    )
    layout["bargap"] = 0.25
    layout[key(x)] = {
        "domain": [left + 0.015, 1.0],
        "anchor": y,
        "range": [0, 1],
        "tickvals": [1],
        "title": {"text": "at the end", "standoff": 4},
        "zeroline": False,
    }
