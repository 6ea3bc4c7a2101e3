"""The hidden state of one layer over one sequence: unit x time."""

from __future__ import annotations

from functools import partial

import numpy as np

from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.style import (
    NO_STEPS,
    SIGNED_SCALE,
    UNIT_ROWS,
    color_bar,
    layer_name,
    margin,
    saying,
    signed_limit,
    time_axis,
    unit_axis,
)
from rnn_explorer.figures.table import Later
from rnn_explorer.trace import Array, LayerTrace

MOST_UNITS = 128  # rows drawn: about what the height has pixels for


def states(layer: LayerTrace, sequence: int, length: int, title_suffix: str = "") -> Figure:
    """The hidden state after each step as a heatmap.

    Args:
        layer: the recording of one layer and direction.
        sequence: which of the recorded sequences.
        length: its real steps; later ones are not drawn.
        title_suffix: added to the title, such as the sequence in words.
    """
    hidden = layer.states["hidden"][sequence, :length]  # (time, hidden)
    steps, hidden_size = hidden.shape
    z, stride = thinned(hidden, MOST_UNITS)
    limit = signed_limit(hidden)
    ticks = [-limit, 0, limit]
    data = [
        {
            "type": "heatmap",
            "meta": UNIT_ROWS,
            "z": z,
            "x0": 1,
            "dx": 1,
            "y0": 0,
            "dy": stride,
            "zmin": -limit,
            "zmax": limit,
            "colorscale": SIGNED_SCALE,
            "colorbar": color_bar("h<sub>t</sub>", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks]),
            "hovertemplate": "unit %{y}, t = %{x}<br>h = %{z:.3f}<extra></extra>",
        }
    ]
    layout = {
        "margin": margin(44, 44, 6, 36),
        "xaxis": time_axis(steps),
        "yaxis": unit_axis(len(z), stride, hidden_size),
    }
    return Figure(
        name="states",
        title=f"Hidden state, {layer_name(layer.cell, layer.layer, layer.direction)}{title_suffix}",
        how_to_read="Each row is one unit, each column one time step; blue is negative, red positive, faint near zero.",
        data=data,
        layout=saying(layout, "" if steps else NO_STEPS),
        marks=[Mark("line")],
        table=Later(lambda: by_unit({"hidden": hidden})),
    )


def thinned(values: Array, most: int) -> tuple[Array, int]:
    """(units drawn, time) float32 from (time, hidden), and the stride: every stride-th unit, at most `most`."""
    stride = max(1, -(-values.shape[1] // most))
    return np.ascontiguousarray(values[:, ::stride].T, dtype=np.float32), stride


def by_unit(values: dict[str, Array]) -> dict[str, Array]:
    """A table of (time, hidden) arrays: one row for each unit and step."""
    time, hidden_size = next(iter(values.values())).shape
    return {
        "unit": np.repeat(np.arange(hidden_size), time),
        "step": np.tile(np.arange(1, time + 1), hidden_size),
        **{name: array.T.ravel() for name, array in values.items()},
    }


@FIGURES.register("states")
def _examples() -> Examples:
    usual = samples.layer("gru", 6, 20)
    return {
        USUAL: partial(states, usual, 1, 17, ", a 7"),
        EMPTY: partial(states, usual, 1, 0),
        EXTREME: partial(states, samples.layer("lstm", 256, 120), 1, 120, f", {samples.HOSTILE}"),
        "one unit": partial(states, samples.layer("rnn", 1, 1, relu=True), 0, 1),
    }
