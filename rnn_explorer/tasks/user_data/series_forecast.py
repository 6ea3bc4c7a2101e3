"""The question to a table of one's own what the next values of its columns are."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from rnn_explorer.readable import counted, number
from rnn_explorer.tasks.base import (
    PROBES,
    STREAM_EVALUATION,
    Baseline,
    Batch,
    Course,
    InputSpec,
    Metric,
    OutputSpec,
    Split,
)
from rnn_explorer.tasks.memoryless import NextValue
from rnn_explorer.tasks.splits import split_in_order
from rnn_explorer.tasks.user_data.limits import DataError, listed, quoted
from rnn_explorer.tasks.user_data.scaling import carried, moments, normalized
from rnn_explorer.tasks.user_data.series_settings import (
    LONGEST,
    MAX_FEATURES,
    SHORTEST,
    SHOWN,
    OwnSeriesSettings,
    blaming,
    chosen_columns,
    gap_note,
    groups_of,
    table_of,
    values_of,
)
from rnn_explorer.tasks.user_data.splits import TEST_SHARE, PartsTask, Stretches, evenly, refused, stride
from rnn_explorer.trace import Array, Explanation, Strip

_FITTED = 1_000  # training windows that the baseline is fitted to, at most


class SeriesForecast(PartsTask):
    """What are the next values of the columns? See `OwnSeries`."""

    key = "own_series"
    metric = Metric("MSE")
    settings: OwnSeriesSettings
    mean: Array  # (columns,), as the next
    scale: Array

    def __init__(self, settings: OwnSeriesSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        table = table_of(settings.data)
        groups, series, notes = groups_of(table, settings, settings.series_id)
        usable = [name for name in table.numeric() if name != settings.series_id]
        self.names, remarks = chosen_columns(table, settings, usable, groups, MAX_FEATURES)
        self.table_name = table.name
        self.warm_up = settings.seq_len // 2
        notes += self._arrange(values_of(table, self.names), groups, series)
        self.input = InputSpec("values", len(self.names), tuple(self.names))
        self.output = OutputSpec("values_per_step", len(self.names), tuple(f"next {name}" for name in self.names))
        self.notes = (*notes, *remarks, f"The columns read are {listed(self.names)}.")

    def _arrange(self, values: Array, groups: list[Array], names: tuple[str, ...]) -> list[str]:
        """Cut every series by time, normalize, close gaps within each part, find the windows; returns remarks."""
        settings = self.settings
        notes = gap_note(np.isnan(values), settings)
        if settings.missing == "drop":
            groups = [rows[~np.isnan(values[rows]).any(axis=1)] for rows in groups]
        chosen, least = _long_enough(groups, settings)
        if len(chosen) < len(groups):
            notes.append(f"{len(groups) - len(chosen)} of {len(groups)} series are too short and left out.")
        parts: dict[Split, list[tuple[int, int]]] = {"train": [], "validation": [], "test": []}
        self.extents, offset = list[tuple[int, int]](), 0
        for index in chosen:
            count = len(groups[index])
            for split, (begin, end) in split_in_order(count, least, self.val_split, TEST_SHARE).items():
                parts[split].append((offset + begin, offset + end))
            self.extents.append((offset, offset + count))
            offset += count
        self.rows = np.concatenate([groups[index] for index in chosen])  # of the file, from 0
        self.series = np.repeat([names[index] for index in chosen], [len(groups[index]) for index in chosen])
        notes += self._normalize(values[self.rows], parts)
        self.stretches = {split: self._windows(split, parts[split]) for split in parts}
        self._refuse_gaps()
        return notes

    def _normalize(self, whole: Array, parts: Mapping[Split, Sequence[tuple[int, int]]]) -> list[str]:
        """The numbers as the network reads them and as they are judged; returns remarks."""
        training = np.zeros(len(whole), dtype=bool)
        for begin, end in parts["train"]:
            training[begin:end] = True
        with blaming("columns", self.settings.columns):
            for name, column in zip(self.names, whole[training].T, strict=True):
                known = column[~np.isnan(column)]
                if not len(known):
                    raise DataError(
                        f"The column {quoted(name)} has no value at all in a whole part of the data, the one for "
                        "training; choose another column."
                    )
                if (known == known[0]).all():
                    raise DataError(
                        f"The column {quoted(name)} is constant in the training part, so nothing can be learned of it; "
                        "choose another column, or a smaller validation split."
                    )
            self.mean, self.scale = moments(whole[training])
            truth, notes = normalized(
                whole, training, self.mean, self.scale, lambda row, n: (self.names[n], f"row {self.rows[row] + 1}")
            )
        begins = sorted(begin for part in parts.values() for begin, _ in part)
        self.values = carried(truth, begins)  # (rows, columns), like the next
        self.truth = truth  # NaN where a value is missing: it is read as carried, and never judged
        self.complete = ~np.isnan(truth).any(axis=1)  # (rows,)
        return notes

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
        late = np.arange(length) >= self.warm_up
        return Batch(inputs, targets, mask=late & ~np.isnan(targets).any(axis=2))

    def choose_probes(self, batch: Batch) -> Array:
        return np.linspace(0, len(batch) - 1, PROBES).round().astype(np.int64)  # far apart, since neighbors overlap

    def baseline(self) -> Baseline:
        batch, split = self.judged()
        error = float(self._memoryless.errors(batch).mean())
        how = f"{self._memoryless.words()}, measured on the same time steps of the {split} part"
        return Baseline(error, error, how)

    def baseline_by_value(self, split: Split) -> Array | None:
        return self._memoryless.errors(self.finite_set(split)) if len(self.names) > 1 else None

    @functools.cached_property
    def _memoryless(self) -> NextValue:
        known = self.stretches["train"]
        return NextValue.fit(self.made("train", known.select(evenly(np.arange(len(known)), _FITTED))), self.judged()[0])

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
            values=self.values[begin:end],
            truth=self.truth[begin:end],
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
            window.tobytes(): int(start)
            for split in ("validation", "test")
            for window, start in zip(self.finite_set(split).inputs, self.stretches[split].starts, strict=True)
        }


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
