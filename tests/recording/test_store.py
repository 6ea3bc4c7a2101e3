"""The store of runs: nothing is lost or doubled, whatever the disk does and whenever the process is killed."""

from __future__ import annotations

import dataclasses
import errno
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnn_explorer.recording.store import curves, schema, store, writer
from rnn_explorer.recording.store import folder as store_folder
from rnn_explorer.recording.store.folder import FolderLock, FolderTaken, is_local
from rnn_explorer.recording.store.records import RunGroup, StoredRun
from rnn_explorer.recording.store.schema import StoreTooNew
from rnn_explorer.recording.store.store import RunStore

EXPERIMENT = '{"task": "flip_flop"}'


def rows(first: int, last: int, columns: int = 5) -> np.ndarray:
    steps = np.arange(first, last + 1, dtype=np.float64)
    return np.stack([steps, *(steps / 7 + column for column in range(1, columns))], axis=1)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[RunStore]:
    opened = RunStore(tmp_path / "data")
    yield opened
    opened.close()


def again(opened: RunStore) -> RunStore:
    assert opened.close()
    return RunStore(opened.folder)


def test_a_run_with_its_curves_and_states_is_found_by_the_next_server(kept: RunStore) -> None:
    run = StoredRun("r1", EXPERIMENT, owner="v", name="mine", tags=("a", "b"), starred=True, versions={"torch": "2"})
    kept.add(run)
    kept.append("r1", "train", rows(1, 1500))
    kept.append("r1", "train", rows(1501, 1503))
    kept.append("r1", "validation", rows(0, 2, 3))
    kept.keep("r1", 0, 0.0, b"first")
    kept.keep("r1", 1503, 2.5, b"newest")
    with_store = again(kept)
    found = with_store.run("r1")
    assert found is not None and found.created == found.updated > 0
    assert (found.name, found.tags, found.starred, found.archived) == ("mine", ("a", "b"), True, False)
    assert found.versions == {"torch": "2"} and found.bytes == len(b"firstnewest")
    np.testing.assert_array_equal(with_store.curve("r1", "train"), rows(1, 1503))
    np.testing.assert_array_equal(with_store.curve("r1", "train", after=1500), rows(1501, 1503))
    np.testing.assert_array_equal(with_store.curve("r1", "validation"), rows(0, 2, 3))
    assert with_store.states("r1") == {0: (0.0, 5), 1503: (2.5, 6)}
    assert with_store.state("r1") == b"newest" and with_store.state("r1", 0) == b"first"
    assert with_store.state("r1", 7) is None and with_store.run("r2") is None
    with_store.close()


def test_rows_that_are_there_already_are_replaced(kept: RunStore) -> None:
    kept.add(StoredRun("r1", EXPERIMENT))
    for first, last in ((1, 900), (901, 2600), (1700, 1750), (1751, 1760)):
        kept.append("r1", "train", rows(first, last))
        kept.flush()
    np.testing.assert_array_equal(kept.curve("r1", "train"), rows(1, 1760))


