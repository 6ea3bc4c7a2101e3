"""Sequences of a task that are images, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnn_explorer.analysis.data.record import Example
from rnn_explorer.figures.data.example_names import name_of
from rnn_explorer.figures.style import GRAY_SCALE, heading, key, margin, subplot


def draw_images(items: Sequence[Example], data: list[dict[str, Any]], layout: dict[str, Any], order: bool) -> None:
    """Images side by side; with `order`, a line from step to step, through the middle of the cells of each."""
    layout["margin"] = margin(8, 8, 26, 26)
    width = 1.0 / max(len(items), 1)
    for number, item in enumerate(items):
        assert item.image is not None
        x, y = subplot("x", number), subplot("y", number)
        image = np.asarray(item.image, dtype=np.float32)
        rows, columns = image.shape
        low, high = min(float(image.min()), 0.0), float(image.max())
        data.append(
            {
                "type": "heatmap",
                "z": image,
                "x0": 1,
                "dx": 1,
                "y0": 1,
                "dy": 1,
                "zmin": low,
                "zmax": high if high > low else 1.0,
                "colorscale": GRAY_SCALE,
                "showscale": False,
                "xaxis": x,
                "yaxis": y,
                "hovertemplate": "row %{y}, column %{x}<br>%{z:.2f}<extra></extra>",
            }
        )
        if order and item.image_steps is not None:
            data.append({**_reading_order(item.image_steps), "xaxis": x, "yaxis": y})
        bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "constrain": "domain"}
        layout[key(x)] = {
            **bare,
            "domain": [(number + 0.06) * width, (number + 0.94) * width],
            "anchor": y,
            "range": [0.5, columns + 0.5],
            "title": {"text": "column" if number == 0 else "", "standoff": 2},
        }
        layout[key(y)] = {
            **bare,
            "anchor": x,
            "range": [rows + 0.5, 0.5],
            "scaleanchor": x,
            "constraintoward": "top",
            "title": {"text": "row" if number == 0 else "", "standoff": 0},
        }
        layout["annotations"].append(heading(name_of(item), (number + 0.5) * width, 1.0, font={"size": 13}))


def _reading_order(steps: np.ndarray) -> dict[str, Any]:
    """A line through the middles of what enters at each step, in the order of time."""
    rows, columns = np.indices(steps.shape) + 1.0
    times = np.unique(steps)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": np.array([columns[steps == time].mean() for time in times], dtype=np.float32),
        "y": np.array([rows[steps == time].mean() for time in times], dtype=np.float32),
        "line": {"color": "rgba(208,135,0,0.75)", "width": 1.5},
        "marker": {"color": "rgba(208,135,0,0.9)", "size": 4},
        "hoverinfo": "skip",
        "showlegend": False,
    }
