"""The server's store of runs: why there may be none, in words, and what it lets go of."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnn_explorer.recording.store import folder as store_folder
from rnn_explorer.recording.store import schema
from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.ui import session


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(session, "data_folder", lambda: tmp_path)
    return tmp_path / session.RUNS


def why_not() -> str:
    found, why = session._opened()
    assert found is None and why.startswith("Runs are not kept, and end with the server. ")
    return why


def test_a_second_server_on_the_folder_goes_on_without_a_store_and_says_why(folder: Path) -> None:
    first = RunStore(folder)
    assert f"The runs in {folder} belong to another server (process" in why_not()
    first.close()
    found, why = session._opened()
    assert found is not None and why == ""
    found.close()


def test_a_store_of_a_newer_version_and_a_folder_that_cannot_be_made_are_said(folder: Path) -> None:
    RunStore(folder).close()
    with sqlite3.connect(folder / schema.NAME) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    assert "written by a newer version of RNN Explorer. Update this one" in why_not()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("a file in its place")
    assert f"The folder {folder} cannot be used" in why_not()


def test_a_store_that_cannot_be_tidied_is_given_up_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(store: RunStore) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(RunStore, "tidy", fails)
    assert "disk I/O error" in why_not()
    RunStore(folder).close()  # nobody owns the folder


def test_a_damaged_file_is_told_by_the_store_that_was_begun_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / schema.NAME).write_bytes(b"no database" * 1000)
    found, why = session._opened()
    assert found is not None and why == ""
    monkeypatch.setattr(session, "_store", found)
    assert "was damaged. It was set aside as runs.damaged-" in session.store_notice()
    found.close()


def test_a_network_file_system_is_named_in_the_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mounts = folder.parent / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/home {folder.parent} nfs4 rw 0 0\n")
    monkeypatch.setattr(store_folder, "_MOUNTS", mounts)
    with caplog.at_level(logging.WARNING):
        found, _ = session._opened()
    assert found is not None and "network file system (nfs4)" in caplog.text
    found.close()


def test_what_is_beyond_the_limits_goes_while_the_server_runs_but_no_open_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = RunStore(folder)
    for number in range(4):
        found.add(StoredRun(f"r{number}", "{}", owner="v", updated=1.0 + number))
    assert found.flush()
    stand_in: Any = SimpleNamespace(run_ids=lambda: ("r0",))
    monkeypatch.setattr(session, "_store", found)
    monkeypatch.setattr(session, "_engine", stand_in)
    session.tidy()
    assert found.flush() and [run.run_id for run in found.runs()] == ["r0"], "all others are older than a year"
    found.close()
