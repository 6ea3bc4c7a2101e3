"""The units that go most closely with one feature of the text."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.correlates.record import Correlates
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import COMPUTED, cell_color, fade, layer_name, margin, plain, saying
from rnn_explorer.figures.try_it import samples

MOST = 10  # units drawn
_ALSO = 3  # features that are told of each


def unit_correlations(
    found: Correlates | None, feature: str, quantity: str = "hidden", unit: int = -1, cell: str = "lstm"
) -> Figure:
    """Bars of Pearson's r of the strongest units with a feature.

    Args:
        found: what was compared; None: an empty figure.
        feature: one of its features; "" for none, an empty figure.
        quantity: the name of a state or gate.
        unit: the one that is chosen, from 0, which is drawn in full color.
        cell: the cell's key, for the color.

    Raises:
        ValueError: for a feature or quantity that there is not.
    """
    ranked = [] if found is None or not feature else found.ranked(feature, quantity)
    drawn, color = ranked[:MOST], cell_color(cell)
    units = np.array([n for n, _ in drawn], dtype=np.int32)
    values = np.array([r for _, r in drawn], dtype=np.float32)
    data: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "x": values,
            "y": np.arange(len(drawn), dtype=np.int32),
            "marker": {"color": [color if n == unit else fade(color, 0.4) for n in units.tolist()]},
            "text": [f"{r:.2f}" for r in values],
            "textposition": "outside",
            "textfont": {"size": 10},
            "constraintext": "none",
            "cliponaxis": False,
            "meta": {"choose": "unit", "column": 0},
            "customdata": [[n, _also(found, quantity, n)] for n in units.tolist()],
            "hovertemplate": "unit %{customdata[0]}, r = %{x:.3f}<br>goes with %{customdata[1]}<extra></extra>",
        }
    ]
    where = "" if found is None else f", {layer_name(found.cell, found.layer, found.direction)}"
    return Figure(
        name="unit_correlations",
        title=f"Units and “{plain(feature, 40)}”{where}" if feature else "Unit correlations",
        how_to_read=(
            "Each bar is one unit: near 1 it rises and falls with that, near −1 against it. Click a bar to color the "
            "text."
        ),
        data=data,
        layout=saying(
            {
                "margin": margin(52, 12, 6, 36),
                "bargap": 0.2,
                "hovermode": "y",  # a whole row can be pointed at and clicked, however short its bar
                "xaxis": {
                    "title": {"text": f"correlation r of its {quantity.replace('_', '-')} values", "standoff": 4},
                    "range": [-1.3, 1.3],
                    "tickvals": [-1, -0.5, 0, 0.5, 1],
                },
                "yaxis": {
                    "title": {"text": "unit", "standoff": 2},
                    "range": [MOST - 0.5, -0.5],
                    "tickmode": "array",
                    "tickvals": list(range(len(drawn))),
                    "ticktext": [str(n) for n in units.tolist()],
                    "showgrid": False,
                },
            },
            COMPUTED if found is None else "",
        ),
        table={"unit": [n for n, _ in ranked], f"r with {feature}": [r for _, r in ranked]},
    )


def _also(found: Correlates | None, quantity: str, unit: int) -> str:
    """The features that a unit goes with most closely."""
    if found is None:
        return ""
    known = {name: r for name, r in found.of(quantity, unit).items() if r == r}
    best = sorted(known, key=lambda name: -abs(known[name]))[:_ALSO]
    return ", ".join(f"{plain(name, 30)} ({known[name]:.2f})" for name in best)


@FIGURES.register("unit_correlations")
def _examples() -> Examples:
    odd = dataclasses.replace(samples.correlates(256), features=(HOSTILE, f"not {HOSTILE}"))
    return {
        USUAL: partial(unit_correlations, samples.correlates(), "position", "hidden", 12, "gru"),
        EMPTY: partial(unit_correlations, None, ""),
        EXTREME: partial(unit_correlations, odd, HOSTILE, "hidden", 255),
        "no feature": partial(unit_correlations, samples.correlates(), ""),
        "never changing": partial(unit_correlations, samples.correlates(), "position", "reset"),
    }
