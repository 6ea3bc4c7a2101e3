"""What the settings of a table of one's own name: the table, the columns that are read, and the rows of each series."""

from __future__ import annotations

import csv
import datetime
import functools
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from rnn_explorer.readable import counted
from rnn_explorer.settings import setting
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import TaskSettings
from rnn_explorer.tasks.user_data.column import Column
from rnn_explorer.tasks.user_data.counters import counts
from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.limits import MAX_NAME, DataError, be, quoted
from rnn_explorer.tasks.user_data.splits import refused, uploaded
from rnn_explorer.trace import Array

MAX_FEATURES = 16  # columns that a model reads at a time step
MAX_SERIES = 20_000
SHORTEST, LONGEST = 5, 100  # time steps of a window
SHOWN = 3  # columns that are drawn with a sequence, or named in a remark


@dataclass(frozen=True)
class OwnSeriesSettings(TaskSettings):
    """Which data, and what is asked of them."""

    data: str = setting(
        "", longest=64, label="Uploaded data",
        help="The name under which an upload is kept on this server; empty for the example, the temperature in Seattle "
        "every three hours of a year.",
    )  # fmt: skip
    kind: str = setting(
        "forecast", choices=("forecast", "classification"), label="Question",
        help="forecast: the next values of the columns. classification: the class of a whole series.",
    )  # fmt: skip
    columns: str = setting(
        "", longest=1500, label="Columns",
        help="The columns that are read, by name, separated by commas; a name with a comma stands in double quotes. "
        "Empty: for a forecast the first numeric one, for a classification all; but none that only counts or tells the "
        "time.",
    )  # fmt: skip
    label: str = setting(
        "", longest=MAX_NAME, label="Label column",
        help="The column with the class. Empty: the only text column.",
    )  # fmt: skip
    series_id: str = setting(
        "", longest=MAX_NAME, label="Series id column",
        help="The column that says which series a row belongs to. Empty: for a forecast all rows are one series; for a "
        "classification each row is a series of its own, and its columns are the time steps.",
    )  # fmt: skip
    seq_len: int = setting(
        30, low=SHORTEST, high=LONGEST, unit="time steps", label="Window length",
        help="Time steps in a window of a forecast, of which the second half is judged. For a classification, the most "
        "time steps of a piece: a longer series is cut into equal ones.",
    )  # fmt: skip
    missing: str = setting(
        "carry_forward", choices=("carry_forward", "drop"), label="Missing values",
        help="carry_forward: the network reads the last value before the gap again (before the first, the mean of the "
        "training part), and no answer is judged where a value is missing. drop: rows with a gap are left out, and "
        "their neighbors follow each other.",
    )  # fmt: skip

    def applies(self, name: str) -> bool:
        if name == "label":
            return self.kind == "classification"
        if name == "seq_len":
            return self.kind == "forecast" or bool(self.series_id) or not self.data
        return True

    @property
    def does(self) -> str:
        usual = not (self.data or self.columns or self.label or self.series_id)
        if self.kind == "forecast":
            read = "temperatures, one every three hours," if usual else "a series one table row per time step"
            return f"reads {read} and each time forecasts the next {'one' if usual else 'values'}"
        if usual:
            return "reads temperatures of a day, one every three hours, then names the season"
        by_row = not self.data or self.series_id
        read = "a series one table row per time step" if by_row else "a table row one column per time step"
        return f"reads {read}, then names its class"

    @property
    def private(self) -> bool:
        return bool(self.data)


