"""Gates of one layer: as maps over the input's time axis, as lines of one unit, and how often they are shut or open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis.saturation import HIGH, LOW, saturation, share
from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.states import by_unit, thinned
from rnn_explorer.figures.style import (
    GATE_SCALE,
    INPUT_SCALE,
    LINES,
    MUTED,
    NO_STEPS,
    REFERENCE,
    SIGNED_SCALE,
    UNIT_ROWS,
    cell_color,
    color_bar,
    heading,
    key,
    layer_name,
    legend,
    margin,
    nice_ceiling,
    saying,
    signed_limit,
    subplot,
    time_axis,
    time_ticks,
    unit_axis,
    visible,
)
from rnn_explorer.figures.table import Later
from rnn_explorer.trace import Array, LayerTrace

View = Literal["maps", "unit", "saturation"]

MOST_UNITS = 64  # rows of one map: about what the height has pixels for
_WIDTH = 1100  # pixels the live picture has, more or less


def gates(
    layer: LayerTrace,
    sequence: int,
    length: int,
    inputs: Array | None,
    symbols: Sequence[str] = (),
    view: View = "maps",
    unit: int = 0,
    lengths: Array | None = None,
) -> Figure:
    """The gates of one layer and direction in one of three views.

    Args:
        layer: the recording of one layer and direction.
        sequence: which of the recorded sequences (maps and unit view).
        length: its real steps; later ones are not drawn.
        inputs: (time, feature) numbers or (time,) symbol numbers that entered; None: no strip of inputs.
        symbols: the text of each step, where inputs are symbols.
        view: "maps", "unit" or "saturation".
        unit: which unit, from 0 (unit view; ringed in the saturation view).
        lengths: (batch,) real steps of every recorded sequence (saturation view); None: all steps are real.

    Raises:
        ValueError: for another view.
    """
    if view == "maps":
        return _maps(layer, sequence, length, inputs, symbols)
    if view == "unit":
        return _unit(layer, sequence, length, unit)
    if view == "saturation":
        return _saturation(layer, lengths, unit)
    raise ValueError(f"view is {view!r}, but must be maps, unit or saturation")


def subplots(layer: LayerTrace) -> list[tuple[str, Array]]:
    """What the maps show, in order: every gate, then the cell state; the hidden state where a gate is all there is.

    Returns:
        (name, (batch, time, hidden)) pairs.
    """
    shown = list(layer.gates.items()) + [(name, values) for name, values in layer.states.items() if name != "hidden"]
    return shown if len(shown) > 1 else [*shown, ("hidden", layer.states["hidden"])]


def label(name: str, layer: LayerTrace) -> str:
    """ "forget gate", "cell state", "pre-activation"."""
    words = name.replace("pre_activation", "pre-activation")
    return f"{words} gate" if name in layer.bounded else f"{words} state" if name in layer.states else words


def _maps(layer: LayerTrace, sequence: int, length: int, inputs: Array | None, symbols: Sequence[str]) -> Figure:
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
        heat: dict[str, Any] = {
            "type": "heatmap",
            "meta": UNIT_ROWS,
            "name": label(name, layer),
            "z": z,
            "x0": 1,
            "dx": 1,
            "y0": 0,
            "dy": stride,
            "zmin": 0.0 if bounded else -limit,
            "zmax": 1.0 if bounded else limit,
            "colorscale": GATE_SCALE if bounded else SIGNED_SCALE,
            "showscale": kind not in drawn,
            "xaxis": x,
            "yaxis": y,
            "hovertemplate": f"{label(name, layer)}<br>unit %{{y}}, t = %{{x}}: %{{z:.3f}}<extra></extra>",
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
        text = label(name, layer)
        if not bounded and len(set(limits.values())) > 1:
            text += f", ±{limit:g}"
        layout["annotations"].append(heading(text, sum(domain) / 2, 1.0))
        marks.append(Mark("line", axes=(x, y)))
        if strip is not None:
            data.append(
                {
                    "type": "heatmap",
                    "name": "input",
                    "z": strip,
                    "x0": 1,
                    "dx": 1,
                    **_range(strip, bool(symbols)),
                    "colorscale": INPUT_SCALE,
                    "showscale": False,
                    "xaxis": x,
                    "yaxis": strip_y,
                    "hovertemplate": "input at t = %{x}<br>%{customdata}<extra></extra>"
                    if symbols
                    else "input %{y}, t = %{x}: %{z:.3f}<extra></extra>",
                    **({"customdata": strip_names} if symbols else {}),
                }
            )
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
        title=f"{'Gates' if layer.bounded else 'Pre-activation and hidden state'}, {_where(layer)}",
        how_to_read=how + "each row is a unit, and the strip beneath is what entered at that time step.",
        data=data,
        layout=saying(layout, "" if steps else NO_STEPS),
        marks=marks,
        table=Later(lambda: {**by_unit(dict(shown)), **_input_columns(inputs, symbols, steps, hidden_size)}),
    )


def _where(layer: LayerTrace) -> str:
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
        taken = [visible(symbol) for symbol in symbols[:steps]]
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
            "ticktext": [visible(symbol) for symbol in symbols],
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


def _unit(layer: LayerTrace, sequence: int, length: int, unit: int) -> Figure:
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
                    "name": label(name, layer),
                    "x": x,
                    "y": values,
                    "line": {"color": color, "width": 1.8, "dash": dash},
                    "marker": {"color": color, "size": 4},
                    "xaxis": axes[0],
                    "yaxis": axes[1],
                    "legend": f"legend{suffix}",
                    "hovertemplate": f"{label(name, layer)}, t = %{{x}}: %{{y:.3f}}<extra></extra>",
                }
            )
    return Figure(
        name="gates",
        title=f"Unit {unit} over time, {_where(layer)}",
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


def _saturation(layer: LayerTrace, lengths: Array | None, unit: int) -> Figure:
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
                "name": label(name, layer),
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
                "hovertemplate": f"unit %{{customdata}}, {label(name, layer)}<br>shut %{{x:.0%}}, open %{{y:.0%}} "
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
        layout["annotations"].append(heading(label(name, layer), sum(domain) / 2, 1.0))
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
        title=f"How often gates are shut or open, {_where(layer)}, all probe sequences",
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
        title=f"Share of time steps with {quantity}, {_where(layer)}, all probe sequences",
        how_to_read=(
            "A unit that is 0 at every time step of every sequence is dead: no gradient reaches its weights."
            if relu
            else "A unit near -1 or 1 lets almost no gradient through; tall bars are units stuck there."
        ),
        data=data,
        layout=saying(layout, "" if _any_step(layer, lengths) else NO_STEPS),
        table={"unit": units, quantity: shares},
    )


@FIGURES.register("gates")
def _examples() -> Examples:
    lstm, gru, rnn = (samples.layer(cell, 6, 20) for cell in ("lstm", "gru", "rnn"))
    numbers, lengths = np.ones((20, 2)), np.array([17, 20, 1])
    text = tuple("abc<&"[t % 5] for t in range(20))
    return {
        USUAL: partial(gates, lstm, 1, 17, numbers),
        EMPTY: partial(gates, lstm, 1, 0, numbers),
        EXTREME: partial(gates, samples.layer("lstm", 256, 120), 1, 120, None, (samples.HOSTILE, *"abc" * 40)),
        "symbols": partial(gates, gru, 0, 20, None, text),
        "no gates": partial(gates, rnn, 0, 17, None),
        "one unit as lines": partial(gates, lstm, 1, 17, numbers, view="unit", unit=3),
        "one unit of a simple RNN": partial(gates, rnn, 1, 1, numbers, view="unit"),
        "saturation": partial(gates, gru, 1, 17, numbers, view="saturation", lengths=lengths),
        "saturation of a simple RNN": partial(gates, rnn, 1, 17, numbers, view="saturation", unit=1),
        "zeros of a simple RNN": partial(gates, samples.layer("rnn", 6, 20, relu=True), 1, 17, None, view="saturation"),
        "nothing as lines": partial(gates, lstm, 1, 0, None, view="unit"),
        "saturation of nothing": partial(gates, gru, 1, 0, None, view="saturation", lengths=np.zeros(3, dtype=int)),
    }
