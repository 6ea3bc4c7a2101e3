"""The engine of this machine: it passes commands, updates and frames between pages and worker processes.

`run_table` has the state of the runs, `worker_process` keeps a process alive and speaks with it, `placement` chooses
the process for a run, and `relay` has the viewers. One lock guards everything.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rnn_explorer.engine.base import COMMANDS, CommandName, FileForm, RunView, Status, UnknownRun
from rnn_explorer.engine.budget import memory_limit, model_bytes
from rnn_explorer.engine.keeping import Keeping
from rnn_explorer.engine.pictures import status_frame
from rnn_explorer.engine.placement import least_loaded, should_move
from rnn_explorer.engine.protocol import (
    Change,
    Command,
    DropFile,
    FileMade,
    FileProgress,
    FrameMade,
    KeptState,
    LoadRun,
    MakeFile,
    Message,
    SetPast,
    Update,
    WantState,
)
from rnn_explorer.engine.relay import Calls, Deliver, Relay, Viewing, call
from rnn_explorer.engine.run_files import run_of_file
from rnn_explorer.engine.run_table import Run, RunTable
from rnn_explorer.engine.size_check import check_size
from rnn_explorer.engine.worker_process import WorkerProcess
from rnn_explorer.experiment import Experiment, TrainingSettings
from rnn_explorer.recording.run_file.reading import RunFile
from rnn_explorer.recording.state_file import StateFile, read
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.recording.weight_history import HistoryEntry
from rnn_explorer.settings import SettingError

MAX_WORKERS = 8  # by default; a worker takes about 300 MB
GLANCE = 5.0  # seconds after a renewal during which a run counts as watched
MOST_OTHERS = 12  # branches whose curves are drawn beside a run

_NOBODY = "The worker process of this run died; press Resume, then try again."
_GONE = "This run is no longer on the server."
_FIRST_START = "Starting PyTorch; a first start takes some ten seconds."
_log = logging.getLogger(__name__)


class LocalEngine:
    """An engine whose workers are processes of this machine; see `base.Engine` for its words.

    The workers are started at once, without waiting for them. Every worker ends when this process does, in
    whatever way that happens.

    Args:
        workers: processes, at least 1; None: one a core that this process may use, at most `MAX_WORKERS`.
        lease: seconds after which a training run without a viewer is paused.
        keep: seconds after which a run without a viewer is forgotten.
        max_runs: the most runs at a time. Where they are used up, one that nobody looks at makes room for another:
            first one that was never trained, then one of the owner with the most runs, the longest left first.
        runs_each: the most runs of one owner at a time; the longest left of the owner's own makes room for another.
        keep_untouched: seconds after which an untrained run without a viewer is forgotten.
        glance: seconds after a look during which a run counts as looked at.
        memory: bytes that all runs may take together, here and in the workers; None: as `budget.memory_limit` says.
        one_first: whether the first worker is to be ready before the others start. Importing torch takes seconds of a
            core, and at its start a server shares its cores with the first browser.
        store: where runs are kept from their first step on, so that they outlive this engine; None: nowhere.
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
        store: RunStore | None = None,
    ) -> None:
        count = min(_cores(), MAX_WORKERS) if workers is None else workers
        if count < 1:
            raise ValueError(f"an engine needs at least one worker, not {count}")
        self.lease, self.keep, self.keep_untouched = lease, keep, min(keep, keep_untouched)
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._runs = RunTable(memory_limit() if memory is None else memory, max_runs, runs_each, glance)
        self._states = StateFile()
        self._keeping = None if store is None else Keeping(store)
        self._tickets = itertools.count()
        self._relay = Relay()
        self._pid = os.getpid()
        self._workers: list[WorkerProcess] = []
        for number in range(count):
            after = self._workers[0] if one_first and number else None
            place = WorkerProcess(str(number), self._lock, self._closing, self._hear, self._lose, after)
            self._workers.append(place)
        self._threads = [threading.Thread(target=self._tend, name="engine-tend", daemon=True)]
        self._threads += [worker.thread for worker in self._workers]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    # -- what a page says ---------------------------------------------------------------------------------------

    def start(self, experiment: Experiment, owner: str = "") -> str:
        run = Run(experiment, check_size(experiment), owner)
        with self._lock:
            if self._closing.is_set():
                raise RuntimeError("the engine is closed")
            calls = self._admit(run)
        call(calls)
        return run.run_id

    def command(self, run_id: str, command: CommandName, by: str | None = None) -> None:
        if command not in COMMANDS:
            raise ValueError(f"{command!r} is no command; there are: {', '.join(COMMANDS)}")
        with self._lock:
            run = self._runs.steered(run_id, by)
            run.last_seen, run.aside = time.monotonic(), run.aside and command == "pause"
            if command == "stop":
                calls = self._drop(run)
            else:
                self._obey(run, command)
                calls = self._changed(run)
        call(calls)

    def set_aside(self, run_id: str, by: str | None = None) -> None:
        with self._lock:
            self._runs.steered(run_id, by).aside = True

    def _obey(self, run: Run, command: CommandName) -> None:
        if run.worker is None:  # its worker died
            if command == "pause":
                return
            if command == "reset":
                run.forget_results()
                self._host(run)
                return
            if run.status == "failed":
                return
            run.status, run.message = "interrupted" if command == "play" else "paused", ""  # until it has obeyed
            self._host(run)
        elif run.status in ("diverged", "failed") and command in ("play", "step", "epoch"):
            return  # the message stands
        if command in ("play", "epoch") and should_move(run, self._workers, self._runs.values()):
            run.number += 1
            self._tell(Command(run.run_id, run.number, "stop"))
            self._host(run)
        if command in ("play", "step", "epoch"):
            # Shown at once, so that a page that draws while a run trains starts to draw.
            run.status, run.message, run.test = "training", _waits_for(run.worker), None
        elif command == "reset":
            run.status, run.message = "starting", _waits_for(run.worker)
        run.number += 1
        self._tell(Command(run.run_id, run.number, command))

    def change(self, run_id: str, *, by: str | None = None, **training_settings: Any) -> None:
        live = {spec.name for spec in TrainingSettings.specs() if spec.live}
        for name, value in training_settings.items():
            if name not in live:
                raise SettingError(name, value, "left as it is while this model lives; it needs a new one")
        if "batch_size" in training_settings:
            with self._lock:
                changed = self._runs.find(run_id).experiment.replace(**training_settings)
            check_size(changed)
        with self._lock:
            run = self._runs.steered(run_id, by)
            run.experiment = run.experiment.replace(**training_settings)
            run.last_seen = time.monotonic()
            if run.worker is not None:
                run.number += 1
                self._tell(Change(run.run_id, run.number, training_settings))
            self._report(run)
            calls = self._changed(run)
        call(calls)

    def view(self, run_id: str) -> RunView:
        with self._lock:
            return self._runs.find(run_id).look()

    def revive(self, run_id: str) -> None:
        if self._keeping is None:
            raise UnknownRun(run_id)
        with self._lock:
            if run_id in self._runs:
                return
        run = self._keeping.revived(run_id)  # before the lock is taken, since a disk may be slow
        if run is None:
            raise UnknownRun(run_id)
        check_size(run.experiment)
        with self._lock:
            if run_id in self._runs:
                return
            calls = self._admit(run)
        call(calls)

    def adopt(self, found: RunFile, owner: str = "") -> str:
        run = run_of_file(found, owner, self._states.keep)  # before the lock is taken, since a disk may be slow
        check_size(run.experiment)
        data = None if self._keeping is None else self._keeping.data_for(run)
        with self._lock:
            calls = self._admit(run)
            if self._keeping is not None:
                self._keeping.adopted(run, found, data)
        call(calls)
        return run.run_id

    def past(self, run_id: str) -> tuple[HistoryEntry, ...]:
        with self._lock:
            run = self._runs.find(run_id)
            self._report(run)
            return tuple(run.weight_history.entries())

    def branch(self, run_id: str, step: int, owner: str = "") -> str:
        with self._lock:
            old = self._runs.find(run_id)
            run = old.branch(step, owner)
            calls = self._admit(run, but=old)
        call(calls)
        return run.run_id

    def family(self, run_id: str) -> tuple[str, ...]:
        with self._lock:
            return tuple(run.run_id for run in self._runs.family(self._runs.find(run_id)))

    def look(self, run_id: str, view: str, selection: Mapping[str, str], deliver: Deliver, who: str = "") -> Look:
        with self._lock:
            run = self._runs.find(run_id)
            viewing = self._relay.open(run_id, view, dict(selection), deliver, who, self._tell)
            run.viewers, run.aside = self._relay.viewers(run_id), False
            calls = self._say_status(run) if self._is_dumb(run) else []
            self._send_past(run)
        call(calls)
        return Look(self, viewing)

    def _left(self, viewing: Viewing) -> None:
        """A viewer left; the lock is held."""
        run = self._runs.get(viewing.run_id)
        if run is not None:
            run.viewers, run.last_seen = self._relay.viewers(viewing.run_id), time.monotonic()

    def make_file(
        self,
        run_id: str,
        view: str,
        selection: Mapping[str, str],
        figure: str,
        form: FileForm,
        callback: Callable[[FileMade | FileProgress], None],
    ) -> Callable[[], None]:
        ticket = next(self._tickets)
        with self._lock:
            run = self._runs.find(run_id)
            if run.worker is not None:
                run.files[ticket] = callback
                self._send_past(run)
                self._tell(MakeFile(run_id, ticket, view, dict(selection), figure, form))
                return functools.partial(self._drop_file, run, ticket)
        callback(FileMade(run_id, ticket, error=_NOBODY))
        return lambda: None

    def _drop_file(self, run: Run, ticket: int) -> None:
        """Nobody waits for a file any more."""
        with self._lock:
            if run.files.pop(ticket, None) is not None and run.worker is not None:
                self._tell(DropFile(run.run_id, ticket))

    def renew(self, run_id: str) -> None:
        with self._lock:
            run = self._runs.find(run_id)
            run.last_seen = time.monotonic()

    def subscribe(self, run_id: str, callback: Callable[[], None]) -> Callable[[], None]:
        ticket = next(self._tickets)
        with self._lock:
            run = self._runs.find(run_id)
            run.subscribers[ticket] = callback

        def leave() -> None:
            with self._lock:
                if run.subscribers.pop(ticket, None) is not None:
                    run.last_seen = time.monotonic()

        return leave

    def run_ids(self) -> tuple[str, ...]:
        """The runs that are here, the oldest first."""
        with self._lock:
            return tuple(self._runs)

    def viewers(self, run_id: str) -> int:
        """How many look at a run."""
        with self._lock:
            return self._relay.viewers(run_id)

    def workers_ready(self) -> int:
        """How many workers could take a run at this moment."""
        with self._lock:
            return sum(worker.answers for worker in self._workers)

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
            calls = [callback for run in self._runs.values() for callback in run.subscribers.values()]
            calls += [each for run in self._runs.values() for each in self._leave(run, _GONE)]
            self._report(*self._runs.values())
            self._runs.clear()
            for worker in self._workers:
                worker.terminate()
        atexit.unregister(self.close)
        deadline = time.monotonic() + 1.0
        for worker in self._workers:
            worker.wait(deadline)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(0.5)
        self._states.close()
        call(calls)

    # -- runs and workers; the lock is held ---------------------------------------------------------------------

    def _admit(self, run: Run, but: Run | None = None) -> Calls:
        """Take in a new run, and let those go whose place or memory it needs, but for one.

        Raises:
            EngineFull: when there is no room for it; nothing has gone then.
        """
        wanted = model_bytes(run.parameters, run.experiment)
        calls = [each for other in self._runs.displaced(run.owner, wanted, but) for each in self._drop(other)]
        thinned, gone = self._runs.spare(wanted, but)
        calls += [*self._changed(*thinned), *(each for other in gone for each in self._drop(other))]
        self._runs.add(run)
        self._host(run)
        return calls

    def _drop(self, run: Run) -> Calls:
        if run.worker is not None:
            run.number += 1
            self._tell(Command(run.run_id, run.number, "stop"))
        del self._runs[run.run_id]
        if self._keeping is not None:
            self._keeping.forget(run)
        return [*run.subscribers.values(), *self._leave(run, _GONE)]

    def _host(self, run: Run) -> None:
        """Give the run to the worker with the least to do, from its checkpoint where it has one, as it is now."""
        lasts = "paused" if run.status in ("starting", "training") else run.status
        message = run.message if lasts == run.status else ""
        run.worker = least_loaded(self._workers, self._runs.values())
        run.number += 1
        run.status, run.message = "starting", _waits_for(run.worker)
        state = read(kept) if (kept := run.rewind()) is not None else None
        if self._keeping is not None:
            self._keeping.rewound(run)
        train, validation = run.train.arrays(), run.validation.arrays()
        about = (run.run_id, run.number, run.experiment, state, train, validation)
        self._tell(LoadRun(*about, lasts, message, run.test, run.marks))
        run.sent_past = None
        self._send_past(run)
        self._relay.move(run.run_id, self._tell)

    def _of(self, worker: WorkerProcess) -> list[Run]:
        return [run for run in self._runs.values() if run.worker is worker]

    def _tell(self, message: Any) -> None:
        """Send a message to the worker of the run that it is about; it is dropped where there is none."""
        run = self._runs.get(message.run_id)
        if run is not None and run.worker is not None:
            run.worker.tell(message)

    def _send_past(self, run: Run) -> None:
        """Let the worker know which steps are kept, and the curves of the other branches, where somebody sees them."""
        if not run.viewers and not run.files:
            return
        branches = [relative for relative in self._runs.family(run) if relative is not run][:MOST_OTHERS]
        now = (run.weight_history.steps, [(branch.run_id, branch.version) for branch in branches])
        if now != run.sent_past:
            run.sent_past = now
            self._tell(
                SetPast(run.run_id, run.weight_history.steps, tuple(branch.train.arrays() for branch in branches))
            )

    @staticmethod
    def _is_dumb(run: Run) -> bool:
        """Whether the run's worker cannot speak for it at the moment."""
        return run.worker is None or not run.worker.answers

    def _say_status(self, run: Run) -> Calls:
        """Tell viewers what no worker can tell them."""
        return self._relay.say(run.run_id, "status", status_frame(run.look()))

    def _changed(self, *runs: Run) -> Calls:
        """Count a change of each; returns whom to call once the lock is free."""
        calls: Calls = []
        for run in runs:
            run.version += 1
            calls += [*run.subscribers.values(), *(self._say_status(run) if self._is_dumb(run) else ())]
        return calls

    def _leave(self, run: Run, why: str) -> Calls:
        """Whom to tell, once the lock is free, that nothing comes of this run any more; `why` for files."""
        calls = [
            functools.partial(callback, FileMade(run.run_id, ticket, error=why))
            for ticket, callback in run.files.items()
        ]
        run.files.clear()
        return [*calls, *(self._relay.forget(run.run_id) if why == _GONE else ())]

    # -- in the threads of workers, and in one of its own --------------------------------------------------------

    def _hear(self, worker: WorkerProcess, message: Message) -> None:
        """Take what a worker says of a run."""
        if isinstance(message, WantState):
            self._give_state(worker, message)
        elif not isinstance(message, Update):
            self._pass_on(worker, message)
        else:
            try:
                self._learn(worker, message)
            except Exception:
                self._give_up(worker, message)

    def _pass_on(self, worker: WorkerProcess, message: Message) -> None:
        """A frame or a file for whom it is."""
        calls: Calls = []
        with self._lock:
            run = self._runs.get(getattr(message, "run_id", ""))
            if run is None or run.worker is not worker:
                return
            if isinstance(message, FrameMade):
                calls = self._relay.pass_on(message, self._tell)
            elif isinstance(message, FileMade) and (callback := run.files.pop(message.ticket, None)) is not None:
                calls = [functools.partial(callback, message)]
            elif isinstance(message, FileProgress) and message.ticket in run.files:
                calls = [functools.partial(run.files[message.ticket], message)]
        call(calls)

    def _give_state(self, worker: WorkerProcess, wanted: WantState) -> None:
        """Read a kept state for the worker that wants it, while others have the lock."""
        with self._lock:
            run = self._runs.get(wanted.run_id)
            kept = run.weight_history.at(wanted.step) if run is not None and run.worker is worker else None
        try:
            state = None if kept is None else read(kept.state)
        except OSError:
            _log.exception("step %d of run %s could not be read", wanted.step, wanted.run_id)
            state = None
        with self._lock:
            if run is not None and run.worker is worker:
                self._tell(KeptState(run.run_id, wanted.step, state))

    def _learn(self, worker: WorkerProcess, update: Update) -> None:
        # Before the lock is taken, since a disk may be slow.
        entries = [dataclasses.replace(entry, state=self._states.keep(read(entry.state))) for entry in update.entries]
        checkpoint = None if update.checkpoint is None else self._states.keep(update.checkpoint)
        begins = self._runs.get(update.run_id) if update.step else None
        data = None if self._keeping is None else self._keeping.data_for(begins)
        with self._lock:
            run = self._runs.get(update.run_id)
            if run is None or run.worker is not worker:
                return
            run.learn(update, entries, checkpoint)
            if self._keeping is not None:
                self._keeping.learned(run, update, data)
            self._send_past(run)
            calls = self._changed(run)
        call(calls)

    def _give_up(self, worker: WorkerProcess, update: Update) -> None:
        """Within an except clause: an update of a run failed here. The run ends, the others go on."""
        _log.exception("an update of run %s could not be taken in", update.run_id)
        calls: Calls = []
        with self._lock:
            run = self._runs.get(update.run_id)
            if run is not None and run.worker is worker:
                run.number += 1
                self._tell(Command(run.run_id, run.number, "stop"))
                run.lose_worker(
                    "failed",
                    f"This run failed at step {run.step} by a fault of the program; the log has it. "
                    "Reset starts it anew.",
                )
                calls = [*self._changed(run), *self._leave(run, _NOBODY)]
        call(calls)

    def _report(self, *runs: Run) -> None:
        """Let the store know how runs are now."""
        if self._keeping is not None:
            for run in runs:
                self._keeping.report(run)

    def _lose(self, worker: WorkerProcess, given_up: bool, silenced: bool) -> Calls:
        """A worker has died with its runs; the lock is held."""
        calls: Calls = []
        for run in self._of(worker):
            run.lose_worker(*((run.status, run.message) if run.status == "failed" else _fate(run, given_up, silenced)))
            self._report(run)
            calls += [*self._changed(run), *self._leave(run, _NOBODY)]
        return calls

    def _tend(self) -> None:
        """Pause and forget what nobody looks at, tell workers who is looking, and see that these are well."""
        last = time.monotonic()
        while not self._closing.wait(min(0.5, self.lease / 4, self.keep / 4, self._runs.glance / 4)):
            calls: Calls = []
            now = time.monotonic()
            pause, last = now - last, now
            with self._lock:
                for worker in self._workers:
                    if worker.check(now, pause):
                        calls += self._changed(*self._of(worker))
                if self._keeping is not None:
                    self._keeping.tend(self._runs.values())
                thinned, _ = self._runs.spare(0)
                calls += self._changed(*thinned)
                for run in list(self._runs.values()):
                    if not run.is_watched(self.keep_untouched if run.is_untouched else self.keep):
                        calls += self._drop(run)
                    elif run.status == "training" and run.worker is not None and not run.is_watched(self.lease):
                        self._pause_unwatched(run)
                    else:
                        self._send_past(run)
            call(calls)

    def _pause_unwatched(self, run: Run) -> None:
        if run.number != run.pause_number:  # else the pause is on its way
            run.number = run.pause_number = run.number + 1
            self._tell(Command(run.run_id, run.number, "pause", "Paused: nobody was watching."))


