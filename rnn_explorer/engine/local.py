"""The engine of this machine: worker processes, each hosting many runs, watched over from here.

One lock guards everything that is known of the runs. Each worker has a thread here that starts it, reads what it
says, notices its death and starts the next one, and a thread that writes to it, so that nobody who presses a
button waits for a pipe. A worker gives signs of life; one that is silent, or at one piece of work for far too long, is
given no new runs, and in the end killed and replaced.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import logging
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from rnn_explorer.engine.album import Album, Frame
from rnn_explorer.engine.base import (
    COMMANDS,
    TRAIN_COLUMNS,
    VALIDATION_COLUMNS,
    Command,
    EngineFull,
    ModelInfo,
    NotOwner,
    RunView,
    Status,
    UnknownRun,
)
from rnn_explorer.engine.budget import GB, Ledger, least_bytes, memory_limit, model_bytes
from rnn_explorer.engine.pictures import status_frame
from rnn_explorer.engine.protocol import (
    Beat,
    Change,
    FileMade,
    FrameMade,
    KeptState,
    LoadRun,
    MakeFile,
    Message,
    Order,
    ProtocolError,
    SetPast,
    Update,
    WantState,
    WorkerReady,
    decode,
    encode,
)
from rnn_explorer.engine.relay import Deliver, Relay, Viewing
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment, TrainingSettings
from rnn_explorer.settings import SettingError
from rnn_explorer.sizes import work_of
from rnn_explorer.tasks.own import store
from rnn_explorer.trace import Array, History

MAX_WORKERS = 8  # by default; a worker takes about 300 MB
GLANCE = 5.0  # seconds after a renewal during which a run counts as watched
SETTLED = 5.0  # a worker that lived this long after it was ready did not die at once
GIVE_UP = 4  # deaths at once in a row, after which the runs that wait for the worker are failed
BACK_OFF, LONGEST_BACK_OFF = 0.2, 30.0  # seconds before the next start; doubled at each further death at once
SILENT, MUTE = 5.0, 20.0  # seconds without a sign of life: it gets no new runs; it is killed
SLOW, STUCK = 30.0, 120.0  # seconds at one piece of work, which lasts about one on a free core: likewise
HEAD_START = 3.0  # seconds that a first worker which is ready has to itself, for the figures of the first page
MUTE_START, STUCK_START = 60.0, 300.0  # until it is ready, since importing torch may stop all its threads for long
SHARE_EACH = 0.25  # of the memory for runs that those of one owner may take
IDLE_WEIGHT = 0.05  # of a run that does not train, against one that does

_COMMAND = (sys.executable, "-m", "rnn_explorer.engine.worker")
_NO_INFO = ModelInfo(None, "", (), 0, 0)
_NOBODY = "The worker process of this run died; press Resume, then try again."
_GONE = "This run is no longer on the server."
MOST_OTHERS = 12  # branches whose curves are drawn beside a run
_FIRST_START = "Starting PyTorch; a first start takes some ten seconds."
_UNWELL = (
    "The worker process of this run does not answer at the moment. If that lasts it is replaced; "
    "Play then goes on from the last kept state."
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Checkpoint:
    state: bytes
    step: int
    train: History
    validation: History


@dataclass(eq=False)
class _Run:
    """What the engine knows of a run."""

    run_id: str
    experiment: Experiment
    seen: float  # when somebody last looked, by the monotonic clock
    worker: _Worker | None = None
    number: int = 0  # of the newest message to the worker
    pause_number: int = -1  # of the newest pause for want of a viewer
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
    parameters: int = 0
    checkpoint: _Checkpoint | None = None
    album: Album = field(default_factory=Album)
    origin: tuple[str, int] | None = None
    owner: str = ""
    root: str = ""  # the run that the whole family began with
    files: dict[int, Callable[[FileMade], None]] = field(default_factory=dict)  # who waits for one, by ticket
    viewers: int = 0
    told_past: Any = None  # of what its worker was told last of its past and its branches
    subscribers: dict[int, Callable[[], None]] = field(default_factory=dict)
    version: int = 0
    view: RunView | None = None

    def is_watched(self, within: float) -> bool:
        return bool(self.viewers or self.subscribers) or time.monotonic() - self.seen < within

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has trained it, so that nothing is lost with it."""
        return self.step == 0 and self.status != "training"

    def states(self) -> Iterator[bytes]:
        """The stored states that are kept for it."""
        if self.checkpoint is not None:
            yield self.checkpoint.state
        yield from self.album.states()

    def needed(self) -> Iterator[bytes]:
        """Those that stay when its past must go."""
        if self.checkpoint is not None:
            yield self.checkpoint.state

    def most_bytes(self) -> int:
        """What it takes together with all that it shares, found without looking at each state."""
        checkpoint = len(self.checkpoint.state) if self.checkpoint is not None else 0
        return model_bytes(self.parameters, self.experiment) + self.album.size + checkpoint

    def forget_results(self) -> None:
        """Back to step 0."""
        self.train, self.validation = History(TRAIN_COLUMNS), History(VALIDATION_COLUMNS)
        self.test = self.checkpoint = None
        self.album = Album()

    def look(self) -> RunView:
        if self.view is None or self.view.version != self.version:
            self.view = RunView(
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
                frames=self.album.steps,
                origin=self.origin,
                owner=self.owner,
                version=self.version,
                **vars(self.info),
            )
        return self.view


