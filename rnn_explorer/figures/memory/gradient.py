"""The gradient through time: how much a state of long ago still changes the last one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.memory.cell_memory import MEMORY, CellMemory
from rnn_explorer.analysis.memory.findings import LOST, where
from rnn_explorer.figures import log_axis
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.memory import samples
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import (
    CLASS_COLORS,
    COMPUTED,
    REFERENCE,
    cell_color,
    cell_marker,
    fade,
    layer_name,
    legend,
    margin,
    plain,
    saying,
    time_ticks,
)
from rnn_explorer.trace import Array

_LOW, _HIGH = -3, 1  # powers of ten that the axis always holds
DASHES = ("solid", "dash", "dot", "dashdot")  # by layer


@dataclass(frozen=True)
class Pinned:
    """A curve that was kept for comparison.

    Attributes:
        label: what it was ("LSTM layer 1, step 400").
        cell: the cell's key, for its color.
        log10_norm: (lags,) from lag 0.
    """

    label: str
    cell: str
    log10_norm: Array


def gradient(cells: Sequence[CellMemory], pinned: Sequence[Pinned] = (), suffix: str = "") -> Figure:
    """The spectral norm of d state_T / d state_{T-lag} against the lag, with a fitted exponential.

    Args:
        cells: one line each; none: an empty figure with axes.
        pinned: curves drawn beside them.
        suffix: added to the title, such as the sequence in words.
    """
    curves = [cell.log10_norm for cell in cells] + [pin.log10_norm for pin in pinned]
    everything = np.concatenate(curves) if curves else np.zeros(0)
    low, high = log_axis.ends(everything, _LOW, _HIGH)
    longest = max((len(curve) for curve in curves), default=1)
    data: list[dict[str, Any]] = []
    for cell in cells:
        data += [*_curve(cell, len(cells)), _memory(cell, low, longest, len(cells))]
    data += [_kept(pin, number) for number, pin in enumerate(pinned)]
    how = (
        "Flat carries the gradient through time, falling loses it, rising explodes; the dot is the effective memory "
        f"(last lag at {MEMORY:g} or above), thin dashed an exponential fit."
    )
    return Figure(
        name="gradient",
        title=f"Sensitivity of the last state to earlier ones{suffix}",
        how_to_read=how + log_axis.beyond(everything, low, high),
        data=data,
        layout=saying(
            _layout(low, high, longest, legend_room(len(cells) + len(pinned), 5 if len(cells) < 2 else 3)),
            COMPUTED if not cells else "",
        ),
        marks=[Mark("point", trace=_TRACES * number) for number in range(len(cells))],
        table=_table(cells, pinned),
    )


_TRACES = 3  # a cell: its curve, the fit, the effective memory


def line_of(cell: CellMemory, among: int, width: float = 2.4) -> dict[str, Any]:
    """How one cell's line looks among so many: a color of its own, and the dash of its layer.

    The first layer read forward, and a line alone, has the color of its kind of cell.
    """
    return {"color": color_of(cell, among), "width": width, "dash": DASHES[cell.layer % len(DASHES)]}


def color_of(cell: CellMemory, among: int) -> str:
    """The color of one of so many lines: no two of the same model are alike."""
    own, place = cell_color(cell.cell), 2 * cell.layer + (cell.direction == "backward")
    if among == 1 or place == 0:
        return own
    others = [color for color in CLASS_COLORS if color != own]
    return others[(2 * place) % len(others)]  # neighbors in the list are less unlike


def mark_of(cell: CellMemory) -> str:
    """The shape of a line's marks: by direction, so that colors are not needed to tell two lines of a layer apart."""
    return cell_marker(cell.cell) if cell.direction == "forward" else "x"


def line_name(cell: CellMemory, among: int) -> str:
    """How one line is called in a legend of so many: with the kind of cell where there is room for it."""
    return layer_name(cell.cell, cell.layer, cell.direction) if among <= 2 else where(cell).lower()


def legend_room(lines: int, a_row: int) -> int:
    """Pixels above a subplot for a legend of so many lines, with so many in a row."""
    return 24 if lines <= a_row else 40


def _curve(cell: CellMemory, among: int) -> list[dict[str, Any]]:
    """The curve and its fit; where there are several, the legend says each one's effective memory."""
    name, color = layer_name(cell.cell, cell.layer, cell.direction), color_of(cell, among)
    in_time = slice(None, None, -1 if cell.direction == "forward" else 1)  # point t - 1 belongs to time step t
    lags = cell.lags.astype(np.int32)
    return [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(lags) < 3 or among > 1 else "lines",
            "name": line_name(cell, among) + (f": {_words(cell)}" if among > 1 and _words(cell) else ""),
            "x": lags[in_time],
            "y": log_axis.powers(cell.log10_norm[in_time]),
            "line": line_of(cell, among),
            "marker": {"color": color, "size": 6, "symbol": mark_of(cell), "maxdisplayed": 8},
            "hovertemplate": f"{name}<br>%{{x}} time steps back: %{{y:.2e}}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "fit",
            "showlegend": False,
            "x": lags,
            "y": log_axis.powers(cell.decay.log10(cell.lags)),
            "line": {"color": fade(color, 0.7), "width": 1, "dash": "5px,4px"},
            "hovertemplate": f"{name}, fitted: ρ = {cell.decay.rho:.3g} a time step, time constant "
            f"{cell.decay.time_constant:.3g} time steps<extra></extra>",
        },
    ]


