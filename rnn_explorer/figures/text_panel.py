"""What a panel of sentences is here: what was found, in words, with how good or bad each is."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from rnn_explorer.figures.notebook import block
from rnn_explorer.figures.table import csv_text

_MARKS = {"warning": "▲", "good": "●", "fact": "○"}


class Line(TypedDict):
    """One sentence.

    Attributes:
        kind: "good", "warning" or "fact", for its mark and color.
        text: the sentence.
    """

    kind: Literal["good", "warning", "fact"]
    text: str


@dataclass(frozen=True)
class TextPanel:
    """A panel of sentences.

    Attributes:
        name: a short key, unique on a page ("findings").
        title: what they are about, in a few words.
        how_to_read: one line for someone who sees such a panel for the first time.
        lines: the sentences, what matters most first.
        table: column name -> values of equal length, for CSV.
    """

    name: str
    title: str
    how_to_read: str
    lines: Sequence[Line] = ()
    table: Mapping[str, Any] = field(default_factory=dict)

    def to_csv(self) -> str:
        """The table behind the panel as CSV text with a header."""
        return csv_text(self.table)

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"{_MARKS[line['kind']]} {line['text']}" for line in self.lines)])

    def _repr_html_(self) -> str:
        items = "".join(f"<div>{_MARKS[line['kind']]} {html.escape(line['text'])}</div>" for line in self.lines)
        return block(self.title, items, self.how_to_read)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}
