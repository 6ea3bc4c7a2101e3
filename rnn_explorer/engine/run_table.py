"""What an engine knows of its runs, and which of them must go where places or memory are used up.

Nothing here knows of processes or locks: the engine calls with its lock held, and tells workers and viewers.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rnn_explorer.engine.base import EngineFull, ModelInfo, NotOwner, RunView, Status, UnknownRun
from rnn_explorer.engine.budget import GB, Ledger, least_bytes, model_bytes
from rnn_explorer.engine.protocol import FileMade, FileProgress, Update
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.state_file import State, held
from rnn_explorer.recording.versions import difference, present
from rnn_explorer.recording.weight_history import HistoryEntry, WeightHistory
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array, History

if TYPE_CHECKING:
    from rnn_explorer.engine.worker_process import WorkerProcess

SHARE_EACH = 0.25  # of the memory for runs that those of one owner may take
_NO_INFO = ModelInfo(None, "", (), 0, 0)


@dataclass(frozen=True)
class Checkpoint:
    """From where a run goes on when its worker has died: a stored state, and the curves up to it."""

    state: State
    step: int
    train: History
    validation: History


@dataclass(eq=False)
class Run:
    """What the engine knows of a run; see `base.RunView` for what is shown of it.

    Attributes:
        last_seen: when a viewer last looked, by the monotonic clock.
        number: of the newest message to the worker.
        pause_number: of the newest pause for want of a viewer.
        root: the run that the whole family began with.
        files: who waits for a file, by ticket.
        aside: whether its owner left it for another run: it goes before others where room is wanted.
        sent_past: the version of its past and branches that its worker has.
        is_kept: whether it is in the store, where the engine has one.
        elsewhere: the states of its past that the store has, by step.
        versions: with what the newest part of its curve was trained, see `versions.present`; empty: nothing was.
        marks: as in `RunView`.
    """

    experiment: Experiment
    parameters: int
    owner: str = ""
    run_id: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    root: str = ""
    origin: tuple[str, int] | None = None
    worker: WorkerProcess | None = None
    number: int = 0
    pause_number: int = -1
    status: Status = "starting"
    message: str = ""
    step: int = 0
    epoch: float = 0.0
    target: int = 0
    steps_per_epoch: int = 0
    steps_per_second: float = 0.0
    train: History = field(default_factory=lambda: History(TRAIN_COLUMNS))
    validation: History = field(default_factory=lambda: History(VALIDATION_COLUMNS))
    test: tuple[float, float] | None = None
    info: ModelInfo = _NO_INFO
    checkpoint: Checkpoint | None = None
    weight_history: WeightHistory = field(default_factory=WeightHistory)
    last_seen: float = field(default_factory=time.monotonic)
    viewers: int = 0
    subscribers: dict[int, Callable[[], None]] = field(default_factory=dict)
    files: dict[int, Callable[[FileMade | FileProgress], None]] = field(default_factory=dict)
    aside: bool = False
    sent_past: Any = None
    is_kept: bool = False
    elsewhere: dict[int, State] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[tuple[int, str], ...] = ()
    version: int = 0
    _view: RunView | None = None

    def __post_init__(self) -> None:
        self.root = self.root or self.run_id

    def is_watched(self, within: float) -> bool:
        """Whether it has a viewer, or had one within so many seconds."""
        return bool(self.viewers or self.subscribers) or time.monotonic() - self.last_seen < within

    def is_held(self, glance: float) -> bool:
        """Whether it must stay where room is wanted: it has a viewer, or had one a moment ago who may come back."""
        return self.is_watched(0.0 if self.aside else glance)

    @property
    def is_untouched(self) -> bool:
        """Whether it is untrained, so that nothing is lost with it."""
        return self.step == 0 and self.status != "training"

    @property
    def is_known(self) -> bool:
        """Whether all of it is known here, so that another worker can take it over as it is."""
        return self.step == (0 if self.checkpoint is None else self.checkpoint.step)

    def states(self) -> Iterator[State]:
        """The stored states that are kept for it, but for those that only the store has."""
        yield from self.needed()
        yield from filter(held, self.weight_history.states())

    def needed(self) -> Iterator[State]:
        """Those that stay when its past must go."""
        if self.checkpoint is not None and held(self.checkpoint.state):
            yield self.checkpoint.state

    def most_bytes(self) -> int:
        """What it takes together with all that it shares, found without looking at each state."""
        return model_bytes(self.parameters, self.experiment) + self.weight_history.held + sum(map(len, self.needed()))

    def spare_past(self) -> list[State]:
        """Give up the past, or have it read from the store where that has it; returns the states given up."""
        gone = list(filter(held, list(self.weight_history.states())[:-1]))
        if gone:
            self.weight_history = self.weight_history.spared(self.elsewhere)
        return gone

    def branch(self, step: int, owner: str) -> Run:
        """Another run that goes on from a kept step of this one.

        Raises:
            UserError: when that step is not kept.
        """
        entry = self.weight_history.at(step)
        if entry is None:
            raise UserError(f"Step {step} of this run is not kept (any more); choose another one.")
        return Run(
            self.experiment,
            self.parameters,
            owner,
            root=self.root,
            origin=(self.run_id, step),
            epoch=entry.epoch,
            steps_per_epoch=self.steps_per_epoch,
            info=self.info,
            checkpoint=Checkpoint(entry.state, step, self.train.until(step), self.validation.until(step)),
            weight_history=self.weight_history.until(step),
            versions=self.versions,
            marks=self.marks_at(step),
        )

    def marks_at(self, step: int) -> tuple[tuple[int, str], ...]:
        """The marks of a curve that is this one up to a step, and goes on from there in this process."""
        before = [mark for mark in self.marks if mark[0] <= step]
        after = [words for at, words in self.marks if at > step]
        words = difference(self.versions, present()) or (after[0] if after else "")
        if step and words:
            before = [mark for mark in before if mark[0] < step] + [(step, words)]
        return tuple(before)

    def forget_results(self) -> None:
        """Back to step 0."""
        self.train, self.validation = History(TRAIN_COLUMNS), History(VALIDATION_COLUMNS)
        self.test = self.checkpoint = None
        self.versions, self.marks = {}, ()
        self.weight_history = WeightHistory()

    def rewind(self) -> State | None:
        """Back to the checkpoint, whose state is returned; None: to step 0, where there is none."""
        if self.checkpoint is None:
            self.step = 0
            return None
        self.step = self.checkpoint.step
        self.train, self.validation = self.checkpoint.train.copy(), self.checkpoint.validation.copy()
        self.weight_history = self.weight_history.until(self.step)
        self.marks = self.marks_at(self.step)
        return self.checkpoint.state

    def learn(self, update: Update, entries: Iterable[HistoryEntry], checkpoint: State | None) -> None:
        """Take in what its worker tells.

        Args:
            update: it.
            entries, checkpoint: the states in it, as they are stored.

        Raises:
            ValueError: for rows or states of a step before the newest.
        """
        if update.anew:
            self.forget_results()
        if len(update.train):
            self.versions = present()
        for row in update.train.tolist():
            self.train.append(int(row[0]), **dict(zip(TRAIN_COLUMNS, row[1:], strict=True)))
        for row in update.validation.tolist():
            self.validation.append(int(row[0]), **dict(zip(VALIDATION_COLUMNS, row[1:], strict=True)))
        if update.number == self.number:
            self.status, self.message = update.status, update.message
        if update.steps_per_epoch:  # there is a trainer
            self.step, self.epoch, self.target = update.step, update.epoch, update.target
            self.steps_per_epoch, self.steps_per_second = update.steps_per_epoch, update.steps_per_second
        if update.info is not None:
            self.info, self.parameters = update.info, update.info.parameters
        self.test = update.test or self.test
        for entry in entries:
            self.weight_history.add(entry)
        if checkpoint is not None:
            train, validation = self.train.copy(), self.validation.copy()
            self.checkpoint = Checkpoint(checkpoint, update.step, train, validation)
            self.weight_history.add(HistoryEntry(update.step, update.epoch, checkpoint))

    def lose_worker(self, status: Status, message: str) -> None:
        """It has no worker any more, and this is why."""
        self.worker, self.steps_per_second, self.status, self.message = None, 0.0, status, message

    def look(self) -> RunView:
        """The run as it is now."""
        if self._view is None or self._view.version != self.version:
            self._view = RunView(
                run_id=self.run_id,
                experiment=self.experiment,
                status=self.status,
                message=(self.worker.trouble if self.worker else "") or self.message,
                step=self.step,
                epoch=self.epoch,
                target=self.target,
                steps_per_epoch=self.steps_per_epoch,
                steps_per_second=self.steps_per_second,
                train=_frozen(self.train),
                validation=_frozen(self.validation),
                test=self.test,
                snapshot=None,  # only its worker looks into the model
                kept_steps=self.weight_history.steps,
                origin=self.origin,
                owner=self.owner,
                version=self.version,
                marks=self.marks,
                **vars(self.info),
            )
        return self._view


def _frozen(history: History) -> MappingProxyType[str, Array]:
    table = history.arrays()
    for array in table.values():
        array.flags.writeable = False
    return MappingProxyType(table)


class RunTable(dict[str, Run]):
    """All runs by their ids, the oldest first.

    Args:
        memory: bytes that all may take together.
        max_runs, runs_each: the most at a time, in all and of one owner.
        glance: seconds after a look during which a run counts as looked at.
    """

    def __init__(self, memory: int, max_runs: int, runs_each: int, glance: float) -> None:
        super().__init__()
        self.memory, self.max_runs, self.runs_each, self.glance = memory, max_runs, runs_each, glance

    def find(self, run_id: str) -> Run:
        """A run; UnknownRun where there is none."""
        try:
            return self[run_id]
        except (KeyError, TypeError):
            raise UnknownRun(run_id) from None

    def steered(self, run_id: str, by: str | None) -> Run:
        """A run that this visitor may steer; None: the program itself.

        Raises:
            UnknownRun: when there is no such run.
            NotOwner: when it belongs to somebody else.
        """
        run = self.find(run_id)
        if by is not None and run.owner not in ("", by):
            raise NotOwner
        return run

    def add(self, run: Run) -> None:
        """Know one more."""
        self[run.run_id] = run

    def family(self, run: Run) -> list[Run]:
        """Its owner's runs that share a beginning with it, itself included."""
        return [other for other in self.values() if (other.root, other.owner) == (run.root, run.owner)]

    def displaced(self, owner: str, wanted: int, but: Run | None = None) -> list[Run]:
        """The runs that must go for one more of this owner, which takes `wanted` bytes; `but` stays.

        Raises:
            EngineFull: when there is no place for it, or the runs that somebody watches leave no memory.
        """
        watched: list[Run] = []
        left: list[Run] = []
        for run in self.values():
            (watched if run is but or run.is_held(self.glance) else left).append(run)
        if least_bytes(watched) + wanted > self.memory:
            raise EngineFull(
                f"The memory for runs ({self.memory / GB:.2g} GB) is taken by runs that somebody watches. "
                "Make the model smaller, or try again when one of them was stopped or left."
            )
        if owner and (gone := self._too_many_of(owner, wanted, left)):
            return gone
        if len(self) < self.max_runs:
            return []
        if not left:
            raise EngineFull(
                f"All {self.max_runs} places for runs are taken, and somebody watches every one. "
                "Try again when one of them was stopped or left."
            )
        of = Counter(run.owner for run in self.values())
        return [min(left, key=lambda run: (not run.is_untouched, not run.aside, -of[run.owner], run.last_seen))]

    def _too_many_of(self, owner: str, wanted: int, left: list[Run]) -> list[Run]:
        """The owner's own runs that must go for one more: untouched ones, those set aside, the longest left."""
        mine = [run for run in self.values() if run.owner == owner]
        free = [run for run in left if run.owner == owner]
        free.sort(key=lambda run: (not run.is_untouched, not run.aside, run.last_seen))
        gone: list[Run] = []
        while len(mine) >= self.runs_each or least_bytes(mine) + wanted > self.memory * SHARE_EACH:
            if not free:
                raise EngineFull(
                    f"You have {self.runs_each} runs open, which is the most. Close one of their tabs, and try again."
                    if len(mine) >= self.runs_each
                    else f"Your runs may take {self.memory * SHARE_EACH / GB:.2g} GB of memory together, and this one "
                    "does not fit. Make the model smaller, or close the tabs of others."
                )
            gone.append(free.pop(0))
            mine.remove(gone[-1])
        return gone

    def spare(self, wanted: int, but: Run | None = None) -> tuple[list[Run], list[Run]]:
        """Make room for `wanted` bytes more: pasts go, then runs: untouched ones, those set aside, the longest left.

        Returns:
            The runs whose past has gone, or is now read from the store, and those that must go; `but` stays.
        """
        runs, room = list(self.values()), self.memory - wanted
        if sum(run.most_bytes() for run in runs) <= room:  # the quick look, with what runs share counted twice
            return [], []
        ledger = Ledger(runs)
        order = sorted(
            runs, key=lambda run: (run.is_held(self.glance), not run.is_untouched, not run.aside, run.last_seen)
        )
        thinned, gone = [], []
        for run in order:
            if ledger.total > room and (spared := run.spare_past()):
                ledger.without_states(spared)
                thinned.append(run)
        for run in order:
            if ledger.total > room and run is not but and not run.is_held(self.glance):
                ledger.without(run)
                gone.append(run)
        return thinned, gone
