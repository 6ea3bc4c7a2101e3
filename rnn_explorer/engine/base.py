"""What a page and an engine say to each other, and what an engine and a worker say to each other.

Light on purpose: a worker imports this before it imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np

from rnn_explorer.engine.album import Frame
from rnn_explorer.errors import UserError

if TYPE_CHECKING:
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.model import LayerSummary
    from rnn_explorer.tasks.base import Baseline
    from rnn_explorer.trace import Array, Snapshot

Status = Literal["starting", "ready", "training", "paused", "finished", "diverged", "interrupted", "failed"]
Command = Literal["play", "pause", "step", "epoch", "reset", "stop", "test"]
COMMANDS: tuple[Command, ...] = get_args(Command)

TRAIN_COLUMNS = ("loss", "metric", "grad_norm", "applied_norm")
VALIDATION_COLUMNS = ("loss", "metric")


NOT_COMPUTED = "This could not be computed, by a fault of the program; the log has it."


class UnknownRun(UserError, KeyError):
    """There is no run with this id (any more). The message is a sentence for a person."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(run_id)

    def __str__(self) -> str:
        return f"There is no run {self.run_id!r} here: it was stopped, or nobody had looked at it for long."


class EngineFull(UserError):
    """There is no place for another run. The message is a sentence for a person."""


class NotOwner(UserError):
    """Only the visitor who started a run steers it."""

    def __init__(self) -> None:
        super().__init__("This run belongs to somebody else; make a copy of your own to train it or to change it.")


@dataclass(frozen=True)
class RunView:
    """All that a page needs to know of a run; frozen, and the same object until the run changes.

    Attributes:
        run_id: the run's name, unguessable.
        experiment: what is trained, with later changes of training settings.
        status: "starting" until the worker has built the model; "ready" at step 0; "training"; "paused";
            "finished" at the end of the budget; "diverged"; "interrupted" when the worker died; "failed".
        message: a sentence for a person, "" when there is nothing to say.
        step: optimizer steps done.
        epoch: passes over the training data, with a fraction.
        target: the step at which the budget is used up.
        steps_per_epoch: optimizer steps in one pass, at the present batch size.
        steps_per_second: over about the last second; 0 while it does not train.
        train: `step`, `loss`, `metric`, `grad_norm` (before clipping), `applied_norm` (after it), arrays of equal
            length.
        validation: `step`, `loss`, `metric`; the first point is that of the untrained model, at step 0.
        test: loss and metric on the test split where they were measured since training last began, else None.
        baseline: a predictor without memory; None while starting.
        metric_name: "accuracy" or "MSE"; "" while starting.
        summary: the layer summary; empty while starting.
        parameters, keras_parameters: trainable numbers as torch and as Keras count them.
        snapshot: the newest picture of the inside; None while starting.
        frames: the steps of which the model is kept, ascending: where the time machine can go.
        origin: the run and the step from which this one branched off; None for one that began at step 0.
        version: grows with every change of the run.
        owner: the visitor who started it and alone steers it; "" where everybody may.
    """

    run_id: str
    experiment: Experiment
    status: Status
    message: str
    step: int
    epoch: float
    target: int
    steps_per_epoch: int
    steps_per_second: float
    train: Mapping[str, Array]
    validation: Mapping[str, Array]
    test: tuple[float, float] | None
    baseline: Baseline | None
    metric_name: str
    summary: tuple[LayerSummary, ...]
    parameters: int
    keras_parameters: int
    snapshot: Snapshot | None
    frames: tuple[int, ...]
    origin: tuple[str, int] | None
    version: int
    owner: str = ""

    def is_of(self, visitor: str) -> bool:
        """Whether this visitor may steer the run."""
        return self.owner in ("", visitor)


@dataclass(frozen=True)
class Reply:
    """How far the answer to a question has come.

    Attributes:
        progress: 0 to 1; 1 when there is nothing more to come.
        value: the answer; None until it is there, or where it cannot be.
        error: a sentence for a person where it cannot be answered, else "".
        step, epoch: of the model that was asked about; step -1 where it is not known.
    """

    progress: float
    value: Any = None
    error: str = ""
    step: int = -1
    epoch: float = 0.0

    @property
    def done(self) -> bool:
        """Whether this is the last word."""
        return bool(self.error) or self.value is not None


