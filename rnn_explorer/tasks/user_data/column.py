"""One column of a table, as it was read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rnn_explorer.tasks.user_data.limits import MAX_CLASSES, MAX_TEXTS, DataError, quoted
from rnn_explorer.tasks.user_data.number_format import written
from rnn_explorer.trace import Array

Kind = Literal["numeric", "text", "constant", "empty"]

LARGEST = 1e30  # of a number that a model can be given
EXACT = 2.0**53  # beyond it, floating-point numbers skip whole numbers


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: from the first row.
        kind: "numeric"; "constant": numeric, and everywhere the same; "text": at least one cell is no number;
            "empty": no value at all.
        numbers: (rows,) float64, NaN where there is no number.
        codes: (rows,) int32, which of `texts` a row holds, -1 where it is empty; for a text column, and for a numeric
            one whose numbers do not say what its labels are (01 and 1). None for others, and where there were too many
            different texts to keep.
        texts: the different texts, in the order in which they come.
        missing: rows without a value.
        why: for a text column, a sentence that says which cell is no number.
        far: where numbers stand that are too large for a model: "line 3"; "" where there are none.
    """

    name: str
    kind: Kind
    numbers: Array
    codes: Array | None = None
    texts: tuple[str, ...] = ()
    missing: int = 0
    why: str = ""
    far: str = ""

    def series(self) -> Array:
        """(rows,) the numbers, for a model.

        Raises:
            DataError: for a column that is text, constant or empty, or has numbers too large.
        """
        shown = quoted(self.name)
        if self.kind == "empty":
            raise DataError(f"The column {shown} is empty; choose another one.")
        if self.kind == "text":
            raise DataError(
                f"The column {shown} is not numeric: {self.why} Correct the file, or choose another column."
            )
        values = self.numbers
        if self.kind == "constant":
            value = written(float(values[~np.isnan(values)][0]))
            raise DataError(f"The column {shown} is constant (always {value}), so there is nothing to learn; drop it.")
        largest = float(np.nanmax(np.abs(values)))
        if largest > LARGEST:
            where = f" ({self.far})" if self.far else ""
            raise DataError(
                f"The column {shown} holds numbers as large as {largest:.2g}, and the limit is {LARGEST:.0g}{where}; "
                "correct them, bring the column to another unit, or take its logarithm."
            )
        return values

    def names(self) -> tuple[Array, tuple[str, ...]]:
        """What each row is called by this column: for labels and for the names of series.

        Returns:
            (rows,) int64, -1 where there is no value, and the names: texts in the order in which they come, numbers
            in ascending order.

        Raises:
            DataError: for an empty column, and where different values cannot be told apart.
        """
        if self.kind == "empty":
            raise DataError(f"The column {quoted(self.name)} is empty; choose another one.")
        if self.codes is not None:
            return self.codes.astype(np.int64), self.texts
        if self.kind == "text":
            raise DataError(
                f"The column {quoted(self.name)} cannot be a label or the name of a series: it holds too many "
                f"different texts ({MAX_TEXTS:,} in all columns together are kept), or numbers in several ways of "
                "writing. Choose another one."
            )
        known = ~np.isnan(self.numbers)
        if np.abs(self.numbers[known]).max() > EXACT:
            raise DataError(
                f"The column {quoted(self.name)} holds numbers of more than 15 digits, which would not all be told "
                "apart; put a letter before them."
            )
        values, codes = np.unique(self.numbers[known], return_inverse=True)
        found = np.full(len(self.numbers), -1, dtype=np.int64)
        found[known] = codes
        return found, tuple(written(float(value)) for value in values)


def check_classes(names: Sequence[str], what: str) -> None:
    """See that there is a sensible number of classes.

    Raises:
        DataError: for fewer than two and for too many.
    """
    if len(names) < 2:
        raise DataError(f"{what} holds one class only{f' ({quoted(names[0])})' if names else ''}; two are needed.")
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"{what} holds {len(names):,} different values, and the limit is {MAX_CLASSES} classes. Is it a number to "
            "be forecast, or a name rather than a class?"
        )
