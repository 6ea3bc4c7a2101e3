"""What the pages share: the one engine of this server with its store of runs, and the tasks that were built lately."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable

from rnn_explorer.engine.base import RunView, UnknownRun
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.store.folder import network_of
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.remembered import Remembered
from rnn_explorer.tasks import Task
from rnn_explorer.ui.secret import data_folder

RUNS = "runs"  # the folder of the store, in the data folder
TASKS_KEPT = 96 * 2**20  # bytes of built tasks
_tasks = Remembered[Task](TASKS_KEPT)
_lock = threading.Lock()
_engine: LocalEngine | None = None
_store: RunStore | None = None
_without_store = ""  # why there is none, as a sentence for the user
_on_revival: list[Callable[[RunView], None]] = []
_log = logging.getLogger(__name__)


def engine() -> LocalEngine:
    """The engine of this server; started on first use, which is the server's start."""
    global _engine, _store, _without_store
    with _lock:
        if _engine is None:
            _store, _without_store = _opened()
            _engine = LocalEngine(one_first=True, store=_store)
        return _engine


def _opened() -> tuple[RunStore | None, str]:
    """The store of runs; without one, the reason for it."""
    folder = data_folder() / RUNS
    found = None
    try:
        found = RunStore(folder)
        found.tidy()
    except (UserError, OSError, sqlite3.Error, RuntimeError) as error:
        _log.warning("runs are not kept: %s", error)
        if found is not None:
            found.close()
        why = str(error) if isinstance(error, UserError) else f"The folder {folder} cannot be used ({error})."
        return None, f"Runs are not kept, and end with the server. {why}"
    if kind := network_of(folder):
        _log.warning("the runs in %s lie on a network file system (%s): SQLite keeps a rollback journal", folder, kind)
    return found, ""


def tidy() -> None:
    """Remove what is beyond the limits of the store, but for runs that are open; to be called now and then.

    Raises:
        OSError, sqlite3.Error: when the disk fails.
    """
    engine, found = _engine, _store
    if engine is not None and found is not None:
        found.tidy(busy=engine.run_ids())


def store() -> RunStore | None:
    """Where runs are kept; None where they cannot be."""
    engine()
    return _store


def store_notice() -> str:
    """What the user should know of the store, as a sentence; "" while all is well."""
    found = _store  # without starting anything: pages ask for it all the time
    return _without_store if found is None else found.trouble or found.notice


def is_alive(run_id: str) -> bool:
    """Whether there is a run of this id; one that is only kept in the store is taken out of it.

    Raises:
        UserError: when it is kept, and there is no room for it, or its data are gone.
    """
    try:
        engine().view(run_id)
    except UnknownRun:
        try:
            engine().revive(run_id)
            view = engine().view(run_id)
        except UnknownRun:
            return False
        except (OSError, sqlite3.Error):
            _log.exception("run %s could not be read", run_id)
            return False
        for told in _on_revival:
            told(view)
    return True


def on_revival(told: Callable[[RunView], None]) -> None:
    """Have a function called with each run that is taken out of the store."""
    _on_revival.append(told)


def fate(run_id: str) -> str:
    """What became of a run that is not alive, as the rest of a sentence about it."""
    found = store()
    try:
        run = None if found is None else found.run(run_id)
    except sqlite3.Error:
        run = None
    if run is None:
        return "has expired"
    return "was deleted" if run.deleted is not None else "has no weights any more"


def close_engine() -> None:
    """End the workers, and write what is left; a later `engine()` starts anew."""
    global _engine, _store
    with _lock:
        if _engine is not None:
            _engine.close()
        if _store is not None:
            if not _store.close():
                _log.warning("not all of the runs could be written: %s", _store.trouble)
        _engine = _store = None


def task_of(experiment: Experiment) -> Task:
    """The built task of an experiment, kept for a while, since every visitor of one task shares it."""
    training = experiment.training
    key = (experiment.task, experiment.task_settings, training.seed, training.val_split)
    return _tasks.get_or(key, experiment.make_task)


def forget_tasks() -> None:
    """Build tasks anew when they are next asked for; data that the user removed must not stay here."""
    _tasks.forget()
