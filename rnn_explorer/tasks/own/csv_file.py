"""A table that somebody brought: from the text of a CSV file to checked columns.

The text is read row by row and kept as arrays, a batch of rows at a time, so that no file within the limits takes much
more memory than its numbers. Nothing in a cell is ever computed or executed.
"""

from __future__ import annotations

import csv
import difflib
import io
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rnn_explorer.tasks.own import cells
from rnn_explorer.tasks.own.cells import Cell, is_formula, read_cell, written
from rnn_explorer.tasks.own.limits import (
    MAX_CELL,
    MAX_CLASSES,
    MAX_COLUMNS,
    MAX_NAME,
    MAX_ROW,
    MAX_ROWS,
    MAX_TEXTS,
    DataError,
    counted,
    listed,
    quoted,
)
from rnn_explorer.trace import Array

Kind = Literal["numeric", "text", "constant", "empty"]

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
LARGEST = 1e30  # of a number that a model can be given
EXACT = 2.0**53  # beyond it, floating-point numbers skip whole numbers
_LOOKED_AT = 50  # rows from which the delimiter is guessed
_BATCH = 1_000  # rows
_HEAD = 20  # rows that are kept as they were written, for the preview
_MOST_NOTES = 30
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([ T]\d\d?:\d\d.*)?|\d\d?[./-]\d\d?[./-](\d{4}|\d\d)([ T]\d\d?:\d\d.*)?")
_SORTABLE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?")
_COMMA_NUMBER = re.compile(r"\s*[+-]?[0-9]+,[0-9]+\s*")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: from the first row.
        kind: "numeric"; "constant": numeric, and everywhere the same; "text": at least one cell is no number;
            "empty": no value at all.
        numbers: (rows,) float64, NaN where there is no number.
        codes: for a text column (rows,) int32, which of `texts` a row holds, -1 where it is empty; None for others,
            and where there were too many different texts to keep.
        texts: the different texts, in the order in which they come.
        missing: rows without a value.
        why: for a text column, a sentence that says which cell is no number.
    """

    name: str
    kind: Kind
    numbers: Array
    codes: Array | None = None
    texts: tuple[str, ...] = ()
    missing: int = 0
    why: str = ""

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
            raise DataError(
                f"The column {shown} holds numbers as large as {largest:.2g}, and the limit is {LARGEST:.0g}; "
                "bring it to another unit, or take its logarithm."
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
        if self.kind == "text":
            if self.codes is None:
                raise DataError(
                    f"The column {quoted(self.name)} holds too many different texts ({MAX_TEXTS:,} in all columns "
                    "together are kept) to be a label or the name of a series; choose another one."
                )
            return self.codes.astype(np.int64), self.texts
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


def read_table(text: str, name: str = "") -> Table:
    """Read the text of a CSV file.

    The delimiter (comma, semicolon, tab or vertical bar) is found by looking, or told by a first line "sep=;". The
    first row names the columns; where all of it are numbers, it counts as data.

    Args:
        text: of the whole file.
        name: of the file, for people.

    Raises:
        DataError: says what is wrong and what to do.
    """
    text, delimiter, notes = _delimiter(text)
    rows = _rows(text, delimiter)
    first = next(rows, None)
    if first is None:
        raise DataError("The file has no rows; it should have a row of column names and then one row a time step.")
    names, is_data, told = _header(first[1])
    notes += told
    body: Iterator[tuple[int, list[str]]] = itertools.chain([first], rows) if is_data else rows
    builders, head, total = _fill(names, body, notes)
    if total == 0:
        raise DataError("The file has a row of column names and nothing below it; add rows of values.")
    columns = {builder.name: builder.column() for builder in builders}
    for builder in builders:
        notes += builder.notes(columns[builder.name])
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"There are {len(notes) - _MOST_NOTES} more remarks like these."]
    return Table(name, columns, total, tuple(notes), head)


# -- rows -------------------------------------------------------------------------------------------------------


class _Lines:
    """The lines of a text for the csv module, with a limit to what one row may hold."""

    def __init__(self, text: str) -> None:
        self._lines = iter(io.StringIO(text, newline=""))
        self.number = 0  # of the last line given out, from 1
        self.begin = 1  # of the present row's first line
        self._length = 0  # characters of the present row so far

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self._length += len(line)
        if self._length > MAX_ROW:
            spread = "" if self.begin == self.number else " A quote may have been opened there and never closed."
            raise DataError(
                f"The row that begins in line {self.begin} has more than {MAX_ROW:,} characters, which is the limit."
                f"{spread} Correct it, or check that the file is a CSV file with one row a line."
            )
        return line

    def row_done(self) -> None:
        self.begin, self._length = self.number + 1, 0


def _rows(text: str, delimiter: str, most: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of its first line."""
    lines = _Lines(text)
    begin = 1
    try:
        for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True):
            begin = lines.begin
            lines.row_done()
            if row:
                yield begin, row
            if most is not None and lines.number >= most:
                return
    except csv.Error as error:
        raise DataError(
            f"Line {lines.number} cannot be read as CSV ({error}). Look there for a quote that is not closed."
        ) from None