def test_a_run_goes_on_from_an_earlier_step(kept: RunStore) -> None:
    kept.add(StoredRun("r1", EXPERIMENT))
    kept.append("r1", "train", rows(1, 3000))
    for step in (0, 1000, 2000, 3000):
        kept.keep("r1", step, step / 10, bytes([step // 1000]))
    kept.rewind("r1", 1999)
    kept.flush()
    np.testing.assert_array_equal(kept.curve("r1", "train"), rows(1, 1999))
    assert list(kept.states("r1")) == [0, 1000] and kept.state("r1") == b"\1"
    kept.rewind("r1", -1)
    kept.flush()
    assert not len(kept.curve("r1", "train")) and not kept.states("r1") and kept.state("r1") is None
    found = kept.run("r1")
    assert found is not None and found.bytes == 0


def test_files_go_with_what_they_belong_to(kept: RunStore) -> None:
    kept.add(StoredRun("r1", EXPERIMENT))
    for step in range(5):
        kept.keep("r1", step, 0.0, b"state")
    kept.keep("r1", 4, 0.0, b"state anew")
    kept.keep_only("r1", (0, 4))
    kept.flush()
    files = sorted(path.name.partition("-")[0] for path in (kept.folder / "states" / "r1").iterdir())
    assert files == ["0", "4"] and kept.state("r1", 4) == b"state anew"
    kept.remove(["r1"])
    kept.append("r1", "train", rows(1, 2))  # said by a worker that does not know yet
    kept.keep("r1", 9, 0.0, b"late")
    assert kept.flush() and kept.runs() == [] and not len(kept.curve("r1", "train"))
    assert not list((kept.folder / "states").rglob("*.safetensors"))


def test_files_of_a_killed_process_are_swept(kept: RunStore) -> None:
    kept.add(StoredRun("r1", EXPERIMENT))
    kept.keep("r1", 1, 0.0, b"state")
    kept.flush()
    for stray in ("states/r1/2-abc.safetensors", "states/r1/3.safetensors.part", "states/r2/1-abc.safetensors"):
        (kept.folder / stray).parent.mkdir(exist_ok=True)
        (kept.folder / stray).write_bytes(b"stray")
    after = again(kept)
    assert [path.parent.name for path in after.folder.rglob("*.safetensors*")] == ["r1"] and after.state(
        "r1"
    ) == b"state"
    assert not (after.folder / "states" / "r2").exists()
    after.close()


def test_fields_are_changed_by_name(kept: RunStore) -> None:
    for run_id in ("r1", "r2", "r3"):
        kept.add(StoredRun(run_id, EXPERIMENT, owner="v" if run_id != "r3" else "w"))
    kept.change(["r1", "r2"], archived=True, tags=("x",), best_loss=0.5, best_step=7)
    kept.flush()
    assert {run.run_id: (run.archived, run.tags) for run in kept.runs("v")} == dict.fromkeys(
        ("r1", "r2"), (True, ("x",))
    )
    assert [(run.run_id, run.archived) for run in kept.runs("w")] == [("r3", False)]
    for field in ("run_id", "bytes", "color"):
        with pytest.raises(ValueError, match=field):
            kept.change(["r1"], **{field: 1})
    with pytest.raises(ValueError, match="no id"):
        kept.add(StoredRun("../r1", EXPERIMENT))


def test_a_group_is_there_for_as_long_as_one_of_its_runs(kept: RunStore) -> None:
    kept.add_group(RunGroup("g1", "race", "v", varies=("cell",)))
    kept.add_group(RunGroup("g2", "race", "w"))
    for run_id in ("r1", "r2"):
        kept.add(StoredRun(run_id, EXPERIMENT, owner="v", run_group="g1"))
    kept.flush()
    (found,) = kept.groups("v")
    assert (found.group_id, found.kind, found.varies) == ("g1", "race", ("cell",)) and found.created > 0
    assert sorted(run.run_id for run in kept.group("g1")) == ["r1", "r2"]
    kept.add_group(dataclasses.replace(found, name="three cells"))
    kept.remove(["r1"])
    kept.flush()
    assert [group.name for group in kept.groups("v")] == ["three cells"]
    kept.remove(["r2"])
    kept.flush()
    assert kept.groups("v") == [] and kept.group("g1") == []
    with pytest.raises(ValueError, match="no id"):
        kept.add_group(RunGroup("../g", "race"))


def test_a_long_curve_is_thinned(kept: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MOST_ROWS", 5000)
    kept.add(StoredRun("r1", EXPERIMENT))
    for first in range(1, 12_000, 500):
        kept.append("r1", "train", rows(first, first + 499))
    kept.flush()
    found = kept.curve("r1", "train")
    assert len(found) <= 5000 and found[0, 0] == 1 and found[-1, 0] == 12_000
    assert (np.diff(found[:, 0]) > 0).all()
    np.testing.assert_array_equal(found, rows(1, 12_000)[found[:, 0].astype(int) - 1])


# -- who owns the folder, and what is found there -----------------------------------------------------------------


def test_a_second_server_says_whose_the_folder_is(kept: RunStore) -> None:
    with pytest.raises(FolderTaken, match=r"belong to another server \(process \d+ on .*RNN_EXPLORER_DATA"):
        RunStore(kept.folder)
    kept.close()
    RunStore(kept.folder).close()


def test_only_its_user_may_look_into_the_folder(kept: RunStore) -> None:
    assert kept.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("mounts", "local"),
    [
        ("/dev/sda1 / ext4 rw 0 0\n", True),
        ("/dev/sda1 / ext4 rw 0 0\nserver:/home {0} nfs4 rw 0 0\n", False),
        ("server:/ / nfs rw 0 0\n/dev/sda1 {0} xfs rw 0 0\n", True),
        ("/dev/sda1 / ext4 rw 0 0\n//pc/share {0}x cifs rw 0 0\n", True),
        ("/dev/sda1 / ext4 rw 0 0\nuser@pc: {0} fuse.sshfs rw 0 0\n", False),
        ("", False),
    ],
)
def test_a_network_file_system_gets_no_write_ahead_log(
    mounts: str, local: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounts").write_text(mounts.format(tmp_path / "data"))
    monkeypatch.setattr(store_folder, "_MOUNTS", tmp_path / "mounts")
    assert is_local(tmp_path / "data") is local
    opened = RunStore(tmp_path / "data")
    opened.add(StoredRun("r1", EXPERIMENT))
    opened.flush()
    with sqlite3.connect(opened.folder / schema.NAME) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == ("wal" if local else "delete")
    connection.close()
    assert [run.run_id for run in opened.runs()] == ["r1"]
    opened.close()


def test_a_store_of_a_newer_program_is_left_alone(kept: RunStore) -> None:
    kept.add(StoredRun("r1", EXPERIMENT))
    kept.close()
    path = kept.folder / schema.NAME
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreTooNew, match="newer version"):
            RunStore(kept.folder)
    assert path.read_bytes() == before
    FolderLock(kept.folder).release()  # it has let go of the folder


def test_an_older_store_is_backed_up_and_then_migrated(kept: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(StoredRun("r1", EXPERIMENT))
    kept.close()
    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(schema, "MIGRATIONS", {1: ("CREATE TABLE more (a)", "UPDATE runs SET name = 'migrated'")})
    after = RunStore(kept.folder)
    assert [run.name for run in after.runs()] == ["migrated"]
    (backup,) = kept.folder.glob("runs.version-1-*.sqlite3")
    with sqlite3.connect(backup) as connection:
        assert connection.execute("SELECT name FROM runs").fetchall() == [("",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    after.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(kept: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(StoredRun("r1", EXPERIMENT))
    kept.close()
    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(schema, "MIGRATIONS", {1: ("UPDATE runs SET name = 'half'", "CREATE TABLE runs (a)")})
    with pytest.raises(sqlite3.OperationalError):
        RunStore(kept.folder)
    monkeypatch.undo()
    after = RunStore(kept.folder)
    assert [run.name for run in after.runs()] == [""]
    after.close()


def test_two_releases_one_after_the_other(kept: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(StoredRun("r1", EXPERIMENT, name="of the older"))
    kept.keep("r1", 3, 0.0, b"state")
    kept.close()
    with monkeypatch.context() as newer:
        newer.setattr(schema, "VERSION", 2)
        newer.setattr(schema, "MIGRATIONS", {1: ("ALTER TABLE runs ADD COLUMN more TEXT NOT NULL DEFAULT ''",)})
        for _ in range(2):  # the second start finds nothing to migrate
            opened = RunStore(kept.folder)
            assert [run.name for run in opened.runs()] == ["of the older"] and opened.state("r1") == b"state"
            opened.close()
        opened = RunStore(kept.folder)
        opened.add(StoredRun("r2", EXPERIMENT))
        assert opened.flush()
        opened.close()
    (backup,) = kept.folder.glob("runs.version-1-*.sqlite3")
    before = (kept.folder / schema.NAME).read_bytes()
    with pytest.raises(StoreTooNew, match="newer version"):
        RunStore(kept.folder)
    assert (kept.folder / schema.NAME).read_bytes() == before and list((kept.folder / "states" / "r1").iterdir())
    backup.rename(kept.folder / schema.NAME)  # who must go back has the backup
    opened = RunStore(kept.folder)
    assert [run.run_id for run in opened.runs()] == ["r1"] and opened.state("r1") == b"state"
    opened.close()


@pytest.mark.parametrize("harm", ["cut", "overwritten", "no database", "empty"])
def test_a_damaged_store_is_set_aside_and_said(harm: str, kept: RunStore) -> None:
    kept.add(StoredRun("r1", EXPERIMENT))
    kept.append("r1", "train", rows(1, 5000))
    kept.close()
    path = kept.folder / schema.NAME
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "overwritten": content[:100] + bytes(len(content) - 100),
            "no database": b"hello" * 1000,
            "empty": b"",
        }[harm]
    )
    after = RunStore(kept.folder)
    assert ("was damaged" in after.notice) is (harm != "empty")
    assert len(list(kept.folder.glob("runs.damaged-*"))) == (harm != "empty")
    assert after.runs() == []
    after.add(StoredRun("r2", EXPERIMENT))
    assert after.flush() and [run.run_id for run in after.runs()] == ["r2"]
    after.close()


# -- a disk that takes nothing ------------------------------------------------------------------------------------


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", (0.05,))
    monkeypatch.setattr(writer, "EVERY", 0.01)
    monkeypatch.setattr(schema, "PATIENCE", 0.05)


def until(reached: object, seconds: float = 10.0) -> None:
    assert callable(reached)
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "this did not come about"
        time.sleep(0.01)


@pytest.mark.usefixtures("hasty")
def test_what_a_full_disk_does_not_take_is_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, write = [False], store._write

    def writes(path: Path, content: bytes, sync: bool) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content, sync)

    monkeypatch.setattr(store, "_write", writes)
    opened = RunStore(tmp_path)
    opened.add(StoredRun("r1", EXPERIMENT))
    opened.flush()
    full[0] = True
    opened.append("r1", "train", rows(1, 10))
    opened.keep("r1", 10, 0.0, b"state")
    until(lambda: "the disk is full. Make room on it" in opened.trouble)
    assert not opened.flush(0.1) and not len(opened.curve("r1", "train")), "half of it is written"
    full[0] = False
    assert opened.flush()
    assert opened.trouble == "" and opened.lost == {}
    np.testing.assert_array_equal(opened.curve("r1", "train"), rows(1, 10))
    assert opened.state("r1") == b"state"
    opened.close()


@pytest.mark.usefixtures("hasty")
def test_a_database_without_room_is_written_when_there_is_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = schema.connect
    pages = [0]

    def small(path: Path, local: bool) -> sqlite3.Connection:
        connection = connect(path, local)
        if pages[0]:
            connection.execute(f"PRAGMA max_page_count = {pages[0]}")
        return connection

    monkeypatch.setattr(schema, "connect", small)
    opened = RunStore(tmp_path)
    opened.add(StoredRun("r1", EXPERIMENT))
    opened.flush()
    opened._writer._disconnect()
    pages[0] = 20
    opened.append("r1", "train", rows(1, 20_000))
    until(lambda: "the disk is full" in opened.trouble)
    pages[0] = 100_000
    assert opened.flush() and opened.trouble == ""
    np.testing.assert_array_equal(opened.curve("r1", "train"), rows(1, 20_000))
    opened.close()


@pytest.mark.usefixtures("hasty")
def test_a_store_that_another_program_holds_waits(tmp_path: Path) -> None:
    opened = RunStore(tmp_path)
    other = sqlite3.connect(tmp_path / schema.NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    opened.add(StoredRun("r1", EXPERIMENT))
    assert time.monotonic() - began < 1, "giving something to the store waits for the disk"
    until(lambda: "another program holds their file" in opened.trouble)
    other.execute("COMMIT")
    other.close()
    assert opened.flush() and [run.run_id for run in opened.runs()] == ["r1"]
    opened.close()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("what", ["database", "states"])
def test_a_folder_that_becomes_read_only_is_said_and_written_later(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, write, locked = schema.connect, store._write, [False]

    def connects(path: Path, local: bool) -> sqlite3.Connection:
        connection = connect(path, local)
        connection.execute(f"PRAGMA query_only = {locked[0] and what == 'database'}")
        return connection

    def writes(path: Path, content: bytes, sync: bool) -> None:
        if locked[0] and what == "states":
            raise OSError(errno.EROFS, "Read-only file system")
        write(path, content, sync)

    monkeypatch.setattr(schema, "connect", connects)
    monkeypatch.setattr(store, "_write", writes)
    opened = RunStore(tmp_path)
    opened.add(StoredRun("r1", EXPERIMENT))
    assert opened.flush()
    opened._writer._disconnect()
    locked[0] = True
    opened.keep("r1", 1, 0.0, b"state")
    until(lambda: "their folder cannot be written. Make it writable" in opened.trouble)
    locked[0] = False
    assert opened.flush() and opened.trouble == "" and opened.state("r1") == b"state"
    opened.close()


@pytest.mark.usefixtures("hasty")
def test_a_folder_that_is_gone_is_said_and_not_made_anew_and_may_come_back(tmp_path: Path) -> None:
    folder, aside = tmp_path / "data", tmp_path / "unmounted"
    opened = RunStore(folder)
    opened.add(StoredRun("r1", EXPERIMENT))
    assert opened.flush()
    folder.rename(aside)
    opened.append("r1", "train", rows(1, 5))
    opened.keep("r1", 5, 0.0, b"state")
    until(lambda: "their folder is gone. Bring it back" in opened.trouble)
    assert not folder.exists() and [run.run_id for run in opened.runs()] == ["r1"]
    aside.rename(folder)
    assert opened.flush() and opened.trouble == "" and opened.state("r1") == b"state"
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)  # as a disk that is mounted again: other files under the same names
    shutil.rmtree(folder)
    opened.change(["r1"], name="later")
    until(lambda: "their folder is gone" in opened.trouble)
    copy.rename(folder)
    assert opened.flush() and [run.name for run in opened.runs()] == ["later"]
    opened.close()


@pytest.mark.usefixtures("hasty")
def test_what_waits_for_the_disk_too_long_is_dropped_by_its_worth_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, write = [True], store._write

    def writes(path: Path, content: bytes, sync: bool) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content, sync)

    monkeypatch.setattr(store, "_write", writes)
    opened = RunStore(tmp_path, longest=10_000)
    opened.add(StoredRun("r1", EXPERIMENT, name="kept in any case"))
    for step in range(20):
        opened.keep("r1", step, 0.0, bytes(1000), can_go=True)
    opened.append("r1", "train", rows(1, 10))
    opened.keep("r1", 20, 0.0, bytes(4000))
    full[0] = False
    assert opened.flush()
    steps = list(opened.states("r1"))
    assert steps[-1] == 20 and len(steps) < 8 and 0 not in steps, "the newest stays, the oldest goes"
    assert opened.lost == {"r1": 21 - len(steps)}
    np.testing.assert_array_equal(opened.curve("r1", "train"), rows(1, 10))
    assert [run.name for run in opened.runs()] == ["kept in any case"]
    opened.close()


@pytest.mark.usefixtures("hasty")
def test_a_change_that_is_at_fault_is_the_only_one_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened = RunStore(tmp_path)
    opened.add(StoredRun("r1", EXPERIMENT))
    opened.add(StoredRun("r1", EXPERIMENT, name="again"))
    opened.add(StoredRun("r2", EXPERIMENT))
    assert opened.flush() and opened.trouble == ""
    assert sorted((run.run_id, run.name) for run in opened.runs()) == [("r1", ""), ("r2", "")]
    assert "a change of run r1 could not be stored" in caplog.text
    opened.close()


# -- killed at any moment -----------------------------------------------------------------------------------------

PROGRAM = """
    import sys
    from pathlib import Path
    import numpy as np
    from rnn_explorer.recording.store import writer
    from rnn_explorer.recording.store.records import RunGroup, StoredRun
    from rnn_explorer.recording.store.store import RunStore

    writer.EVERY = 0.005
    kept = RunStore(Path(sys.argv[1]))
    run = kept.run("r1")
    if run is None:
        kept.add(StoredRun("r1", "{}"))
        start = 0
    else:
        start = max(kept.states("r1"), default=0)
        kept.rewind("r1", start)
    print("from", start, flush=True)
    for step in range(start + 1, 100_000):
        kept.append("r1", "train", np.array([[step, step, 0.0, 0.0, 0.0]]))
        if step % 5 == 0:
            kept.keep("r1", step, 0.0, str(step).encode() * 2000)
            kept.keep_only("r1", (step, step - 5))
        if step % 7 == 0 and kept.flush():
            print(step, flush=True)
"""


def kill_often(folder: Path, times: int, seed: int) -> None:
    moments = random.Random(seed)
    for _ in range(times):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        assert process.stdout is not None
        words = [process.stdout.readline().split()]
        time.sleep(moments.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        words += [line.split() for line in process.stdout]
        process.wait()
        process.stdout.close()
        assert words[0] and words[0][0] == "from", "the store could not be opened"
        acknowledged = int(words[-1][-1])
        opened = RunStore(folder)
        steps = opened.curve("r1", "train")[:, 0]
        assert opened.notice == ""
        np.testing.assert_array_equal(steps, np.arange(1, len(steps) + 1), err_msg="a row is lost or doubled")
        assert len(steps) >= acknowledged
        for step in opened.states("r1"):
            assert opened.state("r1", step) == str(step).encode() * 2000
        assert max(opened.states("r1"), default=0) >= acknowledged - acknowledged % 5 - 5
        files = list(opened.folder.rglob("*.safetensors*"))
        assert len(files) == len(opened.states("r1")), "files are left behind"
        opened.close()


def test_nothing_acknowledged_is_lost_by_a_kill(tmp_path: Path) -> None:
    kill_often(tmp_path, 4, seed=0)


@pytest.mark.long
def test_nothing_acknowledged_is_lost_by_a_hundred_kills(tmp_path: Path) -> None:
    kill_often(tmp_path, 100, seed=1)


def test_the_newest_run_is_the_one_changed_last_of_those_that_are_listed(tmp_path: Path) -> None:
    kept = RunStore(tmp_path)
    assert kept.newest("v") is None
    for number, fields in enumerate(
        ({"step": 5}, {"step": 5}, {"step": 0}, {"step": 5, "archived": True}, {"step": 5, "deleted": 1.0})
    ):
        kept.add(StoredRun(f"r{number}", "{}", owner="v", updated=10.0 + number, **fields))  # type: ignore[arg-type]
    kept.flush()
    newest = kept.newest("v")
    assert newest is not None and newest.run_id == "r1" and kept.newest("w") is None
    kept.change(["r0"], note="a word")
    kept.flush()
    newest = kept.newest("v")
    assert newest is not None and newest.run_id == "r0"
    kept.close()
