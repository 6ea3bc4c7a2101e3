"""Whose uploads there are, and how long they live.

An upload belongs to the session that brought it. It is forgotten when nobody has looked for `KEEP` seconds and no run
learns from it any more.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import streamlit as st

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.own import store
from rnn_explorer.ui import session

KEEP = 3600.0  # seconds after the last look


@dataclass
class _Known:
    """An upload of this server: when somebody last looked, and the runs that learn from it."""

    seen: float
    runs: set[str] = field(default_factory=set)


_known: dict[str, _Known] = {}
_lock = threading.Lock()


def owned() -> set[str]:
    """The tokens of the uploads that this session may use: its own, and those of runs whose address it was given."""
    return st.session_state.setdefault("uploads", set())


def token_of(experiment: Experiment) -> str:
    """The upload that an experiment is about; "" for none."""
    return str(getattr(experiment.task_settings, "data", ""))


def is_foreign(experiment: Experiment) -> bool:
    """Whether an experiment is about an upload that this session may not use."""
    token = token_of(experiment)
    return bool(token) and token not in owned()


def bring(token: str) -> None:
    """This session has brought an upload."""
    owned().add(token)
    with _lock:
        _known[token] = _Known(time.monotonic())


def touch(experiment: Experiment, run_id: str) -> None:
    """Somebody looks at a run, which may learn from an upload; what is over is forgotten."""
    token, now = token_of(experiment), time.monotonic()
    if token:
        owned().add(token)
    with _lock:
        if token:
            _known.setdefault(token, _Known(now)).runs.add(run_id)
        for mine in owned() & set(_known):
            _known[mine].seen = now
        over = [name for name, entry in _known.items() if now - entry.seen > KEEP and not any(map(_lives, entry.runs))]
    for name in over:
        forget(name)


def forget(token: str) -> None:
    """Drop an upload, and the tasks that were built on it."""
    owned().discard(token)
    with _lock:
        _known.pop(token, None)
    store.drop(token)
    session.forget_tasks()


def _lives(run_id: str) -> bool:
    try:
        session.engine().view(run_id)
    except UnknownRun:
        return False
    return True
