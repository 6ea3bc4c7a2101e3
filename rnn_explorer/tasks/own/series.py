"""A table of somebody's own: forecast its columns, or say which class a series belongs to."""

from __future__ import annotations

import csv
import datetime
import functools
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from rnn_explorer.settings import setting
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import (
    PROBES,
    STREAM_EVALUATION,
    TASKS,
    Baseline,
    Batch,
    Course,
    InputSpec,
    Metric,
    OutputSpec,
    Source,
    Split,
    Task,
    TaskSettings,
)
from rnn_explorer.tasks.own.counters import counts
from rnn_explorer.tasks.own.csv_file import Column, Table, check_classes
from rnn_explorer.tasks.own.limits import MAX_NAME, DataError, be, counted, listed, quoted
from rnn_explorer.tasks.own.parts import (
    OwnTask,
    PartsTask,
    Stretches,
    cut,
    evenly,
    refused,
    split_by_item,
    stride,
    uploaded,
)
from rnn_explorer.tasks.own.scaling import carried, moments, normalised
from rnn_explorer.tasks.words import class_verdict, number
from rnn_explorer.trace import Array, Explanation, Strip

MAX_FEATURES = 16  # columns that a model reads at a time step
SHOWN = 3  # columns that are drawn with a sequence
SHORTEST, LONGEST = 5, 100  # time steps of a window
FEWEST = 3  # series of a class: one for each part
MAX_SERIES = 20_000


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
        30, low=SHORTEST, high=LONGEST, unit="steps", label="Window length",
        help="Time steps in a window of a forecast, of which the second half is judged. For a classification, the most "
        "time steps of a piece: a longer series is cut into equal ones.",
    )  # fmt: skip
    missing: str = setting(
        "carry_forward", choices=("carry_forward", "drop"), label="Missing values",
        help="carry_forward: the network reads the last value before the gap again (before the first, the mean of the "
        "training part), and no answer is judged where a value is missing. drop: rows with a gap are left out, and "
        "their neighbours follow each other.",
    )  # fmt: skip

    def applies(self, name: str) -> bool:
        if name == "label":
            return self.kind == "classification"
        if name == "seq_len":
            return self.kind == "forecast" or bool(self.series_id) or not self.data
        return True

    @property
    def private(self) -> bool:
        return bool(self.data)


@TASKS.register("own_series")
class OwnSeries(OwnTask):
    """A table that somebody brought, one row a time step: what comes next, or which class is this?

    Forecast. Inputs: (batch, seq_len, columns), a window, each column in standard deviations from its mean over the
    training part. Targets: (batch, seq_len, columns), the same one step later; the first half of a window is warm-up
    and not judged, nor is a step where a value is missing, which is NaN among the targets. Each series is cut by time
    into a training, a validation and a test part, and no window straddles a border; the test part is the last 20 %.
    Validation and test show at most 256 windows, evenly spaced.

    Classification. Inputs: (batch, time, columns), padded with 0 at the end, with the length of each sequence. Targets:
    (batch,) the class. Each series lies wholly in one part, and the classes are shared out by their shares. Without a
    series id each row is one series, its columns the time steps, all of them in one unit.

    Without an upload the data are the temperature in Seattle every three hours; its classes are the seasons of days.
    """

    key = "own_series"
    title = "Your own series"
    summary = "Bring a CSV file: forecast one or more of its columns, or tell the class of each series."
    teaches = "What a recurrent network can make of your data, against a predictor without memory."
    reading_guide = (
        "Each time step shows the network one row of the table, each column in standard deviations from its mean "
        "over the training part; the figures draw it in its own unit. For a forecast, target and answer are drawn "
        "where the forecast is made and should lie on each other; an answer that trails by one step only repeats "
        "what it saw. The line on the loss curve is that lazy forecast, and 1 is about as bad as always saying the "
        "mean. The parts follow each other in time, so a series that drifts is judged on values it was not trained "
        "on. For a classification, the probabilities after each step say what it would answer if the series ended "
        "there; the line on the loss curve knows the last step alone."
    )
    source = Source(
        citation=f"your own file; the example: {files.source('seattle').citation}",
        licence=f"yours, and it stays with you; the example: {files.source('seattle').licence}",
        url=files.source("seattle").url,
    )
    settings_class = OwnSeriesSettings
    metric = Metric("MSE")
    reveals_future = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm", "hidden_size": 32, "learning_rate": 5e-3, "batch_size": 32, "steps": 600,
    }  # fmt: skip
    settings: OwnSeriesSettings

    @classmethod
    def reveals(cls, settings: TaskSettings) -> bool:
        return isinstance(settings, OwnSeriesSettings) and settings.kind == "forecast"

    def chosen(self) -> Task:
        kind = _Forecast if self.settings.kind == "forecast" else _Classes
        return kind(self.settings, self.seed, self.val_split)


