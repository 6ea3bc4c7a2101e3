"""What a task is: data by seed, a question about it, a memoryless baseline, and words for a person.

Data are numpy arrays; `rnn_explorer.tensors` turns them into tensors where a model reads them.

Adding a task is one file in this folder with one `Task` class under `@TASKS.register(key)`, and one test.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from rnn_explorer.registry import Registry
from rnn_explorer.settings import Settings
from rnn_explorer.trace import Array, Explanation, Trace

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

PROBES = 8  # sequences in the fixed batch that every figure shows
STREAM_EPOCH = 50  # batches that count as one epoch where data are generated without end
STREAM_EVALUATION = 256  # sequences in the fixed validation set, and in the test set, of a generated task


@dataclass(frozen=True)
class Batch:
    """Sequences with what is asked of them.

    Attributes:
        inputs: (batch, time, feature) float32, or (batch, time) int64 for symbols.
        targets: by `OutputSpec.kind`: "classes" (batch,) int64; "classes_per_step" (batch, time) int64;
            "values" (batch, output_size) float32; "values_per_step" (batch, time, output_size) float32.
        lengths: (batch,) int64, the real steps of each sequence (padding comes after them); None: all are full.
        mask: (batch, time) bool, the steps whose answer counts, for a question asked per step; None: every real
            step counts.
    """

    inputs: Array
    targets: Array
    lengths: Array | None = None
    mask: Array | None = None

    def __len__(self) -> int:
        return self.inputs.shape[0]

    def select(self, index: Array | slice) -> Batch:
        """The sequences at `index` (whole numbers, any length), in that order; those of a slice are not copied."""
        return Batch(
            self.inputs[index],
            self.targets[index],
            None if self.lengths is None else self.lengths[index],
            None if self.mask is None else self.mask[index],
        )

    def step_mask(self) -> Array:
        """(batch, time) bool: the real steps, and of these the ones that count where the task says so."""
        batch, time = self.inputs.shape[:2]
        if self.lengths is None:
            real = np.ones((batch, time), dtype=bool)
        else:
            real = np.arange(time) < self.lengths[:, None]
        return real if self.mask is None else real & self.mask


@dataclass(frozen=True)
class InputSpec:
    """What enters the network at each step: one of `size` symbols, or `size` numbers."""

    kind: Literal["symbols", "values"]
    size: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class OutputSpec:
    """What the network is asked for: a class or a vector of numbers, at the end or at every step."""

    kind: Literal["classes", "classes_per_step", "values", "values_per_step"]
    size: int
    names: tuple[str, ...]

    @property
    def per_step(self) -> bool:
        return self.kind.endswith("_per_step")

    @property
    def classes(self) -> bool:
        return self.kind.startswith("classes")


@dataclass(frozen=True)
class Source:
    """Where a task or its data come from."""

    citation: str
    license: str
    url: str


@dataclass(frozen=True)
class Baseline:
    """The best predictor from the present input alone, for comparison: its loss and metric, and how it predicts.

    Attributes:
        loss, metric: in closed form, or fitted to the training set and measured on the validation set.
        how: what it does, in words that go on from "a predictor that", such as "is a logistic regression on ...".
    """

    loss: float
    metric: float
    how: str


@dataclass(frozen=True)
class Course:
    """The series that a window is of, for a model that goes on with it.

    Attributes:
        title: the series in a few words.
        values: (time, values) float32, the whole of it as the network reads it.
        truth: (time, values) float32, the same, NaN where a value is missing.
        start: where in it the window begins, from 0.
        when: says what time a position is.
    """

    title: str
    values: Array
    truth: Array
    start: int
    when: Callable[[int], str]


@dataclass(frozen=True)
class Metric:
    """How well the answers do, in one number: "accuracy" (share of right answers) or "MSE"."""

    name: Literal["accuracy", "MSE"]

    @property
    def higher_is_better(self) -> bool:
        return self.name == "accuracy"

    @property
    def solved(self) -> float:
        """The value from which a task counts as solved."""
        return 0.99 if self.name == "accuracy" else 0.01

    def is_solved(self, value: float) -> bool:
        return value >= self.solved if self.higher_is_better else value <= self.solved

    def beats(self, value: float, baseline: float) -> bool | None:
        """Whether a value is better than that of the memoryless baseline; None where there is nothing to compare."""
        if not (math.isfinite(value) and math.isfinite(baseline)):
            return None
        return value > baseline if self.higher_is_better else value < baseline


@dataclass(frozen=True)
class BenchmarkRow:
    """An experiment that `benchmarks.catalogue` trains with every cell.

    Attributes:
        settings: what differs from the task's defaults, as in an address ("series=lorenz"); "" for nothing.
        expected: by cell, what was measured when the task was designed; "" stands for every cell.
        level: the metric from which it counts as solved; None: the metric's own.
    """

    settings: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    level: float | None = None


@dataclass(frozen=True)
class TaskSettings(Settings):
    """Base of a task's own settings; each says what a network does in that task (`does`)."""

    def applies(self, name: str) -> bool:
        """Whether one of these settings has any effect, given the others; what has none need not be shown."""
        return True

    @property
    def does(self) -> str:
        """What a network does in this task with these settings, in words that go on from "An LSTM"."""
        raise NotImplementedError(type(self).__name__)

    @property
    def private(self) -> bool:
        """Whether they name data that belong to one visitor, so a task built of them is kept for no other."""
        return False


