"""Titles and colors of sequences."""

from __future__ import annotations

from rnn_explorer.analysis.data.record import Example
from rnn_explorer.figures.style import CLASS_COLORS, MUTED, plain

LONGEST_TITLE = 26


def color_of(label: int) -> str:
    """The color of a class, in examples as in distributions; gray for none."""
    return MUTED if label < 0 else CLASS_COLORS[label % len(CLASS_COLORS)]


def name_of(item: Example) -> str:
    """A sequence's title in its class' color."""
    text = plain(item.title, LONGEST_TITLE)
    return text if item.label < 0 else f"<span style='color:{color_of(item.label)}'>{text}</span>"
