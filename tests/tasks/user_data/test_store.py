"""Uploads lie where only their server finds them, and are gone with it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.tasks.user_data.store import DataGone

ROOT = Path(__file__).parents[3]
TABLE = "t,temp,label\n1,1.5,ä\n2,,b\n3,2.5,ä\n".encode()


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(store.VARIABLE, raising=False)
    yield
    store.drop_all()


def folder() -> Path:
    return Path(store.environment()[store.VARIABLE])


def test_a_table_comes_back_as_it_was_read() -> None:
    before, after = read(TABLE, "a.csv"), store.get(store.put(TABLE, "a.csv"))
    assert isinstance(before, Table) and isinstance(after, Table)
    assert (after.name, after.rows, after.notes, after.head) == (before.name, before.rows, before.notes, before.head)
    assert after.kinds == before.kinds
    for name, column in before.columns.items():
        other = after.columns[name]
        np.testing.assert_array_equal(other.numbers, column.numbers)
        assert (other.texts, other.missing, other.why) == (column.texts, column.missing, column.why)
        assert (other.codes is None) == (column.codes is None)
        assert column.codes is None or (other.codes == column.codes).all()


def test_a_text_comes_back_as_it_was_read() -> None:
    data = "yes\tgöod\nno\tbad \U0001f600\n".encode()
    assert store.get(store.put(data, "a.txt")) == read(data, "a.txt")


def test_a_bad_file_is_not_stored() -> None:
    with pytest.raises(DataError, match="nothing below"):
        store.put(b"a,b\n", "a.csv")
    assert not list(folder().glob("*.npz"))


def test_tokens_cannot_be_guessed_and_the_folder_is_for_one_user() -> None:
    tokens = {store.put(TABLE, "a.csv") for _ in range(5)}
    assert len(tokens) == 5 and all(len(token) == 22 for token in tokens)
    assert stat.S_IMODE(folder().stat().st_mode) == 0o700
    assert not any("a.csv" in file.name for file in folder().iterdir())


@pytest.mark.parametrize(
    "token",
    ["", "x" * 22, "../" + "x" * 19, "/etc/passwd", "a" * 21 + "\n", "a/../../../../../etc/x", "x" * 500, "é" * 22],
)
def test_what_is_no_token_is_gone(token: str) -> None:
    store.put(TABLE, "a.csv")
    with pytest.raises(DataGone, match=r"it stays with its owner\. Upload the file again\.$"):
        store.get(token)
    store.drop(token)


def test_a_dropped_upload_is_gone_and_the_others_stay() -> None:
    one, other = store.put(TABLE, "a.csv"), store.put(TABLE, "b.csv")
    store.drop(one)
    store.drop(one)
    with pytest.raises(DataGone):
        store.get(one)
    assert store.get(other).name == "b.csv"
    where = folder()
    store.drop_all()
    with pytest.raises(DataGone):
        store.get(other)
    assert folder() == where and not list(where.glob("*.npz")), "workers know the folder"


def test_there_is_an_end_to_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(store._packed(read(TABLE, "a.csv")))
    monkeypatch.setattr(store, "MAX_STORED", 2 * size)
    store.put(TABLE, "a.csv")
    last = store.put(TABLE, "a.csv")
    with pytest.raises(DataError, match="room for uploads is used up"):
        store.put(TABLE, "a.csv")
    store.drop(last)
    store.put(TABLE, "a.csv")


def test_a_folder_that_somebody_tidied_up_is_made_again_at_its_place() -> None:
    store.put(TABLE, "a.csv")
    where = folder()
    for file in where.iterdir():
        file.unlink()
    where.rmdir()
    token = store.put(TABLE, "a.csv")
    assert folder() == where and stat.S_IMODE(where.stat().st_mode) == 0o700
    assert store.get(token).name == "a.csv"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The upload cannot be kept: the disk of the server is full. Try again later, or run it on your"),
        (errno.EACCES, "The upload cannot be kept: the server cannot write it (Permission denied)."),
    ],
)
def test_a_full_disk_is_told_and_keeps_no_half_file(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    kept, write = store.put(TABLE, "a.csv"), Path.write_bytes

    def fill(path: Path, content: bytes) -> int:
        write(path, content[:10])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(DataError) as caught:
        store.put(TABLE, "b.csv")
    assert words in str(caught.value)
    assert [file.stem for file in folder().iterdir() if file.name != "alive"] == [kept]
    monkeypatch.undo()
    assert store.get(store.put(TABLE, "b.csv")).name == "b.csv"


def test_a_disk_without_room_for_a_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_made", None)  # this process's own folder stays: workers know its path

    def refuse(**_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.tempfile, "mkdtemp", refuse)
    with pytest.raises(DataError, match="the disk of the server is full"):
        store.put(TABLE, "a.csv")


READER = """
import sys
from rnn_explorer.tasks.user_data import store
print(store.get(sys.argv[1]).name)
store.drop(sys.argv[1])
store.drop_all()
"""


def test_another_process_reads_with_the_environment_and_removes_nothing() -> None:
    token = store.put(TABLE, "a.csv")
    child = [sys.executable, "-c", READER, token]
    told = {**os.environ, **store.environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(child, env=told, capture_output=True, text=True)
    assert done.stdout == "a.csv\n", done.stderr
    assert store.get(token).name == "a.csv"


SERVER = """
import os, sys
from rnn_explorer.tasks.user_data import store
token = store.put(b"a,b\\n1,2\\n2,3\\n", "a.csv")
print(store.environment()[store.VARIABLE], flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
"""


def test_uploads_end_with_their_server_or_with_the_next_one() -> None:
    def run(how: str) -> Path:
        child = [sys.executable, "-c", SERVER, how]
        told = {**os.environ, "PYTHONPATH": str(ROOT)}
        return Path(subprocess.run(child, env=told, capture_output=True, text=True).stdout.strip())

    token = store.put(TABLE, "a.csv")  # of a server that lives on
    left = run("killed")
    assert left.exists()
    assert not run("ends").exists()
    assert not left.exists(), "the next server tidies up"
    assert store.get(token).name == "a.csv"


def test_what_was_stored_is_put_back_under_its_token() -> None:
    token = store.put(b"a,b\n" + b"1,2\n" * 50, "a.csv")
    content, record = store.packed(token), store.get(token)
    store.drop(token)
    store.put_back(token, content)
    assert repr(store.get(token)) == repr(record)
    store.put_back(token, b"what is there already stays")
    assert store.packed(token) == content
    store.drop(token)
    with pytest.raises(DataError, match="damaged"):
        store.put_back(token, content[: len(content) // 2])
    with pytest.raises(DataGone):
        store.put_back("../elsewhere", content)
    assert not store.holds(token)