class Engine(Protocol):
    """Keeps runs, trains them and says how they do. Every method may be called from any thread."""

    def start(self, experiment: Experiment, owner: str = "") -> str:
        """Make a run and return its id at once; its status becomes "ready" when the model is built.

        Args:
            experiment: what is trained.
            owner: the visitor who alone may steer the run; "" for everybody.

        Raises:
            ModelTooLarge: before anything is built.
            SettingError: when its data do not bear its settings, or are not there.
            EngineFull: when the places of this owner, or all places or all memory, are taken by runs that somebody
                watches.
        """

    def command(self, run_id: str, command: Command, by: str | None = None) -> None:
        """Tell a run what to do; returns at once, and the view shows what came of it.

        play: train up to the budget's end, measure the test split, be "finished"; after that, one more budget.
        pause: stop between two optimizer steps. step: make exactly one optimizer step, then pause.
        epoch: train up to the end of the present epoch, then pause. reset: back to step 0 with the same initial
        weights. stop: forget the run. test: measure the test split now.

        Args:
            run_id, command: which run, and what to do.
            by: the visitor who asks; None: the program itself, which may do everything.

        Raises:
            UnknownRun: when there is no such run.
            NotOwner: when the run belongs to another visitor.
            ValueError: for a word that is no command.
        """

    def change(self, run_id: str, *, by: str | None = None, **training_settings: Any) -> None:
        """Change training settings while the run lives.

        Raises:
            UnknownRun: when there is no such run.
            NotOwner: when the run belongs to another visitor than `by`, see `command`.
            SettingError: for a setting that needs a new model, or a value out of range.
            ModelTooLarge: when the model could not be trained live any more; nothing has been changed then.
        """

    def view(self, run_id: str) -> RunView:
        """The run as it is now; UnknownRun when there is none."""

    def renew(self, run_id: str) -> None:
        """Say that somebody is looking at the run; UnknownRun when there is none."""

    def branch(self, run_id: str, step: int, owner: str = "") -> str:
        """Make a run that goes on from a kept step of another one, and return its id at once.

        The new run has the other's past up to that step and belongs to `owner`; the other one stays as it is.

        Raises:
            UnknownRun: when there is no such run.
            UserError: when that step is not kept.
            EngineFull: when the places of this owner, or all places or all memory, are taken by runs that somebody
                watches.
        """

    def family(self, run_id: str) -> tuple[str, ...]:
        """The ids of its owner's living runs that share a beginning with this one, itself included, oldest first."""

    def ask(
        self,
        run_id: str,
        kind: str,
        options: Mapping[str, Any],
        callback: Callable[[Reply], None],
        step: int | None = None,
    ) -> Callable[[], None]:
        """Ask a question of a run's model, as it is now or as it was at a kept step.

        Args:
            run_id: which run.
            kind: a name of `rnn_explorer.analysis.questions`.
            options: of that question.
            callback: called (from another thread, so it must be quick) with the progress now and then, and last with
                the answer or the reason why there is none.
            step: a kept step; None: the model as it is now.

        Returns:
            A function that takes the question back; `callback` is not called any more then.

        Raises:
            UnknownRun: when there is no such run.
            UserError: when that step is not kept.
        """

    def subscribe(self, run_id: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` (quick, and from another thread) at every change, until the returned function is called.

        A subscriber counts as somebody looking. UnknownRun when there is no such run.
        """

    def close(self) -> None:
        """Stop everything. May be called twice."""


# -- between an engine and its workers --------------------------------------------------------------------------


@dataclass(frozen=True)
class Host:
    """To a worker: take this run; from step 0, or from a checkpoint."""

    run_id: str
    number: int
    experiment: Experiment
    checkpoint: bytes | None
    watched: bool


@dataclass(frozen=True)
class Order:
    """To a worker: a command for one of its runs. `reason` is shown beside a pause that no person asked for."""

    run_id: str
    number: int
    command: Command
    reason: str = ""


@dataclass(frozen=True)
class Change:
    """To a worker: new training settings for one of its runs."""

    run_id: str
    number: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Watch:
    """To a worker: whether anybody looks at this run, so that snapshots are worth their time."""

    run_id: str
    watched: bool


@dataclass(frozen=True)
class Ask:
    """To a worker: answer a question about one of its runs.

    Attributes:
        run_id: whose model.
        ticket: the question's number.
        kind, options: the question.
        state: a stored state of the run to ask about; None: its model as it is now.
    """

    run_id: str
    ticket: int
    kind: str
    options: Mapping[str, Any]
    state: bytes | None


@dataclass(frozen=True)
class TakeBack:
    """To a worker: nobody waits for the answer to this question any more."""

    run_id: str
    ticket: int


@dataclass(frozen=True)
class Word:
    """To the engine: how far a question has come; `value` is pickled."""

    run_id: str
    ticket: int
    progress: float
    value: bytes | None = None
    error: str = ""
    step: int = -1
    epoch: float = 0.0


@dataclass(frozen=True)
class WorkerReady:
    """To the engine: everything is imported, runs can come."""


@dataclass(frozen=True)
class Beat:
    """To the engine: a sign of life. The worker has been at one piece of work for `busy` seconds; 0 while it waits."""

    busy: float


@dataclass(frozen=True)
class Facts:
    """What stays the same for the life of a model."""

    baseline: Baseline | None
    metric_name: str
    summary: tuple[LayerSummary, ...]
    parameters: int
    keras_parameters: int


@dataclass(frozen=True)
class Update:
    """To the engine: what happened to a run since the last update.

    Attributes:
        run_id: whose.
        number: of the last message that the worker had handled when it wrote this; an older status says nothing
            once another command is on its way.
        anew: everything known before is void: the run is at step 0 again.
        train: (rows, 5): step, loss, metric, gradient norm before and after clipping.
        validation: (rows, 3): step, loss, metric.
        snapshot: a pickled `Snapshot`, opened only when somebody asks for it; None: no new one.
        checkpoint: `Trainer.state()` at `step`; None: no new one.
        frames: moments on the way here that are worth keeping.
        test: newly measured loss and metric; None: not measured.
        facts: sent once for every model.
    """

    run_id: str
    number: int
    status: Status
    message: str
    step: int = 0
    epoch: float = 0.0
    target: int = 0
    steps_per_epoch: int = 0
    steps_per_second: float = 0.0
    anew: bool = False
    train: Array = field(default_factory=lambda: np.empty((0, 1 + len(TRAIN_COLUMNS))))
    validation: Array = field(default_factory=lambda: np.empty((0, 1 + len(VALIDATION_COLUMNS))))
    snapshot: bytes | None = None
    checkpoint: bytes | None = None
    frames: tuple[Frame, ...] = ()
    test: tuple[float, float] | None = None
    facts: Facts | None = None
