"""Gates of one layer as maps over the input's time axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.states import by_unit, thinned
from rnn_explorer.figures.style import (
    GATE_SCALE,
    INPUT_SCALE,
    NO_STEPS,
    SIGNED_SCALE,
    UNIT_ROWS,
    color_bar,
    heading,
    key,
    layer_name,
    margin,
    saying,
    signed_limit,
    subplot,
    symbol_label,
    time_axis,
    time_ticks,
    unit_axis,
)
from rnn_explorer.figures.table import Later
from rnn_explorer.trace import Array, LayerTrace

MOST_UNITS = 64  # rows of one map: about what the height has pixels for
_WIDTH = 1100  # pixels the live picture has, more or less


def subplots(layer: LayerTrace) -> list[tuple[str, Array]]:
    """What the maps show, in order: every gate, then the cell state; the hidden state where a gate is all there is.

    Returns:
        (name, (batch, time, hidden)) pairs.
    """
    shown = list(layer.gates.items()) + [(name, values) for name, values in layer.states.items() if name != "hidden"]
    return shown if len(shown) > 1 else [*shown, ("hidden", layer.states["hidden"])]


def gate_label(name: str, layer: LayerTrace) -> str:
    """ "forget gate", "cell state", "pre-activation"."""
    words = name.replace("pre_activation", "pre-activation")
    return f"{words} gate" if name in layer.bounded else f"{words} state" if name in layer.states else words


def gates(layer: LayerTrace, sequence: int, length: int, inputs: Array | None, symbols: Sequence[str] = ()) -> Figure:
    """A map of each gate and state, units by time, with what entered beneath.

    Args:
        layer: the recording of one layer and direction.
        sequence: which of the recorded sequences.
        length: its real steps; later ones are not drawn.
        inputs: (time, feature) numbers or (time,) symbol numbers that entered; None: no strip of inputs.
        symbols: the text of each step, where inputs are symbols.
    """
    shown = [(name, values[sequence, :length]) for name, values in subplots(layer)]  # (time, hidden) each
    steps, hidden_size = shown[0][1].shape
    strip, strip_names, strip_rows = _strip(inputs, symbols, steps)
    limits = {name: signed_limit(values) for name, values in shown if name not in layer.bounded}
    both = len(limits) < len(shown) and bool(limits)
    count = len(shown)
    gap = 0.018
    width = (1.0 - gap * (count - 1)) / count
    floor = 0.0 if strip is None else 0.22 if len(strip_rows) > 1 else 0.16

    data: list[dict[str, Any]] = []
    marks: list[Mark] = []
    layout: dict[str, Any] = {"margin": margin(46, 46, 18, 36), "annotations": []}
    drawn: set[str] = set()  # the kinds that have their color bar
    for number, (name, values) in enumerate(shown):
        x, y = subplot("x", number), subplot("y", number)
        strip_y = subplot("y", count + number)
        z, stride = thinned(values, MOST_UNITS)
        bounded = name in layer.bounded
        kind = "gate" if bounded else "state"
        limit = limits.get(name, 1.0)
        heat = {
            **_heat(gate_label(name, layer), z, stride, None if bounded else limit),
            "showscale": kind not in drawn,
            "xaxis": x,
            "yaxis": y,
        }
        if kind not in drawn:
            drawn.add(kind)
            heat["colorbar"] = _bar(bounded, sorted(set(limits.values())), limit, both)
        data.append(heat)
        domain = [number * (width + gap), number * (width + gap) + width]
        layout[key(x)] = time_axis(
            steps,
            domain=domain,
            anchor=y if strip is None else strip_y,
            **({"matches": "x"} if number else {}),
            **_ticks(symbols[:steps], steps, _WIDTH * 0.9 * width),
        )
        layout[key(y)] = unit_axis(
            len(z),
            stride,
            hidden_size,
            domain=[floor, 1.0],
            anchor=x,
            showticklabels=not number,
            **({"matches": "y"} if number else {}),
        )
        if number:
            layout[key(y)]["title"] = {"text": ""}
        text = gate_label(name, layer)
        if not bounded and len(set(limits.values())) > 1:
            text += f", ±{limit:g}"
        layout["annotations"].append(heading(text, sum(domain) / 2, 1.0))
        marks.append(Mark("line", axes=(x, y)))
        if strip is not None:
            data.append({**_input_map(strip, strip_names), "xaxis": x, "yaxis": strip_y})
            layout[key(strip_y)] = {
                "domain": [0.0, floor - 0.035],
                "anchor": x,
                "range": [len(strip_rows) - 0.5, -0.5],
                "showticklabels": False,
                "showgrid": False,
                "zeroline": False,
                "title": {"text": "" if number else "input", "standoff": 2, "font": {"size": 10}},
            }
            marks.append(Mark("line", axes=(x, strip_y)))
    pale = "signed ones are blue below and red above zero"
    how = f"Gates are shut when dark and open when bright, {pale}; " if both else f"{pale[0].upper()}{pale[1:]}; "
    return Figure(
        name="gates",
        title=f"{'Gates' if layer.bounded else 'Pre-activation and hidden state'}, {where(layer)}",
        how_to_read=how + "each row is a unit, and the strip beneath is what entered at that time step.",
        data=data,
        layout=saying(layout, "" if steps else NO_STEPS),
        marks=marks,
        table=Later(lambda: {**by_unit(dict(shown)), **_input_columns(inputs, symbols, steps, hidden_size)}),
    )


def _heat(label: str, z: Array, stride: int, limit: float | None) -> dict[str, Any]:
    """The map of one gate, or of signed values from -limit to limit."""
    return {
        "type": "heatmap",
        "meta": UNIT_ROWS,
        "name": label,
        "z": z,
        "x0": 1,
        "dx": 1,
        "y0": 0,
        "dy": stride,
        "zmin": 0.0 if limit is None else -limit,
        "zmax": 1.0 if limit is None else limit,
        "colorscale": GATE_SCALE if limit is None else SIGNED_SCALE,
        "hovertemplate": f"{label}<br>unit %{{y}}, t = %{{x}}: %{{z:.3f}}<extra></extra>",
    }


def _input_map(strip: Array, symbols: list[list[str]]) -> dict[str, Any]:
    """What entered, (rows, time), with the symbol at each cell where there are symbols."""
    hover = "input at t = %{x}<br>%{customdata}" if symbols else "input %{y}, t = %{x}: %{z:.3f}"
    return {
        "type": "heatmap",
        "name": "input",
        "z": strip,
        "x0": 1,
        "dx": 1,
        **_range(strip, bool(symbols)),
        "colorscale": INPUT_SCALE,
        "showscale": False,
        "hovertemplate": f"{hover}<extra></extra>",
        **({"customdata": symbols} if symbols else {}),
    }


def where(layer: LayerTrace) -> str:
    """Which layer it is, for titles: "LSTM layer 1"."""
    return layer_name(layer.cell, layer.layer, layer.direction)


def _bar(bounded: bool, limits: list[float], limit: float, both: bool) -> dict[str, Any]:
    """The color bar of one kind: gates in the upper half and signed values in the lower, where there are both."""
    place = {"len": 0.44, "y": 1.0 if bounded else 0.46, "yanchor": "top"} if both else {}
    if bounded:
        return color_bar("gate", tickvals=[0, 1], ticktext=["0", "1"], **place)
    ends = [f"−{limit:g}", "0", f"{limit:g}"] if len(limits) == 1 else ["−", "0", "+"]
    return color_bar("signed", tickvals=[-limit, 0, limit], ticktext=ends, **place)


def _strip(
    inputs: Array | None, symbols: Sequence[str], steps: int
) -> tuple[Array | None, list[list[str]], Sequence[str]]:
    """What entered as (rows, time), the symbol at each cell, and the rows' names; None when there is nothing."""
    if symbols:
        taken = [symbol_label(symbol) for symbol in symbols[:steps]]
        rows = list(dict.fromkeys(taken))  # in order of first appearance
        place = {symbol: row for row, symbol in enumerate(rows)}
        hot = np.zeros((len(rows), len(taken)), dtype=np.float32)
        hot[[place[symbol] for symbol in taken], np.arange(len(taken))] = 1.0
        return (hot if rows else None), [taken] * len(rows), rows
    if inputs is None:
        return None, [], ()
    values = np.asarray(inputs, dtype=np.float32)[:steps]
    values = values[:, None] if values.ndim == 1 else values
    if values.size == 0:
        return None, [], ()
    return np.ascontiguousarray(values.T), [], [f"input {row}" for row in range(values.shape[1])]


