"""The length of the whole gradient at each optimizer step, before and after clipping."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.figures import log_axis
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.curves import decimate
from rnn_explorer.figures.memory import samples
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.style import NOT_TRAINED, REFERENCE, cell_color, fade, legend, margin, nice_ceiling, saying
from rnn_explorer.trace import Array

_LOW, _HIGH = -3, 1  # powers of ten that the axis always holds
_JUMPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def gradient_norm(step: Array, grad_norm: Array, applied_norm: Array, clip_norm: float = 0.0, cell: str = "") -> Figure:
    """||dL / d weights|| over optimizer steps.

    Args:
        step: (rows,) optimizer steps.
        grad_norm: (rows,) the gradient's length before clipping; NaN where there was none.
        applied_norm: (rows,) after clipping.
        clip_norm: where it is clipped; 0: it is not.
        cell: the cell's key, for the color.
    """
    chosen = decimate(len(step))
    x = np.asarray(step)[chosen].astype(np.int32)
    before, after = (log_axis.logs(np.asarray(values)[chosen]) for values in (grad_norm, applied_norm))
    everything = np.concatenate([before, after])
    low, high = log_axis.ends(everything, _LOW, _HIGH)
    if clip_norm > 0:
        low, high = log_axis.ends(np.array([np.log10(clip_norm)]), low, high)
    color = cell_color(cell)
    lines = [
        ("before clipping", before, {"color": fade(color, 0.6), "width": 1.2}),
        ("as applied", after, {"color": color, "width": 1.8}),
    ]
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines" if len(x) > 1 else "markers",
            "name": name,
            "x": x,
            "y": log_axis.powers(heights),
            "line": line,
            "marker": {"color": color, "size": 5},
            "hovertemplate": f"{name}<br>optimizer step %{{x}}: %{{y:.3g}}<extra></extra>",
        }
        for name, heights, line in lines
    ]
    newest = int(x[-1]) if len(x) else 0
    clipped = int(np.count_nonzero(np.asarray(applied_norm) < np.asarray(grad_norm) * (1 - 1e-9)))
    words = f"Pale is the gradient as computed, bold as it was applied; {clipped} of {len(step)} were clipped."
    if clip_norm <= 0:
        words = "The length of the whole gradient at each optimizer step; nothing is clipped."
    return Figure(
        name="gradient_norm",
        title="Gradient of the weights, before and after clipping",
        how_to_read=words + log_axis.beyond(everything, low, high),
        data=data,
        layout=saying(
            {
                "margin": margin(50, 52 if clip_norm > 0 else 14, 24, 36),
                "legend": legend(),
                "xaxis": {
                    "title": {"text": "optimizer step", "standoff": 4},
                    "range": [0, nice_ceiling(max(newest, 10), _JUMPS)],
                    "nticks": 6,
                    "zeroline": False,
                },
                "yaxis": log_axis.axis("‖∂L / ∂weights‖", low, high),
                **_limit(clip_norm),
            },
            NOT_TRAINED if not len(step) else "",
        ),
        table={"step": np.asarray(step), "grad_norm": np.asarray(grad_norm), "applied_norm": np.asarray(applied_norm)},
    )


def _limit(clip_norm: float) -> dict[str, Any]:
    """The line at which gradients are clipped."""
    if clip_norm <= 0:
        return {"shapes": [], "annotations": []}
    place = {"xref": "x domain", "yref": "y"}
    line = {"type": "line", "x0": 0, "x1": 1, "y0": clip_norm, "y1": clip_norm}
    return {
        "shapes": [{**line, **place, "line": {"color": REFERENCE, "width": 1.2, "dash": "dash"}}],
        "annotations": [
            {
                "text": f"clipped<br>at {clip_norm:g}",  # beside the subplot, clear of the curves
                **place,
                "x": 1,
                "y": float(np.log10(clip_norm)),
                "xanchor": "left",
                "yanchor": "middle",
                "showarrow": False,
                "font": {"size": 10},
            }
        ],
    }


@FIGURES.register("gradient_norm")
def _examples() -> Examples:
    return {
        USUAL: partial(gradient_norm, *samples.gradient_norms(100), clip_norm=1.0, cell="gru"),
        EMPTY: partial(gradient_norm, *samples.gradient_norms(0)),
        EXTREME: partial(gradient_norm, *samples.gradient_norms(5000), clip_norm=1e-5, cell="lstm"),
        "one time step": partial(gradient_norm, *samples.gradient_norms(1)),
    }
