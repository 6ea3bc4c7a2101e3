"""The runs that a worker hosts: they obey commands, are built, trained and measured in slices, and report it."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnn_explorer.engine.analysis_executor import restored
from rnn_explorer.engine.base import ModelInfo, Status
from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.engine.protocol import Change, Command, LoadRun, Message, Update
from rnn_explorer.errors import UserError
from rnn_explorer.recording.weight_history import HistoryEntry
from rnn_explorer.remembered import Remembered
from rnn_explorer.trace import History

if TYPE_CHECKING:
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.tasks.base import Baseline, Task

TASKS_KEPT = 64 * 2**20  # bytes of built tasks that are kept for the next run with the same data

_log = logging.getLogger(__name__)


class RunHost:
    """The runs of a worker, and whose turn is next. An exception of a run ends that run, never the worker.

    Args:
        send: takes a message to the engine.
        called: whether a message of the engine waits, so that a slice must end.

    Attributes:
        runs: by id.
        turns: the runs with something to do; the leftmost is next.
    """

    def __init__(self, send: Callable[[Message], None], called: Callable[[], bool]) -> None:
        self.send, self.called = send, called
        self.runs: dict[str, HostedRun] = {}
        self.turns: deque[HostedRun] = deque()
        self._tasks = Remembered[tuple["Task", "Baseline"]](TASKS_KEPT)

    # -- commands -----------------------------------------------------------------------------------------------

    def load(self, message: LoadRun) -> None:
        """Take in a run, and build it."""
        run = HostedRun(message.run_id, message.experiment)
        run.number, run.test, run.marks = message.number, message.test, message.marks
        for name, rows in (("train", message.train), ("validation", message.validation)):
            run.history[name] = History.of(rows, run.history[name].columns)
        self.runs[run.run_id] = run
        self.start_job(run, self.build(run, message.checkpoint, message.status, message.message))

    def drop(self, run: HostedRun) -> None:
        """Forget a run."""
        if run in self.turns:
            self.turns.remove(run)
        del self.runs[run.run_id]

    def obey_commands(self, run: HostedRun) -> None:
        """Let a run obey its commands, unless something must be completed first."""
        while run.commands and not run.busy:
            message = run.commands.popleft()
            run.number = message.number
            try:
                if isinstance(message, Change):
                    self.change(run, message.settings)
                else:
                    self.obey(run, message)
            except Exception as error:
                self.end(run, error)

    def obey(self, run: HostedRun, message: Command) -> None:
        command = message.command
        if command == "reset":
            if run.status == "failed":
                run.trainer = None  # it may be what is broken
            self.halt(run, "starting")
            self.start_job(run, self.build(run, None) if run.trainer is None else self.restart(run))
        elif command == "pause":
            if run.status == "training":
                self.halt(run, "paused", message.reason)
                self.report(run, checkpoint=True)
            else:
                self.report(run)
        elif run.trainer is None or run.status == "failed" or (run.status == "diverged" and command != "test"):
            self.report(run)  # it stays as it is, and says why
        elif command == "test":
            self.start_job(run, self.test(run))
        elif command == "play" and run.status == "interrupted" and run.trainer.step_count >= run.trainer.target:
            self.halt(run, "training")  # it was about to finish, and is not to train for another budget
            self.report(run)
            self.start_job(run, self.finish(run, run.measured()))
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

    def start_job(self, run: HostedRun, job: Iterator[None]) -> None:
        """Let a run do a job in slices, before anything else of it."""
        run.job = job
        if run not in self.turns:
            self.turns.appendleft(run)

    def halt(self, run: HostedRun, status: Status, message: str = "") -> None:
        """Take a run out of the turns, and set its status."""
        if run in self.turns:
            self.turns.remove(run)
        run.times.clear()
        run.status, run.message = status, message
        run.until_epoch_end = run.one_step = False
        if status != "training" and run.trainer is not None:
            run.trainer.rest()

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

    def build(
        self, run: HostedRun, checkpoint: bytes | None, status: Status = "paused", message: str = ""
    ) -> Iterator[None]:
        """Make the run's trainer, at step 0 or from a checkpoint; then it has this status and message."""
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
            self.halt(run, status, message)
            self.report(run, info=info)

    def restart(self, run: HostedRun) -> Iterator[None]:
        """Back to step 0."""
        assert run.trainer is not None
        run.trainer.reset()
        yield
        yield from self.begin(run)

    def begin(self, run: HostedRun, **more: Any) -> Iterator[None]:
        """Measure and report a run at step 0."""
        trainer = run.trainer
        assert trainer is not None
        run.entry_step = -1
        entry = run.take_entry()
        report = yield from trainer.opening_slices()
        assert report.val_loss is not None and report.val_metric is not None
        opening = [(report.step, report.val_loss, report.val_metric)]
        self.halt(run, "ready")
        self.report(run, anew=True, validation=opening, entries=(entry,) if entry else (), **more)

    def test(self, run: HostedRun) -> Iterator[None]:
        """Measure the test split."""
        assert run.trainer is not None
        test = yield from run.trainer.measure("test")
        run.message = run.trainer.verdict(test=test[0]) or run.message
        self.report(run, test=test)

    def finish(self, run: HostedRun, known: tuple[float, ...] | None) -> Iterator[None]:
        """End a training: as finished only if its losses are finite.

        Args:
            run: which.
            known: loss and metric on the validation set; None: not measured yet.
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
        """End a training that was measured: as finished only if its losses are finite.

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

    def next_run(self, now: float) -> HostedRun | None:
        """The run whose turn it is; None where none has something to do by now."""
        return next((run for run in self.turns if run.next_turn <= now), None)

    def give_turn(self, run: HostedRun, seconds: float) -> None:
        """Give a run a slice, move it to the end of the turns, and let it obey its commands."""
        self.turns.remove(run)
        run.first_slice = False
        self.give_slice(run, seconds)
        if (run.busy or run.status == "training") and run not in self.turns:
            self.turns.append(run)
        self.obey_commands(run)

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
                if time.monotonic() >= deadline or self.called() or (run.commands and trainer.between_steps):
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
                self.start_job(run, self.finish(run, validation[-1][1:] if ends else None))  # whatever the command was
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
                self.report(run, train=train, validation=validation, entries=tuple(entries), checkpoint=True)
            except Exception:
                self.fail(run, train=train, validation=validation)
        except Exception:
            self.fail(run, train=train, validation=validation)

    # -- faults -------------------------------------------------------------------------------------------------

    def end(self, run: HostedRun, error: Exception) -> None:
        """Let a run fail: with the message of a `UserError`, as when its data are gone."""
        if not isinstance(error, UserError):
            self.fail(run)
            return
        run.job = None
        try:
            self.halt(run, "failed", str(error))
            self.report(run)
        except Exception:
            self.fail(run)

    def fail(self, run: HostedRun, **more: Any) -> None:
        """Within an except clause: end a run by a fault of the program; the others go on."""
        _log.exception("run %s failed", run.run_id)
        run.job = None
        at = f"at step {run.trainer.step_count}" if run.trainer is not None else "while it was built"
        message = f"This run failed {at} by a fault of the program; the log has it. Reset starts it anew."
        try:
            self.halt(run, "failed", message)
            self.report(run, **more)
        except Exception:  # with as little as possible
            _log.exception("run %s failed again when that was reported", run.run_id)
            self.publish(run, Update(run.run_id, run.number, "failed", message))

    # -- reporting ----------------------------------------------------------------------------------------------

    def report(
        self,
        run: HostedRun,
        *,
        train: Sequence[tuple[float, ...]] | None = None,
        validation: Sequence[tuple[float, ...]] | None = None,
        checkpoint: bool = False,
        **more: Any,
    ) -> None:
        """Send the engine an update, with a checkpoint of the present step if `checkpoint`."""
        trainer = run.trainer
        fields: dict[str, Any] = dict(
            more, run_id=run.run_id, number=run.number, status=run.status, message=run.message
        )
        if train:
            fields["train"] = np.array(train)
        if validation:
            fields["validation"] = np.array(validation)
        if trainer is not None:
            fields.update(
                step=trainer.step_count,
                epoch=trainer.epoch_position(),
                target=trainer.target,
                steps_per_epoch=trainer.steps_per_epoch(),
                steps_per_second=run.rate(),
            )
        begin = time.thread_time()  # of this thread alone, so that a busy machine does not count as a dear checkpoint
        if trainer is not None and checkpoint:
            fields["checkpoint"] = trainer.state()
        self.publish(run, Update(**fields))
        if checkpoint:
            run.checkpoint_throttle.did(time.thread_time() - begin)

    def publish(self, run: HostedRun, update: Update) -> None:
        """Send an update to the engine, and show it to the viewers."""
        run.note(update)
        self.send(update)