def _frozen(history: History) -> MappingProxyType[str, Array]:
    table = history.arrays()
    for array in table.values():
        array.flags.writeable = False
    return MappingProxyType(table)


@dataclass(eq=False)
class _Worker:
    """A worker's place; the processes in it come and go."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    connection: Connection | None = None
    ready_since: float | None = None
    heard: float = 0.0  # by the monotonic clock: its last sign of life
    busy: float = 0.0  # seconds at its present piece of work, as of then
    trouble: str = ""  # a sentence for a person while it does not answer
    outbox: queue.SimpleQueue[bytes | None] = field(default_factory=queue.SimpleQueue)
    writer: threading.Thread | None = None  # from the outbox to the connection, once the process is ready
    deaths: int = 0  # at once, in a row


class LocalEngine:
    """An engine whose workers are processes of this machine; see `base.Engine` for its words.

    The workers are started at once, without waiting for them. Every worker ends when this process does, in
    whatever way that happens.

    Args:
        workers: processes, at least 1; None: one a core that this process may use, at most `MAX_WORKERS`.
        lease: seconds after which a training run that nobody looks at is paused.
        keep: seconds after which a run that nobody looks at is forgotten.
        max_runs: the most runs at a time. Where they are used up, one that nobody looks at makes room for another:
            first one that was never trained, then one of the owner with the most runs, the longest left first.
        runs_each: the most runs of one owner at a time; the longest left of the owner's own makes room for another.
        keep_untouched: seconds after which a run is forgotten that nobody looks at and nobody has trained.
        glance: seconds after a look during which a run counts as looked at.
        memory: bytes that all runs may take together, here and in the workers; None: as `budget.memory_limit` says.
        one_first: whether the first worker is to be ready before the others start. Importing torch takes seconds of a
            core, and at its start a server shares its cores with the first browser.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        lease: float = 120.0,
        keep: float = 3600.0,
        max_runs: int = 200,
        runs_each: int = 16,
        keep_untouched: float = 600.0,
        glance: float = GLANCE,
        memory: int | None = None,
        one_first: bool = False,
    ) -> None:
        count = min(_cores(), MAX_WORKERS) if workers is None else workers
        if count < 1:
            raise ValueError(f"an engine needs at least one worker, not {count}")
        self.lease, self.keep, self.keep_untouched = lease, keep, min(keep, keep_untouched)
        self.max_runs, self.runs_each, self.glance = max_runs, runs_each, glance
        self.memory = memory_limit() if memory is None else memory
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._others_may = threading.Event()
        if not one_first:
            self._others_may.set()
        self._runs: dict[str, _Run] = {}
        self._tickets = itertools.count()
        self._relay = Relay()
        self._pid = os.getpid()
        self._workers = [_Worker(str(index)) for index in range(count)]
        self._threads = [threading.Thread(target=self._tend, name="engine-tend", daemon=True)]
        for worker in self._workers:
            name = f"engine-worker-{worker.name}"
            self._threads.append(threading.Thread(target=self._keep_alive, args=(worker,), name=name, daemon=True))
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    # -- what a page says ---------------------------------------------------------------------------------------

    def start(self, experiment: Experiment, owner: str = "") -> str:
        parameters = check_size(experiment)
        with self._lock:
            if self._closing.is_set():
                raise RuntimeError("the engine is closed")
            self._see_memory(model_bytes(parameters, experiment))
            callbacks = self._make_room(owner, model_bytes(parameters, experiment))
            run = _Run(secrets.token_urlsafe(8), experiment, time.monotonic(), owner=owner, parameters=parameters)
            callbacks += self._spare(model_bytes(parameters, experiment))
            run.root = run.run_id
            self._runs[run.run_id] = run
            self._host(run)
        _call(callbacks)
        return run.run_id

    def command(self, run_id: str, command: Command, by: str | None = None) -> None:
        if command not in COMMANDS:
            raise ValueError(f"{command!r} is no command; there are: {', '.join(COMMANDS)}")
        with self._lock:
            run = self._steered(run_id, by)
            run.seen = time.monotonic()
            if command == "stop":
                callbacks = self._drop(run)
            else:
                self._obey(run, command)
                callbacks = self._changed(run)
        _call(callbacks)

    def _obey(self, run: _Run, command: Command) -> None:
        if run.worker is None:  # its worker died
            if command == "pause":
                return
            if command == "reset":
                run.forget_results()
                self._host(run)
                return
            if run.status == "failed":
                return
            self._host(run)
        elif run.status in ("diverged", "failed") and command in ("play", "step", "epoch"):
            return  # the message stands
        if command in ("play", "epoch"):
            self._move_to_the_idle(run)
        if command in ("play", "step", "epoch"):
            # Shown at once, so that a page that draws while a run trains starts to draw.
            run.status, run.message, run.test = "training", _waits_for(run.worker), None
        elif command == "reset":
            run.status, run.message = "starting", _waits_for(run.worker)
        run.number += 1
        self._tell(Order(run.run_id, run.number, command))

    def change(self, run_id: str, *, by: str | None = None, **training_settings: Any) -> None:
        live = {spec.name for spec in TrainingSettings.specs() if spec.live}
        for name, value in training_settings.items():
            if name not in live:
                raise SettingError(name, value, "left as it is while this model lives; it needs a new one")
        if "batch_size" in training_settings:
            with self._lock:
                changed = self._get(run_id).experiment.replace(**training_settings)
            check_size(changed)
        with self._lock:
            run = self._steered(run_id, by)
            run.experiment = run.experiment.replace(**training_settings)
            run.seen = time.monotonic()
            if run.worker is not None:
                run.number += 1
                self._tell(Change(run.run_id, run.number, training_settings))
            callbacks = self._changed(run)
        _call(callbacks)

    def view(self, run_id: str) -> RunView:
        with self._lock:
            return self._get(run_id).look()

    def branch(self, run_id: str, step: int, owner: str = "") -> str:
        with self._lock:
            old = self._get(run_id)
            frame = _kept(old, step)
            self._see_memory(model_bytes(old.parameters, old.experiment), but=old)
            callbacks = self._make_room(owner, model_bytes(old.parameters, old.experiment), but=old)
            callbacks += self._spare(model_bytes(old.parameters, old.experiment), but=old)
            run = _Run(
                secrets.token_urlsafe(8), old.experiment, time.monotonic(), owner=owner, parameters=old.parameters
            )
            run.root, run.origin, run.info = old.root, (run_id, step), old.info
            run.album = old.album.until(step)
            run.checkpoint = _Checkpoint(frame.state, step, old.train.until(step), old.validation.until(step))
            run.epoch, run.steps_per_epoch = frame.epoch, old.steps_per_epoch
            self._runs[run.run_id] = run
            self._host(run)
        _call(callbacks)
        return run.run_id

    def family(self, run_id: str) -> tuple[str, ...]:
        with self._lock:
            mine = self._get(run_id)
            relatives = (run for run in self._runs.values() if run.root == mine.root and run.owner == mine.owner)
            return tuple(run.run_id for run in relatives)

    def look(self, run_id: str, view: str, selection: Mapping[str, str], deliver: Deliver, who: str = "") -> Look:
        with self._lock:
            run = self._get(run_id)
            viewing = self._relay.open(run_id, view, dict(selection), deliver, who, self._tell)
            run.viewers = self._relay.viewers(run_id)
            calls = self._say_status(run) if self._is_dumb(run) else []
            self._tell_past(run)
        _call(calls)
        return Look(self, viewing)

    def _left(self, viewing: Viewing) -> None:
        """Somebody looks no more; the lock is held."""
        run = self._runs.get(viewing.run_id)
        if run is not None:
            run.viewers, run.seen = self._relay.viewers(viewing.run_id), time.monotonic()

    def make_file(
        self,
        run_id: str,
        view: str,
        selection: Mapping[str, str],
        figure: str,
        form: Literal["csv", "html", "svg"],
        callback: Callable[[FileMade], None],
    ) -> None:
        ticket = next(self._tickets)
        with self._lock:
            run = self._get(run_id)
            if run.worker is not None:
                run.files[ticket] = callback
                self._tell(MakeFile(run_id, ticket, view, dict(selection), figure, form))
                return
        callback(FileMade(run_id, ticket, error=_NOBODY))

    def renew(self, run_id: str) -> None:
        with self._lock:
            run = self._get(run_id)
            run.seen = time.monotonic()

    def subscribe(self, run_id: str, callback: Callable[[], None]) -> Callable[[], None]:
        ticket = next(self._tickets)
        with self._lock:
            run = self._get(run_id)
            run.subscribers[ticket] = callback

        def leave() -> None:
            with self._lock:
                if run.subscribers.pop(ticket, None) is not None:
                    run.seen = time.monotonic()

        return leave

    def viewers(self, run_id: str) -> int:
        """How many look at a run."""
        with self._lock:
            return self._relay.viewers(run_id)

    def workers_ready(self) -> int:
        """How many workers could take a run at this moment."""
        with self._lock:
            return sum(worker.ready_since is not None and not worker.trouble for worker in self._workers)

    def worker_pids(self) -> list[int]:
        """The process ids of the living workers."""
        with self._lock:
            processes = [worker.process for worker in self._workers if worker.process is not None]
        return [process.pid for process in processes if process.poll() is None]

    def close(self) -> None:
        """Stop the workers and forget the runs: within about two seconds, whatever they are doing."""
        with self._lock:
            if self._closing.is_set() or os.getpid() != self._pid:  # a forked copy owns no workers
                return
            self._closing.set()
            self._others_may.set()
            callbacks = [callback for run in self._runs.values() for callback in run.subscribers.values()]
            callbacks += [call for run in self._runs.values() for call in self._leave(run, _GONE)]
            self._runs.clear()
            processes = [worker.process for worker in self._workers if worker.process is not None]
            for worker in self._workers:
                worker.outbox.put(None)
        atexit.unregister(self.close)
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + 1.0
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(0.5)
        _call(callbacks)

    # -- runs and workers; the lock is held ---------------------------------------------------------------------

    def _get(self, run_id: str) -> _Run:
        try:
            return self._runs[run_id]
        except (KeyError, TypeError):
            raise UnknownRun(run_id) from None

    def _steered(self, run_id: str, by: str | None) -> _Run:
        run = self._get(run_id)
        if by is not None and run.owner not in ("", by):
            raise NotOwner
        return run

    def _make_room(self, owner: str, wanted: int, but: _Run | None = None) -> list[Callable[[], None]]:
        """Drop the runs that must go for one more of this owner, which takes `wanted` bytes.

        Raises:
            EngineFull: when they cannot go; nothing is dropped then.
        """
        runs = self._runs.values()
        of = Counter(run.owner for run in runs)
        left = [run for run in runs if run is not but and not run.is_watched(self.glance)]
        if owner:
            gone = self._too_many_of(owner, wanted, left)
            if gone:
                return [callback for run in gone for callback in self._drop(run)]
        if len(runs) >= self.max_runs:
            if not left:
                raise EngineFull(
                    f"All {self.max_runs} places for runs are taken, and somebody watches every one. "
                    "Try again when one of them was stopped or left."
                )
            return self._drop(min(left, key=lambda run: (not run.is_untouched, -of[run.owner], run.seen)))
        return []

    def _too_many_of(self, owner: str, wanted: int, left: list[_Run]) -> list[_Run]:
        """The owner's own runs that must go for one more, the untouched ones and the longest left first."""
        mine = [run for run in self._runs.values() if run.owner == owner]
        free = sorted((run for run in left if run.owner == owner), key=lambda run: (not run.is_untouched, run.seen))
        gone: list[_Run] = []
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

    def _see_memory(self, wanted: int, but: _Run | None = None) -> None:
        """See that `_spare` can make room for a run of `wanted` bytes.

        Raises:
            EngineFull: when the runs that somebody watches, and `but`, leave no room for it.
        """
        watched = [run for run in self._runs.values() if run is but or run.is_watched(self.glance)]
        if least_bytes(watched) + wanted > self.memory:
            raise EngineFull(
                f"The memory for runs ({self.memory / GB:.2g} GB) is taken by runs that somebody watches. "
                "Make the model smaller, or try again when one of them was stopped or left."
            )

    def _spare(self, wanted: int, but: _Run | None = None, drop: bool = True) -> list[Callable[[], None]]:
        """Make room for `wanted` bytes more: pasts go, then runs: the untouched first, then those left for longest.

        Args:
            wanted: bytes.
            but: a run that stays.
            drop: whether runs may go, and not only the past of runs.
        """
        callbacks: list[Callable[[], None]] = []
        runs, room = list(self._runs.values()), self.memory - wanted
        if sum(run.most_bytes() for run in runs) <= room:  # the quick look, with what runs share counted twice
            return callbacks
        ledger = Ledger(runs)
        order = sorted(runs, key=lambda run: (run.is_watched(self.glance), not run.is_untouched, run.seen))
        for run in order:
            if ledger.total > room and len(run.album) > 1:
                album, run.album = run.album, run.album.newest()
                ledger.without_states(list(album.states())[:-1])
                callbacks += self._changed(run)
        for run in order if drop else ():
            if ledger.total > room and run is not but and not run.is_watched(self.glance):
                ledger.without(run)
                callbacks += self._drop(run)
        return callbacks

    def _drop(self, run: _Run) -> list[Callable[[], None]]:
        if run.worker is not None:
            run.number += 1
            self._tell(Order(run.run_id, run.number, "stop"))
        del self._runs[run.run_id]
        return [*run.subscribers.values(), *self._leave(run, _GONE)]

    def _host(self, run: _Run) -> None:
        """Give the run to the worker with the least to do, from its checkpoint where it has one."""
        run.worker = min(self._workers, key=self._load)
        run.number += 1
        run.status, run.message = "starting", _waits_for(run.worker)
        state, run.step = None, 0
        if run.checkpoint is not None:
            state, run.step = run.checkpoint.state, run.checkpoint.step
            run.train, run.validation = run.checkpoint.train.copy(), run.checkpoint.validation.copy()
            run.album = run.album.until(run.step)
        train, validation = run.train.arrays(), run.validation.arrays()
        self._tell(LoadRun(run.run_id, run.number, run.experiment, state, train, validation))
        run.told_past = None
        self._tell_past(run)
        self._relay.move(run.run_id, self._tell)

    def _move_to_the_idle(self, run: _Run) -> None:
        """Move a run that is about to train, and of which all is known here, to a worker with less to do."""
        known = run.step == 0 if run.checkpoint is None else run.step == run.checkpoint.step
        if run.status not in ("ready", "paused", "finished") or not known or run.worker is None:
            return
        best = min(self._workers, key=self._load)
        (gone, least), (lost, mine) = self._load(best), self._load(run.worker)
        if not gone and (lost or least + 0.5 < mine):
            run.number += 1
            self._tell(Order(run.run_id, run.number, "stop"))
            self._host(run)

    def _load(self, worker: _Worker) -> tuple[bool, float]:
        mine = [run for run in self._runs.values() if run.worker is worker]
        load = sum(1.0 if run.status == "training" else IDLE_WEIGHT for run in mine)
        dying = worker.process is not None and worker.process.poll() is not None
        late = 0.0 if worker.ready_since is not None else 0.5 if worker.process is not None else 2.0
        return worker.deaths >= GIVE_UP or dying or bool(worker.trouble), load + late

    def _tell(self, message: Any) -> None:
        """Send a message to the worker of the run that it is about; nobody hears it where there is none."""
        run = self._runs.get(message.run_id)
        if run is not None and run.worker is not None:
            run.worker.outbox.put(encode(message))

    def _tell_past(self, run: _Run) -> None:
        """Let the worker know which steps are kept, and the curves of the other branches, where somebody looks."""
        if not run.viewers:
            return
        branches = [r for r in self._runs.values() if r is not run and (r.root, r.owner) == (run.root, run.owner)]
        branches = branches[:MOST_OTHERS]
        now = (run.album.steps, [(branch.run_id, branch.version) for branch in branches])
        if now != run.told_past:
            run.told_past = now
            self._tell(SetPast(run.run_id, run.album.steps, tuple(branch.train.arrays() for branch in branches)))

    @staticmethod
    def _is_dumb(run: _Run) -> bool:
        """Whether the run's worker cannot speak for it at the moment."""
        return run.worker is None or run.worker.ready_since is None or bool(run.worker.trouble)

    def _say_status(self, run: _Run) -> list[Callable[[], None]]:
        """Tell viewers what no worker can tell them."""
        return self._relay.say(run.run_id, "status", status_frame(run.look()))

    def _changed(self, run: _Run) -> list[Callable[[], None]]:
        """Count a change; returns whom to call once the lock is free."""
        run.version += 1
        return [*run.subscribers.values(), *(self._say_status(run) if self._is_dumb(run) else ())]

    def _leave(self, run: _Run, why: str) -> list[Callable[[], None]]:
        """Whom to tell, once the lock is free, that nothing comes of this run any more; `why` for files."""
        calls = [
            functools.partial(callback, FileMade(run.run_id, ticket, error=why))
            for ticket, callback in run.files.items()
        ]
        run.files.clear()
        return [*calls, *(self._relay.forget(run.run_id) if why == _GONE else ())]

    # -- threads ------------------------------------------------------------------------------------------------

    def _keep_alive(self, worker: _Worker) -> None:
        """Start a worker, listen to it until it dies, and start the next one."""
        if worker is not self._workers[0] and not self._others_may.is_set():
            self._others_may.wait()
            self._closing.wait(HEAD_START)
        while not self._closing.is_set():
            try:
                self._spawn(worker)
                self._hear(worker)
            except Exception:
                _log.exception("worker %s could not be started or heard", worker.name)
            delay = self._bury(worker)
            self._closing.wait(delay)

    def _spawn(self, worker: _Worker) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        # A pair of connected sockets: no address that somebody else could connect to, no file to be left behind.
        ours, theirs = Pipe()
        with theirs, self._lock:
            if self._closing.is_set():
                ours.close()
                return
            worker.connection = ours
            worker.heard, worker.busy = time.monotonic(), 0.0
            worker.process = subprocess.Popen(
                [*_COMMAND, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=2,  # standard output belongs to the program that made the engine
                env={**os.environ, "PYTHONPATH": path, **one_thread, **store.environment()},
                pass_fds=[theirs.fileno()],
            )

    def _hear(self, worker: _Worker) -> None:
        connection = worker.connection
        if connection is None:
            return
        while True:
            try:
                data = connection.recv_bytes()
            except (EOFError, OSError):
                return
            worker.heard = time.monotonic()
            try:
                message = decode(data)
            except ProtocolError:
                _log.exception("worker %s sent what cannot be read", worker.name)
                return
            if isinstance(message, Beat):
                worker.busy = message.busy
            elif isinstance(message, WorkerReady):
                with self._lock:
                    worker.ready_since, worker.busy = time.monotonic(), 0.0
                self._others_may.set()
                # Only now: what a worker was told that died on its way up waits for the next one.
                worker.writer = threading.Thread(target=_write, args=(connection, worker.outbox), daemon=True)
                worker.writer.start()
            elif isinstance(message, Update):
                try:
                    self._learn(worker, message)
                except Exception:
                    self._give_up(worker, message)
            else:
                self._pass_on(worker, message)

    def _pass_on(self, worker: _Worker, message: Message) -> None:
        """A frame or a file for whom it is, a state for the worker that wants it."""
        calls: list[Callable[[], None]] = []
        with self._lock:
            run = self._runs.get(getattr(message, "run_id", ""))
            if run is None or run.worker is not worker:
                return
            if isinstance(message, FrameMade):
                calls = self._relay.pass_on(message, self._tell)
            elif isinstance(message, WantState):
                kept = run.album.at(message.step)
                self._tell(KeptState(run.run_id, message.step, None if kept is None else kept.state))
            elif isinstance(message, FileMade) and (callback := run.files.pop(message.ticket, None)) is not None:
                calls = [functools.partial(callback, message)]
        _call(calls)

    def _learn(self, worker: _Worker, update: Update) -> None:
        with self._lock:
            run = self._runs.get(update.run_id)
            if run is None or run.worker is not worker:
                return
            if update.anew:
                run.forget_results()
            for row in update.train.tolist():
                run.train.append(int(row[0]), **dict(zip(TRAIN_COLUMNS, row[1:], strict=True)))
            for row in update.validation.tolist():
                run.validation.append(int(row[0]), **dict(zip(VALIDATION_COLUMNS, row[1:], strict=True)))
            if update.number == run.number:
                run.status, run.message = update.status, update.message
            if update.steps_per_epoch:  # there is a trainer
                run.step, run.epoch, run.target = update.step, update.epoch, update.target
                run.steps_per_epoch, run.steps_per_second = update.steps_per_epoch, update.steps_per_second
            if update.info is not None:
                run.info, run.parameters = update.info, update.info.parameters
            run.test = update.test or run.test
            for frame in update.frames:
                run.album.add(frame)
            if update.checkpoint is not None:
                run.checkpoint = _Checkpoint(update.checkpoint, update.step, run.train.copy(), run.validation.copy())
                run.album.add(Frame(update.step, update.epoch, update.checkpoint))
            self._tell_past(run)
            callbacks = self._changed(run)
        _call(callbacks)

    def _give_up(self, worker: _Worker, update: Update) -> None:
        """Within an except clause: what was told of a run could not be taken in. The run ends, the others go on."""
        _log.exception("an update of run %s could not be taken in", update.run_id)
        callbacks: list[Callable[[], None]] = []
        with self._lock:
            run = self._runs.get(update.run_id)
            if run is not None and run.worker is worker:
                run.number += 1
                self._tell(Order(run.run_id, run.number, "stop"))
                run.worker, run.steps_per_second, run.status = None, 0.0, "failed"
                run.message = f"This run failed at step {run.step} by a fault of the program; the log has it. " + (
                    "Reset starts it anew."
                )
                callbacks = [*self._changed(run), *self._leave(run, _NOBODY)]
        _call(callbacks)

    def _bury(self, worker: _Worker) -> float:
        """Tidy up after a dead worker; returns the seconds to wait before the next is started."""
        self._others_may.set()
        if worker.process is not None:
            worker.process.kill()  # it may have lost its connection without dying
            worker.process.wait()
        callbacks: list[Callable[[], None]] = []
        connection, writer = worker.connection, worker.writer
        with self._lock:
            ready_since, silenced = worker.ready_since, bool(worker.trouble)
            worker.process = worker.connection = worker.ready_since = worker.writer = None
            worker.trouble = ""
            settled = ready_since is not None and time.monotonic() - ready_since > SETTLED
            worker.deaths = 0 if settled else worker.deaths + 1
            given_up = worker.deaths >= GIVE_UP
            if not self._closing.is_set():
                _log.warning("worker %s died; deaths at once in a row: %d", worker.name, worker.deaths)
            if ready_since is not None or given_up:
                worker.outbox.put(None)
                worker.outbox = queue.SimpleQueue()
                for run in [run for run in self._runs.values() if run.worker is worker]:
                    run.worker, run.steps_per_second = None, 0.0
                    if run.status != "failed":
                        run.status, run.message = _fate(run, given_up and ready_since is None, silenced)
                    callbacks += [*self._changed(run), *self._leave(run, _NOBODY)]
        if writer is not None:
            writer.join(1.0)
        if connection is not None:
            connection.close()  # last, so that no thread writes to a file descriptor that is somebody else's by then
        _call(callbacks)
        return 0.0 if worker.deaths <= 1 else min(BACK_OFF * 2 ** (worker.deaths - 2), LONGEST_BACK_OFF)

    def _tend(self) -> None:
        """Pause and forget what nobody looks at, tell workers who is looking, and see that these are well."""
        last = time.monotonic()
        while not self._closing.wait(min(0.5, self.lease / 4, self.keep / 4, self.glance / 4)):
            callbacks: list[Callable[[], None]] = []
            now = time.monotonic()
            asleep, last = now - last > SILENT / 2, now  # it was we who stood still, so silence proves nothing
            with self._lock:
                for worker in self._workers:
                    if asleep:
                        worker.heard = now
                    callbacks += self._feel_pulse(worker, now)
                callbacks += self._spare(0, drop=False)
                for run in list(self._runs.values()):
                    if not run.is_watched(self.keep_untouched if run.is_untouched else self.keep):
                        callbacks += self._drop(run)
                    elif run.status == "training" and run.worker is not None and not run.is_watched(self.lease):
                        self._pause_unwatched(run)
                    else:
                        self._tell_past(run)
            _call(callbacks)

    def _feel_pulse(self, worker: _Worker, now: float) -> list[Callable[[], None]]:
        """See whether a worker answers; say so where it does not, and kill it where that lasts."""
        if worker.process is None:
            return []
        ready = worker.ready_since is not None
        silent = now - worker.heard
        mute, stuck = (MUTE, STUCK) if ready else (MUTE_START, STUCK_START)
        if silent > mute or worker.busy > stuck:
            _log.warning("worker %s is killed: silent for %.0f s, busy for %.0f s", worker.name, silent, worker.busy)
            worker.process.kill()
        if ready and worker.ready_since is not None and now - worker.ready_since > SETTLED:
            worker.deaths = 0
        trouble = _UNWELL if ready and (silent > SILENT or worker.busy > SLOW) else ""
        if trouble == worker.trouble:
            return []
        worker.trouble = trouble
        return [call for run in self._runs.values() if run.worker is worker for call in self._changed(run)]

    def _pause_unwatched(self, run: _Run) -> None:
        if run.number != run.pause_number:  # else it was told, and has not answered yet
            run.number = run.pause_number = run.number + 1
            self._tell(Order(run.run_id, run.number, "pause", "Paused: nobody was watching."))


class Look:
    """Somebody's look at a run, see `Engine.look`. Every method may be called from any thread."""

    def __init__(self, engine: LocalEngine, viewing: Viewing) -> None:
        self._engine, self._viewing = engine, viewing

    def choose(self, selection: Mapping[str, str]) -> None:
        """Look at something else of the run."""
        with self._engine._lock:
            self._engine._relay.choose(self._viewing, dict(selection), self._engine._tell)

    def ready(self) -> None:
        """The last frame was taken; the next may come."""
        with self._engine._lock:
            self._engine._relay.ready(self._viewing, self._engine._tell)

    def close(self) -> None:
        """Look no more. May be called twice."""
        with self._engine._lock:
            self._engine._relay.close(self._viewing, self._engine._tell)
            self._engine._left(self._viewing)


def check_size(experiment: Experiment) -> int:
    """See that there are data for an experiment, and that its model can be trained live.

    Returns:
        Its trainable numbers.

    Raises:
        SettingError: when its data do not bear its settings, or are not there.
        ModelTooLarge: when its model cannot be trained live.
    """
    # What somebody brought may be gone the next time.
    return (_size if experiment.task_settings.private else _known_size)(experiment)


def _size(experiment: Experiment) -> int:
    work = work_of(experiment, experiment.make_task())
    work.check()
    return work.parameters


_known_size = functools.lru_cache(maxsize=64)(_size)


def _waits_for(worker: _Worker | None) -> str:
    """What a run waits for that this worker is to host; "" for nothing."""
    return "" if worker is not None and worker.ready_since is not None else _FIRST_START


def _fate(run: _Run, given_up: bool, silenced: bool) -> tuple[Status, str]:
    if given_up:
        return "failed", "No worker process could be started for this run; the log says why. Reset tries again."
    resumed = run.checkpoint.step if run.checkpoint is not None else 0
    what = "stopped answering" if silenced else "died"
    return (
        "interrupted",
        f"The worker of this run {what} at step {run.step}. Press Play to go on from step {resumed}.",
    )


def _kept(run: _Run, step: int) -> Frame:
    frame = run.album.at(step)
    if frame is None:
        raise UserError(f"Step {step} of this run is not kept (any more); choose another one.")
    return frame


def _call(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        try:
            callback()
        except Exception:
            _log.exception("a subscriber raised")


def _write(connection: Connection, outbox: queue.SimpleQueue[bytes | None]) -> None:
    try:
        while (data := outbox.get()) is not None:
            connection.send_bytes(data)
    except OSError:
        pass  # the worker died, which its reader notices


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
