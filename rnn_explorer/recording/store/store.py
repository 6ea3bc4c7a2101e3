"""Runs that last: what is known of each, its learning curves and its states, in one folder.

Writing never waits: it is queued for the one thread that writes (`writer.py`). Reading goes to the disk from any thread
and sees what is written; `flush` first where it must be the newest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnn_explorer.recording.files import write_whole
from rnn_explorer.recording.store import curves, schema
from rnn_explorer.recording.store.folder import FolderLock, identity, is_local
from rnn_explorer.recording.store.limits import Limits, beyond
from rnn_explorer.recording.store.records import FIELDS, Kind, RunGroup, StoredRun, column
from rnn_explorer.recording.store.writer import LONGEST, Operation, Writer
from rnn_explorer.trace import Array

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RUNS = f"SELECT {', '.join(FIELDS)} FROM runs"


class RunStore:
    """The store in a folder, of which this process is the one owner until it is closed.

    Args:
        folder: is made where it is not there.
        longest: bytes that may wait for the disk.

    Attributes:
        notice: a sentence for the user about how it was found, such as damaged; "" for none.

    Raises:
        FolderTaken: when another server owns the folder.
        StoreTooNew: when a newer program wrote it.
        OSError, sqlite3.Error: when it cannot be used.
    """

    def __init__(self, folder: Path, longest: int = LONGEST) -> None:
        self.folder = folder
        self._lock = FolderLock(folder)
        try:
            self._path, self._local = folder / schema.NAME, is_local(folder)
            self.notice = schema.prepare(self._path, self._local)
            self._sweep()
            self._reader, self._read_from = schema.connect(self._path, self._local), identity(self._path)
            self._reading = threading.Lock()
        except BaseException:
            self._lock.release()
            raise
        self._writer = Writer(lambda: schema.connect(self._path, self._local), _write, self._path, longest)
        # What was in training when the last owner of the folder ended is not any more.
        ended = "status = 'interrupted', message = ''"
        self._put("", _statement(f"UPDATE runs SET {ended} WHERE status IN ('training', 'starting')", ()))

    @property
    def trouble(self) -> str:
        """Why nothing can be written at present, as a sentence for the user; "" while all is well."""
        return self._writer.trouble

    @property
    def lost(self) -> dict[str, int]:
        """Of which runs something was lost since the disk did not take it for too long, and how many pieces."""
        return self._writer.lost

    def mended(self, run_id: str) -> None:
        """What was lost of a run was given again."""
        self._writer.mended(run_id)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was given until now is on the disk; False where that takes longer."""
        return self._writer.flush(timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """Write what is left and give up the folder; False where not all could be written."""
        written = self._writer.close(timeout)
        with self._reading:
            self._reader.close()
        self._lock.release()
        return written

    # -- writing ------------------------------------------------------------------------------------------------

    def add(self, run: StoredRun) -> None:
        """Keep a new run.

        Raises:
            ValueError: for an id that cannot be a folder's name.
        """
        if not _RUN_ID.fullmatch(run.run_id):
            raise ValueError(f"{run.run_id!r} is no id of a run")
        now = time.time()
        values = run.columns() | {"created": run.created or now, "updated": run.updated or now}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._put(run.run_id, _statement(f"INSERT INTO runs ({names}) VALUES ({marks})", tuple(values.values())))

    def add_group(self, group: RunGroup) -> None:
        """Keep a new group of runs, or another name and other words for one that is there.

        Raises:
            ValueError: for an id that cannot be one.
        """
        if not _RUN_ID.fullmatch(group.group_id):
            raise ValueError(f"{group.group_id!r} is no id of a group")
        values = dataclasses.asdict(group) | {"varies": column(group.varies), "created": group.created or time.time()}
        statement = f"INSERT OR REPLACE INTO run_groups ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
        self._put("", _statement(statement, tuple(values.values())))

    def change(self, run_ids: Sequence[str], **fields: Any) -> None:
        """Set fields of runs, such as `starred=True`.

        Raises:
            ValueError: for a field that there is not, or that is not to be changed.
        """
        if bad := set(fields) - set(FIELDS) | set(fields) & {"run_id", "created", "updated", "bytes"}:
            raise ValueError(f"{', '.join(sorted(bad))} cannot be changed")
        values = {name: column(value) for name, value in fields.items()} | {"updated": time.time()}
        sets = ", ".join(f"{name} = ?" for name in values)
        for run_id in run_ids:
            self._put(run_id, _statement(f"UPDATE runs SET {sets} WHERE run_id = ?", (*values.values(), run_id)))

    def append(self, run_id: str, kind: Kind, rows: Array) -> None:
        """Add rows to a curve. Rows from the first one's step on that are there already are replaced.

        Args:
            run_id: whose.
            kind: which curve.
            rows: (rows, 1 + columns), float64: the step, ascending, and the values of the curve's columns.
        """
        if not len(rows):
            return
        table = curves.checked(rows, kind)

        def apply(connection: sqlite3.Connection) -> Iterable[Path]:
            curves.cut(connection, run_id, kind, int(table[0, 0]))
            curves.append(connection, run_id, kind, table)
            return ()

        self._writer.put(Operation(_where_there(run_id, apply), table.nbytes, can_go=1, run_id=run_id))

    def keep(
        self,
        run_id: str,
        step: int,
        epoch: float,
        state: bytes,
        *,
        can_go: bool = False,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep the state of a step, in place of one that is there already.

        Args:
            run_id: whose.
            step: optimizer steps done.
            epoch: passes over the training data, with a fraction.
            state: `Trainer.state()`, safetensors.
            can_go: whether it is the first to be missed where the disk takes nothing, as a state of the past is.
            done: called, from another thread, once it is on the disk.
        """
        path = self._folder(run_id) / f"{step}-{secrets.token_hex(4)}.safetensors"

        def apply(connection: sqlite3.Connection) -> Iterable[Path]:
            if not _is_there(connection, run_id):
                return [path]
            gone = self._drop(connection, run_id, "step = ?", (step,))
            connection.execute(
                "INSERT INTO states (run_id, step, epoch, file, bytes) VALUES (?, ?, ?, ?, ?)",
                (run_id, step, epoch, path.name, len(state)),
            )
            _weigh(connection, run_id)
            return gone

        operation = Operation(apply, len(state), ((path, state),), 2 if can_go else 1, run_id, done)
        self._writer.put(operation)

    def keep_only(self, run_id: str, steps: Iterable[int]) -> None:
        """Let go of all states but those of these steps."""
        kept = frozenset(steps)

        def apply(connection: sqlite3.Connection) -> Iterable[Path]:
            found = connection.execute("SELECT step FROM states WHERE run_id = ?", (run_id,)).fetchall()
            gone = [
                path
                for (step,) in found
                if step not in kept
                for path in self._drop(connection, run_id, "step = ?", (step,))
            ]
            _weigh(connection, run_id)
            return gone

        self._writer.put(Operation(apply, run_id=run_id))

    def rewind(self, run_id: str, step: int) -> None:
        """Forget curves and states after a step, from which the run goes on; -1 forgets all of them."""

        def apply(connection: sqlite3.Connection) -> Iterable[Path]:
            for kind in curves.COLUMNS:
                curves.cut(connection, run_id, kind, step + 1)
            gone = self._drop(connection, run_id, "step > ?", (step,))
            _weigh(connection, run_id)
            return gone

        self._writer.put(Operation(apply, run_id=run_id))

    def keep_data(self, run_id: str, content: bytes) -> None:
        """Keep the user's own data that a run needs, once for all runs that need them."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.folder / "data" / secrets.token_hex(8)

        def apply(connection: sqlite3.Connection) -> Iterable[Path]:
            connection.execute("UPDATE runs SET data = ? WHERE run_id = ?", (digest, run_id))
            new = "INSERT OR IGNORE INTO data (hash, file, bytes) VALUES (?, ?, ?)"
            if connection.execute(new, (digest, path.name, len(content))).rowcount:
                _write(path, content, True)  # only now, since all runs on the same data bring the same file
            return self._unused_data(connection)

        self._writer.put(Operation(apply, len(content), run_id=run_id))

    def tidy(self, limits: Limits | None = None, busy: Collection[str] = ()) -> list[str]:
        """Remove what is beyond the limits, but for runs that are open; returns their ids."""
        data = {row["hash"]: row["bytes"] for row in self._read("SELECT hash, bytes FROM data", ())}
        gone = beyond(self.runs(), limits or Limits(), time.time(), busy, data)
        self.remove(gone)
        return gone

    def remove(self, run_ids: Sequence[str]) -> None:
        """Remove runs for good, with their curves and states, and the data that no other run needs."""
        for run_id in run_ids:

            def apply(connection: sqlite3.Connection, run_id: str = run_id) -> Iterable[Path]:
                gone = self._drop(connection, run_id, "1", ())
                connection.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
                unused = "NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_group = run_groups.group_id)"
                connection.execute(f"DELETE FROM run_groups WHERE {unused}")
                return [*gone, *self._unused_data(connection)]

            self._writer.put(Operation(apply, run_id=run_id))

    # -- reading ------------------------------------------------------------------------------------------------

    def runs(self, owner: str | None = None) -> list[StoredRun]:
        """The runs of an owner, or all, the newest first; deleted ones too."""
        where, values = ("", ()) if owner is None else (" WHERE owner = ?", (owner,))
        return [StoredRun.of(row) for row in self._read(f"{_RUNS}{where} ORDER BY created DESC, run_id", values)]

    def newest(self, owner: str) -> StoredRun | None:
        """The run of an owner that was trained or changed last, of those in the list; None where there is none."""
        where = "owner = ? AND step > 0 AND deleted IS NULL AND NOT archived"
        found = self._read(f"{_RUNS} WHERE {where} ORDER BY updated DESC LIMIT 1", (owner,))
        return StoredRun.of(found[0]) if found else None

    def run(self, run_id: str) -> StoredRun | None:
        """A run; None where it is not kept."""
        found = self._read(f"{_RUNS} WHERE run_id = ?", (run_id,))
        return StoredRun.of(found[0]) if found else None

    def groups(self, owner: str) -> list[RunGroup]:
        """The groups of an owner, the newest first."""
        found = self._read("SELECT * FROM run_groups WHERE owner = ? ORDER BY created DESC, group_id", (owner,))
        return [RunGroup(**{**row, "varies": tuple(json.loads(row["varies"]))}) for row in map(dict, found)]

    def group(self, group_id: str) -> list[StoredRun]:
        """The runs of a group, in the order in which they were added; deleted ones too."""
        found = self._read(f"{_RUNS} WHERE run_group = ? ORDER BY created, run_id", (group_id,))
        return [StoredRun.of(row) for row in found]

    def curve(self, run_id: str, kind: Kind, after: int = -1) -> Array:
        """The rows of a curve after a step: (rows, 1 + columns), float64. The last one's step is the next cursor."""
        found = self._read(
            "SELECT rows FROM curves WHERE run_id = ? AND kind = ? AND last > ? ORDER BY first", (run_id, kind, after)
        )
        rows = curves.of_blocks((row["rows"] for row in found), kind)
        return rows[np.searchsorted(rows[:, 0], after, side="right") :]

    def states(self, run_id: str) -> dict[int, tuple[float, int]]:
        """The steps whose states are kept, ascending, each with its epoch and its bytes."""
        found = self._read("SELECT step, epoch, bytes FROM states WHERE run_id = ? ORDER BY step", (run_id,))
        return {row["step"]: (row["epoch"], row["bytes"]) for row in found}

    def state(self, run_id: str, step: int | None = None) -> bytes | None:
        """The state of a step, or the newest one; None where it is not kept (any more).

        Raises:
            OSError: when the disk fails.
        """
        which, values = ("", (run_id,)) if step is None else (" AND step = ?", (run_id, step))
        query = f"SELECT file FROM states WHERE run_id = ?{which} ORDER BY step DESC LIMIT 1"
        found = self._read(query, values)
        with contextlib.suppress(FileNotFoundError):  # let go since
            return (self._folder(run_id) / found[0]["file"]).read_bytes() if found else None
        return None

    def data(self, run_id: str) -> bytes | None:
        """The user's own data that a run needs; None where it needs none, or they are gone.

        Raises:
            OSError: when the disk fails.
        """
        found = self._read("SELECT file FROM data WHERE hash = (SELECT data FROM runs WHERE run_id = ?)", (run_id,))
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "data" / found[0]["file"]).read_bytes() if found else None
        return None

    def bytes_of(self, owner: str) -> int:
        """Bytes on disk of an owner's runs: their states, and each of the data that they need, once."""
        query = (
            "SELECT (SELECT coalesce(sum(bytes), 0) FROM runs WHERE owner = ?1) + (SELECT coalesce(sum(bytes), 0) "
            "FROM data WHERE hash IN (SELECT data FROM runs WHERE owner = ?1))"
        )
        return int(self._read(query, (owner,))[0][0])

    # -- within -------------------------------------------------------------------------------------------------

    def _put(self, run_id: str, apply: Callable[[sqlite3.Connection], Iterable[Path]]) -> None:
        self._writer.put(Operation(apply, run_id=run_id))

    def _read(self, query: str, values: Sequence[Any]) -> list[Any]:
        with self._reading:
            if (found := identity(self._path)) not in (None, self._read_from):  # it was gone, and was brought back
                self._reader.close()
                self._reader, self._read_from = schema.connect(self._path, self._local), found
            return self._reader.execute(query, tuple(values)).fetchall()

    def _folder(self, run_id: str) -> Path:
        return self.folder / "states" / run_id

    def _drop(self, connection: sqlite3.Connection, run_id: str, which: str, values: tuple[int, ...]) -> list[Path]:
        """Take states out of the table; returns their files."""
        place = (run_id, *values)
        found = connection.execute(f"SELECT file FROM states WHERE run_id = ? AND {which}", place).fetchall()
        connection.execute(f"DELETE FROM states WHERE run_id = ? AND {which}", place)
        return [self._folder(run_id) / row["file"] for row in found]

    def _unused_data(self, connection: sqlite3.Connection) -> list[Path]:
        """Take data that no run needs out of the table; returns their files."""
        unused = "NOT EXISTS (SELECT 1 FROM runs WHERE runs.data = data.hash)"
        found = connection.execute(f"SELECT file FROM data WHERE {unused}").fetchall()
        connection.execute(f"DELETE FROM data WHERE {unused}")
        return [self.folder / "data" / row["file"] for row in found]

    def _sweep(self) -> None:
        """Remove files that a process left behind which was killed before it could tell the table of them."""
        connection = schema.connect(self._path, self._local)
        try:
            known = {(row["run_id"], row["file"]) for row in connection.execute("SELECT run_id, file FROM states")}
            known |= {("data", row["file"]) for row in connection.execute("SELECT file FROM data")}
        finally:
            connection.close()
        for folder in (self.folder / "data", *(self.folder / "states").glob("*")):
            files = list(folder.iterdir()) if folder.is_dir() else []
            gone = [path for path in files if (folder.name, path.name) not in known]
            for path in gone:
                path.unlink(missing_ok=True)
            if len(gone) == len(files):
                shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, content: bytes, sync: bool) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, lambda file: file.write(content), sync)


def _statement(query: str, values: tuple[Any, ...]) -> Callable[[sqlite3.Connection], Iterable[Path]]:
    def apply(connection: sqlite3.Connection) -> Iterable[Path]:
        connection.execute(query, values)
        return ()

    return apply


def _where_there(
    run_id: str, apply: Callable[[sqlite3.Connection], Iterable[Path]]
) -> Callable[[sqlite3.Connection], Iterable[Path]]:
    """Nothing where the run has been removed meanwhile."""
    return lambda connection: apply(connection) if _is_there(connection, run_id) else ()


def _is_there(connection: sqlite3.Connection, run_id: str) -> bool:
    return connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone() is not None


def _weigh(connection: sqlite3.Connection, run_id: str) -> None:
    total = "coalesce((SELECT sum(bytes) FROM states WHERE states.run_id = runs.run_id), 0)"
    connection.execute(f"UPDATE runs SET bytes = {total} WHERE run_id = ?", (run_id,))
