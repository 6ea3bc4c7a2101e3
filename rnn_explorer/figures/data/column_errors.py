"""How well each column is forecast, as a panel of sentences."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np

from rnn_explorer.analysis.columns.record import ColumnErrors
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import COMPUTED
from rnn_explorer.figures.text_panel import Line, TextPanel


def column_errors(found: ColumnErrors | None) -> TextPanel:
    """The error of each column beside that of the memoryless baseline.

    Args:
        found: what was measured; None: it is being computed.
    """
    part = "" if found is None else f", on the {found.split} part"
    return TextPanel(
        name="columns",
        title=f"Squared error by column{part}",
        how_to_read=(
            "The curves are means over all columns; ● is better than the memoryless baseline, ○ is not, ▲ is so much "
            "better than the others that it should be looked into."
        ),
        lines=[{"kind": "fact", "text": COMPUTED}] if found is None else _lines(found),
        table={
            "column": [] if found is None else list(found.names),
            "model": np.zeros(0) if found is None else found.model,
            "memoryless baseline": np.zeros(0) if found is None else found.baseline,
        },
    )


def _lines(found: ColumnErrors) -> list[Line]:
    lines: list[Line] = []
    rows = zip(found.names, found.model, found.baseline, found.beaten(), found.suspicious(), strict=True)
    for name, model, baseline, beaten, suspicious in rows:
        text = f"{name}: {model:.3g}; the memoryless baseline has {baseline:.3g}."
        if suspicious:
            text += " Far below the others: does another column that is read hold it a time step ahead?"
        lines.append({"kind": "warning" if suspicious else "good" if beaten else "fact", "text": text})
    return lines


@FIGURES.register("column_errors")
def _examples() -> Examples:
    def of(names: tuple[str, ...], model: float) -> ColumnErrors:
        size = np.linspace(0.5, 1.5, len(names))
        return ColumnErrors(names, "validation", model * size, np.ones(len(names)), np.ones(len(names)))

    given_away = dataclasses.replace(of(("a", "b", "c"), 0.9), model=np.array([1e-6, 0.9, 0.9]))
    return {
        USUAL: partial(column_errors, of(("open", "close"), 0.8)),
        EMPTY: partial(column_errors, None),
        EXTREME: partial(column_errors, of((HOSTILE,) * 40, 1e9)),
        "one gives another away": partial(column_errors, given_away),
    }