def _delimiter(text: str) -> tuple[str, str, list[str]]:
    """Find what separates the columns.

    Returns:
        The text without a line that says so, the delimiter, and remarks.
    """
    said = re.match(r"sep=(.)\r?\n?", text, re.IGNORECASE)
    if said:
        if said[1] not in DELIMITERS:
            raise DataError(f"The file's first line says sep={said[1]}, but columns may be separated by {_choices()}.")
        return text[said.end() :], said[1], [f"The columns are separated by {DELIMITERS[said[1]]}, as line 1 says."]
    counts = {mark: _counts(text, mark) for mark in DELIMITERS}
    fits = {mark: _fit(found) for mark, found in counts.items()}
    best = max(fits, key=lambda mark: fits[mark])
    width = fits[best][1]
    if width < 2 or _is_one_column(text, best, counts[best]):
        # A single column: no cell of it may be cut, so the delimiter is one that does not occur in the beginning.
        unused = next((mark for mark in ("\t", "|", ";", ",") if mark not in text[:MAX_ROW]), "\t")
        return text, unused, ["There is one column."]
    return text, best, [f"The columns are separated by {DELIMITERS[best]}."]


def _choices() -> str:
    *first, last = DELIMITERS.values()
    return f"{', '.join(first)} or {last}"


def _counts(text: str, mark: str) -> list[int]:
    """Cells in each of the first rows."""
    found: list[int] = []
    try:
        for _, row in _rows(text, mark, most=_LOOKED_AT):
            found.append(len(row))
    except DataError:
        pass  # the reading proper will say where
    return found


def _fit(counts: Sequence[int]) -> tuple[float, int]:
    """How well rows of so many cells make a table: the share of the commonest width, where that is more than 1."""
    if not counts:
        return 0.0, 0
    width, often = Counter(counts).most_common(1)[0]
    if counts[0] > 1 and counts.count(counts[0]) == often:
        width = counts[0]
    return (often / len(counts) if width > 1 else 0.0), width


