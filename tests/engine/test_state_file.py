"""States on disk: bounded, private, and gone with the process."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.engine.worker_process import WorkerProcess
from rnn_explorer.recording import state_file
from rnn_explorer.recording.state_file import BLOCK, StateFile, StoredState, read
from rnn_explorer.recording.weight_history import HistoryEntry, WeightHistory


def states(sizes, seed=b"x"):
    return [bytes([65 + number % 26]) * (size - 1) + seed for number, size in enumerate(sizes)]


def test_what_is_kept_is_read_again_whatever_its_size():
    file = StateFile()
    contents = [*states([1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7]), b""]
    kept = [file.keep(content) for content in contents]
    assert all(isinstance(state, StoredState) for state in kept)
    assert [read(state) for state in kept] == contents and [len(state) for state in kept] == list(map(len, contents))
    file.close()
    with pytest.raises(OSError):
        read(kept[0])


def test_room_of_what_is_gone_is_used_again_without_touching_the_others():
    file = StateFile()
    kept = dict(enumerate(map(file.keep, states([3 * BLOCK] * 20))))
    most = file.size()
    assert most == 60 * BLOCK
    for turn in range(10):
        for number in range(turn % 2, 20, 2):
            del kept[number]
        size = (1 + turn % 3) * BLOCK  # of another size, so that gaps would not fit
        kept.update({n: file.keep(content) for n, content in enumerate(states([size] * 20)) if n not in kept})
    assert file.size() == most, "it does not grow by gaps"
    assert {read(state)[:1] for number, state in kept.items() if number == 3} == {b"D"}
    assert [read(kept[number])[:1] for number in range(20)] == [bytes([65 + number]) for number in range(20)]
    kept.clear()
    kept[0] = file.keep(b"anew")
    assert file.size() == BLOCK, "an empty file begins anew"
    file.close()


def test_the_file_has_no_name_and_nobody_else_can_open_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = StateFile()
    state = file.keep(b"secret" * BLOCK)
    assert isinstance(state, StoredState) and list(tmp_path.iterdir()) == []
    about = os.fstat(file._file.fileno())
    assert about.st_nlink == 0 and stat.S_IMODE(about.st_mode) & 0o077 == 0 and about.st_size >= 6 * BLOCK
    file.close()


def test_where_the_disk_is_full_a_state_stays_in_memory_until_there_is_room_again(monkeypatch, caplog):
    file = StateFile()

    def full(*_):
        raise OSError(28, "No space left on device")

    before = file.keep(b"before")
    with monkeypatch.context() as patch:
        patch.setattr(state_file.os, "pwrite", full)
        during = [file.keep(b"during") for _ in range(3)]
    after = file.keep(b"after")
    assert during == [b"during"] * 3 and caplog.text.count("No space left") == 1
    assert isinstance(after, StoredState) and [read(before), read(after)] == [b"before", b"after"]
    assert file.size() <= 3 * BLOCK, "what was not written takes no room"
    file.close()


def test_without_a_folder_for_temporary_files_states_stay_in_memory(monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", "/nosuch/folder")
    assert StateFile().keep(b"state") == b"state" and "kept in memory" in caplog.text


def test_albums_share_states_and_the_last_one_frees_them():
    file = StateFile()
    weight_history = WeightHistory(memory=BLOCK * 8)
    for step in range(30):
        weight_history.add(HistoryEntry(step, 0.0, file.keep(bytes(BLOCK))))
    branch = weight_history.until(weight_history.steps[-1])
    assert file.size() <= 10 * BLOCK, "what a weight history drops is free for the next"
    del weight_history
    assert [len(read(state)) for state in branch.states()] == [BLOCK] * len(branch)
    file.close()


def test_thirty_runs_with_full_pasts_take_no_memory_of_the_server(small, monkeypatch):
    from rnn_explorer.engine.protocol import Update

    monkeypatch.setattr(WorkerProcess, "_keep_alive", lambda self: None)
    engine = LocalEngine(workers=1)
    try:
        before = resident()
        for seed in range(30):
            run = engine._runs.find(engine.start(small(seed=seed)))
            for step in range(60):
                state = os.urandom(16) * (20 * 2**10)  # 320 KB, as of the digits
                entries = (HistoryEntry(step, 0.0, state),)
                engine._hear(run.worker, Update(run.run_id, run.number, "training", "", step, entries=entries))
        held = sum(run.weight_history.size for run in engine._runs.values())
        assert held > 400 * 2**20, "else this shows nothing"
        assert resident() - before < 60 * 2**20
        run = next(iter(engine._runs.values()))
        assert len(read(run.weight_history.at(59).state)) == 320 * 2**10
    finally:
        engine.close()


def resident() -> int:
    """Bytes of memory that this process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_state_that_cannot_be_read_is_not_kept_any_more_and_its_worker_goes_on(engine, small, settle, watch):
    run = engine.start(small())
    for _ in range(3):
        engine.command(run, "step")
    settle(engine, run, "paused")
    pids = engine.worker_pids()
    engine._states._file.truncate(0)
    seen = watch(engine, run, at="1")
    seen.until(lambda it: any("is not kept" in text for text in it.parts.get("status", {}).get("errors", ())))
    engine.command(run, "step")
    assert settle(engine, run, "paused").step == 4 and engine.worker_pids() == pids