def _range(strip: Array, symbols: bool) -> dict[str, float]:
    if symbols:
        return {"zmin": 0.0, "zmax": 1.0}
    known = strip[np.isfinite(strip)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return {"zmin": low, "zmax": high if high > low else low + 1.0}


def _ticks(symbols: Sequence[str], steps: int, pixels: float) -> dict[str, Any]:
    """Symbols along the time axis where there is room for them, else step numbers."""
    if symbols and pixels / max(steps, 1) >= 9:
        return {
            "tickmode": "array",
            "tickvals": list(range(1, steps + 1)),
            "ticktext": [symbol_label(symbol) for symbol in symbols],
            "tickangle": 0,
            "tickfont": {"size": 10},
        }
    return time_ticks(steps, 5 if pixels < 300 else 8)


def _input_columns(inputs: Array | None, symbols: Sequence[str], steps: int, hidden_size: int) -> dict[str, Any]:
    if symbols:
        return {"symbol": np.tile(np.array(symbols[:steps], dtype=object), hidden_size)}
    if inputs is None:
        return {}
    values = np.asarray(inputs)[:steps]
    values = values[:, None] if values.ndim == 1 else values
    return {f"input {row}": np.tile(values[:, row], hidden_size) for row in range(values.shape[1])}


@FIGURES.register("gates")
def _examples() -> Examples:
    lstm, numbers = samples.layer("lstm", 6, 20), np.ones((20, 2))
    text = tuple("abc<&"[t % 5] for t in range(20))
    return {
        USUAL: partial(gates, lstm, 1, 17, numbers),
        EMPTY: partial(gates, lstm, 1, 0, numbers),
        EXTREME: partial(gates, samples.layer("lstm", 256, 120), 1, 120, None, (samples.HOSTILE, *"abc" * 40)),
        "symbols": partial(gates, samples.layer("gru", 6, 20), 0, 20, None, text),
        "no gates": partial(gates, samples.layer("rnn", 6, 20), 0, 17, None),
    }