def _words(cell: CellMemory) -> str:
    """The effective memory; "" where there is none."""
    if cell.effective_memory is None or len(cell.lags) < 2:
        return ""
    return f"{'at least ' if cell.whole_sequence else ''}{cell.effective_memory} time steps"


def _memory(cell: CellMemory, low: int, longest: int, among: int) -> dict[str, Any]:
    """A dot at the effective memory, and a line down to the axis, where it is read.

    Args:
        cell: whose.
        low: the power of ten at the axis's lower end.
        longest: lags that the axis holds.
        among: cells that are drawn: the words of one stand beside its dot, those of several in the legend.
    """
    name, color = layer_name(cell.cell, cell.layer, cell.direction), color_of(cell, among)
    memory = cell.effective_memory
    x, y, text = [], [], []
    if memory is not None and len(cell.lags) > 1:
        x, y, text = [memory], [cell.log10_norm[memory]], [_words(cell) if among == 1 else ""]
        if not cell.whole_sequence:
            x, y, text = [*x, memory], [*y, low], [*text, ""]
    left = memory is not None and memory > 0.6 * (longest - 1)
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "name": "effective memory",
        "showlegend": False,
        "x": np.array(x, dtype=np.int32),
        "y": log_axis.powers(np.array(y, dtype=np.float64)),
        "line": {"color": fade(color, 0.0 if cell.whole_sequence else 0.6), "width": 1.3, "dash": "dot"},
        "marker": {
            "color": color,
            "size": np.array([9 if among == 1 else 12, 0], dtype=np.int32)[: len(x)],
            "symbol": "circle" if among == 1 else "circle-open",
            "line": {"width": 2, "color": color},
        },
        "text": text,
        "textposition": "top left" if left else "top right",
        "textfont": {"size": 12},
        "cliponaxis": False,
        "hovertemplate": f"{name}: effective memory %{{x}} time steps<extra></extra>",
    }


def _kept(pin: Pinned, number: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(pin.label, 40),
        "x": np.arange(len(pin.log10_norm), dtype=np.int32),
        "y": log_axis.powers(pin.log10_norm),
        "line": {
            "color": fade(cell_color(pin.cell), 0.85),
            "width": 1.6,
            "dash": ("6px,3px", "2px,3px", "9px,3px,2px,3px")[number % 3],
        },
        "hovertemplate": f"{plain(pin.label, 40)}<br>%{{x}} time steps back: %{{y:.2e}}<extra></extra>",
    }


def _layout(low: int, high: int, longest: int, top: int) -> dict[str, Any]:
    levels = [(MEMORY, f"{MEMORY:g}: the effective memory ends")]
    if low <= np.log10(LOST):
        levels.append((LOST, "1e−6: lost in single precision"))
    ticks = time_ticks(longest - 1)
    return {
        "margin": margin(50, 18, top, 36),
        "legend": legend(),
        "xaxis": {
            "title": {"text": "lag: time steps back from the last state", "standoff": 4},
            "range": [-0.01 * max(longest - 1, 1), 1.01 * max(longest - 1, 1)],
            **ticks,
            "tickvals": [0, *(value for value in ticks["tickvals"] if value > 1 or longest <= 9)],
            "zeroline": False,
        },
        "yaxis": log_axis.axis("‖∂s(T) / ∂s(T − lag)‖", low, high),
        "shapes": [
            {
                "type": "line",
                "xref": "x domain",
                "yref": "y",
                "x0": 0,
                "x1": 1,
                "y0": level,
                "y1": level,
                "line": {"color": REFERENCE, "width": 1.2, "dash": "dash"},
            }
            for level, _ in levels
        ],
        "annotations": [
            {
                "text": words,
                "xref": "x domain",
                "yref": "y",
                "x": 0.004,
                "y": np.log10(level).item(),
                "xanchor": "left",
                "yanchor": "top",
                "showarrow": False,
                "font": {"size": 10},
            }
            for level, words in levels
        ],
    }


def _table(cells: Sequence[CellMemory], pinned: Sequence[Pinned]) -> dict[str, Any]:
    rows: dict[str, list[Any]] = {"curve": [], "lag": [], "log10_norm": [], "log10_fit": []}
    drawn = [
        (layer_name(cell.cell, cell.layer, cell.direction), cell.log10_norm, cell.decay.log10(cell.lags))
        for cell in cells
    ]
    drawn += [(f"pinned: {pin.label}", pin.log10_norm, np.full(len(pin.log10_norm), np.nan)) for pin in pinned]
    for name, norms, fitted in drawn:
        rows["curve"] += [name] * len(norms)
        rows["lag"] += range(len(norms))
        rows["log10_norm"] += norms.tolist()
        rows["log10_fit"] += fitted.tolist()
    return rows


@FIGURES.register("gradient")
def _examples() -> Examples:
    pinned = Pinned(f"optimizer step 400, {HOSTILE}", "rnn", np.arange(30) * -0.4)
    return {
        USUAL: partial(gradient, [samples.cell_memory()], (), ", a 7"),
        EMPTY: partial(gradient, ()),
        EXTREME: partial(gradient, samples.every_layer(), [pinned] * 4, f", {HOSTILE}"),
        "one time step": partial(gradient, [samples.cell_memory("gru", 1)]),
        "zeros": partial(gradient, [samples.broken_memory(-math.inf)]),
        "exploding": partial(gradient, [samples.cell_memory(rho=30.0)]),
    }
