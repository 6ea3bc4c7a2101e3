"""What a panel of sentences is here: what was found, in words, with how good or bad each is."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from rnn_explorer.figures.notebook import block
from rnn_explorer.figures.panel import Panel

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
class TextPanel(Panel):
    """A panel of sentences; see `Panel` for its words and table.

    Attributes:
        lines: the sentences, what matters most first.
    """

    lines: Sequence[Line] = ()

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"{_MARKS[line['kind']]} {line['text']}" for line in self.lines)])

    def _repr_html_(self) -> str:
        items = "".join(f"<div>{_MARKS[line['kind']]} {html.escape(line['text'])}</div>" for line in self.lines)
        return block(self.title, items, self.how_to_read)
