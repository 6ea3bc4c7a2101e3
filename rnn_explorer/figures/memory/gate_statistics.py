"""What explains a memory: how open the gate is that keeps the old state, and how long each unit holds what it has.

A simple RNN has no gate; the slope of its activation takes the place: what a step passes on of a gradient.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.memory.cell_memory import BINS, CellMemory
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.log_axis import axis
from rnn_explorer.figures.memory import samples
from rnn_explorer.figures.memory.gradient import line_name, line_of
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.style import COMPUTED, REFERENCE, heading, layer_name, legend, margin, nice_ceiling, saying

_LOW, _HIGH = -1, 4  # powers of ten of the time constants drawn; longer ones lie at the upper end


def gate_statistics(cells: Sequence[CellMemory], length: int = 0) -> Figure:
    """The distribution of a gate's values at the left; at the right the units, from the shortest to the longest memory.

    Args:
        cells: one line each; those without a gate to show are left out.
        length: steps of the sequence, as a mark among the time constants; 0: no mark.
    """
    shown = [cell for cell in cells if cell.gates.shown]
    gate = shown[0].gates.shown if shown else "forget"
    slope = gate == "slope"
    units = [
        np.sort(cell.gates.means["slope"] if slope else cell.gates.time_constants.astype(np.float64)) for cell in shown
    ]
    shares = [cell.gates.histograms[gate] for cell in shown]
    data = [
        trace
        for cell, share, values in zip(shown, shares, units, strict=True)
        for trace in _lines(cell, len(shown), gate, share, values, slope)
    ]
    what = "slope of the activation" if slope else f"{gate} gate"
    right = "mean slope by unit" if slope else "time constant −1 / ln f by unit"
    how = (
        "Left, how often the slope has which value: near 0 a unit is saturated or off and passes no gradient; right, "
        "each unit's mean."
        if slope
        else f"Left, how often the {gate} gate has which value: at 1 the old state is kept; right, in how many "
        "time steps each unit forgets; constants off the scale are drawn at its end."
    )
    highest = max((float(share[np.isfinite(share)].max(initial=0.0)) for share in shares), default=0.5)
    top = nice_ceiling(highest, (1, 2, 5, 10))
    return Figure(
        name="gate_statistics",
        title="Slope of the activation: how much of a gradient each time step passes on"
        if slope
        else f"{gate.capitalize()} gate: how open, and how long each unit holds what it has",
        how_to_read=how,
        data=data,
        layout=saying(
            _layout(what, right, top, slope, max((len(values) for values in units), default=1), length, len(cells) > 1),
            COMPUTED if not cells else "",
        ),
        table={
            "curve": [name for cell, values in zip(shown, units, strict=True) for name in [_name(cell)] * len(values)],
            "unit": [unit for values in units for unit in range(len(values))],
            "mean": [value for cell in shown for value in cell.gates.means[gate].tolist()],
            "share_above_0.9": [value for cell in shown for value in cell.gates.saturation[gate].above.tolist()],
            "share_below_0.1": [value for cell in shown for value in cell.gates.saturation[gate].below.tolist()],
            "time_constant": [
                value
                for cell, values in zip(shown, units, strict=True)
                for value in (np.full(len(values), np.nan) if slope else cell.gates.time_constants).tolist()
            ],
        },
    )


def _name(cell: CellMemory) -> str:
    return layer_name(cell.cell, cell.layer, cell.direction)


def _lines(
    cell: CellMemory, among: int, gate: str, share: np.ndarray, values: np.ndarray, slope: bool
) -> list[dict[str, Any]]:
    edges = (np.arange(BINS + 1) / BINS).astype(np.float32)
    word = "slope" if slope else "time constant"
    unit = "" if slope else " steps"
    heights = values if slope else np.clip(values, 10.0**_LOW, 10.0**_HIGH)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": line_name(cell, among),
            "x": edges,
            "y": np.append(share, share[-1:]).astype(np.float32),
            "line": {**line_of(cell, among, 1.8), "shape": "hv"},
            "hovertemplate": f"{_name(cell)}<br>from %{{x:.2f}} to {1 / BINS:g} more: %{{y:.1%}}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "lines+markers" if len(values) <= 64 else "lines",
            "name": _name(cell),
            "showlegend": False,
            "xaxis": "x2",
            "yaxis": "y2",
            "x": np.arange(1, len(values) + 1, dtype=np.int32),
            "y": heights.astype(np.float32),
            "customdata": values.astype(np.float32),
            "line": line_of(cell, among, 1.4),
            "marker": {"size": 4, "color": line_of(cell, among)["color"]},
            "hovertemplate": f"{_name(cell)}, unit in place %{{x}}<br>{word} %{{customdata:.3g}}{unit}<extra></extra>",
        },
    ]


def _layout(what: str, right: str, top: float, slope: bool, units: int, length: int, several: bool) -> dict[str, Any]:
    second: dict[str, Any] = (
        {"title": {"text": "mean slope", "standoff": 2}, "range": [0, 1.02], "nticks": 5, "zeroline": False}
        if slope
        else axis("time steps", _LOW, _HIGH)
    )
    mark = {
        "type": "line",
        "xref": "x2 domain",
        "yref": "y2",
        "x0": 0,
        "x1": 1,
        "y0": max(length, 1),
        "y1": max(length, 1),
        "line": {"color": REFERENCE, "width": 1.2, "dash": "dash"},
    }
    words = {
        "text": f"the sequence: {length} time steps",
        "xref": "x2 domain",
        "yref": "y2",
        "x": 0.01,
        "y": float(np.log10(max(length, 1))),
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 10},
    }
    marked = bool(length) and not slope
    return {
        "margin": margin(46, 12, 38 if several else 22, 36),
        "showlegend": several,
        "legend": legend(y=1.0, yref="container", yanchor="top"),
        "annotations": [
            heading(f"distribution of the {what}", 0.22, 1.0),
            heading(right, 0.78, 1.0),
            *([words] if marked else []),
        ],
        "shapes": [mark] if marked else [],
        "xaxis": {
            "title": {"text": what, "standoff": 4},
            "range": [0, 1],
            "domain": [0.0, 0.44],
            "nticks": 6,
            "zeroline": False,
        },
        "yaxis": {
            "title": {"text": "share of values", "standoff": 2},
            "range": [0, top * 1.03],
            "tickformat": ".0%",
            "nticks": 5,
            "zeroline": False,
        },
        "xaxis2": {
            "title": {"text": "units, sorted", "standoff": 4},
            "range": [0.5, units + 0.5],
            "domain": [0.56, 1.0],
            "anchor": "y2",
            "nticks": 6,
            "tickformat": "d",
            "zeroline": False,
        },
        "yaxis2": {**second, "anchor": "x2"},
    }


@FIGURES.register("gate_statistics")
def _examples() -> Examples:
    endless = dataclasses.replace(samples.statistics("lstm"), time_constants=np.array([np.inf, 0, 5, np.inf, 1, 2.0]))
    return {
        USUAL: partial(gate_statistics, [samples.cell_memory()], 50),
        EMPTY: partial(gate_statistics, ()),
        EXTREME: partial(gate_statistics, samples.every_layer(), 400),
        "simple RNN": partial(gate_statistics, [samples.cell_memory("rnn")], 50),
        "endless": partial(gate_statistics, [samples.cell_memory(gates=endless)], 9),
        "no mark": partial(gate_statistics, [samples.cell_memory()]),
    }
