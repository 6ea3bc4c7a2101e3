"""The gradient through time between every two steps: k, which is changed, and t, where the change is seen."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.memory.record import JacobianNorms
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.memory import samples
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import COMPUTED, Scale, color_bar, layer_name, margin, saying, time_axis

# From lost (dark) over 1, where a change passes on whole (the palest), to exploding (red): neither a gate nor a state.
LOWEST, HIGHEST = -6, 2  # powers of ten at the ends of the scale, fixed so that colors mean the same at every step
MEMORY_SCALE: Scale = [
    [0.0, "#2C2A55"],
    [0.25, "#4C3A8C"],
    [0.5, "#9A4C9E"],
    [0.65, "#D87FA0"],
    [0.75, "#F6E3D0"],
    [0.85, "#F0923C"],
    [1.0, "#B3201B"],
]


def jacobian_norms(found: JacobianNorms | None, suffix: str = "") -> Figure:
    """log10 ||d s_t / d s_k|| as a map of k against t.

    Args:
        found: the norms; None: an empty figure with axes.
        suffix: added to the title.
    """
    steps = np.zeros(0, dtype=np.int32) if found is None else found.steps.astype(np.int32)
    z = np.zeros((0, 0)) if found is None else found.log10_norm
    stride = 1 if found is None else found.stride
    where = "" if found is None else f", {layer_name(found.cell, found.layer, found.direction)}"
    length = 0 if found is None else found.length
    ticks = list(range(LOWEST, HIGHEST + 1, 2))
    data: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "z": np.clip(z, LOWEST - 1, HIGHEST + 1).astype(np.float32),
            "x0": int(steps[0]) if len(steps) else 1,
            "dx": stride,
            "y0": int(steps[0]) if len(steps) else 1,
            "dy": stride,
            "zmin": LOWEST,
            "zmax": HIGHEST,
            "colorscale": MEMORY_SCALE,
            "colorbar": color_bar(
                "norm",
                tickvals=ticks,
                ticktext=[("1" if n == 0 else f"10<sup>{n}</sup>").replace("-", "−") for n in ticks],
            ),
            "hovertemplate": "from t = %{x} to t = %{y}: 10^%{z:.2f}<extra></extra>",
        }
    ]
    axis = time_axis(length)
    thinned = f" Drawn is one time step in {stride}." if stride > 1 else ""
    return Figure(
        name="jacobian_norms",
        title=f"Jacobian norms ‖∂s(t) / ∂s(k)‖{where}{suffix}",
        how_to_read="Pale: a change at k reaches t whole; dark: it is lost; orange to red: it grows; "
        f"colors end at 1e-6 and 100.{thinned}",
        data=data,
        layout=saying(
            {
                "margin": margin(44, 50, 6, 36),
                "xaxis": {**axis, "title": {"text": "time step k, changed", "standoff": 4}},
                "yaxis": {**axis, "title": {"text": "time step t, seen", "standoff": 2}},
            },
            COMPUTED if found is None else "",
        ),
        marks=[Mark("line")],
        table={
            "k": np.tile(steps, len(steps)),
            "t": np.repeat(steps, len(steps)),
            "log10_norm": z.ravel(),
        },
    )


@FIGURES.register("jacobian_norms")
def _examples() -> Examples:
    zeros = dataclasses.replace(samples.norms(5), log10_norm=np.full((5, 5), -np.inf))
    return {
        USUAL: partial(jacobian_norms, samples.norms(50), ", a 7"),
        EMPTY: partial(jacobian_norms, None),
        EXTREME: partial(jacobian_norms, samples.norms(133, 3), f", {HOSTILE}"),
        "one time step": partial(jacobian_norms, samples.norms(1)),
        "zeros": partial(jacobian_norms, zeros),
    }
