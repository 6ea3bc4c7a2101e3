"""A worker process: hosts many trainers and gives each running one a slice of time in turn.

Started by an engine as `python -m rnn_explorer.engine.worker ADDRESS`, with its name and the connection's key on
standard input. It lives as long as the connection: when the engine is gone, however it went, so is the worker.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from rnn_explorer.engine.album import MEMORY, Frame, due
from rnn_explorer.engine.base import (
    Ask,
    Change,
    Facts,
    Host,
    Order,
    Status,
    TakeBack,
    Update,
    Watch,
    Word,
    WorkerReady,
)
from rnn_explorer.settings import SettingError

if TYPE_CHECKING:
    from rnn_explorer.analysis.questions import Progress
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.tasks.base import Baseline, Task
    from rnn_explorer.training import Trainer

SLICE_ALONE, SLICE_SHARED = 0.05, 0.03  # seconds of training between two looks at the other runs
FIRST_SLICE = 0.01  # after Play: somebody is waiting to see something move
SNAPSHOT_EVERY, SNAPSHOT_SHARE = 0.1, 0.05  # at most every so many seconds, and at most this share of a run's time
CHECKPOINT_EVERY, CHECKPOINT_SHARE = 2.0, 0.02
FRAME_SHARE = 0.03  # of a run's time for states that are kept as its past, but for the first steps
FRAMES_AT_ONCE = 40  # steps at the beginning whose state is kept whatever it costs, where there is room for all
WORD_EVERY = 0.1  # seconds between two words on how far a question has come
RATE_WINDOW = 1.0  # seconds over which steps per second are counted
TASKS_KEPT = 16  # built tasks that are kept for the next run with the same data

_log = logging.getLogger(__name__)


class Pace:
    """When something that takes time is due again: not too often, and never more than its share of a run's time.

    Args:
        every: seconds between two, at least.
        share: of the time the run was trained, at most.
    """

    def __init__(self, every: float, share: float) -> None:
        self.every, self.share = every, share
        self.cost = 0.0
        self.last = -float("inf")
        self.trained = float("inf")  # seconds of training since the last

    def due(self) -> bool:
        return time.monotonic() - self.last >= self.every and self.trained * self.share >= self.cost

    def did(self, cost: float) -> None:
        """It was done, and took `cost` seconds."""
        self.last, self.trained, self.cost = time.monotonic(), 0.0, cost


class HostedRun:
    """A trainer with what the worker needs to know to advance it and to tell of it."""

    def __init__(self, run_id: str, experiment: Experiment, watched: bool) -> None:
        self.run_id, self.experiment, self.watched = run_id, experiment, watched
        self.trainer: Trainer | None = None
        self.number = 0
        self.status: Status = "starting"
        self.message = ""
        self.until_epoch_end = self.first_slice = False
        self.snapshot_step = -1
        self.snapshots = Pace(SNAPSHOT_EVERY, SNAPSHOT_SHARE)
        self.checkpoints = Pace(CHECKPOINT_EVERY, CHECKPOINT_SHARE)
        self.frames = Pace(0.0, FRAME_SHARE)
        self.frame_step, self.frame_size = -1, 0  # the newest one that was taken
        self.past: Trainer | None = None  # holds the model of an old step while somebody asks about it
        self.times: deque[tuple[float, int]] = deque()
        self.due = 0.0  # on the monotonic clock: when it may make its next step

    @property
    def period(self) -> float:
        """Seconds from one step to the next at least, which a person chose; 0 at full speed."""
        limit = self.experiment.training.speed_limit
        return 1 / limit if limit else 0.0

    def take_frame(self) -> Frame | None:
        """The present state, where it is worth keeping as a moment of the run's past."""
        trainer = self.trainer
        assert trainer is not None
        step = trainer.step_count
        early = step <= FRAMES_AT_ONCE and self.frame_size * FRAMES_AT_ONCE <= MEMORY
        if not due(step, self.frame_step) or not (early or self.frames.due()):
            return None
        begin = time.thread_time()
        frame = Frame(step, trainer.epoch_position(), trainer.state())
        self.frames.did(2 * (time.thread_time() - begin))  # it must be sent, too
        self.frame_step, self.frame_size = step, len(frame.state)
        return frame

    def rate(self) -> float:
        """Steps per second over about the last second, the waiting for other runs included."""
        if self.status != "training" or self.trainer is None or not self.times:
            return 0.0
        now, step = time.monotonic(), self.trainer.step_count
        self.times.append((now, step))
        while len(self.times) > 2 and now - self.times[1][0] >= RATE_WINDOW:
            self.times.popleft()
        begin, first = self.times[0]
        return (step - first) / max(now - begin, 1e-6)


