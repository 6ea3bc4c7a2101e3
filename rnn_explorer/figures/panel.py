"""What every panel of a view has: its name, words for the reader, and a table behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnn_explorer.figures.table import csv_text


@dataclass(frozen=True)
class Panel(ABC):
    """A figure, a drawing or a list of sentences.

    Attributes:
        name: a short key, unique on a page ("curves", "gates").
        title: what it shows, in a few words.
        how_to_read: one line for someone who sees such a panel for the first time.
        table: column name -> values of equal length, for CSV; of a figure everything that is drawn, undecimated.
    """

    name: str
    title: str
    how_to_read: str
    table: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def to_csv(self) -> str:
        """The table as CSV text with a header."""
        return csv_text(self.table)

    def __str__(self) -> str:
        return f"{self.title}\n{self.how_to_read}"

    @abstractmethod
    def _repr_html_(self) -> str: ...

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """How a notebook shows it."""
        return {"text/plain": str(self), "text/html": self._repr_html_()}
