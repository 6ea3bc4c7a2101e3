"""The gates and states of one unit of a layer over time, as lines."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.gates import gate_label, where
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.style import (
    LINES,
    MUTED,
    NO_STEPS,
    key,
    legend,
    margin,
    nice_ceiling,
    saying,
    subplot,
    time_axis,
)
from rnn_explorer.trace import Array, LayerTrace


def gate_lines(layer: LayerTrace, sequence: int, length: int, unit: int = 0) -> Figure:
    """Gates at the left, signed values at the right.

    Args:
        layer: the recording of one layer and direction.
        sequence: which of the recorded sequences.
        length: its real steps; later ones are not drawn.
        unit: which unit, from 0; beyond the ends, the first or last.
    """
    unit = min(max(unit, 0), layer.hidden_size - 1)
    lines: dict[str, Array] = {}
    for source in (layer.gates, layer.states):
        for name, values in source.items():
            lines[name] = np.asarray(values[sequence, :length, unit], dtype=np.float32)
    steps = len(next(iter(lines.values())))
    x = np.arange(1, steps + 1, dtype=np.int32)
    signed = [values for name, values in lines.items() if name not in layer.bounded]
    limit = _reach(signed)
    kinds = [kind for kind in (True, False) if any((name in layer.bounded) is kind for name in lines)]

    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"margin": margin(44, 10, 24, 36)}
    marks: list[Mark] = []
    for number, bounded in enumerate(kinds):
        axes = subplot("x", number), subplot("y", number)
        left = number * 0.525
        domain = [left, left + (0.475 if len(kinds) == 2 else 1.0)]
        suffix = "" if not number else str(number + 1)
        layout[key(axes[0])] = time_axis(
            steps, domain=domain, anchor=axes[1], showgrid=True, **({"matches": "x"} if number else {})
        )
        layout[key(axes[1])] = {
            "title": {"text": "gate, 0 shut to 1 open" if bounded else "signed value", "standoff": 2},
            "range": [-0.03, 1.03] if bounded else [-1.06 * limit, 1.06 * limit],
            "anchor": axes[0],
            "nticks": 5,
            "zeroline": not bounded,
        }
        layout[f"legend{suffix}"] = legend(x=domain[1], tracegroupgap=0)
        marks.append(Mark("line", axes=axes))
        for name, values in lines.items():
            if (name in layer.bounded) is not bounded:
                continue
            color, dash = LINES.get(name, (MUTED, "solid"))
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers" if steps <= 12 else "lines",
                    "name": gate_label(name, layer),
                    "x": x,
                    "y": values,
                    "line": {"color": color, "width": 1.8, "dash": dash},
                    "marker": {"color": color, "size": 4},
                    "xaxis": axes[0],
                    "yaxis": axes[1],
                    "legend": f"legend{suffix}",
                    "hovertemplate": f"{gate_label(name, layer)}, t = %{{x}}: %{{y:.3f}}<extra></extra>",
                }
            )
    return Figure(
        name="gates",
        title=f"Unit {unit} over time, {where(layer)}",
        how_to_read=(
            "One unit's gates at the left (near 0 shut, near 1 open), its states at the right; "
            "see which gate moves just before the state does."
            if len(kinds) == 2
            else "One unit's pre-activation before, and hidden state after, the nonlinearity."
        ),
        data=data,
        layout=saying(layout, "" if steps else NO_STEPS),
        marks=marks,
        table={"step": x, **lines},
    )


def _reach(signed: list[Array]) -> float:
    """The end of an axis centered at zero that holds all lines: at least 1, growing in jumps."""
    largest = max((float(np.abs(values).max(initial=0.0)) for values in signed), default=1.0)
    return max(1.0, nice_ceiling(largest))


@FIGURES.register("gate_lines")
def _examples() -> Examples:
    lstm = samples.layer("lstm", 6, 20)
    return {
        USUAL: partial(gate_lines, lstm, 1, 17, 3),
        EMPTY: partial(gate_lines, lstm, 1, 0),
        EXTREME: partial(gate_lines, samples.layer("gru", 256, 400), 1, 400, 300),
        "simple RNN, one time step": partial(gate_lines, samples.layer("rnn", 6, 20), 1, 1),
    }
