"""The one description of a run: which task, which model, how it is trained.

An `Experiment` is made of frozen, checked settings and travels as a dict, as JSON or as a URL query::

    >>> experiment = Experiment.from_query("task=temporal_order&cell=gru")
    >>> experiment.model.cell, experiment.training.learning_rate
    ('gru', 0.01)
    >>> experiment.to_query()
    {'task': 'temporal_order', 'cell': 'gru'}

Defaults come from the task, and what equals its default stays out of the query.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from rnn_explorer.cells import CELLS
from rnn_explorer.settings import SettingError, Settings, Spec, keep_known, setting, shown
from rnn_explorer.tasks import TASKS, Task
from rnn_explorer.tasks.base import TaskSettings

MAX_SEED = 2**31 - 1
DEFAULT_TASK = "digits"


@dataclass(frozen=True)
class ModelSettings(Settings):
    """The network between the input and the task's head."""

    cell: str = setting(
        "lstm", choices=CELLS.names, label="Cell",
        help="What is computed at each time step: the simple RNN, the LSTM with its cell state, or the GRU.",
    )  # fmt: skip
    hidden_size: int = setting(
        32, low=1, high=256, unit="units", log=True, label="Hidden size",
        help="Units in the hidden state of each recurrent layer. More units remember more and train slower.",
    )  # fmt: skip
    num_layers: int = setting(
        1, low=1, high=4, unit="layers", label="Recurrent layers",
        help="Recurrent layers on top of each other; each reads the hidden states of the one below.",
    )  # fmt: skip
    bidirectional: bool = setting(
        False, label="Bidirectional",
        help="A second set of units in every layer reads the sequence from its end; both are joined.",
    )  # fmt: skip
    dense: tuple[int, ...] = setting(
        (), low=1, high=1024, longest=4, unit="units", label="Dense layers",
        help="Widths of the dense layers after the recurrent ones, separated by commas (64,32), or none.",
    )  # fmt: skip
    nonlinearity: str = setting(
        "tanh", choices=("tanh", "relu"), label="Activation of the RNN",
        help="The function around the simple RNN's weighted sum: tanh keeps states in -1 to 1; "
        "relu lets gradients through unchanged, and lets them explode.",
    )  # fmt: skip
    dense_activation: str = setting(
        "relu", choices=("relu", "tanh", "sigmoid"), label="Activation of the dense layers",
        help="The function after each dense layer; the head has none of its own.",
    )  # fmt: skip
    init: str = setting(
        "keras", choices=("keras", "pytorch", "identity"), label="Initial weights",
        help="keras: Glorot-uniform input weights, orthogonal recurrent weights, zero biases. "
        "pytorch: everything uniform in +-1/sqrt(hidden size). "
        "identity: like keras, but each recurrent matrix is the identity (with relu this is the IRNN).",
    )  # fmt: skip
    forget_bias: float = setting(
        1.0, low=-10.0, high=10.0, label="Forget-gate bias",
        help="What the LSTM's forget gate starts from: sigma(1) = .73 keeps memory early on; "
        "at 0 it halves every time step.",
    )  # fmt: skip
    dropout: float = setting(
        0.0, low=0.0, high=0.9, label="Dropout between layers",
        help="Share of a recurrent layer's outputs that is set to zero on the way to the next layer while training. "
        "With a single recurrent layer there is no such way, and it does nothing.",
    )  # fmt: skip
    embedding: int = setting(
        0, low=0, high=256, unit="numbers", label="Embedding size",
        help="Numbers that each symbol is turned into, learned with the rest; 0 uses one-hot vectors.",
    )  # fmt: skip


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """How the weights are found."""

    optimizer: str = setting(
        "adam", choices=("adam", "sgd", "rmsprop"), label="Optimizer",
        help="How a gradient becomes a change of weights: Adam, SGD with momentum, or RMSprop.",
    )  # fmt: skip
    learning_rate: float = setting(
        1e-3, low=1e-6, high=10.0, log=True, live=True, label="Learning rate",
        help="How far each step moves the weights. Too small is slow; too large makes the loss jump or diverge.",
    )  # fmt: skip
    momentum: float = setting(
        0.9, low=0.0, high=0.99, live=True, label="Momentum",
        help="Share of the previous step that SGD adds to the next one.",
    )  # fmt: skip
    batch_size: int = setting(
        32, low=1, high=512, unit="sequences", log=True, live=True, label="Batch size",
        help="Sequences whose mean gradient makes one step.",
    )  # fmt: skip
    clip_norm: float = setting(
        1.0, low=0.0, high=1000.0, live=True, label="Gradient clipping (max norm)",
        help="Gradients longer than this are shortened to it, which keeps exploding gradients in check; 0 is off.",
    )  # fmt: skip
    weight_decay: float = setting(
        0.0, low=0.0, high=1.0, live=True, label="Weight decay",
        help="L2 penalty on the weights, a cure for overfitting (added to the gradient, as in torch's optimizers).",
    )  # fmt: skip
    epochs: int = setting(
        10, low=1, high=10_000, unit="epochs", live=True, label="Epochs",
        help="The budget: training pauses after so many passes over the data, and Play goes on. "
        "Counts where the budget in steps is 0.",
    )  # fmt: skip
    steps: int = setting(
        0, low=0, high=1_000_000, unit="steps", live=True, label="Steps",
        help="The budget in optimizer steps: training pauses after so many, and Play goes on; 0 counts epochs instead.",
    )  # fmt: skip
    patience: int = setting(
        0, low=0, high=100, unit="epochs", live=True, label="Early stopping: patience",
        help="Training stops after so many epochs in which the validation loss has not improved, and the weights with "
        "the best one are kept: a cure for overfitting. On a small set an epoch is few steps and its loss jumps about, "
        "so give it more epochs there. 0 is off.",
    )  # fmt: skip
    val_split: float = setting(
        0.2, low=0.0, high=0.5, label="Validation split",
        help="Share of the training data that is never trained on and shows whether the model generalizes.",
    )  # fmt: skip
    pace: str = setting(
        "slow", choices=("slow", "fast"), live=True, label="Pace",
        help="Small models are trained faster than eyes can follow. slow: a budget takes about 20 seconds, its first "
        "steps the longest, where the loss falls fastest. fast: full speed. The steps are the same, and the command "
        "line always trains at full speed.",
    )  # fmt: skip
    speed_limit: float = setting(
        0.0, low=0.0, high=100.0, unit="steps a second", live=True, label="Speed limit",
        help="At most so many steps a second, whatever the pace; 0 leaves it to the pace.",
    )  # fmt: skip
    device: str = setting(
        "auto", choices=("auto", "cpu", "cuda", "mps"), label="Device",
        help="Where the model trains. auto: on a GPU where there is one and the model is large enough to gain from it, "
        "else on the CPU, which is faster for small models.",
    )  # fmt: skip
    seed: int = setting(
        0, low=0, high=MAX_SEED, label="Seed",
        help="Initial weights, data and their order follow from it: the same seed gives the same curve.",
    )  # fmt: skip


