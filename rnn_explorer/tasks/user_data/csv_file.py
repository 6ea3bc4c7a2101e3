"""The user's table: from the text of a CSV file to checked columns.

The text is read row by row and kept as arrays, a batch of rows at a time, so that no file within the limits takes much
more memory than its numbers. Nothing in a cell is ever computed or executed.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnn_explorer.readable import counted
from rnn_explorer.tasks.user_data import column_notes
from rnn_explorer.tasks.user_data.builder import Budget, Builder, Decimal
from rnn_explorer.tasks.user_data.column import Column
from rnn_explorer.tasks.user_data.limits import (
    DECIMALS,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_NAME,
    MAX_ROWS,
    DataError,
    DecimalOpen,
    at_lines,
    be,
    clean,
    listed,
    quoted,
)
from rnn_explorer.tasks.user_data.number_format import read_cell, written
from rnn_explorer.tasks.user_data.rows import delimiter_of, fit, rows_of, unused
from rnn_explorer.trace import Array

_BATCH = 1_000  # rows
_HEAD = 20  # rows that are kept as they were written, for the preview
_MOST_NOTES = 30
_LIKE = 0.95  # share of rows of one width, and of numbers in a column, from which a text looks like a table


@dataclass(frozen=True)
class Table:
    """A checked table.

    Attributes:
        name: of the file; may be "".
        columns: by name, in the order of the file.
        rows: how many, the row of names not counted.
        notes: what a person should know of how it was read, in sentences.
        head: the first rows as they were written, for a preview.
    """

    name: str
    columns: Mapping[str, Column]
    rows: int
    notes: tuple[str, ...] = ()
    head: tuple[tuple[str, ...], ...] = ()

    @property
    def kinds(self) -> dict[str, str]:
        """Each column in words: "numeric", "numeric with gaps", "text", "constant", "empty"."""
        gaps = {name: " with gaps" if 0 < column.missing < self.rows else "" for name, column in self.columns.items()}
        return {name: column.kind + gaps[name] for name, column in self.columns.items()}

    def column(self, name: str) -> Column:
        """The column of this name.

        Raises:
            DataError: where there is none; the sentence names the nearest and all that exist.
        """
        if name in self.columns:
            return self.columns[name]
        near = difflib.get_close_matches(name, self.columns, n=1)
        hint = f" Did you mean {quoted(near[0])}?" if near else ""
        raise DataError(f"The data have no column {quoted(name)}.{hint} There are: {listed(tuple(self.columns))}.")

    def numeric(self) -> tuple[str, ...]:
        """The names of the columns that a model could read."""
        return tuple(name for name, column in self.columns.items() if column.kind == "numeric")

    def preview(self, count: int = 5) -> list[dict[str, str]]:
        """The first rows as they were written, by column; at most twenty are kept."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.head[:count]]


def read_table(text: str, name: str = "", decimal: str = "", as_written: bool = False) -> Table:
    """Read the text of a CSV file.

    The delimiter (comma, semicolon, tab or vertical bar) is found by looking, or given by a first line "sep=;". The
    first row names the columns; where all of it are numbers, it counts as data.

    Whether 1,234 and 1.234 are thousands is decided column by column: by a cell that can be read in one way only, else
    by `decimal`, by the file's other columns, or by commas as the delimiter, beside which the decimal sign is a point.

    Args:
        text: of the whole file.
        name: of the file, for people.
        decimal: "point" or "comma", for columns that do not show it themselves; "" where nothing is stated.
        as_written: whether words such as NA or none are labels, where a column is one of labels.

    Raises:
        DecimalOpen: where nothing decides between thousands and decimals.
        DataError: says what else is wrong and what to do.
    """
    if decimal not in DECIMALS:
        raise DataError(f"{quoted(decimal)} is no decimal sign; say point or comma.")
    text, delimiter, notes = delimiter_of(text)
    rows = rows_of(text, delimiter or unused(text))
    first = next((row for row in rows if row[2]), None)
    if first is None:
        raise DataError("The file has no rows; it should have a row of column names and then one row a time step.")
    names, is_data, remarks = _header(first[2])
    notes += remarks
    body: Iterator[tuple[int, int, list[str]]] = itertools.chain([first], rows) if is_data else rows
    budget = Budget()
    builders = [Builder(column, budget, as_written) for column in names]
    head, lines = _fill(builders, body, notes)
    if not len(lines):
        raise DataError("The file has a row of column names and nothing below it; add rows of values.")
    sign, why = _decimal(builders, decimal, delimiter)
    columns = {builder.name: builder.column(sign, lines) for builder in builders}
    for builder in builders:
        notes += column_notes.notes(builder, columns[builder.name], lines, why)
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"There are {len(notes) - _MOST_NOTES} more remarks like these."]
    return Table(name, columns, len(lines), tuple(notes), head)


def _decimal(builders: Sequence[Builder], stated: str, delimiter: str) -> tuple[Decimal, str]:
    """The decimal sign of the columns that do not show it themselves, and why.

    Raises:
        DecimalOpen: where there is such a column and nothing decides.
    """
    if stated:
        return ("comma" if stated == "comma" else "point"), "as you stated"
    shown = {sign for builder in builders if (sign := builder.decimal())}
    if len(shown) == 1:
        return shown.pop(), "as other columns of the file are"
    if delimiter == ",":
        return "point", "since commas separate the columns"
    for builder in builders:
        if builder.is_open:
            line, cell = builder.first["open"]
            small, large = sorted((read_cell(cell).value, read_cell(cell).comma))
            raise DecimalOpen(
                f"In the column {quoted(builder.name)}, {cell} (line {line}) may be {written(small)} or "
                f"{written(large)}, and nothing in the file says which. State its decimal sign: point or comma."
            )
    return "point", ""