def _is_one_column(text: str, mark: str, counts: Sequence[int]) -> bool:
    """Whether commas only stand in numbers such as 1,5 below a name without one."""
    if mark != "," or len(counts) < 2 or counts[0] != 1:
        return False
    lines = text[: MAX_ROW // 10].splitlines()[1 : len(counts)]
    return all(_COMMA_NUMBER.fullmatch(line) for line in lines if line.strip())


def _header(first: list[str]) -> tuple[list[str], bool, list[str]]:
    """Names of the columns from the first row.

    Returns:
        The names, whether the row counts as data, and remarks.
    """
    if len(first) > MAX_COLUMNS:
        raise DataError(f"The file has {len(first):,} columns, and the limit is {MAX_COLUMNS}; leave some out.")
    names = [_clean(cell) for cell in first]
    if not any(names):
        raise DataError("The first row is empty cells only; it should name the columns.")
    kinds = [read_cell(name).kind for name in names]
    if all(kind in ("whole", "point", "comma") for kind in kinds):
        made = [f"column {number + 1}" for number in range(len(names))]
        told = "The first row holds numbers, not names, so it counts as data"
        return made, True, [f"{told}, and the columns are called {made[0]}{' and so on' if len(made) > 1 else ''}."]
    unnamed = [number for number, name in enumerate(names) if not name]
    for number in unnamed:
        names[number] = f"column {number + 1}"
    _refuse_names(names)
    told_of = [f"Column {number + 1} has no name, so it is called {quoted(names[number])}." for number in unnamed]
    return names, False, told_of


def _refuse_names(names: list[str]) -> None:
    for number, name in enumerate(names):
        if len(name) > MAX_NAME:
            raise DataError(
                f"Column {number + 1} has a name of {len(name):,} characters, and the limit is {MAX_NAME}. The first "
                "row "
                "should name the columns."
            )
        if name in names[:number]:
            raise DataError(
                f"Two columns are called {quoted(name)}: columns {names.index(name) + 1} and {number + 1}. "
                "Give each a name of its own."
            )


def _clean(cell: str) -> str:
    """One line without signs that cannot be seen."""
    if cell.isascii() and cell.isprintable() and "  " not in cell:  # as most are, which is quick to see
        return cell.strip()
    return " ".join("".join(c if c.isprintable() else " " for c in cell).split())


# -- columns ----------------------------------------------------------------------------------------------------


def _fill(
    names: list[str], rows: Iterator[tuple[int, list[str]]], notes: list[str]
) -> tuple[list[_Builder], tuple[tuple[str, ...], ...], int]:
    """Read all rows into columns; remarks on rows are added to `notes`."""
    budget = _Budget()
    builders = [_Builder(name, budget) for name in names]
    head: list[tuple[str, ...]] = []
    total = blank = 0
    while batch := list(itertools.islice(rows, _BATCH)):
        lines, whole = [], []
        for line, row in batch:
            fitted = _fitted(row, len(names), line)
            if any(fitted):
                lines.append(line)
                whole.append(fitted)
        blank += len(batch) - len(whole)
        total += len(whole)
        if total > MAX_ROWS:
            raise DataError(
                f"The file has more than {MAX_ROWS:,} rows, which is the limit; keep a part of them, or every few "
                "rows one."
            )
        head += [tuple(cell[:MAX_NAME] for cell in row) for row in whole[: _HEAD - len(head)]]
        for builder, column in zip(builders, zip(*whole, strict=True), strict=True) if whole else ():
            builder.add(column, lines)
    if blank:
        notes.append(f"{counted(blank, 'row')} without any value {'is' if blank == 1 else 'are'} left out.")
    return builders, tuple(head), total


def _fitted(row: list[str], width: int, line: int) -> list[str]:
    """A row with just as many cells as there are columns, without spaces around them.

    Raises:
        DataError: where it has more or fewer (empty ones at its end do not count), or a cell is too long.
    """
    cells = [cell.strip() for cell in row]
    while len(cells) > width and not cells[-1]:
        cells.pop()
    if len(cells) != width and not (len(cells) == 1 and not cells[0]):
        raise DataError(
            f"Line {line} has {counted(len(cells), 'cell')}, but the first row names {counted(width, 'column')}. "
            "Every row "
            "must have as many; a title or a remark above the names must go."
        )
    if len(max(cells, key=len)) > MAX_CELL:
        raise DataError(f"Line {line} has a cell of more than {MAX_CELL:,} characters, which is the limit; shorten it.")
    return cells if len(cells) == width else [""] * width


@dataclass
class _Budget:
    """How many more different texts may be kept."""

    left: int = field(default_factory=lambda: MAX_TEXTS)


@dataclass
class _Builder:
    """Collects a column, a batch of rows at a time."""

    name: str
    budget: _Budget
    numbers: list[Array] = field(default_factory=list)
    codes: list[Array] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    is_text: bool = False
    kept: bool = True  # the texts
    missing: int = 0
    infinite: int = 0
    strange: int = 0  # cells that are texts
    first_text: tuple[int, str] = (0, "")
    first_formula: tuple[int, str] | None = None
    first_comma: str = ""
    first_point: str = ""

    def add(self, column: Sequence[str], lines: Sequence[int]) -> None:
        """Add the cells of a batch of rows, which begin in `lines`."""
        values = self._plain(column)
        if values is None:
            said = {cell: read_cell(cell) for cell in dict.fromkeys(column)}
            self._take_note(column, lines, said)
            values = np.array([said[cell].value for cell in column])
        else:
            said = {}  # so all are numbers
        if self.strange and not self.is_text:
            self.is_text = True
            for before in self.numbers:  # until here it looked numeric, and no texts were kept
                self._keep_texts(["" if np.isnan(value) else written(value) for value in before.tolist()])
        self.numbers.append(values)
        if self.is_text and self.kept:
            said = said or {cell: read_cell(cell) for cell in dict.fromkeys(column)}
            called = {cell: self._name(cell, what) for cell, what in said.items()}
            self._keep_texts([called[cell] for cell in column])

    def _plain(self, column: Sequence[str]) -> Array | None:
        """(rows,) the numbers where all cells are plain ones, which is quick to see; else None."""
        letters = set("".join(column))
        if not letters or not letters <= cells.PLAIN:
            return None
        try:
            values = np.array(list(map(float, column)))
        except ValueError:
            return None
        if not np.isfinite(values).all():
            return None
        if "." in letters and not self.first_point:
            self.first_point = next(cell for cell in column if "." in cell)
        return values

    def _take_note(self, column: Sequence[str], lines: Sequence[int], said: Mapping[str, Cell]) -> None:
        """Count what is not a plain number, and remember the first of each kind."""
        for cell, often in Counter(column).items():  # in the order in which they come
            kind = said[cell].kind
            if kind == "missing":
                self.missing += often
            elif kind == "infinite":
                self.infinite += often
            elif kind == "text":
                self.strange += often
                if not self.first_text[0]:
                    self.first_text = (lines[column.index(cell)], cell)
                if self.first_formula is None and is_formula(cell):
                    self.first_formula = (lines[column.index(cell)], cell)
            elif kind == "comma":
                self.first_comma = self.first_comma or cell
            elif kind == "point":
                self.first_point = self.first_point or cell

    @staticmethod
    def _name(cell: str, said: Cell) -> str:
        """The cell as the name of a class: numbers in one way of writing, nothing for a missing value."""
        if said.kind == "text":
            return _clean(cell)[:MAX_NAME]
        return "" if math.isnan(said.value) else written(said.value)

    def _keep_texts(self, texts: Sequence[str]) -> None:
        if not self.kept:
            return
        for text in dict.fromkeys(texts):
            if text and text not in self.known:
                self.known[text] = len(self.known)
                self.budget.left -= 1
        if self.budget.left < 0:  # they would cost too much memory: what this column has is given back
            self.budget.left += len(self.known)
            self.kept, self.known, self.codes = False, {}, []
            return
        self.codes.append(np.array([self.known.get(text, -1) for text in texts], dtype=np.int32))

    def column(self) -> Column:
        """What has been collected; mixed decimal signs make a text of it."""
        numbers = np.concatenate(self.numbers)
        missing = self.missing + self.infinite
        if self.is_text:
            codes = np.concatenate(self.codes) if self.kept else None
            return Column(self.name, "text", numbers, codes, tuple(self.known), missing, self._why())
        if self.first_comma and self.first_point:
            return Column(self.name, "text", numbers, None, (), missing, self._why())
        found = numbers[~np.isnan(numbers)]
        kind: Kind = "empty" if not len(found) else "constant" if (found == found[0]).all() else "numeric"
        return Column(self.name, kind, numbers, missing=missing)

    def _why(self) -> str:
        line, cell = self.first_text
        if not line:
            comma, point = self.first_comma, self.first_point
            return f"it has numbers with a decimal comma ({comma}) and with a decimal point ({point})."
        others = f" and {counted(self.strange - 1, 'other cell')} are no numbers" if self.strange > 1 else ""
        formula = ", a formula, which is not computed here (save the file with values)" if is_formula(cell) else ""
        return f"line {line} says {quoted(cell)}{formula}{others}."

    def notes(self, column: Column) -> list[str]:
        """What a person should know of this column, in sentences."""
        shown, rows = quoted(self.name), len(column.numbers)
        told = []
        if column.kind == "empty":
            return [f"The column {shown} is empty."]
        if self.missing:
            told.append(f"The column {shown} has no value in {counted(self.missing, 'row')} of {rows:,}.")
        if self.infinite:
            told.append(f"The column {shown} is infinite in {counted(self.infinite, 'row')}, which count as missing.")
        if column.kind == "constant":
            told.append(f"The column {shown} is constant.")
        if self.first_formula is not None:
            line, cell = self.first_formula
            told.append(
                f"The column {shown} has what looks like a formula in line {line} ({quoted(cell)}); it is taken as "
                "text "
                "and never computed."
            )
        if column.kind == "text":
            told += self._about_text(column)
        elif self.first_comma:
            value = written(read_cell(self.first_comma).value)
            told.append(f"The column {shown} is read with a decimal comma: {self.first_comma} is {value}.")
        return told

    def _about_text(self, column: Column) -> list[str]:
        shown, line = quoted(self.name), self.first_text[0]
        if line and column.texts and all(map(_DATE.fullmatch, column.texts[:_HEAD])):
            told = (
                f"The column {shown} holds dates, which are not read: rows count as equally far apart, in their order"
            )
            if _goes_down(column):
                return [f"{told}. They go back in time: sort the file, so that the oldest row comes first."]
            return [f"{told}."]
        numeric = len(column.numbers) - self.strange - column.missing
        if numeric > self.strange or not line:
            return [f"The column {shown} is taken as text: {self._why()}"]
        return []


def _goes_down(column: Column) -> bool:
    """Whether dates written year first come in descending order."""
    dates = column.texts
    if len(dates) < 2 or not all(map(_SORTABLE.fullmatch, dates)):
        return False
    return all(one > other for one, other in itertools.pairwise(dates))


def check_classes(names: Sequence[str], what: str) -> None:
    """See that there is a sensible number of classes.

    Raises:
        DataError: for fewer than two and for too many.
    """
    if len(names) < 2:
        raise DataError(f"{what} holds one class only{f' ({quoted(names[0])})' if names else ''}; two are needed.")
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"{what} holds {len(names):,} different values, and the limit is {MAX_CLASSES} classes. Is it a number "
            "to be "
            "forecast, or a name rather than a class?"
        )
