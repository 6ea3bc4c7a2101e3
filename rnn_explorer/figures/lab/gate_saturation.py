"""How often the gates of a layer are shut or open, or units without gates at the end of their range."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.saturation import HIGH, LOW, saturation, share
from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.gates import gate_label, where
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.style import LINES, NO_STEPS, REFERENCE, cell_color, heading, key, margin, saying, subplot
from rnn_explorer.trace import Array, LayerTrace


def gate_saturation(layer: LayerTrace, lengths: Array | None = None, unit: int = 0) -> Figure:
    """A dot or bar for each unit: in which share of the time steps of all recorded sequences it is at an end.

    Args:
        layer: the recording of one layer and direction.
        lengths: (batch,) real steps of every recorded sequence; None: all steps are real.
        unit: the one that is ringed, from 0.
    """
    bounded = {name: values for name, values in layer.gates.items() if name in layer.bounded}
    return _scatter(layer, bounded, lengths, unit) if bounded else _stuck(layer, lengths, unit)


def _any_step(layer: LayerTrace, lengths: Array | None) -> bool:
    return bool(layer.states["hidden"].shape[1] if lengths is None else np.any(lengths))


def _scatter(layer: LayerTrace, bounded: Mapping[str, Array], lengths: Array | None, unit: int) -> Figure:
    """A subplot a gate: each dot is a unit, at right the more often shut, at top the more often open."""
    count = len(bounded)
    gap = 0.05
    width = (1.0 - gap * (count - 1)) / count
    units = np.arange(layer.hidden_size, dtype=np.int32)
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"margin": margin(44, 12, 18, 36), "annotations": [], "shapes": []}
    table: dict[str, Any] = {"unit": units}
    for number, (name, values) in enumerate(bounded.items()):
        x, y = subplot("x", number), subplot("y", number)
        shares = saturation(values, lengths)
        ringed = units == unit
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": gate_label(name, layer),
                "showlegend": False,
                "x": shares.below,
                "y": shares.above,
                "customdata": units,
                "marker": {
                    "color": LINES.get(name, (cell_color(layer.cell), ""))[0],
                    "opacity": 0.65,
                    "size": np.where(ringed, 11, 7).astype(np.int32),
                    "line": {"color": REFERENCE, "width": np.where(ringed, 2, 0).astype(np.int32)},
                },
                "cliponaxis": False,
                "xaxis": x,
                "yaxis": y,
                "hovertemplate": f"unit %{{customdata}}, {gate_label(name, layer)}<br>shut %{{x:.0%}}, open %{{y:.0%}} "
                "of the time steps<extra></extra>",
            }
        )
        domain = [number * (width + gap), number * (width + gap) + width]
        percent = {"range": [-0.02, 1.02], "tickvals": [0, 0.5, 1], "tickformat": ".0%", "zeroline": False}
        layout[key(x)] = {
            **percent,
            "domain": domain,
            "anchor": y,
            "title": {"text": f"share of time steps below {LOW}", "standoff": 4},
        }
        layout[key(y)] = {
            **percent,
            "anchor": x,
            "title": {"text": "" if number else f"share above {HIGH}", "standoff": 2},
        }
        layout["annotations"].append(heading(gate_label(name, layer), sum(domain) / 2, 1.0))
        layout["shapes"].append(
            {
                "type": "line",
                "xref": x,
                "yref": y,
                "x0": 0,
                "y0": 1,
                "x1": 1,
                "y1": 0,
                "line": {"color": REFERENCE, "width": 1, "dash": "dot"},
            }
        )
        table[f"{name} below {LOW}"] = shares.below
        table[f"{name} above {HIGH}"] = shares.above
    return Figure(
        name="gates",
        title=f"How often gates are shut or open, {where(layer)}, all probe sequences",
        how_to_read=(
            "Each dot is a unit: far right its gate is mostly shut, far up mostly open, on the dotted line always one "
            "of the two, at the lower left mostly in between."
        ),
        data=data,
        layout=saying(layout, "" if _any_step(layer, lengths) else NO_STEPS),
        table=table,
    )


def _stuck(layer: LayerTrace, lengths: Array | None, unit: int) -> Figure:
    """For a cell without gates: how often each unit is at an end of its nonlinearity."""
    hidden = layer.states["hidden"]
    relu = layer.nonlinearity == "relu"
    shares = share(hidden == 0, lengths) if relu else share(np.abs(hidden) > HIGH, lengths)
    quantity = "h = 0" if relu else f"|h| > {HIGH}"
    units = np.arange(layer.hidden_size, dtype=np.int32)
    data = [
        {
            "type": "bar",
            "name": quantity,
            "x": units,
            "y": shares,
            "showlegend": False,
            "marker": {
                "color": cell_color(layer.cell),
                "line": {"color": REFERENCE, "width": np.where(units == unit, 2, 0).astype(np.int32)},
            },
            "hovertemplate": f"unit %{{x}}<br>{quantity} at %{{y:.0%}} of the time steps<extra></extra>",
        }
    ]
    layout = {
        "margin": margin(44, 12, 8, 36),
        "bargap": 0.15,
        "xaxis": {
            "title": {"text": "unit", "standoff": 4},
            "range": [-0.6, layer.hidden_size - 0.4],
            "tickformat": "d",
            "showgrid": False,
            "zeroline": False,
        },
        "yaxis": {
            "title": {"text": f"share of time steps with {quantity}", "standoff": 2},
            "range": [0, 1.02],
            "tickvals": [0, 0.5, 1],
            "tickformat": ".0%",
            "zeroline": False,
        },
    }
    return Figure(
        name="gates",
        title=f"Share of time steps with {quantity}, {where(layer)}, all probe sequences",
        how_to_read=(
            "A unit that is 0 at every time step of every sequence is dead: no gradient reaches its weights."
            if relu
            else "A unit near -1 or 1 lets almost no gradient through; tall bars are units stuck there."
        ),
        data=data,
        layout=saying(layout, "" if _any_step(layer, lengths) else NO_STEPS),
        table={"unit": units, quantity: shares},
    )


@FIGURES.register("gate_saturation")
def _examples() -> Examples:
    gru, lengths = samples.layer("gru", 6, 20), np.array([17, 20, 1])
    return {
        USUAL: partial(gate_saturation, gru, lengths, 1),
        EMPTY: partial(gate_saturation, gru, np.zeros(3, dtype=int)),
        EXTREME: partial(gate_saturation, samples.layer("lstm", 256, 400), None, 255),
        "simple RNN": partial(gate_saturation, samples.layer("rnn", 6, 20), lengths, 1),
        "simple RNN, zeros": partial(gate_saturation, samples.layer("rnn", 6, 20, relu=True)),
    }
