"""The engine of this machine: worker processes, each hosting many runs, watched over from here.

One lock guards everything that is known of the runs. Each worker has a thread here that starts it, reads what it
says, notices its death and starts the next one, and a thread that writes to it, so that nobody who presses a
button waits for a pipe.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import json
import logging
import os
import pickle
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rnn_explorer.engine.album import Album, Frame
from rnn_explorer.engine.base import (
    COMMANDS,
    TRAIN_COLUMNS,
    VALIDATION_COLUMNS,
    Ask,
    Change,
    Command,
    EngineFull,
    Facts,
    Host,
    NotOwner,
    Order,
    Reply,
    RunView,
    Status,
    TakeBack,
    UnknownRun,
    Update,
    Watch,
    Word,
    WorkerReady,
)
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment, TrainingSettings
from rnn_explorer.model import build_on_meta
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.own import store
from rnn_explorer.trace import Array, History, Snapshot

MAX_WORKERS = 8  # by default; a worker takes about 300 MB
GLANCE = 5.0  # seconds after a renewal during which a run counts as watched
SETTLED = 5.0  # a worker that lived this long after it was ready did not die at once
GIVE_UP = 4  # deaths at once in a row, after which the runs that wait for the worker are failed
BACK_OFF, LONGEST_BACK_OFF = 0.2, 30.0  # seconds before the next start; doubled at each further death at once
IDLE_WEIGHT = 0.05  # of a run that does not train, against one that does

_COMMAND = (sys.executable, "-m", "rnn_explorer.engine.worker")
_NO_FACTS = Facts(None, "", (), 0, 0)
_NOBODY = Reply(1.0, error="The worker process of this run died; press Resume, then it can be asked again.")
_GONE = Reply(1.0, error="This run is no longer on the server.")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Checkpoint:
    state: bytes
    step: int
    train: History
    validation: History


@dataclass(frozen=True)
class _Waiting:
    """A question that was asked, and who waits for the answer."""

    ask: Ask
    callback: Callable[[Reply], None]


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
    facts: Facts = _NO_FACTS
    packed: bytes | None = None  # the newest snapshot as it came
    snapshot: Snapshot | None = None  # the same, once somebody asked for it
    checkpoint: _Checkpoint | None = None
    album: Album = field(default_factory=Album)
    origin: tuple[str, int] | None = None
    owner: str = ""
    root: str = ""  # the run that the whole family began with
    waiting: dict[int, _Waiting] = field(default_factory=dict)  # questions by ticket
    subscribers: dict[int, Callable[[], None]] = field(default_factory=dict)
    told_watched: bool = True
    version: int = 0
    view: RunView | None = None

    def is_watched(self, within: float) -> bool:
        return bool(self.subscribers) or time.monotonic() - self.seen < within

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has trained it, so that nothing is lost with it."""
        return self.step == 0 and self.status != "training"

    def forget_results(self) -> None:
        """Back to step 0."""
        self.train, self.validation = History(TRAIN_COLUMNS), History(VALIDATION_COLUMNS)
        self.test = self.packed = self.snapshot = self.checkpoint = None
        self.album = Album()

    def look(self) -> RunView:
        if self.view is None or self.view.version != self.version:
            if self.packed is not None:
                self.snapshot, self.packed = pickle.loads(self.packed), None
            self.view = RunView(
                run_id=self.run_id,
                experiment=self.experiment,
                status=self.status,
                message=self.message,
                step=self.step,
                epoch=self.epoch,
                target=self.target,
                steps_per_epoch=self.steps_per_epoch,
                steps_per_second=self.steps_per_second,
                train=_frozen(self.train),
                validation=_frozen(self.validation),
                test=self.test,
                snapshot=self.snapshot,
                frames=self.album.steps,
                origin=self.origin,
                owner=self.owner,
                version=self.version,
                **vars(self.facts),
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
    life: int = 0  # how many processes there have been
    process: subprocess.Popen[bytes] | None = None
    connection: Connection | None = None
    connected: threading.Event = field(default_factory=threading.Event)
    ready_since: float | None = None
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
    ) -> None:
        count = min(_cores(), MAX_WORKERS) if workers is None else workers
        if count < 1:
            raise ValueError(f"an engine needs at least one worker, not {count}")
        self.lease, self.keep, self.keep_untouched = lease, keep, min(keep, keep_untouched)
        self.max_runs, self.runs_each, self.glance = max_runs, runs_each, glance
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._runs: dict[str, _Run] = {}
        self._tickets = itertools.count()
        self._pid = os.getpid()
        self._key = secrets.token_bytes(32)
        self._listener = Listener(backlog=16, authkey=self._key)
        self._workers = [_Worker(str(index)) for index in range(count)]
        self._threads = [threading.Thread(target=self._accept, name="engine-accept", daemon=True)]
        self._threads.append(threading.Thread(target=self._tend, name="engine-tend", daemon=True))
        for worker in self._workers:
            name = f"engine-worker-{worker.name}"
            self._threads.append(threading.Thread(target=self._keep_alive, args=(worker,), name=name, daemon=True))
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    # -- what a page says ---------------------------------------------------------------------------------------

    def start(self, experiment: Experiment, owner: str = "") -> str:
        check_size(experiment)
        with self._lock:
            if self._closing.is_set():
                raise RuntimeError("the engine is closed")
            callbacks = self._make_room(owner)
            run = _Run(secrets.token_urlsafe(8), experiment, time.monotonic(), owner=owner)
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
                callbacks = _changed(run)
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
            run.status, run.message, run.test = "training", "", None
        elif command == "reset":
            run.status, run.message = "starting", ""
        run.number += 1
        self._tell(run, Order(run.run_id, run.number, command))

    def change(self, run_id: str, *, by: str | None = None, **training_settings: Any) -> None:
        live = {spec.name for spec in TrainingSettings.specs() if spec.live}
        for name, value in training_settings.items():
            if name not in live:
                raise SettingError(name, value, "left as it is while this model lives; it needs a new one")
        with self._lock:
            run = self._steered(run_id, by)
            run.experiment = run.experiment.replace(**training_settings)
            run.seen = time.monotonic()
            if run.worker is not None:
                run.number += 1
                self._tell(run, Change(run.run_id, run.number, training_settings))
            callbacks = _changed(run)
        _call(callbacks)

    def view(self, run_id: str) -> RunView:
        with self._lock:
            return self._get(run_id).look()

    def branch(self, run_id: str, step: int, owner: str = "") -> str:
        with self._lock:
            old = self._get(run_id)
            frame = _kept(old, step)
            callbacks = self._make_room(owner, but=old)
            run = _Run(secrets.token_urlsafe(8), old.experiment, time.monotonic(), owner=owner)
            run.root, run.origin, run.facts = old.root, (run_id, step), old.facts
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

    def ask(
        self,
        run_id: str,
        kind: str,
        options: Mapping[str, Any],
        callback: Callable[[Reply], None],
        step: int | None = None,
    ) -> Callable[[], None]:
        ticket = next(self._tickets)
        with self._lock:
            run = self._get(run_id)
            state = None if step is None else _kept(run, step).state
            waiting = _Waiting(Ask(run_id, ticket, kind, dict(options), state), callback)
            answered = run.worker is None
            if not answered:
                run.waiting[ticket] = waiting
                self._tell(run, waiting.ask)
        if answered:
            callback(_NOBODY)

        def take_back() -> None:
            with self._lock:
                if run.waiting.pop(ticket, None) is not None and run.worker is not None:
                    self._tell(run, TakeBack(run_id, ticket))

        return take_back

    def renew(self, run_id: str) -> None:
        with self._lock:
            run = self._get(run_id)
            run.seen = time.monotonic()
            self._tell_watched(run)

    def subscribe(self, run_id: str, callback: Callable[[], None]) -> Callable[[], None]:
        ticket = next(self._tickets)
        with self._lock:
            run = self._get(run_id)
            run.subscribers[ticket] = callback
            self._tell_watched(run)

        def leave() -> None:
            with self._lock:
                if run.subscribers.pop(ticket, None) is not None:
                    run.seen = time.monotonic()

        return leave

    def workers_ready(self) -> int:
        """How many workers could take a run at this moment."""
        with self._lock:
            return sum(worker.ready_since is not None for worker in self._workers)

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
            callbacks = [callback for run in self._runs.values() for callback in run.subscribers.values()]
            callbacks += [callback for run in self._runs.values() for callback in _leave_unanswered(run, _GONE)]
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
        _knock(self._listener.address)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(0.5)
        self._listener.close()
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

    def _make_room(self, owner: str, but: _Run | None = None) -> list[Callable[[], None]]:
        """Drop the run that must go for one more of this owner, if any.

        Raises:
            EngineFull: when none can go.
        """
        runs = self._runs.values()
        of = Counter(run.owner for run in runs)
        left = [run for run in runs if run is not but and not run.is_watched(self.glance)]
        if owner and of[owner] >= self.runs_each:
            mine = [run for run in left if run.owner == owner]
            if not mine:
                raise EngineFull(
                    f"You have {self.runs_each} runs open, which is the most. Close one of their tabs, and try again."
                )
            return self._drop(min(mine, key=lambda run: (not run.is_untouched, run.seen)))
        if len(runs) >= self.max_runs:
            if not left:
                raise EngineFull(
                    f"All {self.max_runs} places for runs are taken, and somebody watches every one. "
                    "Try again when one of them was stopped or left."
                )
            return self._drop(min(left, key=lambda run: (not run.is_untouched, -of[run.owner], run.seen)))
        return []

    def _drop(self, run: _Run) -> list[Callable[[], None]]:
        if run.worker is not None:
            run.number += 1
            self._tell(run, Order(run.run_id, run.number, "stop"))
        del self._runs[run.run_id]
        return [*run.subscribers.values(), *_leave_unanswered(run, _GONE)]

    def _host(self, run: _Run) -> None:
        """Give the run to the worker with the least to do, from its checkpoint where it has one."""
        run.worker = min(self._workers, key=self._load)
        run.number += 1
        run.status, run.message = "starting", ""
        run.told_watched = run.is_watched(self.glance)
        state, run.step = None, 0
        if run.checkpoint is not None:
            state, run.step = run.checkpoint.state, run.checkpoint.step
            run.train, run.validation = run.checkpoint.train.copy(), run.checkpoint.validation.copy()
            run.album = run.album.until(run.step)
        self._tell(run, Host(run.run_id, run.number, run.experiment, state, run.told_watched))
        for waiting in run.waiting.values():  # asked of the worker that it was taken from
            self._tell(run, waiting.ask)

    def _move_to_the_idle(self, run: _Run) -> None:
        """Move a run that is about to train, and of which all is known here, to a worker with less to do."""
        known = run.step == 0 if run.checkpoint is None else run.step == run.checkpoint.step
        if run.status not in ("ready", "paused", "finished") or not known or run.worker is None:
            return
        best = min(self._workers, key=self._load)
        (gone, least), (_, mine) = self._load(best), self._load(run.worker)
        if not gone and least + 0.5 < mine:
            run.number += 1
            self._tell(run, Order(run.run_id, run.number, "stop"))
            self._host(run)

    def _load(self, worker: _Worker) -> tuple[bool, float]:
        mine = [run for run in self._runs.values() if run.worker is worker]
        load = sum(1.0 if run.status == "training" else IDLE_WEIGHT for run in mine)
        dying = worker.process is not None and worker.process.poll() is not None
        late = worker.ready_since is None
        return worker.deaths >= GIVE_UP or dying, load + (0.5 if late else 0.0)

    @staticmethod
    def _tell(run: _Run, message: Host | Order | Change | Watch | Ask | TakeBack) -> None:
        assert run.worker is not None
        run.worker.outbox.put(pickle.dumps(message, protocol=5))

    def _tell_watched(self, run: _Run) -> None:
        watched = run.is_watched(self.glance)
        if watched != run.told_watched and run.worker is not None:
            run.told_watched = watched
            self._tell(run, Watch(run.run_id, watched))

    # -- threads ------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        """Take the connections of new workers."""
        while not self._closing.is_set():
            try:
                connection = self._listener.accept()
                name = connection.recv_bytes(64).decode()
            except Exception as error:  # whoever it was hung up, or did not know the key
                if not self._closing.wait(0.05):
                    _log.warning("a connection was not taken: %r", error)
                continue
            for worker in self._workers:
                if f"{worker.name}.{worker.life}" == name and not worker.connected.is_set():
                    worker.connection = connection
                    worker.connected.set()
                    break
            else:
                connection.close()

    def _keep_alive(self, worker: _Worker) -> None:
        """Start a worker, listen to it until it dies, and start the next one."""
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
        with self._lock:
            if self._closing.is_set():
                return
            process = subprocess.Popen(
                [*_COMMAND, str(self._listener.address)],
                stdin=subprocess.PIPE,
                stdout=2,  # standard output belongs to the program that made the engine
                env={**os.environ, "PYTHONPATH": path, **one_thread, **store.environment()},
            )
            worker.process = process
            worker.life += 1
            name = f"{worker.name}.{worker.life}"
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"key": self._key.hex(), "name": name}).encode() + b"\n")
            process.stdin.close()
        except OSError:
            pass  # it died already, which is noticed next

    def _hear(self, worker: _Worker) -> None:
        process = worker.process
        while not worker.connected.wait(0.02):
            if self._closing.is_set() or process is None or process.poll() is not None:
                return
        connection = worker.connection
        assert connection is not None
        while True:
            try:
                data = connection.recv_bytes()
            except (EOFError, OSError):
                return
            message = pickle.loads(data)
            if isinstance(message, WorkerReady):
                with self._lock:
                    worker.ready_since = time.monotonic()
                # Only now: what a worker was told that died on its way up waits for the next one.
                worker.writer = threading.Thread(target=_write, args=(connection, worker.outbox), daemon=True)
                worker.writer.start()
            elif isinstance(message, Word):
                self._pass_on(worker, message)
            else:
                self._learn(worker, message)

    def _pass_on(self, worker: _Worker, word: Word) -> None:
        with self._lock:
            run = self._runs.get(word.run_id)
            if run is None or run.worker is not worker or word.ticket not in run.waiting:
                return
            callback = run.waiting[word.ticket].callback
            if word.value is not None or word.error:
                del run.waiting[word.ticket]
        value = None if word.value is None else pickle.loads(word.value)
        _call([functools.partial(callback, Reply(word.progress, value, word.error, word.step, word.epoch))])

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
            run.facts = update.facts or run.facts
            run.test = update.test or run.test
            run.packed = update.snapshot or run.packed
            for frame in update.frames:
                run.album.add(frame)
            if update.checkpoint is not None:
                run.checkpoint = _Checkpoint(update.checkpoint, update.step, run.train.copy(), run.validation.copy())
                run.album.add(Frame(update.step, update.epoch, update.checkpoint))
            callbacks = _changed(run)
        _call(callbacks)

    def _bury(self, worker: _Worker) -> float:
        """Tidy up after a dead worker; returns the seconds to wait before the next is started."""
        if worker.process is not None:
            worker.process.kill()  # it may have lost its connection without dying
            worker.process.wait()
        callbacks: list[Callable[[], None]] = []
        connection, writer = worker.connection, worker.writer
        with self._lock:
            ready_since = worker.ready_since
            worker.process = worker.connection = worker.ready_since = worker.writer = None
            worker.connected.clear()
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
                        run.status, run.message = _fate(run, given_up and ready_since is None)
                    callbacks += [*_changed(run), *_leave_unanswered(run, _NOBODY)]
        if writer is not None:
            writer.join(1.0)
        if connection is not None:
            connection.close()  # last, so that no thread writes to a file descriptor that is somebody else's by then
        _call(callbacks)
        return 0.0 if worker.deaths <= 1 else min(BACK_OFF * 2 ** (worker.deaths - 2), LONGEST_BACK_OFF)

    def _tend(self) -> None:
        """Pause and forget what nobody looks at, and tell workers who is looking."""
        while not self._closing.wait(min(0.5, self.lease / 4, self.keep / 4, self.glance / 4)):
            callbacks: list[Callable[[], None]] = []
            with self._lock:
                for run in list(self._runs.values()):
                    if not run.is_watched(self.keep_untouched if run.is_untouched else self.keep):
                        callbacks += self._drop(run)
                    elif run.status == "training" and run.worker is not None and not run.is_watched(self.lease):
                        self._pause_unwatched(run)
                    else:
                        self._tell_watched(run)
            _call(callbacks)

    def _pause_unwatched(self, run: _Run) -> None:
        if run.number != run.pause_number:  # else it was told, and has not answered yet
            run.number = run.pause_number = run.number + 1
            self._tell(run, Order(run.run_id, run.number, "pause", "Paused: nobody was watching."))


