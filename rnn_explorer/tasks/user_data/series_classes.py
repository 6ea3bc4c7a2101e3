"""The question to a table of one's own which class a series belongs to."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from rnn_explorer.tasks.base import Baseline, Batch, InputSpec, Metric, OutputSpec, Split
from rnn_explorer.tasks.memoryless import LogisticRegression, last_steps, of_probabilities
from rnn_explorer.tasks.user_data.column import check_classes
from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.limits import DataError, listed, quoted
from rnn_explorer.tasks.user_data.scaling import carried, moments, normalized
from rnn_explorer.tasks.user_data.series_settings import (
    MAX_FEATURES,
    SHOWN,
    OwnSeriesSettings,
    blaming,
    chosen_columns,
    gap_note,
    groups_of,
    table_of,
    values_of,
)
from rnn_explorer.tasks.user_data.splits import PartsTask, Stretches, refused, split_by_item
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Array, Explanation, Strip

FEWEST = 3  # series of a class: one for each part


class SeriesClasses(PartsTask):
    """Which class does a series belong to? See `OwnSeries`."""

    key = "own_series"
    metric = Metric("accuracy")
    settings: OwnSeriesSettings
    mean: Array  # (columns,), as the next
    scale: Array

    def __init__(self, settings: OwnSeriesSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        table = table_of(settings.data)
        self.series_id = settings.series_id or ("" if settings.data else "day")
        label = settings.label or _only_label(table, self.series_id)
        with blaming("label", settings.label):
            labels, names = table.column(label).names()
            check_classes(names, f"The column {quoted(label)}")
        apart = (label, self.series_id)
        usable = [name for name in table.numeric() if name not in apart]
        groups, series, notes = groups_of(table, settings, self.series_id)
        most = MAX_FEATURES if self.series_id else len(table.columns)
        chosen, remarks = chosen_columns(table, settings, usable, groups, most)
        _refuse_answers(chosen, apart, settings)
        values = values_of(table, chosen)
        notes += gap_note(np.isnan(values), settings)
        if self.series_id:
            self.features = chosen
            whole, sizes, kinds, lost = self._long(values, labels, groups, series)
        else:
            whole, sizes, kinds, lost = self._wide(values, labels, chosen)
        notes += [*lost, *remarks, *_order_note(kinds[np.argsort(self.first_rows)])]
        present, kinds = np.unique(kinds, return_inverse=True)
        self.classes = tuple(names[code] for code in present)
        self._refuse_few(sizes, kinds, label)
        notes += self._share_out(whole, sizes, kinds)
        self.input = InputSpec("values", whole.shape[1], tuple(self.features))
        self.output = OutputSpec("classes", len(self.classes), self.classes)
        self.notes = (*notes, f"The classes are those of {quoted(label)}; read are {listed(chosen)}.")

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
            given = labels[rows]
            given = given[given >= 0]
            if not len(given) or np.isnan(values[rows]).all(axis=0).any():
                continue
            if (given != given[0]).any():
                raise refused(
                    "series_id",
                    self.settings.series_id,
                    f"The series {quoted(name)} has more than one label; every series must have one. Choose another "
                    "column for the series id, or for the label.",
                )
            kept.append(rows)
            kinds.append(int(given[0]))
            self.item_names.append(f"series {name}")
        sizes = np.array([len(rows) for rows in kept], dtype=np.int64)
        self.first_rows = np.array([rows.min() for rows in kept], dtype=np.int64)
        order = np.concatenate([np.zeros(0, dtype=np.int64), *kept])
        self.where = lambda place, column: (self.features[column], f"row {order[place] + 1}")
        return values[order], sizes, np.array(kinds, dtype=np.int64), _lost_note(len(groups) - len(sizes))

    def _refuse_few(self, sizes: Array, kinds: Array, label: str) -> None:
        with blaming("label", self.settings.label):
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
        """Cut series into pieces, share the series out, normalize by those of the training part; returns remarks."""
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
        self.kind_at = kinds[self.item_at].astype(np.int64)
        begins = np.cumsum(sizes) - sizes
        self.stretches = {split: _pieces(begins[n], sizes[n], counts[n]) for split, n in parts.items()}
        self.time = max(int(part.lengths.max()) for part in self.stretches.values() if len(part))
        training = np.isin(self.item_at, parts["train"])
        self.mean, self.scale = moments(whole[training])
        self.scale[self.scale == 0] = 1.0  # constant: nothing to see, but no harm
        with blaming("columns", self.settings.columns):
            found, notes = normalized(whole, training, self.mean, self.scale, self.where)
        self.values = carried(found, begins)
        return notes

    def made(self, split: Split, stretches: Stretches) -> Batch:
        return Batch(stretches.gather(self.values, self.time), self.kind_at[stretches.starts], stretches.lengths)

    def baseline(self) -> Baseline:
        (batch, split), train = self.judged(), self.stretches["train"]
        training = self.values[train.starts + train.lengths - 1]  # (sequences, columns)
        last, right = last_steps(batch), batch.targets
        fitted = LogisticRegression.fit(training, self.kind_at[train.starts], len(self.classes), last, right)
        return of_probabilities(
            fitted(last),
            right,
            f"is {fitted.words('the last time step')}, fitted to the training part and measured on the {split} set",
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
                inputs = self.values[start : start + length]
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