@dataclass(frozen=True)
class Experiment:
    """A task with its settings, a model and a way to train it.

    Attributes:
        task: the task's key.
        task_settings: an instance of the task's own settings class.
        model: the network.
        training: the optimizer and the budget.

    Raises:
        SettingError: for a value out of range, and for a combination that makes no sense.
        UnknownName: for a task that does not exist.

    Example:
        >>> import rnn_explorer as rx
        >>> experiment = rx.Experiment.default("flip_flop").replace(cell="gru", hidden_size=16)
        >>> experiment.to_query_string()  # as in an address of the page, and for the command line
        'task=flip_flop&cell=gru&hidden_size=16'
        >>> rx.Experiment.from_query("task=flip_flop&cell=gru&hidden_size=16") == experiment
        True
    """

    task: str
    task_settings: TaskSettings
    model: ModelSettings
    training: TrainingSettings

    def __post_init__(self) -> None:
        kind = TASKS.get(self.task)
        if self.model.bidirectional and kind.is_autoregressive(self.task_settings):
            raise SettingError(
                "bidirectional",
                True,
                f"false for {self.task}, since a backward layer would read the answers in the input",
            )

    @classmethod
    def default(cls, task: str = DEFAULT_TASK) -> Self:
        """The task with the settings that suit it."""
        kind = TASKS.get(task)
        return cls(
            task=task,
            task_settings=kind.settings_class(**keep_known(kind.settings_class.specs(), kind.defaults)),
            model=ModelSettings(**keep_known(ModelSettings.specs(), kind.defaults)),
            training=TrainingSettings(**keep_known(TrainingSettings.specs(), kind.defaults)),
        )

    # -- reading and changing -----------------------------------------------------------------------------------

    def specs(self) -> tuple[Spec, ...]:
        """Every setting of this experiment: the task's own, the model's, the training's."""
        return (*self.task_settings.specs(), *ModelSettings.specs(), *TrainingSettings.specs())

    def get(self, name: str) -> Any:
        """The value of one setting, or of `task`; KeyError where there is no such setting."""
        return self.values()[name]

    def values(self) -> dict[str, Any]:
        """Every setting by name, `task` first."""
        groups = (self.task_settings, self.model, self.training)
        settings = {spec.name: getattr(group, spec.name) for group in groups for spec in group.specs()}
        return {"task": self.task, **settings}

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed (by name, in whichever group they are).

        Raises:
            SettingError: for a setting that does not exist or a value it cannot have.
        """
        unknown = set(changes) - {spec.name for spec in self.specs()}
        if unknown:
            name = min(unknown)
            raise _unknown_setting(name, changes[name], self)
        return type(self)(
            self.task,
            self.task_settings.replace(**keep_known(self.task_settings.specs(), changes)),
            self.model.replace(**keep_known(self.model.specs(), changes)),
            self.training.replace(**keep_known(self.training.specs(), changes)),
        )

    def applies(self, name: str) -> bool:
        """Whether a setting has any effect here: a GRU has no forget bias, numbers have no embedding."""
        return not self.why_idle(name)

    def why_idle(self, name: str) -> str:
        """Why a setting has no effect here, as the end of a sentence; "" where it has one."""
        kind, model, training = TASKS.get(self.task), self.model, self.training
        if any(spec.name == name for spec in self.task_settings.specs()):
            return "" if self.task_settings.applies(name) else f"the other settings of {self.task} leave it no use"
        cells = [cell for _, cell in CELLS.items() if name in cell.setting_names]
        if cells:
            owners = " and ".join(cell.title for cell in cells)
            return "" if CELLS.get(model.cell) in cells else f"it is one of the cell {owners}"
        effective, why = {
            "bidirectional": (
                not kind.is_autoregressive(self.task_settings),
                "later inputs of this task hold the answers",
            ),
            "dropout": (model.num_layers > 1, "it acts between recurrent layers, and num_layers is 1"),
            "embedding": (kind.symbols, "the inputs are numbers, not symbols"),
            "dense_activation": (bool(model.dense), "there are no dense layers"),
            "momentum": (training.optimizer == "sgd", "it is one of the optimizer sgd"),
            "val_split": (kind.finite, "this task makes new data without end"),
            "patience": (not kind.finite or training.val_split > 0, "val_split is 0, so no validation set is there"),
            "epochs": (training.steps == 0, "steps is the budget"),
        }.get(name, (True, ""))
        return "" if effective else why

    def idle(self) -> dict[str, str]:
        """Sentences about settings that differ from their defaults and have no effect, by name."""
        free = {spec.name for spec in self.specs() if spec.is_free_text}  # the user's text stays out of sentences
        return {
            name: f"{name if name in free else f'{name}={value}'} has no effect here: {why}."
            for name, value in self.to_query().items()
            if (why := self.why_idle(name))
        }

    def live_changes_to(self, other: Experiment) -> dict[str, Any] | None:
        """What differs, by name, where all of it can change while training; None where a new model is needed."""
        mine, theirs = self.values(), other.values()
        changed = {name: value for name, value in theirs.items() if mine.get(name) != value}
        live = {spec.name for spec in TrainingSettings.specs() if spec.live}
        return changed if set(changed) <= live and self.task == other.task else None

    def make_task(self) -> Task:
        """Build the task: its data, its probe batch, its baseline.

        Raises:
            SettingError: where the data do not bear the settings, or are not there (any more).
        """
        return TASKS.get(self.task)(self.task_settings, self.training.seed, self.training.val_split)

    # -- dict, JSON, query --------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values fit for JSON."""
        groups = (self.task_settings, self.model, self.training)
        return {"task": self.task, **{name: value for group in groups for name, value in group.to_dict().items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; what is missing takes the task's default.

        Raises:
            SettingError: names the field, the value and the range.
        """
        return cls._read(values, Spec.check)

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`.

        Raises:
            SettingError: as `from_dict`, and for text that is no JSON object.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise SettingError("experiment", text, "a JSON object of settings")
        return cls.from_dict(values)

    def to_query(self) -> dict[str, str]:
        """`task` and what differs from its defaults, as the text of a URL's query."""
        plain, mine = Experiment.default(self.task).values(), self.values()
        query = {"task": self.task}
        for spec in self.specs():
            if mine[spec.name] != plain[spec.name]:
                query[spec.name] = spec.text(mine[spec.name])
        return query

    def to_query_string(self) -> str:
        return urlencode(self.to_query())

    @classmethod
    def from_query(cls, query: str | Mapping[str, str]) -> Self:
        """Read a URL's query, as text or already split.

        Raises:
            SettingError: for a setting that does not exist, appears twice, or has a value it cannot have.
        """
        return cls._read(_split(query), Spec.parse)

    @classmethod
    def from_query_forgiving(cls, query: Mapping[str, str]) -> tuple[Self, list[SettingError]]:
        """Like `from_query`, but invalid entries take their defaults; also returns the errors.

        Returns:
            The experiment, and one error for every part of the query that was not used.
        """
        good, errors = dict(query), list[SettingError]()
        while True:  # each turn drops one entry, so it ends
            try:
                return cls.from_query(good), errors
            except SettingError as error:
                if not good:
                    raise
                errors.append(error)
                # A field that the query does not hold clashes with one that it does: the last is the first to go.
                good.pop(error.field if error.field in good else next(reversed(good)))

    @classmethod
    def _read(cls, values: Mapping[str, Any], read: Any) -> Self:
        name = values.get("task", DEFAULT_TASK)
        if not isinstance(name, str) or name not in TASKS:
            raise SettingError("task", name, "one of " + ", ".join(TASKS.names()))
        base = cls.default(name)
        specs = {spec.name: spec for spec in base.specs()}
        changes = {}
        for key, value in values.items():
            if key == "task":
                continue
            if key not in specs:
                raise _unknown_setting(key, value, base)
            changes[key] = read(specs[key], value)
        return base.replace(**changes)


def _unknown_setting(name: str, value: object, experiment: Experiment) -> SettingError:
    names = ", ".join(experiment.values())
    return SettingError(name, value, "left out", f"{experiment.task} has no setting {shown(name)}; there are: {names}.")


def _split(query: str | Mapping[str, str]) -> dict[str, str]:
    if not isinstance(query, str):
        return dict(query)
    pairs = parse_qsl(query.lstrip("?"), keep_blank_values=True)
    found: dict[str, str] = {}
    for key, value in pairs:
        if key in found:
            raise SettingError(key, value, "given once")
        found[key] = value
    return found