@functools.lru_cache(maxsize=1)
def example() -> Table:
    """The temperature in Seattle every three hours, with the day's number and season."""
    shipped = files.arrays("seattle")
    chosen = shipped["hours"] % 3 == 0
    hours, tenths = shipped["hours"][chosen], shipped["tenths_fahrenheit"][chosen]
    days = hours // 24 + 1
    start, names = datetime.date(2010, 1, 1), ("winter", "spring", "summer", "autumn")
    season = [(start + datetime.timedelta(days=int(day) - 1)).month % 12 // 3 for day in days]
    columns = (
        Column("temperature", "numeric", (tenths / 10 - 32) / 1.8),
        Column("day", "numeric", days.astype(np.float64)),
        Column("season", "text", np.full(len(days), np.nan), np.array(season, np.int32), names, 0, "it holds seasons."),
    )
    head = tuple((f"{columns[0].numbers[n]:.1f}", str(days[n]), names[season[n]]) for n in range(20))
    return Table("Seattle", {column.name: column for column in columns}, len(days), (), head)


def table_of(token: str) -> Table:
    """The uploaded table, or the example where the token is "".

    Raises:
        SettingError: where it is gone, or is a text.
    """
    if not token:
        return example()
    found = uploaded(token)
    if not isinstance(found, Table):
        raise refused("data", token, "The upload is a text, not a table; choose the task for your own text.")
    return found


@contextmanager
def blaming(field: str, value: object) -> Iterator[None]:
    """Turn what is wrong with the data into an error of the setting that asks for them."""
    try:
        yield
    except DataError as error:
        raise refused(field, value, error) from None


def split_names(text: str) -> list[str]:
    """Names from a text, separated by commas; those with a comma in double quotes."""
    row = next(csv.reader([text], skipinitialspace=True), [])
    return [name.strip() for name in row if name.strip()]


def join_names(names: Sequence[str]) -> str:
    """The inverse of `split_names`."""
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(names)
    return file.getvalue()


def chosen_columns(
    table: Table, settings: OwnSeriesSettings, usable: Sequence[str], groups: Sequence[Array], most: int
) -> tuple[list[str], list[str]]:
    """The names of the columns to read, and remarks on those that only count.

    Args:
        table: the data.
        settings: those that name columns decide.
        usable: the columns that may be read where nothing is named; a forecast takes the first.
        groups: the rows of each series.
        most: columns that may be read.
    """
    given, forecast = settings.columns, settings.kind == "forecast"
    names = [given] if given in table.columns else split_names(given)
    with blaming("columns", given):
        if len(set(names)) < len(names):
            raise DataError(f"A column is named twice in {quoted(given)}; name each once.")
        candidates = [name for name in names if name in table.columns] or usable
        why = {name: counts(name, table.column(name).numbers, groups, not forecast) for name in candidates}
        why = {name: reason for name, reason in why.items() if reason}
        notes = [_counter_note(why, bool(names))] if why else []
        if not names:
            names = [name for name in usable if name not in why]
            names = names[:1] if forecast else names
        if not names and why:
            names, notes = _only_counters(table, why, forecast)
        if not names:
            raise DataError(_nothing_numeric(table))
        for name in names:
            table.column(name).series()  # or a sentence that says why not
        if len(names) > most:
            raise DataError(
                f"{counted(len(names), 'column')} are too many, the limit is {most}; name those to be read."
            )
    return names, notes


def _counter_note(why: Mapping[str, str], named: bool) -> str:
    listing = "; ".join(f"{quoted(name)} {reason}" for name, reason in list(why.items())[:SHOWN])
    more = f"; and {len(why) - SHOWN} more" if len(why) > SHOWN else ""
    if named:
        return f"You name what seems to count or to tell the time, so it is read all the same: {listing}{more}."
    return f"Left out is what only counts or tells the time: {listing}{more}. Name a column to read it all the same."


def _only_counters(table: Table, why: Mapping[str, str], forecast: bool) -> tuple[list[str], list[str]]:
    """What is read where every numeric column only counts: for a forecast the first, where the table has no other.

    Raises:
        DataError: for a classification, and where a column of another kind may have been meant.
    """
    name, reason = next(iter(why.items()))
    other = next((column for column in table.columns.values() if column.kind == "text"), None)
    if forecast and other is None:
        return [name], [f"The column {quoted(name)} {reason}, but there is no other to forecast."]
    meant = f" The column {quoted(other.name)} is not numeric: {other.why}" if other is not None and other.why else ""
    raise DataError(
        f"There is no column to read but such as only count or tell the time: {quoted(name)} {reason}.{meant} Add a "
        "column of values, or name that one."
    )


def _nothing_numeric(table: Table) -> str:
    for column in table.columns.values():
        if column.why:
            shown = quoted(column.name)
            return f"The data have no numeric column to read. The column {shown} is not numeric: {column.why}"
    return "The data have no numeric column to read whose values differ; add one."


def values_of(table: Table, names: Sequence[str]) -> Array:
    """(rows, columns) float64, NaN where values are missing."""
    return np.stack([table.column(name).series() for name in names], axis=1)


def groups_of(
    table: Table, settings: OwnSeriesSettings, series_id: str
) -> tuple[list[Array], tuple[str, ...], list[str]]:
    """The rows of each series, the series' names, and remarks; without an id there is one, without a name."""
    if not series_id:
        return [np.arange(table.rows)], ("",), []
    with blaming("series_id", settings.series_id):
        codes, names = table.column(series_id).names()
        if len(names) > MAX_SERIES:
            raise DataError(
                f"The column {quoted(series_id)} names {len(names):,} series, and the limit is {MAX_SERIES:,}; is it "
                "the number of a row?"
            )
    order = np.argsort(codes, kind="stable")
    order = order[np.searchsorted(codes[order], 0) :]  # rows without an id come first
    groups = np.split(order, np.searchsorted(codes[order], np.arange(1, len(names))))
    lost = table.rows - len(order)
    notes = [f"{counted(lost, 'row')} without a value in {quoted(series_id)} {be(lost)} left out."] if lost else []
    return groups, names, notes


def gap_note(gaps: Array, settings: OwnSeriesSettings) -> list[str]:
    """What is done about missing values, (rows, columns) bool."""
    rows = int(gaps.any(axis=1).sum())
    if not rows:
        return []
    share = f"{100 * rows / len(gaps):.2g} %" if rows < len(gaps) else "all"
    if settings.missing == "drop":
        return [f"{counted(rows, 'row')} with a missing value ({share}) {be(rows)} left out."]
    count = int(gaps.sum())
    judged = ", and what should come there is not judged" if settings.kind == "forecast" else ""
    sentence = (
        f"{counted(count, 'missing value')} in {counted(rows, 'row')} ({share}) {be(count)} read as the last one before"
    )
    return [f"{sentence}{judged}."]
