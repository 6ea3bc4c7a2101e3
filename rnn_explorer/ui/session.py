"""What the pages share: the one engine of this server, and the tasks that were built lately."""

from __future__ import annotations

import threading

from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.experiment import Experiment
from rnn_explorer.remembered import Remembered
from rnn_explorer.tasks import Task

TASKS_KEPT = 96 * 2**20  # bytes of built tasks
_tasks = Remembered[Task](TASKS_KEPT)
_lock = threading.Lock()
_engine: LocalEngine | None = None


def engine() -> LocalEngine:
    """The engine of this server; started on first use, which is the server's start."""
    global _engine
    with _lock:
        if _engine is None:
            _engine = LocalEngine(one_first=True)
        return _engine


def close_engine() -> None:
    """End the workers; a later `engine()` starts anew."""
    global _engine
    with _lock:
        if _engine is not None:
            _engine.close()
        _engine = None


def task_of(experiment: Experiment) -> Task:
    """The built task of an experiment, kept for a while, since every visitor of one task shares it."""
    training = experiment.training
    key = (experiment.task, experiment.task_settings, training.seed, training.val_split)
    return _tasks.get_or(key, experiment.make_task)


def forget_tasks() -> None:
    """Build tasks anew when they are next asked for; data that the user removed must not stay here."""
    _tasks.forget()
