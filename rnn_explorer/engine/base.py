"""What a page and an engine say to each other, and what an engine and a worker say to each other.

Light on purpose: a worker imports this before it imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from rnn_explorer.errors import UserError

if TYPE_CHECKING:
    from rnn_explorer.engine.protocol import FileMade, FileProgress
    from rnn_explorer.engine.relay import Deliver
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.recording.run_file.reading import RunFile
    from rnn_explorer.recording.weight_history import HistoryEntry
    from rnn_explorer.sizes import LayerSummary
    from rnn_explorer.tasks.base import Baseline
    from rnn_explorer.trace import Array, Snapshot

Status = Literal["starting", "ready", "training", "paused", "finished", "diverged", "interrupted", "failed"]
FileForm = Literal["csv", "html", "svg", "film"]
CommandName = Literal["play", "pause", "step", "epoch", "reset", "stop", "test"]
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)

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
            "finished" at the end of the budget; "diverged"; "interrupted" when worker or server ended; "failed".
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
        baseline: the memoryless baseline; None while starting.
        metric_name: "accuracy" or "MSE"; "" while starting.
        summary: the layer summary; empty while starting.
        parameters, keras_parameters: trainable numbers as torch and as Keras count them.
        snapshot: the newest picture of the inside; None while starting.
        kept_steps: whose weights are stored, ascending: what a replay can show.
        origin: the run and the step from which this one branched off; None for one that began at step 0.
        version: grows with every change of the run.
        owner: the visitor who started it and alone steers it; "" where everybody may.
        marks: steps from which on it was trained with something else than before, each with what that is, in words.
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
    kept_steps: tuple[int, ...]
    origin: tuple[str, int] | None
    version: int
    owner: str = ""
    marks: tuple[tuple[int, str], ...] = ()

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


class Look(Protocol):
    """A viewer of a run. Every method may be called from any thread."""

    def choose(self, selection: Mapping[str, str]) -> None:
        """Look at something else of the run."""

    def ready(self) -> None:
        """The last frame was taken; the next may come. Nothing is made before this is called."""

    def close(self) -> None:
        """Look no more. May be called twice."""


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

    def command(self, run_id: str, command: CommandName, by: str | None = None) -> None:
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

    def set_aside(self, run_id: str, by: str | None = None) -> None:
        """Keep a run that its owner left for another one for as long as there is room: it goes before others, and
        who just looked at it does not hold it. This ends when somebody looks at it again or has it train.

        Raises:
            UnknownRun: when there is no such run.
            NotOwner: when the run belongs to another visitor.
        """

    def change(self, run_id: str, *, by: str | None = None, **training_settings: Any) -> None:
        """Change training settings while the run lives.

        Raises:
            UnknownRun: when there is no such run.
            NotOwner: when the run belongs to another visitor than `by`, see `command`.
            SettingError: for a setting that needs a new model, or a value out of range.
            ModelTooLarge: when the model could not be trained live any more; nothing has been changed then.
        """

    def revive(self, run_id: str) -> None:
        """Take a run that is kept out of the store, at its newest stored step; nothing where it is here already.

        Raises:
            UnknownRun: when it is not kept.
            EngineFull: as `start`.
            SettingError: when its data are gone.
            OSError, sqlite3.Error: when the disk fails.
        """

    def view(self, run_id: str) -> RunView:
        """The run as it is now; UnknownRun when there is none."""

    def renew(self, run_id: str) -> None:
        """Say that the run has a viewer; UnknownRun when there is none."""

    def branch(self, run_id: str, step: int, owner: str = "") -> str:
        """Make a run that goes on from a kept step of another one, and return its id at once.

        The new run has the other's past up to that step and belongs to `owner`; the other one stays as it is.

        Raises:
            UnknownRun: when there is no such run.
            UserError: when that step is not kept.
            EngineFull: when the places of this owner, or all places or all memory, are taken by runs that somebody
                watches.
        """

    def adopt(self, found: RunFile, owner: str = "") -> str:
        """Make a run that goes on from the newest state of a run file, with its past and its curves; returns its id at
        once. It is kept from now on, with the file's name, note, tags and versions; its origin is the run in the file.

        Raises:
            UserError: when the file has changed since it was opened.
            EngineFull: as `start`.
            OSError: when the file cannot be read.
        """

    def past(self, run_id: str) -> tuple[HistoryEntry, ...]:
        """The states that are kept of a run, ascending; it would go on from the newest. The store, where there is one,
        is told all that is known of the run.

        Raises:
            UnknownRun: when there is no such run.
        """

    def family(self, run_id: str) -> tuple[str, ...]:
        """The ids of its owner's living runs that share a beginning with this one, itself included, oldest first."""

    def look(self, run_id: str, view: str, selection: Mapping[str, str], deliver: Deliver, who: str = "") -> Look:
        """Open a viewer of a run; a run with a viewer counts as watched.

        Args:
            run_id: which run.
            view: the key of the view.
            selection: what is chosen, by the parts of the view's selection; besides, `at`, `film` and `cancel` as
                `engine.viewers.Viewer.choose` takes them, and `sight`, the panels that alone are wanted.
            deliver: takes frames as they come, from another thread, so it must be quick: ("frame", bytes);
                ("status", bytes of a frame with the status line alone) where no worker can tell it; ("error", a
                sentence) where a state cannot be drawn; ("gone", None) when the run is.
            who: the visitor; all have the same share of a worker's frames, however many pages each has open.

        Raises:
            UnknownRun: when there is no such run.
        """

    def make_file(
        self,
        run_id: str,
        view: str,
        selection: Mapping[str, str],
        figure: str,
        form: FileForm,
        callback: Callable[[FileMade | FileProgress], None],
    ) -> Callable[[], None]:
        """Take one figure of a view to a file, once all that it needs is computed; or all of them as a film.

        Args:
            run_id, view, selection: as for `look`.
            figure: its name; "" for a film, which holds all figures with all that can be chosen.
            form: of the file.
            callback: called, from another thread, with how far a film has come, and last with the file, or with the
                reason why there is none.

        Returns:
            what gives the file up: nothing is called after that.

        Raises:
            UnknownRun: when there is no such run.
        """

    def subscribe(self, run_id: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` (quick, and from another thread) at every change, until the returned function is called.

        A subscriber counts as a viewer. UnknownRun when there is no such run.
        """

    def close(self) -> None:
        """Stop everything. May be called twice."""


@dataclass(frozen=True)
class ModelInfo:
    """What stays the same for the life of a model."""

    baseline: Baseline | None
    metric_name: str
    summary: tuple[LayerSummary, ...]
    parameters: int
    keras_parameters: int
