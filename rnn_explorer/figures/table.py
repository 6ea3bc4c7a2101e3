"""The numbers behind a figure as CSV text, for any spreadsheet."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

_COMPUTED = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]([0-9][0-9.,]*|[.,][0-9]+)(e[+-]?[0-9]+)?( ?[%$€£])?|[+-](inf|nan)", re.IGNORECASE)


class Later(Mapping[str, Any]):
    """A table that is made when it is read: a figure is drawn many times for each time that it is exported.

    Args:
        make: gives the table; what it reads must not change afterwards.
    """

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make

    @functools.cached_property
    def _table(self) -> Mapping[str, Any]:
        return self._make()

    def __getitem__(self, name: str) -> Any:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def as_text(cell: str) -> str:
    """A text of a table as a spreadsheet shows it.

    Names of classes, columns and symbols may come from anybody's file, and a spreadsheet computes a text that begins
    like a formula; an apostrophe before it says that it is a text. Numbers stay numbers.
    """
    return f"'{cell}" if _COMPUTED.match(cell) and not _NUMBER.fullmatch(cell) else cell


def csv_text(table: Mapping[str, Any]) -> str:
    """A table as CSV text with a header.

    Args:
        table: column name -> values of equal length.
    """
    import pandas as pd  # here, since it takes 70 MB and a second, and most processes that draw never export

    columns = {}
    for name, values in table.items():
        column = np.asarray(values)
        if column.dtype.kind in "OUS":
            column = np.array([as_text(cell) if isinstance(cell, str) else cell for cell in column], dtype=object)
        columns[as_text(str(name))] = column
    return pd.DataFrame(columns).to_csv(index=False)
