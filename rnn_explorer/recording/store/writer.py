"""The one thread that writes to a store, so that nothing waits for the disk.

What the disk cannot take stays in a queue, in order, and is tried again; where the queue becomes too long, what can be
missed best goes, and what was lost is counted.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rnn_explorer.recording.store.folder import identity

EVERY = 0.5  # seconds between two transactions
RETRY = (1.0, 2.0, 5.0, 10.0)  # seconds until the disk is tried again, after one failure, two, ...
LONGEST = 256 * 2**20  # bytes that may wait for the disk

_log = logging.getLogger(__name__)
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@dataclass(frozen=True, eq=False)
class Operation:
    """A change of the store.

    Attributes:
        apply: makes it within a transaction, and returns the files that are needed no more once it is committed.
        size: bytes that it holds.
        files: are written before the transaction, whole or not at all.
        can_go: how well it can be missed where the queue is too long: 2 for a state of the past, 1 for a checkpoint
            or rows of a curve, 0 for what is never dropped.
        run_id: whose.
        done: called, in the writer's thread, once it is on the disk.
    """

    apply: Callable[[sqlite3.Connection], Iterable[Path]]
    size: int = 0
    files: tuple[tuple[Path, bytes], ...] = ()
    can_go: int = 0
    run_id: str = ""
    done: Callable[[], None] = lambda: None


class Writer:
    """Applies operations in order, some of them in each transaction.

    Args:
        connect: opens the database; called in the thread, and again after a failure.
        write: writes a file, whole or not at all; the last argument says whether it must outlive a power failure.
        path: of the database. SQLite would go on writing to one that is gone.
        longest: bytes that may wait.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        write: Callable[[Path, bytes, bool], None],
        path: Path,
        longest: int = LONGEST,
    ) -> None:
        self._connect, self._write, self._path, self._longest = connect, write, path, longest
        self._condition = threading.Condition()
        self._queue: list[Operation] = []
        self._size = self._put = self._done = 0
        self._lost: dict[str, int] = {}
        self._hurry = self._closing = False
        self._trouble = ""
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # that it is connected to
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why nothing can be written at present, as a sentence for the user; "" while all is well."""
        return self._trouble

    @property
    def lost(self) -> dict[str, int]:
        """How many operations of each run were dropped since the queue was too long."""
        with self._condition:
            return dict(self._lost)

    def mended(self, run_id: str) -> None:
        """What was dropped of a run was given again."""
        with self._condition:
            self._lost.pop(run_id, None)

    def put(self, *operations: Operation) -> None:
        """Queue operations; never waits."""
        with self._condition:
            if self._closing:
                return
            self._queue += operations
            self._put += len(operations)
            self._size += sum(operation.size for operation in operations)
            self._shorten()
            self._condition.notify_all()

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was queued until now is on the disk; False where that takes longer."""
        with self._condition:
            wanted, self._hurry = self._put, True
            self._condition.notify_all()
            return self._condition.wait_for(lambda: self._done >= wanted, timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """Write what is left and end; False where not all could be written."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._thread.join(timeout)
        return not self._queue

    def _shorten(self) -> None:
        for worth in (2, 1):
            place = 0
            while self._size > self._longest and place < len(self._queue):
                operation = self._queue[place]
                if operation.can_go != worth:
                    place += 1
                    continue
                del self._queue[place]
                self._size -= operation.size
                self._done += 1
                self._lost[operation.run_id] = self._lost.get(operation.run_id, 0) + 1

    # -- in the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._queue or self._closing)
                self._condition.wait_for(lambda: self._hurry or self._closing, EVERY)
                if failures and not self._closing:
                    self._condition.wait_for(lambda: self._closing, RETRY[min(failures, len(RETRY)) - 1])
                batch, self._queue = self._queue, []
                self._size -= sum(operation.size for operation in batch)
                closing = self._closing
            left = self._write_all(batch) if batch else []
            failures = failures + 1 if left else 0
            with self._condition:
                self._queue[:0] = left
                self._size += sum(operation.size for operation in left)
                self._done += len(batch) - len(left)
                self._shorten()
                self._hurry = self._hurry and bool(self._queue)
                self._condition.notify_all()
                if closing and (left or not self._queue):
                    break
        self._disconnect()

    def _write_all(self, batch: list[Operation]) -> list[Operation]:
        """Write a batch; returns what is left of it: all or nothing."""
        try:
            self._transact(batch)
        except (OSError, sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)):
                return self._one_by_one(batch)
            if not self._trouble:
                _log.warning("the store cannot be written: %s", error)
            self._trouble = _sentence(error)
            self._disconnect()
            return batch
        except Exception:
            return self._one_by_one(batch)
        self._trouble = ""
        return []

    def _one_by_one(self, batch: list[Operation]) -> list[Operation]:
        """One of them is at fault, which is ours: it alone is lost."""
        if len(batch) == 1:
            _log.exception("a change of run %s could not be stored", batch[0].run_id)
            return []
        for place, operation in enumerate(batch):
            if left := self._write_all([operation]):
                return [*left, *batch[place + 1 :]]
        return []

    def _transact(self, batch: list[Operation]) -> None:
        if (found := identity(self._path)) is None:
            raise FileNotFoundError(errno.ENOENT, "the file of the runs is gone", str(self._path))
        if found != self._file:
            self._disconnect()
        if self._connection is None:
            self._connection, self._file = self._connect(), found
        for operation in batch:
            for path, content in operation.files:
                self._write(path, content, operation.can_go < 2)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            gone = [path for operation in batch for path in operation.apply(connection)]
        except BaseException:
            if connection.in_transaction:  # SQLite itself rolls back on a full disk
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        for operation in batch:
            operation.done()
        for path in gone:
            path.unlink(missing_ok=True)

    def _disconnect(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error:
                _log.exception("the store was not closed well")
            self._connection = None


def _sentence(error: Exception) -> str:
    text = str(error)
    if (isinstance(error, OSError) and error.errno in _FULL) or "full" in text:
        why = "the disk is full. Make room on it"
    elif "readonly" in text or (isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)):
        why = "their folder cannot be written. Make it writable"
    elif isinstance(error, FileNotFoundError):
        why = "their folder is gone. Bring it back, or start the server anew"
    elif "locked" in text or "busy" in text:
        why = "another program holds their file. End that program"
    elif isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        why = "their file is damaged. Start the server anew, which sets that file aside"
    else:
        why = "the disk does not take it. The server's log says more; see to the disk"
    return f"Runs are not kept at present: {why}. Training goes on in memory, and is written when that is done."