class Task(ABC):
    """A question about sequences.

    The same settings, seed and `val_split` give the same data, always; train, validation and test are disjoint.
    Either the data are a finite set (`training_set` returns it; an epoch is one pass in a shuffled order) or an
    endless stream (`generate` makes a batch; an epoch is `STREAM_EPOCH` batches).

    Class attributes:
        key, title: the name in the URL and the name for people.
        order: its place in menus and tables, ascending.
        summary: one line: what it is.
        teaches: one line: what it teaches.
        reading_guide: one paragraph: how to read the pictures of this task.
        source: citation, license, address.
        settings_class: the dataclass of its own settings.
        defaults: model and training settings by name, where they differ from the general ones.
        metric: the number that says how well it goes; a task whose question follows from its settings has its own.
        why_memory: one or two sentences: why no predictor without memory can do (much) better than the baseline.
        finite: whether the data are a finite set.
        symbols: whether a step's input is a symbol (else numbers), so that an embedding makes sense.
        autoregressive: whether the target of each step is the input of the next. A model can then read its own
            answers and go on by itself; bidirectional layers are refused, since a backward layer would only copy the
            answers (`is_autoregressive` says it for given settings).
        grammatical: whether `legal` says which symbols may come next.
        benchmarks: its rows in the catalogue of benchmarks.

    Attributes:
        mean, scale: the numbers of the data are (number as read) * scale + mean; one for all or (features,).
        notes: what a person should know of how the data were used, in sentences.

    Args:
        settings: an instance of `settings_class`.
        seed: 0 to 2**31 - 1.
        val_split: share of the training pool that is held out for validation, for finite data.

    Raises:
        SettingError: for settings that the data do not bear, such as a column that they do not have.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int] = 500
    summary: ClassVar[str]
    teaches: ClassVar[str]
    reading_guide: ClassVar[str]
    source: ClassVar[Source]
    settings_class: ClassVar[type[TaskSettings]] = TaskSettings
    defaults: ClassVar[Mapping[str, Any]] = {}
    metric: Metric
    why_memory: ClassVar[str] = (
        "A memoryless predictor answers from the present time step alone. What lies beyond this line has made use of "
        "earlier time steps."
    )
    finite: ClassVar[bool] = False
    symbols: ClassVar[bool] = False
    autoregressive: ClassVar[bool] = False
    grammatical: ClassVar[bool] = False
    benchmarks: ClassVar[tuple[BenchmarkRow, ...]] = (BenchmarkRow(),)

    input: InputSpec
    output: OutputSpec
    mean: Array | float = 0.0
    scale: Array | float = 1.0
    notes: tuple[str, ...] = ()

    def __init__(self, settings: TaskSettings, seed: int, val_split: float) -> None:
        self.settings, self.seed, self.val_split = settings, seed, val_split

    @classmethod
    def is_autoregressive(cls, settings: TaskSettings) -> bool:
        """`autoregressive` for these settings."""
        return cls.autoregressive

    # -- data ---------------------------------------------------------------------------------------------------

    def generate(self, generator: np.random.Generator, size: int) -> Batch:
        """Make `size` fresh sequences (endless tasks)."""
        raise NotImplementedError(f"{self.key} is a finite task")

    def finite_set(self, split: Split) -> Batch:
        """All sequences of one split (finite tasks)."""
        raise NotImplementedError(f"{self.key} is an endless task")

    def steps_per_epoch(self, batch_size: int) -> int:
        """Optimizer steps in one epoch; the last batch of a finite set may be smaller."""
        return math.ceil(self.train_size / batch_size) if self.finite else STREAM_EPOCH

    @property
    def train_size(self) -> int:
        """Sequences in the training set; 0 for an endless stream."""
        return len(self.finite_set("train")) if self.finite else 0

    @property
    def longest(self) -> int:
        """Steps of the longest sequence, padding included."""
        return self.probe().inputs.shape[1]

    def train_batch(self, epoch: int, index: int, batch_size: int) -> Batch:
        """Batch number `index` of epoch number `epoch`, both from 0.

        It depends on the seed and on these numbers alone, so a resumed run sees the very batches that an
        uninterrupted one would have seen.
        """
        if not self.finite:
            return self.generate(self.generator("train", epoch * STREAM_EPOCH + index), batch_size)
        data = self.finite_set("train")
        if getattr(self, "_order_of", None) != epoch:
            self._order = self.generator("train", epoch).permutation(len(data))
            self._order_of = epoch
        return data.select(self._order[index * batch_size : (index + 1) * batch_size])

    def evaluation(self, split: Split) -> Batch:
        """The fixed batch on which loss and metric of a split are measured."""
        if self.finite:
            return self.finite_set(split)
        return self.generate(self.generator(split, 0), STREAM_EVALUATION)

    def probe(self) -> Batch:
        """The fixed `PROBES` sequences that the figures show: the first of the validation set.

        A finite task whose validation set is empty shows sequences of its test set instead.
        """
        batch = self.evaluation("validation")
        if len(batch) < PROBES:
            batch = self.evaluation("test")
        return batch.select(self.choose_probes(batch))

    def choose_probes(self, batch: Batch) -> Array:
        """(PROBES,) int64: which sequences to show; as many different labels as there are, where there are labels."""
        labels, names = self.labels(batch)
        if not names:
            return np.arange(PROBES)
        chosen: list[int] = []
        remaining = list(range(len(batch)))
        while len(chosen) < min(PROBES, len(batch)):
            taken: set[int] = set()
            for index in list(remaining):
                if int(labels[index]) not in taken and len(chosen) < PROBES:
                    taken.add(int(labels[index]))
                    chosen.append(index)
                    remaining.remove(index)
        return np.array(chosen, dtype=np.int64)

    def generator(self, split: Split, number: int) -> np.random.Generator:
        """A random generator of its own for each seed, split and batch number: streams never meet."""
        entropy = np.random.SeedSequence((self.seed, SPLITS.index(split), number))
        return np.random.Generator(np.random.PCG64(entropy))  # by name: numpy's default may change

    # -- judgment ----------------------------------------------------------------------------------------------

    @abstractmethod
    def baseline(self) -> Baseline:
        """The best predictor from the present input alone: in closed form where one is known, else fitted.

        `rnn_explorer.tasks.memoryless` has what is fitted: to the training set, measured on the validation set.
        """

    def baseline_by_value(self, split: Split) -> Array | None:
        """(output_size,) the baseline's squared error for each of several columns that are forecast, on one split.

        None for a task whose numbers belong together, or that asks for one alone.
        """
        return None

    def further_metrics(self, trace: Trace) -> dict[str, float]:
        """What else the catalogue of benchmarks reports of a trained model, by name.

        Args:
            trace: of the probe sequences.
        """
        return {}

    # -- words and pictures -------------------------------------------------------------------------------------

    @abstractmethod
    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        """One sequence as a person would want to see it.

        Args:
            inputs: (time, feature) or (time,) of one sequence, padding included.
            targets: of that sequence.
            length: its real steps.
            answers: (time, output_size): probabilities or values after each step.
        """

    def course(self, inputs: Array) -> Course | None:
        """The series that a sequence is a window of, where there is one.

        Args:
            inputs: (time, feature) of one sequence.
        """
        return None

    def legal(self, inputs: Array) -> Array | None:
        """(time, symbols) bool: the symbols that may come after each step; None for a task without a grammar.

        Args:
            inputs: (time,) one string as in a batch, with or without padding.
        """
        return None

    def labels(self, batch: Batch) -> tuple[Array, tuple[str, ...]]:
        """The class of each sequence for coloring, with the names; -1 where there is none."""
        if self.output.kind == "classes":
            return batch.targets.copy(), self.output.names
        return np.full(len(batch), -1), ()


TASKS: Registry[type[Task]] = Registry("task", lambda task: task.order)
