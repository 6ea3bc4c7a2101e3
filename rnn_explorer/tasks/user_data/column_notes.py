"""What a person should know of how a column was read, in sentences."""

from __future__ import annotations

import numpy as np

from rnn_explorer.readable import counted
from rnn_explorer.tasks.user_data.builder import Builder
from rnn_explorer.tasks.user_data.column import LARGEST, Column
from rnn_explorer.tasks.user_data.limits import at_lines, clean, quoted
from rnn_explorer.tasks.user_data.number_format import read_cell, written
from rnn_explorer.tasks.user_data.timestamps import parse_timestamps
from rnn_explorer.trace import Array

_DATES_OF_DIGITS = (1900_01_01, 2100_12_31)


def notes(builder: Builder, column: Column, lines: Array, decided: str) -> list[str]:
    """What a person should know of this column, in sentences.

    Args:
        builder: that collected it.
        column: as it was read.
        lines: (rows,) in which each row begins.
        decided: why a column that is open was read as it was.
    """
    shown = quoted(builder.name)
    if column.kind == "empty":
        return [f"The column {shown} is empty."]
    found = _about_gaps(builder, column, lines)
    if column.kind == "constant":
        found.append(f"The column {shown} is constant.")
    if "formula" in builder.first:
        line, cell = builder.first["formula"]
        found.append(
            f"The column {shown} has what looks like a formula in line {line} ({quoted(cell)}); it is taken as "
            "text and never computed."
        )
    dates = _about_time(builder, column, lines)
    if dates or column.kind == "text":
        return found + (dates or _about_text(builder, column))
    found += _about_writing(builder, column, decided)
    if column.far:
        found.append(f"The column {shown} has numbers beyond {LARGEST:.0g} in {column.far}, which no model can read.")
    return found


def _about_gaps(builder: Builder, column: Column, lines: Array) -> list[str]:
    shown, found = quoted(builder.name), []
    text = column.kind == "text" and column.codes is not None
    empty = column.codes < 0 if text and column.codes is not None else np.isnan(column.numbers)
    known = text or column.kind != "text"
    if known and column.missing > (0 if text else builder.infinite):
        hint = ""
        if text and builder.words and not builder.as_written:
            words = ", ".join(quoted(word) for word in list(builder.words)[:4])
            hint = (
                f"; {words} in it count as no value, and to keep such words as labels choose labels as written "
                "(--labels-as-written)"
            )
        found.append(
            f"The column {shown} has no value in {counted(column.missing, 'row')} of {len(lines):,}: "
            f"{at_lines(lines[empty].tolist())}{hint}."
        )
    if builder.infinite and not text:
        where = f"the first is line {builder.first['infinite'][0]:,}"
        found.append(
            f"The column {shown} is infinite in {counted(builder.infinite, 'row')}, which count as missing: {where}."
        )
    if builder.as_written and builder.words and column.codes is not None:
        words = ", ".join(quoted(word) for word in list(builder.words)[:4])
        found.append(f"In the column {shown}, {words} are kept as labels.")
    return found


def _about_writing(builder: Builder, column: Column, decided: str) -> list[str]:
    """How its numbers are read, where there is more than one way."""
    shown, found = quoted(builder.name), []
    plain = "point" in builder.first and "open ," not in builder.first  # decimal points alone need no remark
    shows = [kind for kind in ("comma", "open") if kind in builder.first and not plain]
    if shows:
        examples = " and ".join(_example(builder, builder.first[kind][1]) for kind in shows)
        because = "" if builder.decimal() else f", {decided}"
        found.append(f"The column {shown} is read with a decimal {builder.sign}: {examples}{because}.")
    unit = next((unit for unit in builder.units if unit), "")
    if unit:
        what = {"%": "percent", "‰": "per mille"}.get(unit, unit)
        found.append(f"The column {shown} is in {what}: {_example(builder, builder.units[unit][1])}.")
    shown_already = [builder.first[kind] for kind in shows] + ([builder.units[unit]] if unit else [])
    if "odd" in builder.first and builder.first["odd"] not in shown_already:
        found.append(f"In the column {shown}, {_example(builder, builder.first['odd'][1])}.")
    if "zero" in builder.first and column.codes is not None:
        cell = builder.first["zero"][1]
        found.append(f"The column {shown} has numbers that begin with 0 ({cell}); as labels they stay as written.")
    return found


def _example(builder: Builder, cell: str) -> str:
    number = read_cell(cell)
    return f"{clean(cell)} is {written(number.comma if builder.sign == 'comma' else number.value)}"


def _about_text(builder: Builder, column: Column) -> list[str]:
    numeric = int((~np.isnan(column.numbers)).sum())
    if numeric > builder.strange or 2 * builder.numeral > builder.strange or not builder.strange:
        return [f"The column {quoted(builder.name)} is taken as text: {column.why}"]
    return []


def _about_time(builder: Builder, column: Column, lines: Array) -> list[str]:
    """What is to be said of a column of dates: above all whether they are in order, since data are cut by time."""
    seconds = _seconds(builder, column)
    if seconds is None:
        return []
    known = ~np.isnan(seconds)
    seconds, lines = seconds[known], lines[known]
    unread = ", which are not read" if column.kind == "text" else ""
    holds = f"The column {quoted(builder.name)} holds dates{unread}: rows count as equally far apart, in their order"
    steps = np.diff(seconds)
    back, same = np.flatnonzero(steps < 0), np.flatnonzero(steps == 0)
    if len(back) and len(back) == len(steps):
        return [f"{holds}. They go back in time: sort the file, so that the oldest row comes first."]
    found = [f"{holds}."]
    if len(back):
        where = at_lines((lines[back + 1]).tolist())
        found.append(
            f"The column {quoted(builder.name)} goes back in time in {where}. The data are cut by the order of rows, "
            "so sort the file by time, within each series where there are several."
        )
    if len(same):
        where = at_lines((lines[same + 1]).tolist())
        found.append(
            f"The column {quoted(builder.name)} has the same time as the row before in {where}; each row counts as "
            "one time step."
        )
    return found


def _seconds(builder: Builder, column: Column) -> Array | None:
    """(rows,) the points in time that the column holds; None where it holds none."""
    if column.kind == "text" and column.codes is not None and builder.strange:
        distinct = parse_timestamps(column.texts)
        return None if distinct is None else np.where(column.codes >= 0, distinct[column.codes], np.nan)
    low, high = _DATES_OF_DIGITS
    numbers = column.numbers
    if column.kind == "numeric" and np.nanmin(numbers) >= low and np.nanmax(numbers) <= high:
        return parse_timestamps(["" if np.isnan(value) else written(value) for value in numbers.tolist()])
    return None