# -- what the settings name -------------------------------------------------------------------------------------


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
def _blaming(field: str, value: object) -> Iterator[None]:
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


def _columns(
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
    told, forecast = settings.columns, settings.kind == "forecast"
    names = [told] if told in table.columns else split_names(told)
    with _blaming("columns", told):
        if len(set(names)) < len(names):
            raise DataError(f"A column is named twice in {quoted(told)}; name each once.")
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
    told = "; ".join(f"{quoted(name)} {reason}" for name, reason in list(why.items())[:SHOWN])
    more = f"; and {len(why) - SHOWN} more" if len(why) > SHOWN else ""
    if named:
        return f"You name what seems to count or to tell the time, so it is read all the same: {told}{more}."
    return f"Left out is what only counts or tells the time: {told}{more}. Name a column to read it all the same."


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


def _values(table: Table, names: Sequence[str]) -> Array:
    """(rows, columns) float64, NaN where values are missing."""
    return np.stack([table.column(name).series() for name in names], axis=1)


def _groups(
    table: Table, settings: OwnSeriesSettings, series_id: str
) -> tuple[list[Array], tuple[str, ...], list[str]]:
    """The rows of each series, the series' names, and remarks; without an id there is one, without a name."""
    if not series_id:
        return [np.arange(table.rows)], ("",), []
    with _blaming("series_id", settings.series_id):
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
    told = [f"{counted(lost, 'row')} without a value in {quoted(series_id)} {be(lost)} left out."] if lost else []
    return groups, names, told


# -- forecast ---------------------------------------------------------------------------------------------------


class _Forecast(PartsTask):
    """What are the next values of the columns? See `OwnSeries`."""

    key = "own_series"
    metric = Metric("MSE")
    settings: OwnSeriesSettings

    def __init__(self, settings: OwnSeriesSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        table = table_of(settings.data)
        groups, series, told = _groups(table, settings, settings.series_id)
        usable = [name for name in table.numeric() if name != settings.series_id]
        self.names, remarks = _columns(table, settings, usable, groups, MAX_FEATURES)
        self.table_name = table.name
        self.warm_up = settings.seq_len // 2
        told += self._arrange(_values(table, self.names), groups, series)
        self.input = InputSpec("values", len(self.names), tuple(self.names))
        self.output = OutputSpec("values_per_step", len(self.names), tuple(f"next {name}" for name in self.names))
        self.notes = (*told, *remarks, f"The columns read are {listed(self.names)}.")

    def _arrange(self, values: Array, groups: list[Array], names: tuple[str, ...]) -> list[str]:
        """Cut every series by time, normalise, close gaps within each part, find the windows; returns remarks."""
        settings = self.settings
        told = _gap_note(np.isnan(values), settings)
        if settings.missing == "drop":
            groups = [rows[~np.isnan(values[rows]).any(axis=1)] for rows in groups]
        chosen, least = _long_enough(groups, settings)
        if len(chosen) < len(groups):
            told.append(f"{len(groups) - len(chosen)} of {len(groups)} series are too short and left out.")
        parts: dict[Split, list[tuple[int, int]]] = {"train": [], "validation": [], "test": []}
        self.extents, offset = list[tuple[int, int]](), 0
        for index in chosen:
            count = len(groups[index])
            for split, (begin, end) in cut(count, least, self.val_split).items():
                parts[split].append((offset + begin, offset + end))
            self.extents.append((offset, offset + count))
            offset += count
        self.rows = np.concatenate([groups[index] for index in chosen])  # of the file, from 0
        self.series = np.repeat([names[index] for index in chosen], [len(groups[index]) for index in chosen])
        told += self._normalise(values[self.rows], parts)
        self.stretches = {split: self._windows(split, parts[split]) for split in parts}
        self._refuse_gaps()
        return told

    def _normalise(self, whole: Array, parts: Mapping[Split, Sequence[tuple[int, int]]]) -> list[str]:
        """The numbers as the network reads them and as they are judged; returns remarks."""
        training = np.zeros(len(whole), dtype=bool)
        for begin, end in parts["train"]:
            training[begin:end] = True
        with _blaming("columns", self.settings.columns):
            for name, column in zip(self.names, whole[training].T, strict=True):
                known = column[~np.isnan(column)]
                if not len(known):
                    raise DataError(
                        f"The column {quoted(name)} has no value at all in a whole part of the data, the one for "
                        "training; choose another column."
                    )
                if (known == known[0]).all():
                    raise DataError(
                        f"The column {quoted(name)} is constant in the training part, so nothing can be learnt of it; "
                        "choose another column, or a smaller validation split."
                    )
            self.mean, self.scale = moments(whole[training])
            truth, told = normalised(
                whole, training, self.mean, self.scale, lambda row, n: (self.names[n], f"row {self.rows[row] + 1}")
            )
        begins = sorted(begin for part in parts.values() for begin, _ in part)
        self.values = torch.from_numpy(carried(truth, begins))  # (rows, columns), like the next
        self.truth = torch.from_numpy(truth)  # NaN where a value is missing: it is read as carried, and never judged
        self.complete = ~np.isnan(truth).any(axis=1)  # (rows,)
        return told

    def _windows(self, split: Split, parts: Sequence[tuple[int, int]]) -> Stretches:
        """Windows with a step that is judged; each has a value more than the inputs, for the last target."""
        length = self.settings.seq_len
        step = stride(sum(end - begin for begin, end in parts), length) if split == "train" else 1
        starts = np.concatenate(
            [np.zeros(0, dtype=int), *(np.arange(begin, max(end - length, begin), step) for begin, end in parts)]
        )
        before = np.concatenate([[0], np.cumsum(self.complete)])  # complete rows before each
        starts = starts[before[starts + length + 1] > before[starts + self.warm_up + 1]]
        if split != "train":
            starts = evenly(starts, STREAM_EVALUATION)
        return Stretches.of([starts], [np.full(len(starts), length + 1)])

    def _refuse_gaps(self) -> None:
        """See that gaps leave enough to be judged in every part."""
        for split, stretches in self.stretches.items():
            if len(stretches) < PROBES and (split != "validation" or self.val_split > 0):
                part = "training" if split == "train" else split
                found = f"only {counted(len(stretches), 'window')}" if len(stretches) else "no window"
                raise refused(
                    "columns",
                    self.settings.columns,
                    f"The {part} part has {found} in which a judged time step has a value in every column that is "
                    f"read, and {PROBES} are needed; read fewer columns, or bring data with fewer gaps.",
                )

    def made(self, split: Split, stretches: Stretches) -> Batch:
        length = self.settings.seq_len
        inputs = stretches.gather(self.values, length + 1)[:, :-1]  # (batch, seq_len, columns), like the next
        targets = stretches.gather(self.truth, length + 1)[:, 1:]
        late = torch.arange(length) >= self.warm_up
        return Batch(inputs, targets, mask=late & ~targets.isnan().any(dim=2))

    def choose_probes(self, batch: Batch) -> torch.Tensor:
        return torch.linspace(0, len(batch) - 1, PROBES).round().long()  # far apart, since neighbours overlap

    def baseline(self) -> Baseline:
        batch, split = self.judged()
        error = float(self._lazy(batch).mean())
        return Baseline(error, error, f"repeats the last value, measured on the same steps of the {split} part")

    def baseline_by_value(self, split: Split) -> Array | None:
        return self._lazy(self.finite_set(split)) if len(self.names) > 1 else None

    @staticmethod
    def _lazy(batch: Batch) -> Array:
        """(columns,) the squared error of repeating the last value."""
        return ((batch.inputs - batch.targets) ** 2)[batch.step_mask()].double().mean(dim=0).numpy()

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        inputs, targets, answers = inputs[:length], targets[:length], answers[:length]
        judged = np.arange(length) >= self.warm_up
        counted_in = judged & ~np.isnan(targets).any(axis=1)
        error = float(np.mean((answers - targets)[counted_in] ** 2))
        lazy = float(np.mean((inputs - targets)[counted_in] ** 2))
        strips = []
        for column, name in list(enumerate(self.names))[:SHOWN]:
            mean, scale = self.mean[column], self.scale[column]
            wanted = np.where(judged, targets[:, column], np.nan)
            strips += [
                Strip(name, inputs[:, column] * scale + mean, "input", name),
                Strip(f"next {name}", wanted * scale + mean, "target", name),
                Strip(f"forecast of {name}", answers[:, column] * scale + mean, "answer", name),
            ]
        return Explanation(
            kind="series",
            title=self._where(inputs),
            verdict=f"squared error {number(error)}; repeating the last value has {number(lazy)}",
            correct=None,
            length=length,
            strips=tuple(strips),
        )

    def course(self, inputs: Array) -> Course | None:
        start = self._places.get(inputs.tobytes())
        if start is None:
            return None
        begin, end = next(extent for extent in self.extents if extent[0] <= start < extent[1])
        return Course(
            title=f"series {self.series[start]}" if self.series[start] else self.table_name or "your series",
            values=self.values[begin:end].numpy(),
            truth=self.truth[begin:end].numpy(),
            start=start - begin,
            when=lambda place: f"row {self.rows[begin + place] + 1}",
        )

    def _where(self, inputs: Array) -> str:
        """Which rows of the file a window holds, the row below the names being row 1."""
        start = self._places.get(inputs.tobytes())
        if start is None:
            return self.table_name or "a window"
        series = f"series {self.series[start]}, " if self.series[start] else ""
        return f"{series}rows {self.rows[start] + 1} to {self.rows[start + len(inputs)] + 1}"

    @functools.cached_property
    def _places(self) -> dict[bytes, int]:
        """Where each judged window starts, by its bytes."""
        return {
            window.numpy().tobytes(): int(start)
            for split in ("validation", "test")
            for window, start in zip(self.finite_set(split).inputs, self.stretches[split].starts, strict=True)
        }


def _gap_note(gaps: Array, settings: OwnSeriesSettings) -> list[str]:
    """What is done about missing values, (rows, columns) bool."""
    rows = int(gaps.any(axis=1).sum())
    if not rows:
        return []
    share = f"{100 * rows / len(gaps):.2g} %" if rows < len(gaps) else "all"
    if settings.missing == "drop":
        return [f"{counted(rows, 'row')} with a missing value ({share}) {be(rows)} left out."]
    count = int(gaps.sum())
    judged = ", and what should come there is not judged" if settings.kind == "forecast" else ""
    told = (
        f"{counted(count, 'missing value')} in {counted(rows, 'row')} ({share}) {be(count)} read as the last one before"
    )
    return [f"{told}{judged}."]


def _long_enough(groups: Sequence[Array], settings: OwnSeriesSettings) -> tuple[list[int], int]:
    """Which series can be cut into three parts with windows in each, and the values each part needs.

    Raises:
        SettingError: where none can.
    """
    chosen = list(range(len(groups)))
    while chosen:
        least = settings.seq_len + math.ceil(PROBES / len(chosen))
        enough = [index for index in chosen if len(groups[index]) >= 3 * least]
        if len(enough) == len(chosen):
            return chosen, least
        chosen = enough
    longest = max(map(len, groups), default=0)
    fits = longest_window(longest)
    needed = 3 * (settings.seq_len + PROBES)
    hint = (
        f"Choose a window length (seq_len) of at most {fits}, or bring more rows."
        if fits >= SHORTEST
        else f"That is too short for any window; bring at least {3 * (SHORTEST + PROBES)} rows."
    )
    field = "seq_len" if fits >= SHORTEST else "data"
    value = settings.seq_len if fits >= SHORTEST else settings.data
    raise refused(
        field,
        value,
        f"The longest series has {counted(longest, 'row')}, and windows of {settings.seq_len} time steps need "
        f"{needed}, for a training, a validation and a test part. {hint}",
    )


def longest_window(rows: int) -> int:
    """The longest window that one series of so many rows bears; less than `SHORTEST` where none."""
    return min(rows // 3 - PROBES, LONGEST)


# -- classification ---------------------------------------------------------------------------------------------


class _Classes(PartsTask):
    """Which class does a series belong to? See `OwnSeries`."""

    key = "own_series"
    metric = Metric("accuracy")
    settings: OwnSeriesSettings

    def __init__(self, settings: OwnSeriesSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        table = table_of(settings.data)
        self.series_id = settings.series_id or ("" if settings.data else "day")
        label = settings.label or _only_label(table, self.series_id)
        with _blaming("label", settings.label):
            labels, names = table.column(label).names()
            check_classes(names, f"The column {quoted(label)}")
        apart = (label, self.series_id)
        usable = [name for name in table.numeric() if name not in apart]
        groups, series, told = _groups(table, settings, self.series_id)
        most = MAX_FEATURES if self.series_id else len(table.columns)
        chosen, remarks = _columns(table, settings, usable, groups, most)
        _refuse_answers(chosen, apart, settings)
        values = _values(table, chosen)
        told += _gap_note(np.isnan(values), settings)
        if self.series_id:
            self.features = chosen
            whole, sizes, kinds, lost = self._long(values, labels, groups, series)
        else:
            whole, sizes, kinds, lost = self._wide(values, labels, chosen)
        told += [*lost, *remarks, *_order_note(kinds[np.argsort(self.first_rows)])]
        present, kinds = np.unique(kinds, return_inverse=True)
        self.classes = tuple(names[code] for code in present)
        self._refuse_few(sizes, kinds, label)
        told += self._share_out(whole, sizes, kinds)
        self.input = InputSpec("values", whole.shape[1], tuple(self.features))
        self.output = OutputSpec("classes", len(self.classes), self.classes)
        self.notes = (*told, f"The classes are those of {quoted(label)}; read are {listed(chosen)}.")

    def _wide(self, values: Array, labels: Array, chosen: list[str]) -> tuple[Array, Array, Array, list[str]]:
        """Each row is a series: all of them one after the other, how long each is, its class, and remarks."""
        if len(chosen) < 2:
            raise refused(
                "columns",
                self.settings.columns,
                "Without a series id each row is one series and its columns are the time steps, so two or more numeric "
                "columns are needed that do not only count; name them, or choose the column that says which series a "
                "row belongs to.",
            )
        self.features = ["value"]
        gaps = np.isnan(values)
        kept = (labels >= 0) & ~(gaps.any(axis=1) if self.settings.missing == "drop" else gaps.all(axis=1))
        rows = self.first_rows = np.flatnonzero(kept)
        self.item_names, width = [f"row {row + 1}" for row in rows], values.shape[1]
        self.where = lambda place, _: (chosen[place % width], f"row {rows[place // width] + 1}")
        lost = _lost_note(len(values) - len(rows))
        return values[rows].reshape(-1, 1), np.full(len(rows), width), labels[rows], lost

    def _long(
        self, values: Array, labels: Array, groups: list[Array], names: tuple[str, ...]
    ) -> tuple[Array, Array, Array, list[str]]:
        """Each series has a row for each time step; what is returned is as for `_wide`."""
        kept, kinds, self.item_names = list[Array](), list[int](), list[str]()
        for rows, name in zip(groups, names, strict=True):
            if self.settings.missing == "drop":
                rows = rows[~np.isnan(values[rows]).any(axis=1)]
            said = labels[rows]
            said = said[said >= 0]
            if not len(said) or np.isnan(values[rows]).all(axis=0).any():
                continue
            if (said != said[0]).any():
                raise refused(
                    "series_id",
                    self.settings.series_id,
                    f"The series {quoted(name)} has more than one label; every series must have one. Choose another "
                    "column for the series id, or for the label.",
                )
            kept.append(rows)
            kinds.append(int(said[0]))
            self.item_names.append(f"series {name}")
        sizes = np.array([len(rows) for rows in kept], dtype=np.int64)
        self.first_rows = np.array([rows.min() for rows in kept], dtype=np.int64)
        order = np.concatenate([np.zeros(0, dtype=np.int64), *kept])
        self.where = lambda place, column: (self.features[column], f"row {order[place] + 1}")
        return values[order], sizes, np.array(kinds, dtype=np.int64), _lost_note(len(groups) - len(sizes))

    def _refuse_few(self, sizes: Array, kinds: Array, label: str) -> None:
        with _blaming("label", self.settings.label):
            check_classes(self.classes, f"The column {quoted(label)} (where there are values to read)")
            counts = np.bincount(kinds)
            if counts.min() < FEWEST:
                name = quoted(self.classes[int(counts.argmin())])
                raise DataError(
                    f"The class {name} has {counts.min()} series only; every class needs at least {FEWEST}, to train, "
                    "to validate and to test. Bring more, or leave it out."
                )
        if sizes.max() < 2:
            raise refused(
                "series_id",
                self.settings.series_id,
                "Every series has one row only, and a sequence needs more time steps; choose another series id.",
            )

    def _share_out(self, whole: Array, sizes: Array, kinds: Array) -> list[str]:
        """Cut series into pieces, share the series out, normalise by those of the training part; returns remarks."""
        limit = self.settings.seq_len if self.series_id else int(sizes[0])
        counts = -(-sizes // limit)  # pieces
        parts = split_by_item(kinds, counts, self.val_split, self.generator("validation", 0))
        if parts is None:
            raise refused(
                "label",
                self.settings.label,
                f"There are too few series ({len(sizes)} of {len(self.classes)} classes) to train on every class and "
                "to judge on others; bring more, or merge classes.",
            )
        self.item_at = np.repeat(np.arange(len(sizes)), sizes)  # by position in `whole`, like the next
        self.kind_at = torch.from_numpy(kinds[self.item_at].astype(np.int64))
        begins = np.cumsum(sizes) - sizes
        self.stretches = {split: _pieces(begins[n], sizes[n], counts[n]) for split, n in parts.items()}
        self.time = max(int(part.lengths.max()) for part in self.stretches.values() if len(part))
        training = np.isin(self.item_at, parts["train"])
        self.mean, self.scale = moments(whole[training])
        self.scale[self.scale == 0] = 1.0  # constant: nothing to see, but no harm
        with _blaming("columns", self.settings.columns):
            found, told = normalised(whole, training, self.mean, self.scale, self.where)
        self.values = torch.from_numpy(carried(found, begins))
        return told

    def made(self, split: Split, stretches: Stretches) -> Batch:
        return Batch(stretches.gather(self.values, self.time), self.kind_at[stretches.starts], stretches.lengths)

    def baseline(self) -> Baseline:
        (batch, split), train = self.judged(), self.stretches["train"]
        assert batch.lengths is not None
        seen = self.values[train.starts + train.lengths - 1].double().numpy()  # (sequences, columns), as the next
        last = batch.inputs[torch.arange(len(batch)), batch.lengths - 1].double().numpy()
        said = beliefs(seen, self.kind_at[train.starts].numpy(), last, len(self.classes))
        right = batch.targets.numpy()
        return Baseline(
            loss=float(-np.log(said[np.arange(len(right)), right]).mean()),
            metric=float((said.argmax(axis=1) == right).mean()),
            how="knows the last step alone: one normal distribution for each class, with the same variances, fitted to "
            f"the last steps of the training part, measured on the {split} set",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        inputs, target = inputs[:length], int(targets)
        truth = f"it is {self.classes[target]}"
        verdict, correct = class_verdict(answers[length - 1], target, self.classes, truth)
        shown = list(enumerate(self.features))[:SHOWN]
        return Explanation(
            kind="series",
            title=self._places.get(inputs.tobytes(), "a series"),
            verdict=verdict,
            correct=correct,
            length=length,
            strips=tuple(Strip(name, inputs[:, n] * self.scale[n] + self.mean[n], "input", name) for n, name in shown),
            class_names=self.classes,
            probabilities=answers[:length],
            target_class=target,
        )

    @functools.cached_property
    def _places(self) -> dict[bytes, str]:
        """Which series each judged sequence is from, by its bytes."""
        found = {}
        for split in ("validation", "test"):
            stretches = self.stretches[split]
            for start, length in zip(stretches.starts.tolist(), stretches.lengths.tolist(), strict=True):
                inputs = self.values[start : start + length].numpy()
                found[inputs.tobytes()] = self.item_names[self.item_at[start]]
        return found


def _only_label(table: Table, series_id: str) -> str:
    texts = [column.name for column in table.columns.values() if column.kind == "text" and column.name != series_id]
    if len(texts) == 1:
        return texts[0]
    why = "none of them is text" if not texts else f"{listed(texts)} are text"
    raise refused("label", "", f"Say which column holds the label: {why}. There are: {listed(tuple(table.columns))}.")


def _refuse_answers(chosen: Sequence[str], apart: Sequence[str], settings: OwnSeriesSettings) -> None:
    for name in chosen:
        if name in apart:
            raise refused(
                "columns",
                settings.columns,
                f"The column {quoted(name)} is the label or the series id, and would give the answer away; leave it "
                "out.",
            )


def _pieces(begins: Array, sizes: Array, counts: Array) -> Stretches:
    """Series cut into pieces of nearly the same length.

    Args:
        begins, sizes: (series,) where each lies.
        counts: (series,) into how many pieces each is cut.
    """
    which = np.repeat(np.arange(len(counts)), counts)  # (pieces,), as the next three
    number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = number * sizes[which] // counts[which]
    end = (number + 1) * sizes[which] // counts[which]
    return Stretches.of([begins[which] + start], [end - start])


def _order_note(kinds: Array) -> list[str]:
    """A remark where the file is sorted by class, given (series,) the classes in the order of the file."""
    changes, classes = int(np.count_nonzero(np.diff(kinds))), len(np.unique(kinds))
    if classes < 2 or changes >= classes or len(kinds) < 2 * classes + 1:
        return []
    return [
        "The file is sorted by class. What follows the order of its rows, such as a counter, a time or the drift of a "
        "sensor, gives the class away without any pattern; see that no column that is read does."
    ]


def _lost_note(count: int) -> list[str]:
    return [f"{count:,} series without a label or without values are left out."] if count else []


def beliefs(seen: Array, labels: Array, judged: Array, classes: int) -> Array:
    """p(class | one step) by Bayes' rule from normal distributions with the same variances.

    Each class has, besides its own steps, one at the mean of all, so that none is impossible.

    Args:
        seen: (sequences, columns) the steps known.
        labels: (sequences,) their classes.
        judged: (judged, columns).
        classes: how many there are.

    Returns:
        (judged, classes), each row of sum 1.
    """
    one_hot = np.eye(classes)[labels]  # (sequences, classes)
    counts = one_hot.sum(axis=0) + 1
    means = (one_hot.T @ seen + seen.mean(axis=0)) / counts[:, None]  # (classes, columns)
    around = ((seen - means[labels]) ** 2).sum(axis=0) + classes * seen.var(axis=0)
    variance = around / (len(seen) + classes) + 1e-6  # (columns,); not 0 where the last steps are all alike
    logits = np.log(counts / counts.sum()) - (((judged[:, None] - means) ** 2) / variance).sum(axis=2) / 2
    logits -= logits.max(axis=1, keepdims=True)
    shares = np.exp(np.maximum(logits, -100)) + 1e-30  # so that no loss is infinite
    return shares / shares.sum(axis=1, keepdims=True)


# -- what suits a table -----------------------------------------------------------------------------------------


def suggested(table: Table, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that suit a table, for those that nobody has chosen.

    Args:
        table: the data.
        wanted: settings of the task that have been chosen, by name.

    Returns:
        More of them: a classification where a label is chosen, and windows that are short enough.
    """
    found: dict[str, Any] = {}
    if "kind" not in wanted and wanted.get("label"):
        found["kind"] = "classification"
    kind = wanted.get("kind", found.get("kind", "forecast"))
    if "seq_len" not in wanted and kind == "forecast" and not wanted.get("series_id"):
        fits = longest_window(table.rows)
        if SHORTEST <= fits < OwnSeriesSettings.spec("seq_len").default:
            found["seq_len"] = fits
    return found
