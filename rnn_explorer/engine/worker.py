"""A worker process: hosts many trainers and gives each running one a slice of time in turn.

Started by an engine as `python -m rnn_explorer.engine.worker DESCRIPTOR`: the number of an open file that connects it.
It lives as long as the connection: when the engine is gone, however it went, so is the worker.

Whatever takes long is done in slices: training step by step; building, measuring and answering as generators that pause
where others may have a turn. An exception of a run ends that run, never the worker.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from rnn_explorer.engine import protocol
from rnn_explorer.engine.base import ModelInfo, Status
from rnn_explorer.engine.channels import Channels
from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.engine.inquiries import AnalysisScheduler, restored
from rnn_explorer.engine.protocol import (
    Beat,
    Change,
    Choose,
    CloseChannel,
    Command,
    KeptState,
    LoadRun,
    MakeFile,
    Message,
    OpenChannel,
    SetPast,
    Update,
    WantFrame,
    WantState,
    WorkerReady,
)
from rnn_explorer.errors import UserError
from rnn_explorer.recording.weight_history import HistoryEntry
from rnn_explorer.remembered import Remembered
from rnn_explorer.trace import History

if TYPE_CHECKING:
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.tasks.base import Baseline, Task

ROUND = 0.15  # seconds in which every run that trains has had its slice, as far as slices are not too short for that
SLICE_ALONE, SLICE_SHARED, SHORTEST_SLICE = 0.05, 0.03, 0.004  # seconds of training between two looks at the others
FIRST_SLICE = 0.01  # after Play: the user is waiting to see something move
BEAT_EVERY = 1.0  # seconds between two signs of life
TASKS_KEPT = 64 * 2**20  # bytes of built tasks that are kept for the next run with the same data

_log = logging.getLogger(__name__)


class Worker:
    """The loop of a worker process.

    Args:
        connection: to the engine; read by another thread, written by this one and by that of `beat`.
        inbox: messages of the engine as bytes, in order.
    """

    def __init__(self, connection: Connection, inbox: queue.SimpleQueue[bytes]) -> None:
        self.connection, self.inbox = connection, inbox
        self.runs: dict[str, HostedRun] = {}
        self.turns: deque[HostedRun] = deque()  # those with something to do; the leftmost is next
        self.inquiries = AnalysisScheduler(self.runs, lambda run_id, step: self.send(WantState(run_id, step)))
        self.channels = Channels(self.runs, self.inquiries, self.send)
        self.since: float | None = time.monotonic()  # since when it does what it does now; None while it waits
        self._sending = threading.Lock()
        self._tasks = Remembered[tuple["Task", "Baseline"]](TASKS_KEPT)

    def beat(self) -> None:
        """Give signs of life, for ever, in a thread of its own: they say for how long the loop has not come round."""
        while True:
            since = self.since
            self.send(Beat(0.0 if since is None else time.monotonic() - since))
            time.sleep(BEAT_EVERY)

    def loop(self) -> None:
        """Handle messages and give slices, for ever: to a run that trains and to a question, in turn."""
        while True:
            while (wait := self.wait()) != 0 or not self.inbox.empty():
                self.since = None
                try:
                    message = self.inbox.get(timeout=wait)
                except queue.Empty:
                    break
                finally:
                    self.since = time.monotonic()
                try:
                    self.handle(protocol.decode(message))
                except Exception:  # what concerns a run is caught with the run
                    _log.exception("a message could not be handled")
            self.since = time.monotonic()
            if self.inquiries:
                self.inquiries.work(SLICE_SHARED, self.called)
            now = time.monotonic()
            self.since = now
            self.channels.work(training=bool(self.turns))
            run = next((run for run in self.turns if run.next_turn <= now), None)
            if run is not None and self.inbox.empty():
                self.since = now
                self.turns.remove(run)
                alone = not self.turns and not self.inquiries
                shared = min(SLICE_SHARED, max(ROUND / (1 + len(self.turns)), SHORTEST_SLICE))
                seconds = FIRST_SLICE if run.first_slice else SLICE_ALONE if alone else shared
                if alone:  # a frame may be due before; where there are many runs, their slices are short anyway
                    seconds = min(seconds, max(self.channels.due() - now, SHORTEST_SLICE))
                run.first_slice = False
                self.give_slice(run, seconds)
                if (run.busy or run.status == "training") and run not in self.turns:
                    self.turns.append(run)
                self.attend(run)

    def wait(self) -> float | None:
        """Seconds until there is something to do; None where only a message can bring it."""
        if self.inquiries:
            return 0.0
        due = min([self.channels.due(), *(run.next_turn for run in self.turns)])
        return None if math.isinf(due) else max(0.0, due - time.monotonic())

    def called(self) -> bool:
        """Whether a message waits."""
        return not self.inbox.empty()

    def send(self, message: Message) -> None:
        """Tell the engine."""
        data = protocol.encode(message)
        with self._sending:
            try:
                self.connection.send_bytes(data)
            except OSError:
                os._exit(0)  # the engine is gone, which the thread that listens may see a moment later

    # -- messages -----------------------------------------------------------------------------------------------

    def handle(self, message: Message) -> None:
        """Do what a message of the engine asks; orders and changes are answered by an update."""
        if isinstance(message, LoadRun):
            run = HostedRun(message.run_id, message.experiment)
            run.number = message.number
            for name, rows in (("train", message.train), ("validation", message.validation)):
                run.history[name] = History.of(rows, run.history[name].columns)
            self.runs[run.run_id] = run
            self.take_up(run, self.build(run, message.checkpoint))
            return
        if isinstance(message, (WorkerReady, Beat)) or message.run_id not in self.runs:
            return
        run = self.runs[message.run_id]
        if isinstance(message, Command) and message.command == "stop":
            self.drop(run)
        elif isinstance(message, (Command, Change)):
            run.orders.append(message)
            self.attend(run)
        elif isinstance(message, SetPast):
            run.kept, run.others = message.steps, message.others
            run.version += 1
        elif isinstance(message, KeptState):
            self.inquiries.give_state(message)
        elif isinstance(message, (OpenChannel, Choose, CloseChannel, WantFrame, MakeFile)):
            self.channels.handle(message)

    def attend(self, run: HostedRun) -> None:
        """Let a run obey its orders, as far as nothing is in hand that must be whole before."""
        while run.orders and not run.busy:
            message = run.orders.popleft()
            run.number = message.number
            try:
                if isinstance(message, Change):
                    self.change(run, message.settings)
                else:
                    self.obey(run, message)
            except Exception as error:
                self.end(run, error)

    def obey(self, run: HostedRun, order: Command) -> None:
        command = order.command
        if command == "reset":
            if run.status == "failed":
                run.trainer = None  # it may be what is broken
            self.halt(run, "starting")
            self.take_up(run, self.build(run, None) if run.trainer is None else self.restart(run))
        elif command == "pause":
            if run.status == "training":
                self.halt(run, "paused", order.reason)
                self.report(run, checkpoint=True)
            else:
                self.report(run)
        elif run.trainer is None or run.status == "failed" or (run.status == "diverged" and command != "test"):
            self.report(run)  # it stays as it is, and says why
        elif command == "test":
            self.take_up(run, self.test(run))
        else:
            self.halt(run, "training")
            run.due, run.one_step = 0.0, command == "step"
            if command != "step":
                run.until_epoch_end, run.first_slice = command == "epoch", True
                if command == "play":
                    run.trainer.extend()
                run.times.append((time.monotonic(), run.trainer.step_count))
                self.report(run)
            self.turns.appendleft(run)

    def take_up(self, run: HostedRun, job: Iterator[None]) -> None:
        """Put something in the run's hands that is done in slices before anything else of it."""
        run.job = job
        if run not in self.turns:
            self.turns.appendleft(run)

    def halt(self, run: HostedRun, status: Status, message: str = "") -> None:
        """Take the run out of the turns and give it a status."""
        if run in self.turns:
            self.turns.remove(run)
        run.times.clear()
        run.status, run.message = status, message
        run.until_epoch_end = run.one_step = False
        if status != "training" and run.trainer is not None:
            run.trainer.rest()

    def drop(self, run: HostedRun) -> None:
        """Forget the run."""
        if run in self.turns:
            self.turns.remove(run)
        self.channels.forget(run.run_id)
        self.inquiries.forget(lambda inquiry: inquiry.run_id == run.run_id)
        del self.runs[run.run_id]

    def change(self, run: HostedRun, settings: Any) -> None:
        if run.trainer is not None:
            run.trainer.change(**settings)
        run.experiment = run.experiment.replace(**settings)
        run.due = 0.0
        if run.trainer is not None and run.status == "diverged" and not set(settings) <= {"pace", "speed_limit"}:
            step = run.trainer.step_count
            self.halt(run, "paused", f"It had diverged at step {step}. Play tries again from there, Reset starts anew.")
        self.report(run)

    # -- jobs: each pauses where others may have a turn ---------------------------------------------------------

    def build(self, run: HostedRun, checkpoint: bytes | None) -> Iterator[None]:
        """Make the run's trainer, at step 0 or from a checkpoint."""
        from rnn_explorer.training import Trainer

        run.trainer = run.past = None
        task, baseline = self.task(run.experiment)
        yield
        trainer = Trainer(run.experiment, task)
        yield
        if checkpoint is not None:
            restored(trainer, checkpoint)
            newer = trainer.experiment.live_changes_to(run.experiment)  # changes made after the checkpoint
            if newer:
                trainer.change(**newer)
            yield
        run.trainer = trainer
        info = ModelInfo(
            baseline,
            task.metric.name,
            summary := trainer.summary(),
            sum(row.parameters for row in summary),
            sum(row.keras_parameters for row in summary),
        )
        if checkpoint is None:
            yield from self.begin(run, info=info)
        else:
            run.entry_step = trainer.step_count
            self.halt(run, "paused")
            self.report(run, info=info)

    def restart(self, run: HostedRun) -> Iterator[None]:
        """Back to step 0."""
        assert run.trainer is not None
        run.trainer.reset()
        yield
        yield from self.begin(run)

    def begin(self, run: HostedRun, **told: Any) -> Iterator[None]:
        """Measure and report a run that is at step 0."""
        trainer = run.trainer
        assert trainer is not None
        run.entry_step = -1
        entry = run.take_entry()
        report = yield from trainer.opening_slices()
        assert report.val_loss is not None and report.val_metric is not None
        opening = [(report.step, report.val_loss, report.val_metric)]
        self.halt(run, "ready")
        self.report(run, anew=True, validation=opening, entries=(entry,) if entry else (), **told)

    def test(self, run: HostedRun) -> Iterator[None]:
        """Measure the test split."""
        assert run.trainer is not None
        test = yield from run.trainer.measure("test")
        run.message = run.trainer.verdict(test=test[0]) or run.message
        self.report(run, test=test)

    def finish(self, run: HostedRun, known: tuple[float, ...] | None) -> Iterator[None]:
        """End a training: as finished only where its losses are numbers.

        Args:
            run: which.
            known: loss and metric on the validation set; None where they are not measured yet.
        """
        trainer = run.trainer
        assert trainer is not None
        validation: list[tuple[float, ...]] = []
        if known is None:
            known = yield from trainer.measure("validation")
            if not trainer.stopped_early:  # the curve ends where the run ends
                validation.append((trainer.step_count, *known))
            yield
        test = yield from trainer.measure("test")
        self.conclude(run, known, test)
        self.report(run, validation=validation, test=test, checkpoint=True)

    def conclude(self, run: HostedRun, validation: Sequence[float], test: Sequence[float]) -> None:
        """End a training that was measured: as finished only where its losses are numbers.

        Args:
            run: which.
            validation, test: loss and metric.
        """
        assert run.trainer is not None
        verdict = run.trainer.verdict(validation=validation[0], test=test[0])
        self.halt(run, "diverged" if verdict else "finished", verdict or run.trainer.stopped_early)

    def task(self, experiment: Experiment) -> tuple[Task, Baseline]:
        """The task with its baseline, built once for all runs on the same data: a task never changes.

        The user's data are kept for no other run.
        """

        def make() -> tuple[Task, Baseline]:
            task = experiment.make_task()
            return task, task.baseline()

        if experiment.task_settings.private:
            return make()
        key = (experiment.task, experiment.task_settings, experiment.training.seed, experiment.training.val_split)
        return self._tasks.get_or(key, make)

    # -- slices -------------------------------------------------------------------------------------------------

    def give_slice(self, run: HostedRun, seconds: float) -> None:
        """Let a run go on for `seconds`, but no longer than until a message waits."""
        deadline = time.monotonic() + seconds
        try:
            if run.job is None:
                self.train(run, deadline)
                return
            for _ in run.job:
                if time.monotonic() >= deadline or self.called():
                    return
            run.job = None
        except Exception as error:
            self.end(run, error)

    def train(self, run: HostedRun, deadline: float) -> None:
        """Train until `deadline`, or make one step; tell the engine. At a slower pace it is a few steps."""
        from rnn_explorer.training import Diverged

        trainer = run.trainer
        assert trainer is not None
        steps, seconds = run.stride()
        until = sys.maxsize if run.one_step or run.until_epoch_end else trainer.target
        train: list[tuple[float, ...]] = []
        validation: list[tuple[float, ...]] = []
        entries: list[HistoryEntry] = []
        begin = time.monotonic()
        try:
            while trainer.step_count < until or not trainer.between_steps:
                report = trainer.proceed()
                if report is not None:
                    numbers = (report.train_loss, report.train_metric, report.grad_norm, report.applied_norm)
                    train.append((report.step, *numbers))
                    if (entry := run.take_entry()) is not None:
                        entries.append(entry)
                    if report.val_loss is not None and report.val_metric is not None:
                        validation.append((report.step, report.val_loss, report.val_metric))
                    if trainer.stopped_early or run.one_step or (validation and run.until_epoch_end):
                        break
                    if len(train) >= steps > 0:
                        break
                if time.monotonic() >= deadline or self.called() or (run.orders and trainer.between_steps):
                    break
            pause = seconds * len(train)
            trained = max(time.monotonic() - begin, pause)  # to wait for the next step is part of it
            if train:
                run.due = max(run.due, begin) + pause
            run.checkpoint_throttle.trained += trained
            run.history_throttle.trained += trained
            whole = trainer.between_steps
            free = not run.one_step and not run.until_epoch_end
            if whole and (trainer.stopped_early or (free and trainer.step_count >= trainer.target)):
                ends = validation and validation[-1][0] == trainer.step_count and not trainer.stopped_early
                run.one_step = run.until_epoch_end = False
                self.take_up(run, self.finish(run, validation[-1][1:] if ends else None))  # whatever it was asked to do
            elif whole and ((run.one_step and train) or (run.until_epoch_end and validation)):
                self.halt(run, "paused")
            done = run.status != "training"
            self.report(
                run,
                train=train,
                validation=validation,
                entries=tuple(entries),
                checkpoint=done or (whole and run.checkpoint_throttle.due()),
            )
        except Diverged as error:
            self.halt(run, "diverged", str(error))
            try:
                self.report(run, train=train, validation=validation, entries=tuple(entries))
            except Exception:
                self.fail(run, train=train, validation=validation)
        except Exception:
            self.fail(run, train=train, validation=validation)

    # -- faults -------------------------------------------------------------------------------------------------

    def end(self, run: HostedRun, error: Exception) -> None:
        """Let a run fail: with the error's own words where these are for people, as when its data are gone."""
        if not isinstance(error, UserError):
            self.fail(run)
            return
        run.job = None
        try:
            self.halt(run, "failed", str(error))
            self.report(run)
        except Exception:
            self.fail(run)

    def fail(self, run: HostedRun, **told: Any) -> None:
        """Within an except clause: an error that no person can do anything about. The run ends, the others go on."""
        _log.exception("run %s failed", run.run_id)
        run.job = None
        at = f"at step {run.trainer.step_count}" if run.trainer is not None else "while it was built"
        message = f"This run failed {at} by a fault of the program; the log has it. Reset starts it anew."
        try:
            self.halt(run, "failed", message)
            self.report(run, **told)
        except Exception:  # with as little as can be said
            _log.exception("run %s failed again when that was to be told", run.run_id)
            self.tell(run, Update(run.run_id, run.number, "failed", message))

    # -- telling ------------------------------------------------------------------------------------------------

    def report(
        self,
        run: HostedRun,
        *,
        train: Sequence[tuple[float, ...]] | None = None,
        validation: Sequence[tuple[float, ...]] | None = None,
        checkpoint: bool = False,
        **more: Any,
    ) -> None:
        """Send the engine an update, with a checkpoint of the present step if asked."""
        trainer = run.trainer
        told: dict[str, Any] = dict(more, run_id=run.run_id, number=run.number, status=run.status, message=run.message)
        if train:
            told["train"] = np.array(train)
        if validation:
            told["validation"] = np.array(validation)
        if trainer is not None:
            told.update(
                step=trainer.step_count,
                epoch=trainer.epoch_position(),
                target=trainer.target,
                steps_per_epoch=trainer.steps_per_epoch(),
                steps_per_second=run.rate(),
            )
        begin = time.thread_time()  # of this thread alone, so that a busy machine does not count as a dear checkpoint
        if trainer is not None and checkpoint:
            told["checkpoint"] = trainer.state()
        self.tell(run, Update(**told))
        if checkpoint:
            run.checkpoint_throttle.did(time.thread_time() - begin)

    def tell(self, run: HostedRun, update: Update) -> None:
        """Let the engine and the viewers know."""
        run.note(update)
        self.send(update)


