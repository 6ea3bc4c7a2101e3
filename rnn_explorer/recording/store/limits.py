"""How much a store keeps: the oldest go first, starred runs never."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rnn_explorer.recording.store.records import StoredRun

UNDO = 24 * 3600.0  # seconds for which a deleted run can be had back


@dataclass(frozen=True)
class Limits:
    """What a store keeps at most.

    Attributes:
        runs: of one owner.
        bytes: of the states of all runs, and of the data that they need.
        age: seconds since a run was last changed.
    """

    runs: int = 2_000
    bytes: int = 5 * 10**9
    age: float = 366 * 24 * 3600.0


def beyond(
    runs: Sequence[StoredRun],
    limits: Limits,
    now: float,
    busy: Collection[str] = (),
    data: Mapping[str, int] | None = None,
) -> list[str]:
    """Which runs are to go.

    Args:
        runs: all that are kept.
        limits: what is kept at most.
        now: seconds since 1970.
        busy: ids of runs that are open, which stay.
        data: bytes of the users' own data, by their hash.

    Returns:
        Their ids: the deleted ones that cannot be had back any more, those that are too old, and the oldest others
        until the limits are met.
    """
    gone: list[str] = []
    sizes = data or {}
    total = sum(run.bytes for run in runs) + sum(sizes.values())
    counts, uses = Counter(run.owner for run in runs), Counter(run.data for run in runs)
    for run in sorted(runs, key=lambda run: (run.deleted is None, run.updated)):
        if run.run_id in busy or (run.starred and run.deleted is None):
            continue
        over = run.deleted is not None and now - run.deleted > UNDO
        if over or now - run.updated > limits.age or counts[run.owner] > limits.runs or total > limits.bytes:
            gone.append(run.run_id)
            counts[run.owner] -= 1
            uses[run.data] -= 1
            total -= run.bytes + (0 if uses[run.data] else sizes.get(run.data, 0))
    return gone
