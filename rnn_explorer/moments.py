"""A moment: one run at one of its steps, perhaps with something changed. It is what is compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

MOST = 4  # moments side by side
LONGEST = 4_000  # characters of the moments of a comparison, as they stand in an address
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Moment:
    """One thing to compare.

    Attributes:
        run_id: the run.
        step: one of its kept steps, or the nearest one to it; None: its present, also while it trains on.
        change: what is to be different in the model, as in `CellSelection.change`: JSON, "" for nothing.
    """

    run_id: str
    step: int | None = None
    change: str = ""


def write(moments: Iterable[Moment]) -> str:
    """Moments as a text for an address; "" for none."""
    rows = [_row(moment) for moment in moments]
    while len(text := json.dumps(rows, separators=(",", ":"))) > LONGEST:
        rows.pop()
    return text if rows else ""


def read(text: str) -> tuple[Moment, ...]:
    """The moments in a text of `write`, each once; none where it is no such text."""
    try:
        rows = json.loads(text[: LONGEST + 1] or "[]")
        found = dict.fromkeys(_moment(row) for row in rows) if isinstance(rows, list) else ()
    except (ValueError, TypeError, RecursionError):
        return ()
    return tuple(found)[:MOST]


def _row(moment: Moment) -> object:
    if moment.change:
        return [moment.run_id, moment.step, moment.change]
    return moment.run_id if moment.step is None else [moment.run_id, moment.step]


def _moment(row: object) -> Moment:
    parts = row if isinstance(row, list) else [row]
    run_id, step, change = parts if len(parts) == 3 else (*parts, "") if len(parts) == 2 else (*parts, None, "")
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id) or not isinstance(change, str):
        raise ValueError("no run")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 10**12):
        raise ValueError("no step")
    return Moment(run_id, step, change)
