"""Whose uploads there are, and how long they live.

An upload belongs to the visitor who brought it, and its token opens it for no other visitor. It is forgotten when that
visitor has not looked for `KEEP` seconds and no run learns from it any more. A run that is kept has a copy, which comes
back with it, for the same visitor.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from rnn_explorer.engine.base import RunView, UnknownRun
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.reading import Table, Text
from rnn_explorer.ui import session, visitor

KEEP = 3600.0  # seconds after the last look
MOST_EACH = 100 * 1024 * 1024  # bytes that the uploads of one visitor take, as they are stored
UPLOADS_EACH = 50  # of one visitor, however small


@dataclass
class _Known:
    """An upload of this server: whose it is, when they last looked, and the runs that learn from it."""

    owner: str
    used: float
    runs: set[str] = field(default_factory=set)


_known: dict[str, _Known] = {}
_lock = threading.Lock()


def token_of(experiment: Experiment) -> str:
    """The upload that an experiment is about; "" for none."""
    return store.token_of(experiment.task_settings)


def is_foreign(experiment: Experiment) -> bool:
    """Whether an experiment is about an upload that this visitor did not bring."""
    token = token_of(experiment)
    with _lock:
        return bool(token) and (token not in _known or _known[token].owner != visitor.current())


def bring(record: Table | Text) -> str:
    """Store what was read of a file of this visitor's; returns its token.

    Raises:
        DataError: when there is no more room, on the server or for this visitor.
    """
    me, token = visitor.current(), store.keep(record)
    with _lock:
        mine = [name for name, entry in _known.items() if entry.owner == me]
        if len(mine) < UPLOADS_EACH and sum(map(store.size, [*mine, token])) <= MOST_EACH:
            _known[token] = _Known(me, time.monotonic())
            return token
    store.drop(token)
    raise DataError(
        f"Your uploads take more than {MOST_EACH // 2**20} MB together, or are more than {UPLOADS_EACH}. Close what "
        "you trained on them, or take a smaller file."
    )


def come_back(run: RunView) -> None:
    """A run was taken out of the store; the data that came with it belong to its owner."""
    token = token_of(run.experiment)
    with _lock:
        if token and token not in _known and store.holds(token):
            _known[token] = _Known(run.owner, time.monotonic())
        if token in _known:
            _known[token].runs.add(run.run_id)


session.on_revival(come_back)


def touch(experiment: Experiment, run_id: str) -> None:
    """This visitor looks at a run, which may learn from an upload."""
    token, me, now = token_of(experiment), visitor.current(), time.monotonic()
    with _lock:
        if token in _known:
            _known[token].runs.add(run_id)
        for entry in _known.values():
            if entry.owner == me:
                entry.used = now


def sweep() -> None:
    """Forget data without a viewer for long that nothing trains on any more."""
    now = time.monotonic()
    with _lock:
        runs = set().union(*(entry.runs for entry in _known.values()))
    gone = {run_id for run_id in runs if not _lives(run_id)}
    with _lock:
        for entry in _known.values():
            entry.runs -= gone
        left = [name for name, entry in _known.items() if now - entry.used > KEEP and not entry.runs]
    for name in left:
        forget(name)


def let_go(token: str) -> None:
    """Its visitor took the file away: drop the upload, unless a run learns from it."""
    with _lock:
        runs = set(_known[token].runs) if token in _known else set()
    if not any(map(_lives, runs)):
        forget(token)


def forget(token: str) -> None:
    """Drop an upload, and the tasks that were built on it."""
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
