"""The gates and states of one unit, or their means, over the whole sequence."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.cells import CELLS
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.cell import samples
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import (
    LINES,
    MUTED,
    NO_STEPS,
    layer_name,
    legend,
    margin,
    plain,
    saying,
    signed_limit,
    time_axis,
)

_WIRES = {"hidden": "h", "cell": "c"}  # states whose wires have other names

_HOW_GATES = "Gates are shut near 0 and open near 1; see which gate moves just before a state does. "


def over_time(report: CellInternals) -> Figure:
    """Gates from 0 to 1 above, signed values below, on one time axis.

    Args:
        report: the numbers of all steps; of a unit, or means over the units.
    """
    named = {name: name for name in report.gate_names}
    named |= {name: wire for name in report.state_names if (wire := _WIRES.get(name, name)) in report.wires}
    named |= {name: name for name in report.state_names if name in report.wires}
    gates = [name for name in named if named[name] in report.bounded]
    signed = [name for name in named if name not in gates]
    values = [report.wires[named[name]] for name in signed]
    limit = signed_limit(np.concatenate(values)) if values else 1.0
    both = bool(gates) and bool(signed)
    data = [_line(report, name, named[name], "y") for name in gates]
    data += [_line(report, name, named[name], "y2" if both else "y") for name in signed]
    ends = [-1.05 * limit, 1.05 * limit]
    layout: dict[str, Any] = {
        "margin": margin(50, 12, 22, 36),
        "legend": legend(tracegroupgap=0),
        "xaxis": time_axis(report.length, anchor="y2" if both else "y"),
        "yaxis": {
            "title": {"text": "gate, 0 to 1" if gates else "signed value", "standoff": 2},
            "range": [-0.04, 1.04] if gates else ends,
            "domain": [0.54, 1.0] if both else [0.0, 1.0],
            "nticks": 4,
            "zeroline": False,
        },
    }
    if both:
        title = {"text": "signed", "standoff": 2}
        layout["yaxis2"] = {"title": title, "range": ends, "domain": [0.0, 0.46], "nticks": 4, "zeroline": False}
    where = layer_name(report.cell, report.layer, report.direction)
    whose = report.whose[0].upper() + report.whose[1:]
    return Figure(
        name="over_time",
        title=f"{whose} over time, {where}",
        how_to_read=(_HOW_GATES if gates else "") + "Click a time step to draw it above.",
        data=data,
        layout=saying(layout, "" if report.length else NO_STEPS),
        marks=[Mark("line"), *([Mark("line", axes=("x", "y2"))] if both else [])],
        table={"step": np.arange(1, report.length + 1), **{name: report.wires[wire] for name, wire in named.items()}},
    )


def _line(report: CellInternals, name: str, wire: str, axis: str) -> dict[str, Any]:
    color, dash = LINES.get(name, (MUTED, "solid"))
    with np.errstate(over="ignore"):  # what explodes is too large for single precision
        values = report.wires[wire].astype(np.float32)
    words = plain(name.replace("_", "-"), 16)
    return {
        "type": "scatter",
        "mode": "lines+markers" if report.length <= 60 else "lines",
        "x": np.arange(1, report.length + 1, dtype=np.int32),
        "y": values,
        "name": words,
        "line": {"color": color, "dash": dash, "width": 2},
        "marker": {"size": 4},
        "xaxis": "x",
        "yaxis": axis,
        "hovertemplate": f"{words}<br>t = %{{x}}: %{{y:.3f}}<extra></extra>",
    }


@FIGURES.register("over_time")
def _examples() -> Examples:
    return {
        USUAL: partial(over_time, samples.internals("lstm")),
        EMPTY: partial(over_time, samples.internals("lstm", 0)),
        EXTREME: partial(over_time, samples.internals("gru", 400, None, inputs=(HOSTILE,) * 400)),
        **{cell: partial(over_time, samples.internals(cell)) for cell in CELLS.names()},
    }
