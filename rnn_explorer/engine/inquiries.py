"""The questions that a worker answers, a slice at a time in turn."""

from __future__ import annotations

import logging
import pickle
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rnn_explorer.engine.base import NOT_COMPUTED, Ask, Word
from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.errors import UserError

if TYPE_CHECKING:
    from rnn_explorer.analysis.questions import Progress
    from rnn_explorer.training import Trainer

WORD_EVERY = 0.1  # seconds between two words on how far a question has come

_log = logging.getLogger(__name__)


class Inquiry:
    """A question that is being answered."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.progress: Progress | None = None
        self.step, self.epoch = -1, 0.0
        self.told = -float("inf")  # when it was last said how far it has come

    def word(self, share: float, value: bytes | None = None, error: str = "") -> Word:
        """How far it has come, for the engine."""
        return Word(self.ask.run_id, self.ask.ticket, share, value, error, step=self.step, epoch=self.epoch)


class Inquiries:
    """Questions about hosted runs; the leftmost is next.

    Args:
        runs: by their ids; the worker changes them.
        send: takes words for the engine.
    """

    def __init__(self, runs: Mapping[str, HostedRun], send: Callable[[Word], None]) -> None:
        self.runs, self.send = runs, send
        self._waiting: deque[Inquiry] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ask: Ask) -> None:
        """Take a question."""
        self._waiting.append(Inquiry(ask))

    def forget(self, which: Callable[[Ask], bool]) -> None:
        """Drop questions that nobody waits for."""
        self._waiting = deque(inquiry for inquiry in self._waiting if not which(inquiry.ask))

    def work(self, seconds: float, wanted: Callable[[], bool]) -> None:
        """Work on the next question for `seconds`, but no longer than until `wanted` elsewhere; say how far it is.

        A question that was asked of a run with orders before it, or while it is built, waits for these.
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
                    word = inquiry.word(1.0, pickle.dumps(end.value, protocol=5))
                    break
                if time.monotonic() >= deadline or wanted():
                    self._waiting.append(inquiry)
                    if time.monotonic() - inquiry.told < WORD_EVERY:
                        return
                    inquiry.told = time.monotonic()
                    word = inquiry.word(share)
                    break
        except UserError as error:
            word = inquiry.word(1.0, error=str(error))
        except Exception:
            _log.exception("question %s about run %s failed", inquiry.ask.kind, inquiry.ask.run_id)
            word = inquiry.word(1.0, error=NOT_COMPUTED)
        self.send(word)

    def _must_wait(self, inquiry: Inquiry) -> bool:
        run = self.runs.get(inquiry.ask.run_id)
        if run is None or inquiry.progress is not None:
            return False
        return run.one_step or bool(run.orders) or (run.trainer is None and run.job is not None)

    def _opened(self, inquiry: Inquiry) -> Progress:
        """Take a copy of the model that is asked about, and begin."""
        from rnn_explorer.analysis.questions import QUESTIONS
        from rnn_explorer.analysis.subject import Subject
        from rnn_explorer.training import Trainer

        ask = inquiry.ask
        run = self.runs.get(ask.run_id)
        if run is None or run.trainer is None:
            raise UserError("This run has no model yet.")
        trainer = run.trainer
        if ask.state is not None:
            if run.past is None or run.past.experiment.model != run.experiment.model:
                run.past = Trainer(run.experiment, trainer.task)
            trainer = run.past
            restored(trainer, ask.state)
        subject = Subject.of(trainer)
        inquiry.step, inquiry.epoch = subject.step, subject.epoch
        return QUESTIONS.get(ask.kind)(subject, **ask.options)


def restored(trainer: Trainer, state: bytes) -> None:
    """Restore a state that the engine kept; one that does not fit is a fault of ours, and nobody's mistake."""
    try:
        trainer.restore(state)
    except UserError as error:
        raise RuntimeError(f"a kept state cannot be restored: {error}") from error
