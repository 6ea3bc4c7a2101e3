"""The analyses that a worker computes for viewers, a slice at a time in turn."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rnn_explorer.engine.base import NOT_COMPUTED, Reply
from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.engine.protocol import KeptState
from rnn_explorer.errors import UserError

if TYPE_CHECKING:
    from rnn_explorer.analysis.registry import Progress
    from rnn_explorer.training import Trainer

REPORT_EVERY = 0.1  # seconds between two reports of progress

_log = logging.getLogger(__name__)


class AnalysisJob:
    """An analysis that is being computed.

    Attributes:
        run_id: whose model.
        kind, options: a name of `rnn_explorer.analysis.registry`, and its options.
        step: a kept step; None: the model as it is.
        callback: is given the progress, and the result.
        state: that of the kept step, once it has come; it holds None where the step is not kept any more.
    """

    def __init__(
        self, run_id: str, kind: str, options: Mapping[str, Any], step: int | None, callback: Callable[[Reply], None]
    ) -> None:
        self.run_id, self.kind, self.options, self.step, self.callback = run_id, kind, options, step, callback
        self.state: KeptState | None = None
        self.progress: Progress | None = None
        self.at, self.epoch = -1, 0.0  # of the model
        self.reported_at = -float("inf")  # the last report

    def report(self, share: float, value: Any = None, error: str = "") -> None:
        """Report how far it has come."""
        self.reported_at = time.monotonic()
        self.callback(Reply(share, value, error, step=self.at, epoch=self.epoch))


class AnalysisExecutor:
    """Analyses of hosted runs; the leftmost is next.

    Args:
        runs: by their ids; the worker changes them.
        want_state: asks the engine for the kept state of a run's step, which `give_state` brings.
    """

    def __init__(self, runs: Mapping[str, HostedRun], want_state: Callable[[str, int], None]) -> None:
        self.runs, self.want_state = runs, want_state
        self._waiting: deque[AnalysisJob] = deque()

    def __bool__(self) -> bool:
        """Whether there is something to compute now."""
        return any(not self._must_wait(job) for job in self._waiting)

    def add(self, job: AnalysisJob) -> Callable[[], None]:
        """Take on an analysis; the returned function cancels it."""
        if job.step is not None and not any(self._is_about(other, job) for other in self._waiting):
            self.want_state(job.run_id, job.step)
        self._waiting.append(job)
        return lambda: self.forget(lambda other: other is job)

    @staticmethod
    def _is_about(other: AnalysisJob, job: AnalysisJob) -> bool:
        """Whether another one waits for the same state."""
        return (other.run_id, other.step, other.state) == (job.run_id, job.step, None)

    def give_state(self, kept: KeptState) -> None:
        """Give a state to all analyses that wait for it."""
        for job in self._waiting:
            if (job.run_id, job.step) == (kept.run_id, kept.step):
                job.state = kept

    def forget(self, which: Callable[[AnalysisJob], bool]) -> None:
        """Drop analyses without a subscriber."""
        self._waiting = deque(job for job in self._waiting if not which(job))

    def work(self, seconds: float, called: Callable[[], bool]) -> None:
        """Work on the next analysis for `seconds`, or until `called`; report its progress.

        It waits while its run has commands or is being built, and for the state of a kept step.
        """
        job = next((job for job in self._waiting if not self._must_wait(job)), None)
        if job is None:
            return
        self._waiting.remove(job)
        deadline = time.monotonic() + seconds
        try:
            if job.progress is None:
                job.progress = self._opened(job)
            while True:
                try:
                    share = next(job.progress)
                except StopIteration as end:
                    job.report(1.0, end.value)
                    return
                if time.monotonic() >= deadline or called():
                    self._waiting.append(job)
                    if time.monotonic() - job.reported_at >= REPORT_EVERY:
                        job.report(share)
                    return
        except UserError as error:
            job.report(1.0, error=str(error))
        except Exception:
            _log.exception("analysis %s of run %s failed", job.kind, job.run_id)
            job.report(1.0, error=NOT_COMPUTED)

    def _must_wait(self, job: AnalysisJob) -> bool:
        run = self.runs.get(job.run_id)
        if run is None or job.progress is not None:
            return False
        if job.step is not None and job.state is None:
            return True
        return run.one_step or bool(run.commands) or (run.trainer is None and run.job is not None)

    def _opened(self, job: AnalysisJob) -> Progress:
        """Copy the model and start the analysis."""
        from rnn_explorer.analysis.frozen_model import FrozenModel
        from rnn_explorer.analysis.registry import ANALYSES
        from rnn_explorer.training import Trainer

        run = self.runs.get(job.run_id)
        if run is None or run.trainer is None:
            raise UserError("This run has no model yet.")
        trainer = run.trainer
        if job.step is not None:
            state = job.state.state if job.state is not None else None
            if state is None:
                raise UserError(f"Step {job.step} of this run is not kept (any more); choose another one.")
            if run.past is None or run.past.experiment.model != run.experiment.model:
                run.past = Trainer(run.experiment, trainer.task)
            trainer = run.past
            restored(trainer, state)
        model = FrozenModel.of(trainer)
        job.at, job.epoch = model.step, model.epoch
        return ANALYSES.get(job.kind)(model, **job.options)


def restored(trainer: Trainer, state: bytes) -> None:
    """Restore a state that the engine kept; one that does not fit is a fault of ours, not the user's."""
    try:
        trainer.restore(state)
    except UserError as error:
        raise RuntimeError(f"a kept state cannot be restored: {error}") from error
