"""Machine code that is kept: used where it is whole and one's own, else made anew."""

from __future__ import annotations

import os

import pytest

from rnn_explorer.kernels import cache
from rnn_explorer.kernels.language import Code, compiled


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
