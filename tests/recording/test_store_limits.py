"""What a store keeps at most, and the data of users that its runs need."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rnn_explorer.recording.store.limits import UNDO, Limits, beyond
from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.recording.store.store import RunStore

DAY = 24 * 3600.0


def runs(count: int, **fields: object) -> list[StoredRun]:
    """Run r0 was changed first."""
    return [StoredRun(f"r{n}", "{}", updated=100 * DAY + n, bytes=10, **fields) for n in range(count)]  # type: ignore[arg-type]


NOW = 101 * DAY


@pytest.mark.parametrize(
    ("limits", "gone"),
    [
        (Limits(), []),
        (Limits(runs=3), ["r0", "r1"]),
        (Limits(bytes=35), ["r0", "r1"]),
        (Limits(age=DAY - 2.5), ["r0", "r1", "r2"]),
        (Limits(runs=0), ["r0", "r1", "r2", "r3", "r4"]),
    ],
)
def test_the_oldest_go_first(limits: Limits, gone: list[str]) -> None:
    assert beyond(runs(5), limits, NOW) == gone


def test_starred_and_open_runs_stay(tmp_path: Path) -> None:
    assert beyond(runs(5, starred=True), Limits(runs=0, bytes=0, age=0), NOW) == []
    assert beyond(runs(5), Limits(runs=2), NOW, busy={"r0", "r2"}) == ["r1", "r3", "r4"]


def test_each_owner_has_a_limit_of_their_own() -> None:
    mixed = [*runs(3, owner="v"), *(StoredRun(f"w{n}", "{}", owner="w", updated=99 * DAY) for n in range(2))]
    assert beyond(mixed, Limits(runs=2), NOW) == ["r0"]


def test_deleted_runs_go_first_and_for_good_after_a_day() -> None:
    mixed = [*runs(2), StoredRun("d", "{}", updated=NOW, bytes=10, deleted=NOW - UNDO / 2, starred=True)]
    assert beyond(mixed, Limits(), NOW) == []
    assert beyond(mixed, Limits(), NOW + UNDO) == ["d"]
    assert beyond(mixed, Limits(runs=2), NOW) == ["d"]


def test_data_count_once_until_the_last_run_that_needs_them_goes() -> None:
    mixed = [*runs(3, data="h"), StoredRun("x", "{}", updated=100 * DAY + 50, bytes=10)]
    assert beyond(mixed, Limits(bytes=140), NOW, data={"h": 100}) == []
    assert beyond(mixed, Limits(bytes=125), NOW, data={"h": 100}) == ["r0", "r1"]
    assert beyond(mixed, Limits(bytes=15), NOW, data={"h": 100}) == ["r0", "r1", "r2"], "with the data went enough"


def race(group: str, at: float, **fields: object) -> list[StoredRun]:
    return [StoredRun(f"{group}{n}", "{}", run_group=group, updated=at + n, bytes=10, **fields) for n in range(3)]  # type: ignore[arg-type]


def test_groups_have_a_limit_of_their_own_and_go_whole() -> None:
    old, new = race("a", 99 * DAY), race("b", 100.5 * DAY)
    assert beyond([*runs(2), *old, *new], Limits(runs=2, groups=2), NOW) == [], "their runs do not count"
    assert beyond([*runs(2), *old, *new], Limits(runs=1, groups=1), NOW) == ["a0", "a1", "a2", "r0"]
    starred = [old[0], dataclasses.replace(old[1], starred=True), old[2]]
    assert beyond([*starred, *new], Limits(groups=1), NOW) == ["b0", "b1", "b2"], "a starred run holds its group"
    assert beyond([*old, *new], Limits(groups=1), NOW, busy={"a2"}) == ["b0", "b1", "b2"]
    assert beyond([*runs(1), *old], Limits(bytes=30), NOW) == ["a0", "a1", "a2"], "the group is older"
    assert beyond(old, Limits(age=2 * DAY - 1.5), NOW) == [], "a group is as old as its newest run"
    assert beyond(old, Limits(age=2 * DAY - 2.5), NOW) == ["a0", "a1", "a2"]
    gone = [dataclasses.replace(old[0], deleted=NOW - UNDO - 1), *old[1:]]
    assert beyond(gone, Limits(), NOW) == ["a0"], "a deleted one goes alone"


def test_data_are_kept_once_and_go_with_the_last_run_that_needs_them(tmp_path: Path) -> None:
    kept = RunStore(tmp_path)
    for run_id, owner in (("r1", "v"), ("r2", "v"), ("r3", "w")):
        kept.add(StoredRun(run_id, "{}", owner=owner))
        kept.keep_data(run_id, b"a table")
    kept.keep("r1", 0, 0.0, b"state")
    kept.flush()
    (file,) = (kept.folder / "data").iterdir()
    assert kept.data("r1") == kept.data("r3") == b"a table" and kept.data("r4") is None
    assert kept.bytes_of("v") == len(b"a table") + len(b"state") and kept.bytes_of("w") == len(b"a table")
    assert kept.bytes_of("nobody") == 0
    kept.remove(["r1", "r3"])
    kept.flush()
    assert kept.data("r2") == b"a table"
    kept.keep_data("r2", b"another table")
    kept.keep_data("r2", b"a table")  # gone and kept again within one transaction
    kept.keep_data("r2", b"another table")
    kept.flush()
    assert kept.data("r2") == b"another table" and not file.exists()
    kept.close()
    kept = RunStore(tmp_path)
    assert kept.data("r2") == b"another table", "the sweep took what is needed"
    kept.remove(["r2"])
    assert kept.flush() and not list((kept.folder / "data").iterdir())
    kept.close()
