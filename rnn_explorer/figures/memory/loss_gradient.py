"""How strongly the loss of one sequence depends on the state after each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from rnn_explorer.analysis.memory.cell_memory import CellMemory
from rnn_explorer.figures import log_axis
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.memory import samples
from rnn_explorer.figures.memory.gradient import color_of, legend_room, line_name, line_of, mark_of
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import COMPUTED, layer_name, legend, margin, saying, time_axis

_LOW, _HIGH = -6, 1  # powers of ten that the axis always holds


def loss_gradient(cells: Sequence[CellMemory], suffix: str = "") -> Figure:
    """||dL / d state_k|| over k: the total derivative, through later steps and the layers above.

    Args:
        cells: one line each; none: an empty figure with axes.
        suffix: added to the title.
    """
    heights = [log_axis.logs(cell.loss_gradient) for cell in cells]
    everything = np.concatenate(heights) if cells else np.zeros(0)
    low, high = log_axis.ends(everything, _LOW, _HIGH)
    data = []
    for cell, height in zip(cells, heights, strict=True):
        name = layer_name(cell.cell, cell.layer, cell.direction)
        last = height[cell.read[-1] - 1] if len(height) else 0.0
        with np.errstate(invalid="ignore"):  # nothing relative to nothing
            relative = log_axis.powers(height - last)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers" if len(height) < 3 or len(cells) > 1 else "lines",
                "name": line_name(cell, len(cells)),
                "x": np.arange(1, len(height) + 1, dtype=np.int32),
                "y": log_axis.powers(height),
                "customdata": relative,
                "line": line_of(cell, len(cells), 2.0),
                "marker": {
                    "color": color_of(cell, len(cells)),
                    "size": 6,
                    "symbol": mark_of(cell),
                    "maxdisplayed": 8,
                },
                "hovertemplate": f"{name}<br>t = %{{x}}: %{{y:.2e}}, %{{customdata:.2g}} times the last state read"
                "<extra></extra>",
            }
        )
    longest = max((len(height) for height in heights), default=0)
    return Figure(
        name="loss_gradient",
        title=f"Loss gradient by time step: ‖∂L / ∂s(k)‖{suffix}",
        how_to_read="Low: the state after time step k hardly moves the loss of this sequence."
        + log_axis.beyond(everything, low, high),
        data=data,
        layout=saying(
            {
                "margin": margin(50, 14, legend_room(len(cells), 2), 36),
                "legend": legend(),
                "xaxis": time_axis(longest, title={"text": "time step k", "standoff": 4}),
                "yaxis": log_axis.axis("‖∂L / ∂s(k)‖", low, high),
                "showlegend": len(cells) > 1,
            },
            COMPUTED if not cells else "",
        ),
        marks=[Mark("line")],
        table={
            "curve": [
                name for cell in cells for name in [layer_name(cell.cell, cell.layer, cell.direction)] * len(cell.lags)
            ],
            "step": [step for cell in cells for step in range(1, len(cell.lags) + 1)],
            "loss_gradient": [value for cell in cells for value in cell.loss_gradient.tolist()],
        },
    )


@FIGURES.register("loss_gradient")
def _examples() -> Examples:
    return {
        USUAL: partial(loss_gradient, [samples.cell_memory()], ", a 7"),
        EMPTY: partial(loss_gradient, ()),
        EXTREME: partial(loss_gradient, samples.every_layer(), f", {HOSTILE}"),
        "one time step": partial(loss_gradient, [samples.cell_memory("gru", 1)]),
        "zeros": partial(loss_gradient, [samples.broken_memory(-math.inf)]),
        "exploding": partial(loss_gradient, [samples.cell_memory(rho=30.0)]),
    }