def looks_like_a_table(text: str) -> bool:
    """Whether the beginning of a text has rows of the same width, two cells or more, and a column of numbers."""
    try:
        text, delimiter, _ = delimiter_of(text)
        rows = [row for _, _, row in rows_of(text, delimiter, most=_HEAD) if row] if delimiter else []
    except DataError:
        return False
    share, width = fit([len(row) for row in rows])
    body = [row for row in rows[1:] if len(row) == width]
    if share < _LIKE or len(body) < 3:
        return False
    numbers = [sum(read_cell(cell.strip()).is_number for cell in column) for column in zip(*body, strict=True)]
    return any(count >= _LIKE * len(body) for count in numbers)


def _header(first: list[str]) -> tuple[list[str], bool, list[str]]:
    """Names of the columns from the first row.

    Returns:
        The names, whether the row counts as data, and remarks.
    """
    if len(first) > MAX_COLUMNS:
        raise DataError(f"The file has {len(first):,} columns, and the limit is {MAX_COLUMNS}; leave some out.")
    names = [clean(cell) for cell in first]
    if not any(names):
        raise DataError("The first row is empty cells only; it should name the columns.")
    if all(read_cell(name).is_number for name in names):
        made = [f"column {number + 1}" for number in range(len(names))]
        why = "The first row holds numbers, not names, so it counts as data"
        return made, True, [f"{why}, and the columns are called {made[0]}{' and so on' if len(made) > 1 else ''}."]
    unnamed = [number for number, name in enumerate(names) if not name]
    for number in unnamed:
        names[number] = f"column {number + 1}"
    _refuse_names(names)
    remarks = [f"Column {number + 1} has no name, so it is called {quoted(names[number])}." for number in unnamed]
    return names, False, remarks


def _refuse_names(names: list[str]) -> None:
    for number, name in enumerate(names):
        if len(name) > MAX_NAME:
            raise DataError(
                f"Column {number + 1} has a name of {len(name):,} characters, and the limit is {MAX_NAME}. The first "
                "row should name the columns."
            )
        if name in names[:number]:
            raise DataError(
                f"Two columns are called {quoted(name)}: columns {names.index(name) + 1} and {number + 1}. "
                "Give each a name of its own."
            )


# -- columns ----------------------------------------------------------------------------------------------------


def _fill(
    builders: Sequence[Builder], rows: Iterator[tuple[int, int, list[str]]], notes: list[str]
) -> tuple[tuple[tuple[str, ...], ...], Array]:
    """Read all rows into columns; remarks on rows are added to `notes`.

    Returns:
        The first rows as they were written, and (rows,) the lines in which rows begin.
    """
    head: list[tuple[str, ...]] = []
    places: list[int] = []
    kept = _kept(rows, len(builders), notes)
    while batch := list(itertools.islice(kept, _BATCH)):
        if len(places) + len(batch) > MAX_ROWS:
            raise _too_many_rows()
        lines, whole = zip(*batch, strict=True)
        places += lines
        head += [tuple(cell[:MAX_NAME] for cell in row) for row in whole[: _HEAD - len(head)]]
        for builder, column in zip(builders, zip(*whole, strict=True), strict=True):
            builder.add(column, lines)
    return tuple(head), np.array(places, dtype=np.int64)


def _kept(rows: Iterator[tuple[int, int, list[str]]], width: int, notes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows with just as many cells as there are columns; those at the end without any value are left out."""
    empty, waiting, skipped, blank = [""] * width, list[int](), list[int](), list[int]()
    for line, last, row in rows:
        if not row and width > 1:
            blank.append(line)
            continue
        fitted = _fitted(row or empty, width, line, last)
        skipped, blank = skipped + blank, []  # lines after the last row are no loss
        if not any(fitted):
            waiting.append(line)
            continue
        if len(waiting) > MAX_ROWS:
            raise _too_many_rows()
        for gap in waiting:  # a gap in time
            yield gap, empty
        waiting = []
        yield line, fitted
    if skipped:
        what = f"{counted(len(skipped), 'blank line')} {be(len(skipped))} left out"
        around = "it" if len(skipped) == 1 else "them"
        notes.append(f"{what}, {at_lines(skipped)}: the rows around {around} follow each other without a gap.")
    if waiting and width > 1:
        what = f"{counted(len(waiting), 'row')} without any value at the end {be(len(waiting))} left out"
        notes.append(f"{what}: {at_lines(waiting)}.")


def _too_many_rows() -> DataError:
    return DataError(
        f"The file has more than {MAX_ROWS:,} rows, which is the limit; keep a part of them, or every few rows one."
    )


def _fitted(row: list[str], width: int, line: int, last: int) -> list[str]:
    """A row with just as many cells as there are columns, without spaces around them.

    Raises:
        DataError: where it has more or fewer (empty ones at its end do not count), or a cell is too long.
    """
    cells = [cell.strip() for cell in row]
    while len(cells) > width and not cells[-1]:
        cells.pop()
    if len(cells) != width and not (len(cells) == 1 and not cells[0]):
        spans = (
            f'A quote (") that is opened there is closed in line {last} only; correct it.'
            if last > line
            else "Every row must have as many; a title or a remark above the names must go."
        )
        raise DataError(
            f"Line {line} has {counted(len(cells), 'cell')}, but the first row names {counted(width, 'column')}. "
            + spans
        )
    if len(max(cells, key=len)) > MAX_CELL:
        spans = f', from a quote (") that is closed in line {last} only' if last > line else ""
        raise DataError(
            f"Line {line} has a cell of more than {MAX_CELL:,} characters, which is the limit{spans}; shorten it."
        )
    return cells if len(cells) == width else [""] * width