def _listen(connection: Connection, inbox: queue.SimpleQueue[bytes]) -> None:
    try:
        while True:
            inbox.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(0)  # the engine is gone: at once, whatever the training is doing


def _warm_up() -> None:
    """Do once what is slow only the first time, before anybody waits for it."""
    from rnn_explorer import kernels
    from rnn_explorer.analysis.frozen_model import FrozenModel
    from rnn_explorer.cells import CELLS
    from rnn_explorer.experiment import DEFAULT_TASK, Experiment
    from rnn_explorer.tasks import TASKS
    from rnn_explorer.training import Trainer

    kernels.prepare()
    if DEFAULT_TASK not in TASKS:
        return
    small = Experiment.default().replace(hidden_size=2, dense=())
    task = small.make_task()
    for cell in CELLS.names():
        trainer = Trainer(small.replace(cell=cell), task)
        trainer.step()
        trainer.snapshot()
        trainer.state()
        FrozenModel.of(trainer)


def main(descriptor: str) -> None:
    """Work for the engine at the other end of the open file number `descriptor` until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the engine stops its workers
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s worker %(process)d %(levelname)s %(message)s")
    try:
        connection = Connection(int(descriptor))
        os.set_inheritable(connection.fileno(), False)
    except (OSError, ValueError) as error:
        sys.exit(f"a worker found no engine: {error!r}")
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    worker = Worker(connection, inbox)
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    threading.Thread(target=worker.beat, daemon=True).start()

    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    from rnn_explorer.analysis import registry

    registry.load()
    try:
        _warm_up()
    except Exception:
        _log.exception("the warm-up failed")  # a fault of one task is no reason to host none
    gc.collect()
    gc.freeze()
    worker.send(WorkerReady())
    worker.loop()


if __name__ == "__main__":
    main(sys.argv[1])