def check_size(experiment: Experiment) -> None:
    """See that there are data for an experiment, and that its model can be trained live.

    Raises:
        SettingError: when its data do not bear its settings, or are not there.
        ModelTooLarge: when its model cannot be trained live.
    """
    if experiment.task_settings.private:  # what somebody brought may be gone the next time
        build_on_meta(experiment, experiment.make_task())
    else:
        _check_size(experiment)


@functools.lru_cache(maxsize=64)
def _check_size(experiment: Experiment) -> None:
    build_on_meta(experiment, experiment.make_task())


def _fate(run: _Run, given_up: bool) -> tuple[Status, str]:
    if given_up:
        return "failed", "No worker process could be started for this run; the log says why. Reset tries again."
    resumed = run.checkpoint.step if run.checkpoint is not None else 0
    return (
        "interrupted",
        f"The worker of this run died at step {run.step}. Press Play to go on from step {resumed}.",
    )


def _kept(run: _Run, step: int) -> Frame:
    frame = run.album.at(step)
    if frame is None:
        raise UserError(f"Step {step} of this run is not kept (any more); choose another one.")
    return frame


def _leave_unanswered(run: _Run, reply: Reply) -> list[Callable[[], None]]:
    """Whom to tell, once the lock is free, that their questions about this run get no answer."""
    callbacks: list[Callable[[], None]] = [
        functools.partial(waiting.callback, reply) for waiting in run.waiting.values()
    ]
    run.waiting.clear()
    return callbacks


def _changed(run: _Run) -> list[Callable[[], None]]:
    """Count a change; returns whom to call once the lock is free."""
    run.version += 1
    return list(run.subscribers.values())


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


def _knock(address: Any) -> None:
    """Wake a thread that waits for a connection."""
    try:
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as knocker:
            knocker.settimeout(0.5)
            knocker.connect(address)
    except OSError:
        pass


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
