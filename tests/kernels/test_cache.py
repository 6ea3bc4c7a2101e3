"""Machine code that is kept: used where it is whole and one's own, else made anew."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile

import pytest

from rnn_explorer.kernels import cache
from rnn_explorer.kernels.vector_code import Code, compiled


@pytest.fixture
def place(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    monkeypatch.setenv("RNN_EXPLORER_CACHE", str(path))
    return path


def doubling(name: str):
    def write(code: Code) -> None:
        code.x.put(0, code.x.one(0) + code.x.one(0))

    return compiled(name, "float64", {"double": ("x", write)})["double"]


def double(run) -> float:
    import torch

    x = torch.tensor([21.0], dtype=torch.float64)
    run(x.data_ptr())
    return x.item()


def test_code_is_kept_and_used_again(place):
    assert double(doubling("a")) == 42
    (file,) = place.glob("*.o")
    made = file.stat().st_mtime_ns
    assert double(doubling("a")) == 42
    assert [path.stat().st_mtime_ns for path in place.glob("*.o")] == [made]
    assert os.stat(place).st_mode & 0o077 == 0


def test_what_was_changed_or_cut_off_is_not_run(place):
    double(doubling("b"))
    (file,) = place.glob("*.o")
    whole = file.read_bytes()
    for spoilt in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"", b"short"):
        file.write_bytes(spoilt)
        assert cache.load(file.stem) is None
        assert double(doubling("b")) == 42
        assert file.read_bytes() == whole or cache.load(file.stem) is not None


def test_a_file_of_other_code_is_not_run(place):
    double(doubling("b"))
    (file,) = place.glob("*.o")
    other = file.with_name("0" * 64 + ".o")
    other.write_bytes(file.read_bytes())
    assert cache.load(file.stem) is not None and cache.load(other.stem) is None


CHILD = """
import ctypes
from rnn_explorer.kernels import cache
from rnn_explorer.kernels.vector_code import compiled

kept = []
whole = cache.load
cache.load = lambda name: kept.append(whole(name)) or kept[-1]
run = compiled("e", "float64", {"double": ("x", lambda code: code.x.put(0, code.x.one(0) + code.x.one(0)))})["double"]
x = ctypes.c_double(21.0)
run(ctypes.addressof(x))
print(x.value, kept[0] is not None)
"""


def test_a_file_that_ends_its_process_is_given_up_and_made_anew(place):
    """LLVM aborts where what it is given is no object."""

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=120)

    assert start().stdout.split() == ["42.0", "False"]
    (file,) = place.glob("*.o")
    file.unlink()
    cache.save(file.stem, b"no object")
    spoilt = file.read_bytes()
    died = start()
    assert died.returncode and not died.stdout
    assert start().stdout.split() == ["42.0", "False"] and file.read_bytes() != spoilt
    assert start().stdout.split() == ["42.0", "True"] and list(place.iterdir()) == [file]


def test_a_mark_of_a_process_that_loads_right_now_is_no_failure(place):
    cache.save("name", b"code")
    (place / f"name.{os.getppid()}.loads").touch()
    with cache.loading("name"):
        assert cache.load("name") == b"code"
    assert not (place / f"name.{os.getpid()}.loads").exists()


@pytest.mark.parametrize("fails", ["write", "move"])
def test_a_full_disk_leaves_nothing_half_written(place, monkeypatch, fails):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    cache.save("old", b"code")
    if fails == "move":
        monkeypatch.setattr(os, "replace", full)
    else:
        make = tempfile.NamedTemporaryFile

        def made(**how: object):
            file = make(**how)
            file.write = full
            return file

        monkeypatch.setattr(tempfile, "NamedTemporaryFile", made)
    cache.save("new", b"more")
    assert [path.name for path in place.iterdir()] == ["old.o"]


def test_what_a_killed_process_left_is_swept(place):
    cache.save("old", b"code")
    for name in ("tmpabc.new", "gone.1.loads"):
        (place / name).touch()
        os.utime(place / name, (1, 1))
    (place / "fresh.new").touch()
    cache.save("more", b"code")
    assert sorted(path.name for path in place.iterdir()) == ["fresh.new", "more.o", "old.o"]


def test_a_folder_that_others_can_write_to_is_not_used(place):
    place.mkdir()
    place.chmod(0o777)
    assert cache.folder() is None
    assert double(doubling("c")) == 42 and not list(place.iterdir())


def test_a_place_that_cannot_be_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RNN_EXPLORER_CACHE", str(tmp_path / "file" / "below"))
    cache.save("name", b"code")
    assert cache.load("name") is None and double(doubling("d")) == 42


def test_the_oldest_go_first(place, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 3)
    for number in range(5):
        cache.save(f"n{number}", bytes([number]))
        os.utime(place / f"n{number}.o", (number, number))
    cache.save("new", b"new")
    assert sorted(path.stem for path in place.glob("*.o")) == ["n3", "n4", "new"]
    assert not list(place.glob("*.new"))
