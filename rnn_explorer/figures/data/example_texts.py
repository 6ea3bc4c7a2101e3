"""Sequences of a task that are symbols, as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnn_explorer.analysis.data.record import Example
from rnn_explorer.figures.data.example_names import LONGEST_TITLE, color_of, name_of
from rnn_explorer.figures.style import CLASS_COLORS, margin, plain, symbol_label, time_axis, time_ticks

_WIDE, _NARROW = 1000, 500  # pixels the subplots have, more or less
_LEAST = 8  # pixels a symbol needs


def draw_texts(
    items: Sequence[Example], class_names: Sequence[str], wide: bool, data: list[dict[str, Any]], layout: dict[str, Any]
) -> None:
    """A line of text for each sequence, as long as there is room for."""
    left = 14 + 7 * min(max((len(item.title) for item in items), default=0), LONGEST_TITLE)
    room = (_WIDE if wide else _NARROW) - left
    longest = max((item.length for item in items), default=0)
    shown = min(longest, room // _LEAST)
    size = int(min(15, max(8, 1.3 * room / max(shown, 1))))
    for row, item in enumerate(items):
        symbols = [symbol_label(symbol) for symbol in item.symbols[:shown]]
        data.append(
            {
                "type": "scatter",
                "mode": "text",
                "x": np.arange(1, len(symbols) + 1, dtype=np.int32),
                "y": np.full(len(symbols), row, dtype=np.int32),
                "text": symbols,
                "textfont": {
                    "size": size,
                    "family": "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
                    "color": _symbol_colors(item, len(symbols), class_names),
                },
                "customdata": _right_answers(item, len(symbols), class_names),
                "hovertemplate": f"{plain(item.title, 40)}, t = %{{x}}: “%{{text}}”%{{customdata}}<extra></extra>",
                "showlegend": False,
            }
        )
    end = max(shown, 24 if wide else 14)  # the letters of short words stand together
    axis = time_axis(end, side="top") | time_ticks(end, 12 if wide else 6)
    cut = f" (of {longest}; the first {shown} are drawn)" if shown < longest else ""
    layout["xaxis"] = {**axis, "title": {"text": f"time step t{cut}", "standoff": 2}}
    layout["yaxis"] = {
        "tickmode": "array",
        "tickvals": list(range(len(items))),
        "ticktext": [name_of(item) for item in items],
        "range": [max(len(items), 1) - 0.4, -0.6],
        "showgrid": False,
        "zeroline": False,
        "title": {"text": ""},
    }
    layout["margin"] = margin(left, 10, 40, 8)


def _symbol_colors(item: Example, count: int, class_names: Sequence[str]) -> Any:
    """One color a symbol where each has a class of its own and there are colors enough, else the sequence's."""
    if item.step_classes is not None and len(class_names) <= len(CLASS_COLORS):
        return [color_of(int(label)) for label in item.step_classes[:count]]
    return [color_of(item.label)] * count


def _right_answers(item: Example, count: int, class_names: Sequence[str]) -> list[str]:
    if item.step_classes is None:
        return [""] * count
    names = [symbol_label(class_names[int(label)]) if label >= 0 else "" for label in item.step_classes[:count]]
    return [f"<br>right answer: {name}" if name else "<br>not asked here" for name in names]
