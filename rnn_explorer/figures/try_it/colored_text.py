"""The characters of a sequence, each in the color of one unit's state or gate after reading it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.figures.base import Figure, Mark
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.samples import layer as layer_of
from rnn_explorer.figures.style import (
    COMPUTED,
    GATE_SCALE,
    SIGNED_SCALE,
    color_bar,
    layer_name,
    margin,
    plain,
    saying,
    signed_limit,
)
from rnn_explorer.figures.try_it import samples
from rnn_explorer.figures.try_it.text_wrap import columns_for, glyph, wrapped
from rnn_explorer.trace import Array, LayerTrace

_WIDTH = 580  # pixels of the text in a usual panel, for the size of its letters
_LETTER = 0.62  # width of a letter by its size


def colored_text(
    layer: LayerTrace | None,
    sequence: int,
    symbols: Sequence[str],
    unit: int = 0,
    quantity: str = "hidden",
    shape: float = 2.7,
) -> Figure:
    """A sequence of symbols as a text, colored by what one unit did.

    Args:
        layer: the recording of one layer and direction; None: an empty figure.
        sequence: which of the recorded sequences.
        symbols: the text of each of its real steps.
        unit: from 0.
        quantity: the name of a state or gate.
        shape: width of the text's panel by its height.

    Raises:
        ValueError: for a quantity that this cell does not have.
    """
    values = _values(layer, sequence, quantity, unit, len(symbols))
    bounded = layer is not None and quantity in layer.bounded
    limit = 1.0 if bounded else signed_limit(values)
    lines = wrapped(symbols, columns_for(len(symbols), shape))
    columns = max((end - start for start, end in lines), default=1)
    rows = max(len(lines), 1)
    z = np.full((rows, columns), np.nan, dtype=np.float32)
    steps = np.zeros((rows, columns), dtype=int)
    texts = np.full((rows, columns), "", dtype=object)
    for row, (start, end) in enumerate(lines):
        z[row, : end - start] = values[start:end]
        steps[row, : end - start] = np.arange(start + 1, end + 1)
        texts[row, : end - start] = [plain(glyph(symbol)) for symbol in symbols[start:end]]
    ticks = [0, 0.5, 1] if bounded else [-limit, 0, limit]
    words = quantity.replace("_", "-") + ("" if layer is None or quantity in layer.states else " gate" * bounded)
    letters = {"size": _letter_size(columns, rows, shape), "family": "monospace"}
    data: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "z": z,
            "x0": 1,
            "dx": 1,
            "y0": 1,
            "dy": 1,
            "text": texts.tolist(),
            "customdata": steps,
            **({"texttemplate": "%{text}", "textfont": letters} if bounded else {"opacity": 0.65}),
            "zmin": 0 if bounded else -limit,
            "zmax": limit,
            "colorscale": GATE_SCALE if bounded else SIGNED_SCALE,
            "colorbar": color_bar(words, tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks]),
            "hoverongaps": False,
            "xgap": 1,
            "ygap": 2,
            "hovertemplate": f"%{{text}} at t = %{{customdata}}<br>{words} of unit {unit} = %{{z:.3f}}<extra></extra>",
        }
    ]
    if not bounded:
        # Plotly chooses black or white ink as if the page were white; beneath these colors the page's own is read.
        y, x = np.nonzero(steps)
        data.append(
            {
                "type": "scatter",
                "mode": "text",
                "x": x + 1,
                "y": y + 1,
                "text": texts[steps > 0].tolist(),
                "textfont": letters,
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    state = "state" if words == "hidden" or words == "cell" else ""
    where = f", {layer_name(layer.cell, layer.layer, layer.direction)}" if layer is not None else ""
    return Figure(
        name="colored_text",
        title=f"Text in the colors of unit {unit}: {words} {state}".rstrip() + where,
        how_to_read=_HOW["gate" if bounded else "state"],
        data=data,
        layout=saying(_layout(lines, columns), COMPUTED if layer is None else ""),
        marks=[Mark("cells", steps=steps.tolist())],
        table={
            "step": np.arange(1, len(symbols) + 1),
            "symbol": np.array(list(symbols), dtype=object),
            words: values,
        },
    )


_HOW = {
    "gate": "Read line by line; yellow is open, 1, dark blue is shut, 0, after the network has read that character.",
    "state": "Read line by line; red is positive, blue negative, faint near zero, after the network has read that "
    "character.",
}


def _values(layer: LayerTrace | None, sequence: int, quantity: str, unit: int, length: int) -> Array:
    """(time,) float32: one unit's values at the real steps."""
    if layer is None:
        return np.full(length, np.nan, dtype=np.float32)
    known = {**layer.states, **layer.gates}
    if quantity not in known:
        raise ValueError(f"quantity is {quantity!r}, but this cell has {', '.join(known)}")
    return known[quantity][sequence, :length, unit].astype(np.float32)


def _letter_size(columns: int, rows: int, shape: float) -> int:
    """Pixels: as large as the cells allow."""
    wide, high = _WIDTH / columns, _WIDTH / shape / rows
    return int(max(9, min(wide / _LETTER, 0.7 * high, 26)))


def _layout(lines: Sequence[tuple[int, int]], columns: int) -> dict[str, Any]:
    bare = {"showgrid": False, "zeroline": False}
    rows = max(len(lines), 1)
    return {
        "margin": margin(52, 52, 6, 24),
        "xaxis": {
            **bare,
            "title": {"text": "one character a time step, line by line", "standoff": 4},
            "range": [0.5, columns + 0.5],
            "showticklabels": False,
        },
        "yaxis": {
            **bare,
            "title": {"text": "first time step of the line", "standoff": 2},
            "range": [rows + 0.5, 0.5],
            "tickmode": "array",
            "tickvals": list(range(1, len(lines) + 1)),
            "ticktext": [str(start + 1) for start, _ in lines],
        },
    }


@FIGURES.register("colored_text")
def _examples() -> Examples:
    text = samples.TEXT
    lstm = layer_of("lstm", 7, 100)
    return {
        USUAL: partial(colored_text, lstm, 1, text, unit=3),
        EMPTY: partial(colored_text, None, 0, "abc"),
        EXTREME: partial(colored_text, layer_of("gru", 256, 400), 0, (10 * HOSTILE)[:400], unit=255, quantity="update"),
        "one character": partial(colored_text, lstm, 1, text[:1], unit=3),
        "a gate": partial(colored_text, lstm, 1, text, unit=3, quantity="forget"),
        "no character": partial(colored_text, lstm, 1, "", unit=3),
    }
