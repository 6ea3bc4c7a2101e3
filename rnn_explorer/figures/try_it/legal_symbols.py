"""What a model expects after each symbol of a string, against what the grammar allows there."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.own_sequence.record import OwnSequence
from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import (
    COMPUTED,
    REFERENCE,
    cell_color,
    color_bar,
    legend,
    margin,
    plain,
    ramp,
    saying,
    symbol_label,
    time_axis,
)
from rnn_explorer.figures.try_it import samples
from rnn_explorer.trace import Array

_MOST_TICKS = 56  # symbols that can be read along the axis


def legal_symbols(found: OwnSequence | None, cell: str) -> Figure:
    """Probabilities of the next symbol, symbol x time, with the legal ones framed.

    Args:
        found: a sequence of a task with a grammar; None, or one of another task: an empty figure.
        cell: the cell's key, for the color.
    """
    names, probabilities, legal = _parts(found)
    steps = np.arange(1, len(legal) + 1)
    symbols = () if found is None else found.explanation.symbols
    follows = None if found is None else found.explanation.target_classes
    at, which = np.nonzero(legal)
    came = np.full(0, 0) if follows is None else np.flatnonzero(np.asarray(follows) >= 0)
    row = min(13, max(6, 150 // max(len(names), 1)))
    data: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "z": np.ascontiguousarray(probabilities.T, dtype=np.float32),
            "x0": 1,
            "dx": 1,
            "y0": 0,
            "dy": 1,
            "zmin": 0,
            "zmax": 1,
            "colorscale": ramp(cell_color(cell)),
            "colorbar": color_bar("probability", tickvals=[0, 0.5, 1]),
            "customdata": [[symbol_label(name)] * len(steps) for name in names],
            "hovertemplate": "%{customdata} after t = %{x}<br>probability %{z:.3f}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "legal",
            "x": (at + 1).astype(np.int32),
            "y": which.astype(np.int32),
            "marker": {"symbol": "square-open", "size": row, "color": REFERENCE, "line": {"width": 1.8}},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "what came",
            "x": (came + 1).astype(np.int32),
            "y": np.zeros(0, np.int32) if follows is None else np.asarray(follows)[came].astype(np.int32),
            "marker": {"symbol": "circle", "size": 4, "color": REFERENCE},
            "hoverinfo": "skip",
        },
    ]
    return Figure(
        name="legal_symbols",
        title=_title(found),
        how_to_read=(
            "Each column is what it expects after that symbol, the stronger the likelier; framed is what the grammar "
            "allows there, a dot is what came: color outside the frames is a mistake."
        ),
        data=data,
        layout=saying(_layout(names, symbols, len(steps)), COMPUTED if found is None else ""),
        marks=[Mark("line")],
        table={
            "step": np.repeat(steps, len(names)),
            "symbol read": np.repeat(np.array(symbols, dtype=object), len(names)),
            "next symbol": np.tile(np.array(names, dtype=object), len(steps)),
            "probability": probabilities.ravel(),
            "legal": legal.ravel(),
        },
    )


def _parts(found: OwnSequence | None) -> tuple[tuple[str, ...], Array, Array]:
    """Names, (time, symbols) probabilities, and whether each is legal."""
    if found is None or found.legal is None or found.explanation.probabilities is None:
        return (), np.zeros((0, 0)), np.zeros((0, 0), dtype=bool)
    return found.explanation.class_names, found.explanation.probabilities, found.legal


def _title(found: OwnSequence | None) -> str:
    if found is None or found.legal is None:
        return "What may come next, and what it expects"
    words, share = f"What may come next in {plain(found.explanation.title, 40)}", found.legal_share()
    known = share[~np.isnan(share)]
    if len(known) and np.isfinite(known).all():
        words += f": {100 * known.mean():.1f} % of the probability is on legal symbols"
    over = np.flatnonzero(~found.legal.any(axis=1))
    return words + (f"; from t = {over[0] + 1} on nothing is legal" if len(over) else "")


def _layout(names: tuple[str, ...], symbols: tuple[str, ...], steps: int) -> dict[str, Any]:
    stride = max(1, -(-steps // _MOST_TICKS))
    shown = range(0, steps, stride)
    return {
        "margin": margin(40, 56, 24, 40),
        "legend": legend(),
        "xaxis": {
            **time_axis(steps),
            "tickmode": "array",
            "tickvals": [step + 1 for step in shown],
            "ticktext": [symbol_label(symbols[step]) for step in shown],
            "tickangle": 0,
            "title": {"text": "symbol read at each time step", "standoff": 4},
        },
        "yaxis": {
            "title": {"text": "next symbol", "standoff": 2},
            "range": [len(names) - 0.5, -0.5] if names else [0.5, -0.5],
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": [symbol_label(name) for name in names],
            "showgrid": False,
            "zeroline": False,
        },
    }


@FIGURES.register("legal_symbols")
def _examples() -> Examples:
    usual, names = samples.string(), tuple(f"{number} {HOSTILE}" for number in range(30))
    about = dataclasses.replace(
        usual.explanation, title=HOSTILE, symbols=(HOSTILE,) * 200, class_names=names,
        probabilities=np.full((200, 30), 1 / 30), target_classes=np.arange(200) % 30,
    )  # fmt: skip
    long = dataclasses.replace(usual, explanation=about, legal=np.ones((200, 30), dtype=bool))
    return {
        USUAL: partial(legal_symbols, usual, "lstm"),
        EMPTY: partial(legal_symbols, None, "lstm"),
        EXTREME: partial(legal_symbols, long, "gru"),
        "without a grammar": partial(legal_symbols, dataclasses.replace(usual, legal=None), "rnn"),
    }
