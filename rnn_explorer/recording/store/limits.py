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
        runs: of one owner, but for those in groups.
        groups: of runs, of one owner.
        bytes: of the states of all runs, and of the data that they need.
        age: seconds since a run was last changed.
    """

    runs: int = 2_000
    groups: int = 200
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

    A group stays or goes whole, since a race that misses a run says something else; it is as old as its newest run, and
    counts among the groups, its runs not among the runs.

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
    sizes = data or {}
    gone = [run.run_id for run in runs if _is_over(run, now) and run.run_id not in busy]
    units: dict[tuple[str, str], list[StoredRun]] = {}
    for run in runs:
        if run.run_id not in gone:
            units.setdefault((run.owner, run.run_group or f"run {run.run_id}"), []).append(run)
    left = [run for unit in units.values() for run in unit]
    uses = Counter(run.data for run in left)
    total = sum(run.bytes for run in left) + sum(size for name, size in sizes.items() if uses[name])
    counts = Counter(_counted_as(unit) for unit in units.values())
    for unit in sorted(units.values(), key=_age_key):
        if any(run.run_id in busy or (run.starred and run.deleted is None) for run in unit):
            continue
        kind = _counted_as(unit)
        most = limits.groups if kind[1] else limits.runs
        is_old = all(now - run.updated > limits.age for run in unit)
        if is_old or counts[kind] > most or total > limits.bytes:
            gone += [run.run_id for run in unit]
            counts[kind] -= 1
            for run in unit:
                uses[run.data] -= 1
                total -= run.bytes + (0 if uses[run.data] else sizes.get(run.data, 0))
    return gone


def _is_over(run: StoredRun, now: float) -> bool:
    """Whether a run was deleted, and cannot be had back any more."""
    return run.deleted is not None and now - run.deleted > UNDO


def _counted_as(unit: list[StoredRun]) -> tuple[str, bool]:
    """The owner, and whether it is a group."""
    return unit[0].owner, bool(unit[0].run_group)


def _age_key(unit: list[StoredRun]) -> tuple[bool, float]:
    """Deleted ones come first, then the oldest."""
    return any(run.deleted is None for run in unit), max(run.updated for run in unit)