class Look:
    """A viewer of a run, see `Engine.look`. Every method may be called from any thread."""

    def __init__(self, engine: LocalEngine, viewing: Viewing) -> None:
        self._engine, self._viewing = engine, viewing

    def choose(self, selection: Mapping[str, str]) -> None:
        """Look at something else of the run."""
        with self._engine._lock:
            self._engine._relay.choose(self._viewing, dict(selection), self._engine._tell)

    def ready(self) -> None:
        """The last frame was taken; the next may come."""
        with self._engine._lock:
            calls = self._engine._relay.ready(self._viewing, self._engine._tell)
        call(calls)

    def close(self) -> None:
        """Look no more. May be called twice."""
        with self._engine._lock:
            self._engine._relay.close(self._viewing, self._engine._tell)
            self._engine._left(self._viewing)


def _waits_for(worker: WorkerProcess | None) -> str:
    """What a run waits for that this worker is to host; "" for nothing."""
    return "" if worker is not None and worker.ready_since is not None else _FIRST_START


def _fate(run: Run, given_up: bool, silenced: bool) -> tuple[Status, str]:
    if given_up:
        return "failed", "No worker process could be started for this run; the log says why. Reset tries again."
    resumed = run.checkpoint.step if run.checkpoint is not None else 0
    what = "stopped answering" if silenced else "died"
    return (
        "interrupted",
        f"The worker of this run {what} at step {run.step}. Press Resume to go on from step {resumed}.",
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
