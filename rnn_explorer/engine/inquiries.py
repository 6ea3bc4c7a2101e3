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

TELL_EVERY = 0.1  # seconds between two reports of progress

_log = logging.getLogger(__name__)


class Inquiry:
    """An analysis that is being computed.

    Attributes:
        run_id: whose model.
        kind, options: a name of `rnn_explorer.analysis.registry`, and its options.
        step: a kept step; None: the model as it is.
        callback: told of the progress, and of the result.
        state: that of the kept step, once it came; None in it: it is not kept any more.
    """

    def __init__(
        self, run_id: str, kind: str, options: Mapping[str, Any], step: int | None, callback: Callable[[Reply], None]
    ) -> None:
        self.run_id, self.kind, self.options, self.step, self.callback = run_id, kind, options, step, callback
        self.state: KeptState | None = None
        self.progress: Progress | None = None
        self.at, self.epoch = -1, 0.0  # of the model that is looked into
        self.told = -float("inf")  # when the progress was told last

    def tell(self, share: float, value: Any = None, error: str = "") -> None:
        """Report how far it has come."""
        self.told = time.monotonic()
        self.callback(Reply(share, value, error, step=self.at, epoch=self.epoch))


class AnalysisScheduler:
    """Analyses of hosted runs; the leftmost is next.

    Args:
        runs: by their ids; the worker changes them.
        want_state: asks the engine for the kept state of a run's step, which `give_state` brings.
    """

    def __init__(self, runs: Mapping[str, HostedRun], want_state: Callable[[str, int], None]) -> None:
        self.runs, self.want_state = runs, want_state
        self._waiting: deque[Inquiry] = deque()

    def __bool__(self) -> bool:
        """Whether there is something to compute now."""
        return any(not self._must_wait(inquiry) for inquiry in self._waiting)

    def add(self, inquiry: Inquiry) -> Callable[[], None]:
        """Take up an analysis; the returned function takes it back."""
        if inquiry.step is not None and not any(self._is_about(other, inquiry) for other in self._waiting):
            self.want_state(inquiry.run_id, inquiry.step)
        self._waiting.append(inquiry)
        return lambda: self.forget(lambda other: other is inquiry)

    @staticmethod
    def _is_about(other: Inquiry, inquiry: Inquiry) -> bool:
        """Whether another one waits for the same state."""
        return (other.run_id, other.step, other.state) == (inquiry.run_id, inquiry.step, None)

    def give_state(self, kept: KeptState) -> None:
        """A state that was asked for, to all that wait for it."""
        for inquiry in self._waiting:
            if (inquiry.run_id, inquiry.step) == (kept.run_id, kept.step):
                inquiry.state = kept

    def forget(self, which: Callable[[Inquiry], bool]) -> None:
        """Drop analyses without a subscriber."""
        self._waiting = deque(inquiry for inquiry in self._waiting if not which(inquiry))

    def work(self, seconds: float, wanted: Callable[[], bool]) -> None:
        """Work on the next analysis for `seconds`, but no longer than until `wanted` elsewhere; tell how far it is.

        One of a run with orders before it, or while it is built, waits for these; one of the past for its state.
        """
        inquiry = next((inquiry for inquiry in self._waiting if not self._must_wait(inquiry)), None)
        if inquiry is None:
            return
        self._waiting.remove(inquiry)
        deadline = time.monotonic() + seconds
        try:
            if inquiry.progress is None:
                inquiry.progress = self._opened(inquiry)
            while True:
                try:
                    share = next(inquiry.progress)
                except StopIteration as end:
                    inquiry.tell(1.0, end.value)
                    return
                if time.monotonic() >= deadline or wanted():
                    self._waiting.append(inquiry)
                    if time.monotonic() - inquiry.told >= TELL_EVERY:
                        inquiry.tell(share)
                    return
        except UserError as error:
            inquiry.tell(1.0, error=str(error))
        except Exception:
            _log.exception("analysis %s of run %s failed", inquiry.kind, inquiry.run_id)
            inquiry.tell(1.0, error=NOT_COMPUTED)

    def _must_wait(self, inquiry: Inquiry) -> bool:
        run = self.runs.get(inquiry.run_id)
        if run is None or inquiry.progress is not None:
            return False
        if inquiry.step is not None and inquiry.state is None:
            return True
        return run.one_step or bool(run.commands) or (run.trainer is None and run.job is not None)

    def _opened(self, inquiry: Inquiry) -> Progress:
        """Take a copy of the model that is asked about, and begin."""
        from rnn_explorer.analysis.frozen_model import FrozenModel
        from rnn_explorer.analysis.registry import ANALYSES
        from rnn_explorer.training import Trainer

        run = self.runs.get(inquiry.run_id)
        if run is None or run.trainer is None:
            raise UserError("This run has no model yet.")
        trainer = run.trainer
        if inquiry.step is not None:
            state = inquiry.state.state if inquiry.state is not None else None
            if state is None:
                raise UserError(f"Step {inquiry.step} of this run is not kept (any more); choose another one.")
            if run.past is None or run.past.experiment.model != run.experiment.model:
                run.past = Trainer(run.experiment, trainer.task)
            trainer = run.past
            restored(trainer, state)
        subject = FrozenModel.of(trainer)
        inquiry.at, inquiry.epoch = subject.step, subject.epoch
        return ANALYSES.get(inquiry.kind)(subject, **inquiry.options)


def restored(trainer: Trainer, state: bytes) -> None:
    """Restore a state that the engine kept; one that does not fit is a fault of ours, not the user's."""
    try:
        trainer.restore(state)
    except UserError as error:
        raise RuntimeError(f"a kept state cannot be restored: {error}") from error
