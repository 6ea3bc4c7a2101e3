"""Ctrl-C in the process of the tests."""

from __future__ import annotations

import os
import signal

import pytest

from rnn_explorer.training import Trainer


def interrupt_at(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Ctrl-C comes when a trainer has made `count` steps, and begins the next one."""
    step = Trainer.step

    def interrupted(trainer: Trainer) -> object:
        if trainer.step_count == count:
            os.kill(os.getpid(), signal.SIGINT)
        return step(trainer)

    monkeypatch.setattr(Trainer, "step", interrupted)
