"""What was recorded of a model, as plain numpy data that can be stored, sent and drawn.

Axes are `(batch, time, feature)` throughout. Nothing here knows of torch or of a screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Direction = Literal["forward", "backward"]
Array = np.ndarray

# The numbers in the learning curves of a run, beside the step.
TRAIN_COLUMNS = ("loss", "metric", "grad_norm", "applied_norm")
VALIDATION_COLUMNS = ("loss", "metric")


@dataclass(frozen=True)
class LayerTrace:
    """Every gate and state of one recurrent layer in one direction.

    Attributes:
        cell: the cell's key ("rnn", "lstm", "gru").
        layer: counted from 0, nearest the input first.
        direction: "forward", or "backward" for the second half of a bidirectional layer. Either way index t on
            the time axis belongs to input t.
        gates: name -> (batch, time, hidden_size), in the cell's order.
        states: name -> (batch, time, hidden_size): the state after each step.
        bounded: those names among the gates whose values lie between 0 and 1.
        nonlinearity: "tanh" or "relu", the function that makes the cell's hidden state.
    """

    cell: str
    layer: int
    direction: Direction
    gates: Mapping[str, Array]
    states: Mapping[str, Array]
    bounded: frozenset[str]
    nonlinearity: str

    @property
    def hidden_size(self) -> int:
        return self.states["hidden"].shape[-1]


@dataclass(frozen=True)
class Trace:
    """What the model did with a fixed batch of sequences.

    Attributes:
        inputs: (batch, time, feature) values, or (batch, time) whole numbers for symbols.
        targets: as the task gives them.
        lengths: (batch,) the number of real steps in each sequence; later steps are padding.
        answers: (batch, time, output_size): what the model would say if the sequence ended at that step;
            probabilities for classes, values for regression.
        layers: one entry a layer and direction, in the order of computation.
    """

    inputs: Array
    targets: Array
    lengths: Array
    answers: Array
    layers: tuple[LayerTrace, ...]

    def layer(self, number: int, direction: Direction = "forward") -> LayerTrace:
        """The recording of one layer and direction.

        Raises:
            KeyError: when the model has no such layer.
        """
        for entry in self.layers:
            if (entry.layer, entry.direction) == (number, direction):
                return entry
        raise KeyError((number, direction))


@dataclass(frozen=True)
class Strip:
    """One row of what the model saw: a line over time.

    Attributes:
        name: what the values are.
        values: (time,) numbers, NaN where there is nothing.
        role: "input", "target" or "answer"; decides how it is drawn.
        group: strips of one group share an axis (a target and the answer to it).
    """

    name: str
    values: Array
    role: Literal["input", "target", "answer"]
    group: str = ""


@dataclass(frozen=True)
class Explanation:
    """One sequence as a person would want to see it, and what the model said of it.

    Attributes:
        kind: "image" (rows read one a step), "symbols" (a letter or word a step) or "series" (numbers a step).
        title: the sequence in a few words ("a 7", "Nakamura", "sunspots 1900-1948").
        verdict: what the model says at the end against what is right, in words.
        correct: whether that is right; None where the question makes no sense.
        length: the number of real steps.
        image: (rows, columns) for an image, else None; `image_steps` says which step, from 0, each cell belongs to.
        symbols: the text of each step, for symbols, else empty.
        strips: lines over time: inputs of a series, targets, answers.
        class_names: names of the classes, for a classification, else empty.
        probabilities: (time, classes) after each step, or None.
        target_class: the right class at the end, or None; for one label a step, `target_classes` (time,).
    """

    kind: Literal["image", "symbols", "series"]
    title: str
    verdict: str
    correct: bool | None
    length: int
    image: Array | None = None
    image_steps: Array | None = None
    symbols: tuple[str, ...] = ()
    strips: tuple[Strip, ...] = ()
    class_names: tuple[str, ...] = ()
    probabilities: Array | None = None
    target_class: int | None = None
    target_classes: Array | None = None


@dataclass(frozen=True)
class Snapshot:
    """The state of a run at one step: everything that the live picture shows.

    Attributes:
        step: optimizer steps done.
        epoch: passes over the training data, with a fraction.
        trace: the probe batch through the weights of this step.
        explanations: one for each probe sequence, made when it is read.
        titles: of the probe sequences, in a few words; the same at every step.
        labels: (batch,) the class of each probe sequence, or -1 where there is none.
        label_names: names for `labels`.
    """

    step: int
    epoch: float
    trace: Trace
    explanations: Sequence[Explanation]
    titles: tuple[str, ...]
    labels: Array
    label_names: tuple[str, ...]


@dataclass
class History:
    """A learning curve of bounded size: rows of named numbers over steps, thinned as it grows.

    Kept are the first row, the newest row, and in between rows at a stride that doubles whenever the store is
    full, so that a curve of a million steps costs as much to hold and to draw as one of two thousand.

    Attributes:
        capacity: the most rows held; at least 16.
        columns: the names of the numbers in each row.
    """

    columns: tuple[str, ...]
    capacity: int = 2000
    _rows: Array | None = None  # (capacity, 1 + columns) step and values; row i is the one of number i * stride
    _size: int = 0  # of these rows
    _stride: int = 1
    _count: int = 0
    _newest: Array | None = None

    def __post_init__(self) -> None:
        if self.capacity < 16:
            raise ValueError(f"capacity is {self.capacity}, but must be at least 16")
        if self._rows is None:
            self._rows = np.zeros((self.capacity, 1 + len(self.columns)))

    def append(self, step: int, **values: float) -> None:
        """Add one row. Steps must not go backwards.

        Raises:
            ValueError: for a step before the newest, or a column that is missing.
        """
        if self._newest is not None and step < self._newest[0]:
            raise ValueError(f"step {step} comes before step {int(self._newest[0])}, which is already recorded")
        missing = set(self.columns) - set(values)
        if missing:
            raise ValueError(f"missing columns: {', '.join(sorted(missing))}")
        self._newest = np.array([step, *(values[name] for name in self.columns)], dtype=np.float64)
        if self._count % self._stride == 0:
            assert self._rows is not None
            self._rows[self._size] = self._newest
            self._size += 1
            if self._size == self.capacity:
                self._stride *= 2
                self._size = (self.capacity + 1) // 2
                self._rows[: self._size] = self._rows[::2].copy()
        self._count += 1

    def arrays(self) -> dict[str, Array]:
        """`step` and every column as arrays of equal length, the newest row always last."""
        assert self._rows is not None
        rows = self._rows[: self._size]
        if self._newest is not None and self._count - 1 > (self._size - 1) * self._stride:
            rows = np.concatenate([rows, self._newest[None]])
        table = {"step": rows[:, 0].astype(np.int64)}
        return table | {name: rows[:, index].copy() for index, name in enumerate(self.columns, 1)}

    def last(self) -> dict[str, float] | None:
        """The newest row by column name, with `step`; None while empty."""
        if self._newest is None:
            return None
        return {"step": int(self._newest[0]), **dict(zip(self.columns, self._newest[1:].tolist(), strict=True))}

    @classmethod
    def of(cls, table: Mapping[str, Array], columns: tuple[str, ...]) -> History:
        """A history of the rows that `arrays` gave; empty where there are none."""
        history = cls(columns)
        for index, step in enumerate(table.get("step", ())):
            history.append(int(step), **{name: float(table[name][index]) for name in columns})
        return history

    def rows(self) -> Array:
        """(rows, 1 + columns) float64: the step and the columns, as `arrays` gives them."""
        return np.stack([values.astype(np.float64) for values in self.arrays().values()], axis=1)

    @classmethod
    def of_rows(cls, rows: Array, columns: tuple[str, ...]) -> History:
        """A history of the rows that `rows` gave."""
        return cls.of({name: rows[:, number] for number, name in enumerate(("step", *columns))}, columns)

    def copy(self) -> History:
        """The same rows in a history that goes its own way from here."""
        assert self._rows is not None
        return History(
            self.columns, self.capacity, self._rows.copy(), self._size, self._stride, self._count, self._newest
        )

    def until(self, step: int) -> History:
        """The rows up to and including `step` in a history that goes its own way from here."""
        history = self.copy()
        if self._newest is not None and self._newest[0] > step:
            assert history._rows is not None
            size = history._size = int(np.searchsorted(history._rows[: self._size, 0], step, side="right"))
            history._count = (size - 1) * self._stride + 1 if size else 0
            history._newest = history._rows[size - 1].copy() if size else None
        return history

    def __len__(self) -> int:
        return self._size
