"""Learning curves in a store: rows of float64 in blocks, replaced from a step on, thinned where they are many."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import numpy as np

from rnn_explorer.recording.store.records import Kind
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array

BLOCK = 1_000  # rows of a curve in one row of the table, at least, but for the newest ones
MOST_SMALL = 32  # rows of the table with fewer, which become one: so what comes is written twice, not once a second
MOST_ROWS = 40_000  # of a curve; where there are more, every second one is kept

COLUMNS: dict[Kind, int] = {  # with the step
    "train": 1 + len(TRAIN_COLUMNS),
    "validation": 1 + len(VALIDATION_COLUMNS),
    "clock": 2,
}


def checked(rows: Array, kind: Kind) -> Array:
    """A copy of rows for a curve, as float64.

    Raises:
        ValueError: for another number of columns.
    """
    table = np.array(rows, dtype="<f8")
    if table.ndim != 2 or table.shape[1] != COLUMNS[kind]:
        raise ValueError(f"rows of {kind} have {COLUMNS[kind]} columns, not the shape {table.shape}")
    return table


def of_blocks(blocks: Iterable[bytes], kind: Kind) -> Array:
    """The rows of blocks in order: (rows, 1 + columns)."""
    return np.frombuffer(b"".join(blocks), dtype="<f8").reshape(-1, COLUMNS[kind])


def cut(connection: sqlite3.Connection, run_id: str, kind: Kind, first: int) -> None:
    """Forget the rows of a curve from a step on."""
    place = (run_id, kind, first)
    touched = connection.execute(
        "SELECT rows FROM curves WHERE run_id = ? AND kind = ? AND last >= ? ORDER BY first", place
    ).fetchall()
    if not touched:
        return
    connection.execute("DELETE FROM curves WHERE run_id = ? AND kind = ? AND last >= ?", place)
    rows = of_blocks([touched[0]["rows"]], kind)
    _insert(connection, run_id, kind, rows[rows[:, 0] < first])


def append(connection: sqlite3.Connection, run_id: str, kind: Kind, rows: Array) -> None:
    """Add rows behind those of a curve."""
    place = (run_id, kind)
    _insert(connection, run_id, kind, rows)
    counts = [
        row["count"]
        for row in connection.execute("SELECT count FROM curves WHERE run_id = ? AND kind = ? ORDER BY first", place)
    ]
    small = len(counts) - next((n for n, count in enumerate(counts) if count < BLOCK), len(counts))
    if small > MOST_SMALL:
        _merge(connection, run_id, kind, small)
    if sum(counts) > MOST_ROWS:
        query = "SELECT rows FROM curves WHERE run_id = ? AND kind = ? ORDER BY first"
        whole = of_blocks((row["rows"] for row in connection.execute(query, place)), kind)
        connection.execute("DELETE FROM curves WHERE run_id = ? AND kind = ?", place)
        thinned = np.concatenate([whole[:-1:2], whole[-1:]])
        for block in _blocks(thinned):
            _insert(connection, run_id, kind, block)


def _merge(connection: sqlite3.Connection, run_id: str, kind: Kind, count: int) -> None:
    """Make one block of the newest ones."""
    query = "SELECT first, rows FROM curves WHERE run_id = ? AND kind = ? ORDER BY first DESC LIMIT ?"
    found = connection.execute(query, (run_id, kind, count)).fetchall()[::-1]
    connection.execute(
        "DELETE FROM curves WHERE run_id = ? AND kind = ? AND first >= ?", (run_id, kind, found[0]["first"])
    )
    _insert(connection, run_id, kind, of_blocks((row["rows"] for row in found), kind))


def _blocks(rows: Array) -> Iterator[Array]:
    yield from (rows[begin : begin + BLOCK] for begin in range(0, len(rows), BLOCK))


def _insert(connection: sqlite3.Connection, run_id: str, kind: Kind, rows: Array) -> None:
    if len(rows):
        content = np.ascontiguousarray(rows, dtype="<f8").tobytes()
        connection.execute(
            "INSERT INTO curves (run_id, kind, first, last, count, rows) VALUES (?, ?, ?, ?, ?, ?)",
            (run_id, kind, int(rows[0, 0]), int(rows[-1, 0]), len(rows), content),
        )
