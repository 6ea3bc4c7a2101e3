"""The rows of a CSV text: what separates their cells, the lines they stand in, and quotes that are left open.

Python's csv module cuts them. The reader of pandas would not do: it fills up short rows, or is strict about quotes, and
says neither in which line a row begins nor where a quote was opened.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from rnn_explorer.tasks.user_data.limits import MAX_COLUMNS, MAX_ROW, DataError

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
LOOKED_AT = 50  # rows from which the delimiter is guessed
_COMMA_NUMBER = re.compile(r"\s*[+-]?[0-9]+(,[0-9]+)*\s*")


def rows_of(text: str, delimiter: str, most: int | None = None) -> Iterator[tuple[int, int, list[str]]]:
    """The rows, each with the numbers of its first and its last line; one without a cell is a blank line.

    Raises:
        DataError: for a row that is too long, and for a quote that is never closed.
    """
    lines, ended, begin = list[str](), False, 1  # the lines of the present row

    def read() -> Iterator[str]:
        nonlocal ended
        for line in io.StringIO(text, newline=""):
            lines.append(line)
            yield line
        ended = True

    reader = csv.reader(read(), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            if sum(map(len, lines)) > MAX_ROW:
                raise _too_long(lines, begin)
            if ended:  # the text ended within this row, so within a quote
                raise DataError(_never_closed(lines, begin, delimiter))
            yield begin, reader.line_num, row
            if most is not None and reader.line_num >= most:
                return
            begin = reader.line_num + 1
            lines.clear()
    except csv.Error:  # the module's own limit to a cell, which is above that to a row
        raise _too_long(lines, begin) from None


def _too_long(lines: Sequence[str], begin: int) -> DataError:
    """What is wrong with a row of more than `MAX_ROW` characters that begins in line `begin`."""
    width = 1 + max(lines[-1].count(mark) for mark in DELIMITERS)
    if width > MAX_COLUMNS:
        line = begin + len(lines) - 1
        return DataError(f"Line {line} has {width:,} columns, and the limit is {MAX_COLUMNS}; leave some out.")
    quote = " A quote may have been opened there and never closed." if len(lines) > 1 else ""
    return DataError(
        f"The row that begins in line {begin} has more than {MAX_ROW:,} characters, which is the limit.{quote} "
        "Correct it, or check that the file is a CSV file with one row a line."
    )


def _never_closed(row: Sequence[str], begin: int, delimiter: str) -> str:
    line = begin + opened("".join(row), delimiter)
    return (
        f'The quote (") that is opened in line {line} is never closed. Close it, or take it out, or write two of them '
        "for a quote that is meant as a sign."
    )


def opened(row: str, delimiter: str) -> int:
    """The line of a row, from 0, in which the last quote is opened that spans to another line or to the end."""
    inside, fresh, line, found = False, True, 0, 0
    for letter in row:
        if letter == '"' and (inside or fresh):
            inside = not inside
            found = line if inside else found
        line += letter == "\n"
        fresh = fresh and letter == " " if letter not in (delimiter, "\n") else True
    return found


def delimiter_of(text: str) -> tuple[str, str, list[str]]:
    """Find what separates the columns.

    Returns:
        The text without a line that says so, the delimiter ("" for a single column), and remarks.

    Raises:
        DataError: where the first line states another one than these four.
    """
    stated = re.match(r"sep=(.)\r?\n?", text, re.IGNORECASE)
    if stated:
        if stated[1] not in DELIMITERS:
            raise DataError(
                f"The file's first line says sep={stated[1]}, but columns may be separated by {_choices()}."
            )
        # A blank line in its place, so that lines keep their numbers.
        return (
            "\n" + text[stated.end() :],
            stated[1],
            [f"The columns are separated by {DELIMITERS[stated[1]]}, as line 1 says."],
        )
    counts = {mark: _counts(text, mark) for mark in DELIMITERS}
    fits = {mark: fit(found) for mark, found in counts.items()}
    best = max(fits, key=lambda mark: fits[mark])
    width = fits[best][1]
    if width < 2 or _is_one_column(text, best, counts[best]):
        return text, "", ["There is one column."]
    return text, best, [f"The columns are separated by {DELIMITERS[best]}."]


def unused(text: str) -> str:
    """A delimiter that cuts no cell of a single column: one that does not occur in the beginning."""
    return next((mark for mark in ("\t", "|", ";", ",") if mark not in text[:MAX_ROW]), "\t")


def _choices() -> str:
    *first, last = DELIMITERS.values()
    return f"{', '.join(first)} or {last}"


def _counts(text: str, mark: str) -> list[int]:
    """Cells in each of the first rows."""
    found: list[int] = []
    try:
        for _, _, row in rows_of(text, mark, most=LOOKED_AT):
            if row:
                found.append(len(row))
    except DataError:
        pass  # the reading proper will say where
    return found


def fit(counts: Sequence[int]) -> tuple[float, int]:
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
