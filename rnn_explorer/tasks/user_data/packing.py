"""A checked table or text as arrays and plain values, in which form it is stored, and carried in a run file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnn_explorer.tasks.user_data.column import Column
from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.limits import (
    MAX_BYTES,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_NAME,
    MAX_ROWS,
    MAX_TEXTS,
    DataError,
    quoted,
)
from rnn_explorer.tasks.user_data.text_file import Text, read_text
from rnn_explorer.trace import Array

_SENTENCE = 1_000  # characters
_NOTES = 100
_NEWLINE = ord("\n")


def packed(record: Table | Text) -> tuple[dict[str, Any], dict[str, Array]]:
    """A record as plain values fit for JSON, and arrays by name."""
    arrays: dict[str, Array] = {}
    if isinstance(record, Text):
        about: dict[str, Any] = {"kind": record.kind}
        arrays["content"] = np.frombuffer(record.content.encode("utf-8"), dtype=np.uint8)
    else:
        about = {"rows": record.rows, "head": record.head, "columns": []}
        for number, column in enumerate(record.columns.values()):
            arrays[f"numbers{number}"] = column.numbers
            if column.codes is not None:
                arrays[f"codes{number}"] = column.codes
                arrays[f"texts{number}"] = _lines(column.texts)
            words = {"name": column.name, "kind": column.kind, "why": column.why, "far": column.far}
            about["columns"].append({**words, "missing": column.missing})
    return about | {"record": type(record).__name__, "name": record.name, "notes": record.notes}, arrays


def unpacked(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> Table | Text:
    """The inverse of `packed`, for what this program itself has stored."""
    notes = tuple(about["notes"])
    if about["record"] == "Text":
        return Text(about["name"], arrays["content"].tobytes().decode("utf-8"), about["kind"], notes)
    columns = {}
    for number, entry in enumerate(about["columns"]):
        columns[entry["name"]] = Column(
            entry["name"], entry["kind"], arrays[f"numbers{number}"], arrays.get(f"codes{number}"),
            _texts(arrays.get(f"texts{number}")), entry["missing"], entry["why"], entry["far"],
        )  # fmt: skip
    return Table(about["name"], columns, about["rows"], notes, tuple(map(tuple, about["head"])))


def checked(about: object, arrays: Mapping[str, Array]) -> Table | Text:
    """`unpacked` for what comes from elsewhere: it is what the reading of a file could have given.

    Raises:
        DataError: otherwise.
    """
    try:
        if not isinstance(about, dict) or about["record"] not in ("Table", "Text"):
            raise DataError("The data are neither a table nor a text.")
        _check_words(about)
        (_check_text if about["record"] == "Text" else _check_table)(about, arrays)
        return unpacked(about, arrays)
    except (KeyError, TypeError, ValueError, AttributeError):  # a value is missing, or of another kind
        raise DataError("The data lack something that every table and text has.") from None


def _check_words(about: Mapping[str, Any]) -> None:
    _check(_is_text(about["name"], MAX_NAME) and _are_texts(about["notes"], _NOTES, _SENTENCE), "name or remarks")


def _check_text(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    content = arrays["content"]
    _check(content.dtype == np.uint8 and content.ndim == 1 and 0 < content.size <= 4 * MAX_BYTES, "text")
    text = content.tobytes().decode("utf-8")
    again = read_text(text)
    _check(again.content == text and not text.isspace() and about["kind"] == again.kind, "text")
    _check(len(arrays) == 1, "number of arrays")


def _check_table(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    rows, entries, head = about["rows"], about["columns"], about["head"]
    _check(_is_count(rows, MAX_ROWS) and rows > 0, "number of rows")
    _check(isinstance(entries, list) and 0 < len(entries) <= MAX_COLUMNS, "number of columns")
    _check(len({entry["name"] for entry in entries}) == len(entries), "columns' names")
    known = set()
    for number, entry in enumerate(entries):
        names = (f"numbers{number}", f"codes{number}", f"texts{number}")
        known |= set(names) & set(arrays)
        _check_column(entry, rows, *map(arrays.get, names))
    _check(known == set(arrays), "number of arrays")
    _check(isinstance(head, list) and len(head) <= min(rows, 20), "first rows")
    for row in head:
        _check(_are_texts(row, len(entries), MAX_CELL) and len(row) == len(entries), "first rows")


def _check_column(
    entry: Mapping[str, Any], rows: int, numbers: Array | None, codes: Array | None, lines: Array | None
) -> None:
    name = entry["name"]
    _check(_is_text(name, MAX_NAME), "columns' names")
    what = f"column {quoted(name)}"
    _check(numbers is not None and (codes is None) == (lines is None), what)
    _check(lines is None or (lines.dtype == np.uint8 and int((lines == _NEWLINE).sum()) < MAX_TEXTS), what)
    texts = _texts(lines)
    _check(_are_texts(texts, MAX_TEXTS, MAX_CELL) and len(set(texts)) == len(texts) and "" not in texts, what)
    _check(_is_count(entry["missing"], rows), what)
    _check(_is_text(entry["why"], _SENTENCE) and _is_text(entry["far"], _SENTENCE), what)
    assert numbers is not None
    _check(numbers.dtype == np.float64 and numbers.shape == (rows,) and not np.isinf(numbers).any(), what)
    if codes is not None:
        _check(codes.dtype == np.int32 and codes.shape == (rows,), what)
        _check(int(codes.min()) >= -1 and int(codes.max()) < len(texts), what)
    found = numbers[~np.isnan(numbers)]
    kind = "empty" if not len(found) else "constant" if (found == found[0]).all() else "numeric"
    _check(entry["kind"] in (kind, "text"), what)


def _lines(texts: Sequence[str]) -> Array:
    """Texts of one line each as the bytes of a text."""
    return np.frombuffer("\n".join(texts).encode("utf-8"), dtype=np.uint8)


def _texts(lines: Array | None) -> tuple[str, ...]:
    """The inverse; none for None."""
    return () if lines is None or not lines.size else tuple(lines.tobytes().decode("utf-8").split("\n"))


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise DataError(f"The data cannot be used: their {what} cannot be so.")


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest


def _are_texts(values: object, most: int, longest: int) -> bool:
    return isinstance(values, (list, tuple)) and len(values) <= most and all(_is_text(v, longest) for v in values)