class Inquiry:
    """A question that is being answered, a slice at a time."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.progress: Progress | None = None
        self.step, self.epoch = -1, 0.0
        self.told = -float("inf")  # when it was last said how far it has come


class Worker:
    """The loop of a worker process.

    Args:
        connection: to the engine; read by another thread, written by this one.
        inbox: messages of the engine as pickled bytes, in order.
    """

    def __init__(self, connection: Connection, inbox: queue.SimpleQueue[bytes]) -> None:
        self.connection, self.inbox = connection, inbox
        self.runs: dict[str, HostedRun] = {}
        self.turns: deque[HostedRun] = deque()  # the running ones; the leftmost is next
        self.inquiries: deque[Inquiry] = deque()  # the leftmost is next
        self._tasks: dict[Any, tuple[Task, Baseline]] = {}

    def loop(self) -> None:
        """Handle messages and give slices, for ever: to a run that trains and to a question, in turn."""
        while True:
            while (wait := self.wait()) != 0 or not self.inbox.empty():
                try:
                    message = self.inbox.get(timeout=wait)
                except queue.Empty:
                    break
                self.handle(pickle.loads(message))
            if self.inquiries:
                self.inquire(SLICE_SHARED)
            now = time.monotonic()
            run = next((run for run in self.turns if run.due <= now), None)
            if run is not None and self.inbox.empty():
                self.turns.remove(run)
                alone = not self.turns and not self.inquiries
                seconds = FIRST_SLICE if run.first_slice else SLICE_ALONE if alone else SLICE_SHARED
                run.first_slice = False
                self.give_slice(run, seconds)
                if run.status == "training":
                    self.turns.append(run)

    def wait(self) -> float | None:
        """Seconds until there is something to do; None where only a message can bring it."""
        if self.inquiries:
            return 0.0
        return max(0.0, min(run.due for run in self.turns) - time.monotonic()) if self.turns else None

    def send(self, message: Any) -> None:
        # send_bytes of a plain pickle: Connection.send would use a pickler that shares torch tensors by file handles.
        self.connection.send_bytes(pickle.dumps(message, protocol=5))

    # -- messages -----------------------------------------------------------------------------------------------

    def handle(self, message: Host | Order | Change | Watch | Ask | TakeBack) -> None:
        """Do what a message of the engine asks; orders and changes are answered by an update, questions by words."""
        if isinstance(message, Host):
            run = HostedRun(message.run_id, message.experiment, message.watched)
            self.runs[run.run_id] = run
        elif message.run_id not in self.runs:
            return
        if isinstance(message, Ask):
            self.inquiries.append(Inquiry(message))
            return
        if isinstance(message, TakeBack):
            self.forget(lambda inquiry: inquiry.ask.ticket == message.ticket)
            return
        run = self.runs[message.run_id]
        if isinstance(message, Watch):
            run.watched = message.watched
            return
        run.number = message.number
        try:
            if isinstance(message, Host):
                self.build(run, message.checkpoint)
            elif isinstance(message, Change):
                self.change(run, message.settings)
            else:
                self.obey(run, message)
        except SettingError as error:  # its data are gone, or another server's
            self.halt(run, "failed", str(error))
            self.report(run)
        except Exception:
            self.fail(run)

    def obey(self, run: HostedRun, order: Order) -> None:
        command = order.command
        if command == "stop":
            self.halt(run, "paused")
            self.forget(lambda inquiry: inquiry.ask.run_id == run.run_id)
            del self.runs[run.run_id]
        elif command == "reset":
            self.reset(run)
        elif command == "pause":
            if run.status == "training":
                self.halt(run, "paused", order.reason)
                self.report(run, snapshot=True, checkpoint=True)
            else:
                self.report(run)
        elif run.trainer is None or run.status == "failed" or (run.status == "diverged" and command != "test"):
            self.report(run)  # it stays as it is, and says why
        elif command == "test":
            test = run.trainer.evaluate("test")
            run.message = run.trainer.verdict(test=test[0]) or run.message
            self.report(run, test=test)
        elif command == "step":
            self.halt(run, "training")
            self.give_slice(run, 0.0, one_step=True)
        else:
            self.halt(run, "training")
            run.until_epoch_end, run.first_slice, run.due = command == "epoch", True, 0.0
            if command == "play":
                run.trainer.extend()
            run.times.append((time.monotonic(), run.trainer.step_count))
            self.turns.appendleft(run)
            self.report(run)

    def halt(self, run: HostedRun, status: Status, message: str = "") -> None:
        """Take the run out of the turns and give it a status."""
        if run in self.turns:
            self.turns.remove(run)
        run.times.clear()
        run.status, run.message, run.until_epoch_end = status, message, False
        if status != "training" and run.trainer is not None:
            run.trainer.rest()

    def build(self, run: HostedRun, checkpoint: bytes | None) -> None:
        from rnn_explorer.training import Trainer

        task, baseline = self.task(run.experiment)
        trainer = run.trainer = Trainer(run.experiment, task)
        if checkpoint is not None:
            trainer.restore(checkpoint)
            newer = trainer.experiment.live_changes_to(run.experiment)  # changes made after the checkpoint
            if newer:
                trainer.change(**newer)
        facts = Facts(
            baseline,
            task.metric.name,
            tuple(trainer.summary()),
            trainer.model.parameter_count(),
            trainer.model.keras_parameter_count(),
        )
        if checkpoint is None:
            self.begin(run, facts=facts)
        else:
            run.frame_step = trainer.step_count
            self.halt(run, "paused")
            self.report(run, facts=facts, snapshot=True)

    def begin(self, run: HostedRun, **told: Any) -> None:
        """Report a run that is at step 0."""
        trainer = run.trainer
        assert trainer is not None
        run.frame_step = -1
        frame = run.take_frame()
        self.halt(run, "ready")
        opening = [self.opening(trainer)]
        self.report(run, anew=True, validation=opening, snapshot=True, frames=(frame,) if frame else (), **told)

    def task(self, experiment: Experiment) -> tuple[Task, Baseline]:
        """The task with its baseline, built once for all runs on the same data: a task never changes.

        Data that somebody brought are kept for no other run.
        """
        if experiment.task_settings.private:
            task = experiment.make_task()
            return task, task.baseline()
        key = (experiment.task, experiment.task_settings, experiment.training.seed, experiment.training.val_split)
        if key not in self._tasks:
            task = experiment.make_task()
            while len(self._tasks) >= TASKS_KEPT:
                del self._tasks[next(iter(self._tasks))]
            self._tasks[key] = (task, task.baseline())
        return self._tasks[key]

    def reset(self, run: HostedRun) -> None:
        if run.trainer is None or run.status == "failed":
            self.halt(run, "starting")
            self.build(run, None)
            return
        run.trainer.reset()
        self.begin(run)

    @staticmethod
    def opening(trainer: Trainer) -> tuple[float, float, float]:
        report = trainer.opening()
        assert report.val_loss is not None and report.val_metric is not None
        return report.step, report.val_loss, report.val_metric

    def change(self, run: HostedRun, settings: Any) -> None:
        run.experiment = run.experiment.replace(**settings)
        run.due = 0.0
        if run.trainer is not None:
            run.trainer.change(**settings)
            if run.status == "diverged" and set(settings) != {"speed_limit"}:
                step = run.trainer.step_count
                self.halt(
                    run, "paused", f"It had diverged at step {step}. Play tries again from there, Reset starts anew."
                )
        self.report(run)

    # -- training -----------------------------------------------------------------------------------------------

    def give_slice(self, run: HostedRun, seconds: float, one_step: bool = False) -> None:
        """Train a run for `seconds`, but no longer than until a message waits, or make one step; tell the engine.

        Under a speed limit it is one step, too.
        """
        from rnn_explorer.training import Diverged

        trainer = run.trainer
        assert trainer is not None
        until = sys.maxsize if one_step or run.until_epoch_end else trainer.target
        train: list[tuple[float, ...]] = []
        validation: list[tuple[float, ...]] = []
        frames: list[Frame] = []
        begin = time.monotonic()
        try:
            for report in trainer.run(seconds, until):
                numbers = (report.train_loss, report.train_metric, report.grad_norm, report.applied_norm)
                train.append((report.step, *numbers))
                if (frame := run.take_frame()) is not None:
                    frames.append(frame)
                if report.val_loss is not None and report.val_metric is not None:
                    validation.append((report.step, report.val_loss, report.val_metric))
                    if run.until_epoch_end:
                        self.halt(run, "paused")
                if one_step or run.period or run.status != "training" or not self.inbox.empty():
                    break
            trained = max(time.monotonic() - begin, run.period)  # to wait for the next step is part of it
            run.due = max(run.due, begin) + run.period
            run.snapshots.trained += trained
            run.checkpoints.trained += trained
            run.frames.trained += trained
            test = None
            if trainer.stopped_early:  # whatever it was asked to do
                test = trainer.evaluate("test")
                self.conclude(run, trainer.evaluate("validation"), test)
            elif one_step:
                self.halt(run, "paused")
            elif run.status == "training" and not run.until_epoch_end and trainer.step_count >= trainer.target:
                if not validation or validation[-1][0] != trainer.step_count:  # the curve ends where the run ends
                    validation.append((trainer.step_count, *trainer.evaluate("validation")))
                test = trainer.evaluate("test")
                self.conclude(run, validation[-1][1:], test)
            done = run.status != "training"
            self.report(
                run,
                train=train,
                validation=validation,
                test=test,
                frames=tuple(frames),
                snapshot=done or (run.watched and run.snapshots.due()),
                checkpoint=done or run.checkpoints.due(),
            )
        except Diverged as error:
            self.halt(run, "diverged", str(error))
            try:
                self.report(run, train=train, validation=validation, frames=tuple(frames), snapshot=True)
            except Exception:
                self.fail(run, train=train, validation=validation)
        except Exception:
            self.fail(run, train=train, validation=validation)

    def conclude(self, run: HostedRun, validation: Sequence[float], test: Sequence[float]) -> None:
        """End a training that was measured: as finished only where its losses are numbers.

        Args:
            run: which.
            validation, test: loss and metric.
        """
        trainer = run.trainer
        assert trainer is not None
        verdict = trainer.verdict(validation=validation[0], test=test[0])
        self.halt(run, "diverged" if verdict else "finished", verdict or trainer.stopped_early)

    # -- answering ----------------------------------------------------------------------------------------------

    def inquire(self, seconds: float) -> None:
        """Work on the next question for `seconds`, but no longer than until a message waits; say how far it is."""
        inquiry = self.inquiries.popleft()
        ask, deadline = inquiry.ask, time.monotonic() + seconds
        try:
            if inquiry.progress is None:
                inquiry.progress = self.opened(inquiry)
            share = 0.0
            while True:
                share = next(inquiry.progress)
                if time.monotonic() >= deadline or not self.inbox.empty():
                    break
        except StopIteration as end:
            value = pickle.dumps(end.value, protocol=5)
            self.send(Word(ask.run_id, ask.ticket, 1.0, value, step=inquiry.step, epoch=inquiry.epoch))
            return
        except ValueError as error:
            self.send(Word(ask.run_id, ask.ticket, 1.0, error=str(error), step=inquiry.step))
            return
        except Exception:
            _log.exception("question %s about run %s failed", ask.kind, ask.run_id)
            error_text = "This could not be computed, by a fault of the program; the log has it."
            self.send(Word(ask.run_id, ask.ticket, 1.0, error=error_text, step=inquiry.step))
            return
        self.inquiries.append(inquiry)
        if time.monotonic() - inquiry.told >= WORD_EVERY:
            inquiry.told = time.monotonic()
            self.send(Word(ask.run_id, ask.ticket, share, step=inquiry.step, epoch=inquiry.epoch))

    def opened(self, inquiry: Inquiry) -> Progress:
        """Take a copy of the model that is asked about, and begin."""
        from rnn_explorer.analysis.questions import QUESTIONS
        from rnn_explorer.analysis.subject import Subject
        from rnn_explorer.training import Trainer

        ask = inquiry.ask
        run = self.runs[ask.run_id]
        if run.trainer is None:
            raise ValueError("This run has no model yet.")
        trainer = run.trainer
        if ask.state is not None:
            if run.past is None or run.past.experiment.model != run.experiment.model:
                run.past = Trainer(run.experiment, trainer.task)
            trainer = run.past
            trainer.restore(ask.state)
        subject = Subject.of(trainer)
        inquiry.step, inquiry.epoch = subject.step, subject.epoch
        return QUESTIONS.get(ask.kind)(subject, **ask.options)

    def forget(self, which: Callable[[Inquiry], bool]) -> None:
        """Drop questions that nobody waits for."""
        self.inquiries = deque(inquiry for inquiry in self.inquiries if not which(inquiry))

    def fail(self, run: HostedRun, **told: Any) -> None:
        """An error that no person can do anything about: the run stops, the others go on."""
        _log.exception("run %s failed", run.run_id)
        at = f"at step {run.trainer.step_count}" if run.trainer is not None else "while it was built"
        self.halt(
            run, "failed", f"This run failed {at} by a fault of the program; the log has it. Reset starts it anew."
        )
        self.report(run, **told)

    # -- telling ------------------------------------------------------------------------------------------------

    def report(
        self,
        run: HostedRun,
        *,
        train: Sequence[tuple[float, ...]] | None = None,
        validation: Sequence[tuple[float, ...]] | None = None,
        snapshot: bool = False,
        checkpoint: bool = False,
        **more: Any,
    ) -> None:
        """Send the engine an update, with a snapshot or a checkpoint of the present step if asked."""
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
        begin = time.thread_time()  # of this thread alone, so that a busy machine does not count as a dear snapshot
        if trainer is not None and snapshot:
            told["snapshot"] = pickle.dumps(trainer.snapshot(), protocol=5)
        middle = time.thread_time()
        if trainer is not None and checkpoint:
            told["checkpoint"] = trainer.state()
        end = time.thread_time()
        self.send(Update(**told))
        sent = time.thread_time() - end
        if snapshot:
            run.snapshots.did(middle - begin + (0.0 if checkpoint else sent))
        if checkpoint:
            run.checkpoints.did(end - middle + sent)


def _listen(connection: Connection, inbox: queue.SimpleQueue[bytes]) -> None:
    try:
        while True:
            inbox.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(0)  # the engine is gone: at once, whatever the training is doing


def _warm_up() -> None:
    """Do once what is slow only the first time, before anybody waits for it."""
    from rnn_explorer import kernels
    from rnn_explorer.analysis.subject import Subject
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
        Subject.of(trainer)


def main(address: str) -> None:
    """Connect to the engine at `address` and work until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the engine stops its workers
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s worker %(process)d %(levelname)s %(message)s")
    try:
        told = json.loads(sys.stdin.readline())
        connection = Client(address, authkey=bytes.fromhex(told["key"]))
        connection.send_bytes(told["name"].encode())
    except (OSError, EOFError, ValueError, AuthenticationError) as error:
        sys.exit(f"a worker found no engine: {error!r}")
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()

    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    from rnn_explorer.analysis import questions

    questions.load()
    worker = Worker(connection, inbox)
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
