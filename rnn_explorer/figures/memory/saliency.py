"""Which inputs move an answer: relative to the largest as bars, and absolute on a logarithmic axis beneath."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.memory.record import InputSaliency
from rnn_explorer.figures import log_axis
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.memory import samples
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import (
    CLASS_COLORS,
    COMPUTED,
    cell_color,
    margin,
    plain,
    saying,
    symbol_label,
    time_axis,
)

_LOW, _HIGH = -6, 1  # powers of ten that the absolute axis always holds
_MOST_SYMBOLS = 45  # letters along the axis; more are too small to read


def saliency(found: InputSaliency | None, cell: str = "") -> Figure:
    """||d answer / d input_k|| over k.

    Args:
        found: what was found; None: an empty figure with axes.
        cell: the cell's key, for the color.
    """
    norm = np.zeros(0) if found is None else found.norm
    relative = np.zeros(0) if found is None else found.relative
    symbols = () if found is None else found.symbols
    heights = log_axis.logs(norm)
    read = heights if found is None else heights[: found.time_step]
    low, high = log_axis.ends(read, _LOW, _HIGH)
    steps = np.arange(1, len(norm) + 1, dtype=np.int32)
    color = cell_color(cell) if cell else CLASS_COLORS[0]
    names = [symbol_label(symbol) for symbol in symbols] or [""] * len(norm)
    common: dict[str, Any] = {
        "x": steps,
        "customdata": names,
        "marker": {"color": color},
    }
    data: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": "relative",
            "y": relative.astype(np.float32),
            **common,
            "hovertemplate": "t = %{x} %{customdata}<br>%{y:.3f} of the largest<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "absolute",
            "xaxis": "x",
            "yaxis": "y2",
            "y": log_axis.powers(heights),
            **common,
            "marker": {"color": color, "size": 4},
            "line": {"color": color, "width": 1.2},
            "hovertemplate": "t = %{x} %{customdata}<br>%{y:.2e}<extra></extra>",
        },
    ]
    return Figure(
        name="saliency",
        title="Input saliency" + ("" if found is None else f" of {_output_words(found)}"),
        how_to_read="How strongly the answer depends on each input: bars relative to the largest, beneath "
        "the gradient's norm itself." + log_axis.beyond(read, low, high),
        data=data,
        layout=saying(
            {
                "margin": margin(54, 12, 6, 36),
                "showlegend": False,
                "bargap": 0.15,
                "xaxis": time_axis(
                    len(norm), title={"text": "time step k of the input", "standoff": 4}, anchor="y2", **_ticks(symbols)
                ),
                "yaxis": {
                    "title": {"text": "relative", "standoff": 2},
                    "range": [0, 1.04],
                    "domain": [0.5, 1.0],
                    "tickvals": [0, 0.5, 1],
                    "zeroline": False,
                },
                "yaxis2": log_axis.axis("absolute", low, high, domain=[0.0, 0.42], anchor="x"),
            },
            COMPUTED if found is None else "",
        ),
        marks=[Mark("line"), Mark("line", axes=("x", "y2"))],
        table={"step": steps, **({"symbol": list(symbols)} if symbols else {}), "absolute": norm, "relative": relative},
    )


def _output_words(found: InputSaliency) -> str:
    return f"“{plain(found.output_name, 24)}” at t = {found.time_step}"


def _ticks(symbols: tuple[str, ...]) -> dict[str, Any]:
    if not symbols or len(symbols) > _MOST_SYMBOLS:
        return {}
    return {
        "tickmode": "array",
        "tickvals": list(range(1, len(symbols) + 1)),
        "ticktext": [symbol_label(symbol) for symbol in symbols],
        "tickangle": 0,
    }


@FIGURES.register("saliency")
def _examples() -> Examples:
    odd = dataclasses.replace(samples.input_saliency(100), output_name=HOSTILE, symbols=(HOSTILE, *"abc" * 33))
    return {
        USUAL: partial(saliency, samples.input_saliency(), "gru"),
        EMPTY: partial(saliency, None),
        EXTREME: partial(saliency, odd, "rnn"),
        "symbols": partial(saliency, samples.input_saliency(12, symbols=True), "rnn"),
        "one time step": partial(saliency, samples.input_saliency(1), "gru"),
        "zeros": partial(saliency, samples.input_saliency(norm=np.zeros(12))),
    }
