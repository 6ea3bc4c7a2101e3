"""The tables of a store, and how an older file becomes one of this version.

A file is backed up before it is migrated, and never made older. One that a newer program wrote is left alone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from rnn_explorer.errors import UserError
from rnn_explorer.recording.store.records import FIELDS

VERSION = 1
NAME = "runs.sqlite3"
PATIENCE = 5.0  # seconds that a reader or writer waits for another

_APPLICATION = 0x524E4E58  # "RNNX", by which `file` and this program know whose database it is
_TYPES = {
    **dict.fromkeys(("starred", "archived", "step", "origin_step", "target", "steps_per_epoch"), "INTEGER NOT NULL"),
    **dict.fromkeys(("parameters", "bytes"), "INTEGER NOT NULL"),
    **dict.fromkeys(("epoch", "seconds", "created", "updated"), "REAL NOT NULL"),
    **dict.fromkeys(("best_loss", "best_metric", "last_loss", "last_metric", "deleted"), "REAL"),
    **dict.fromkeys(("test_loss", "test_metric"), "REAL"),
    "best_step": "INTEGER",
    "run_id": "TEXT NOT NULL PRIMARY KEY",
}
_COLUMNS = ", ".join(f"{name} {_TYPES.get(name, 'TEXT NOT NULL')}" for name in FIELDS)
_TABLES = (
    f"CREATE TABLE runs ({_COLUMNS})",
    "CREATE INDEX runs_by_owner ON runs (owner, created)",
    "CREATE INDEX runs_by_group ON runs (run_group) WHERE run_group != ''",
    # A run says to which group it belongs; a group without runs is removed.
    "CREATE TABLE run_groups (group_id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, owner TEXT NOT NULL, "
    "name TEXT NOT NULL, varies TEXT NOT NULL, created REAL NOT NULL) WITHOUT ROWID",
    # Rows of a curve, as float64: the step and the curve's columns, `count` of them, steps from `first` to `last`.
    "CREATE TABLE curves (run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, kind TEXT NOT NULL, "
    "first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, rows BLOB NOT NULL, "
    "PRIMARY KEY (run_id, kind, first)) WITHOUT ROWID",
    # Files in the run's folder. The newest one is the checkpoint from which a run goes on.
    "CREATE TABLE states (run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, step INTEGER NOT NULL, "
    "epoch REAL NOT NULL, file TEXT NOT NULL, bytes INTEGER NOT NULL, "
    "PRIMARY KEY (run_id, step)) WITHOUT ROWID",
    # Files that users brought, by their hash; each stays for as long as a run needs it.
    "CREATE TABLE data (hash TEXT NOT NULL PRIMARY KEY, file TEXT NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID",
)
MIGRATIONS: Mapping[int, tuple[str, ...]] = {}  # version -> what makes one of that version the next


class StoreTooNew(UserError):
    """A newer program wrote this store."""


def connect(path: Path, local: bool) -> sqlite3.Connection:
    """A connection to an existing or new file, whose transactions are begun and ended by the caller.

    Raises:
        sqlite3.Error: when it cannot be opened.
    """
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        # A commit is on the disk when it returns, even where the power fails.
        mode = "WAL" if local else "DELETE"
        connection.executescript(f"PRAGMA journal_mode = {mode}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def prepare(path: Path, local: bool) -> str:
    """Make the tables, or make those of an older version new; a file that is damaged is set aside.

    Returns:
        A sentence for the user where one is due, else "".

    Raises:
        StoreTooNew: when a newer program wrote the file, which stays as it is.
        sqlite3.Error, OSError: when the disk fails.
    """
    try:
        _prepare(path, local)
        return ""
    except sqlite3.OperationalError:  # a full, read-only or busy disk: the file may be sound
        raise
    except sqlite3.DatabaseError:
        aside = path.with_name(f"runs.damaged-{time.strftime('%Y%m%d-%H%M%S')}.sqlite3")
        path.rename(aside)
        for end in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        _prepare(path, local)
        return f"The file of the kept runs was damaged. It was set aside as {aside.name}, and a new one begun."


def _prepare(path: Path, local: bool) -> None:
    _check_whole(path)
    connection = connect(path, local)
    try:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found > VERSION:
            raise StoreTooNew(
                f"The kept runs in {path.parent} were written by a newer version of RNN Explorer. Update this one, or "
                "set RNN_EXPLORER_DATA to another folder."
            )
        if found == 0:
            _run(connection, (f"PRAGMA application_id = {_APPLICATION}", *_TABLES), VERSION)
        elif found < VERSION:
            _back_up(connection, path.with_name(f"runs.version-{found}-{time.strftime('%Y%m%d-%H%M%S')}.sqlite3"))
            for version in range(found, VERSION):
                _run(connection, MIGRATIONS[version], version + 1)
        connection.execute("SELECT count(*) FROM runs").fetchone()
    finally:
        connection.close()


def _run(connection: sqlite3.Connection, statements: tuple[str, ...], version: int) -> None:
    """All of these or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in (*statements, f"PRAGMA user_version = {version}"):
            connection.execute(statement)
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back on a full disk
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    target = sqlite3.connect(path)
    try:
        connection.backup(target)
    finally:
        target.close()


def _check_whole(path: Path) -> None:
    """Whether the file is as long as its first page says; SQLite finds out only when it reads what is missing.

    Raises:
        sqlite3.DatabaseError: when it is shorter.
        OSError: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
        size = path.stat().st_size
    except FileNotFoundError:
        return
    if not size:
        return
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        raise sqlite3.DatabaseError("this is no database")
    page = int.from_bytes(head[16:18], "big")
    pages, is_valid = int.from_bytes(head[28:32], "big"), head[24:28] == head[92:96]
    if is_valid and size < pages * (65536 if page == 1 else page):
        raise sqlite3.DatabaseError("the file has been cut")
