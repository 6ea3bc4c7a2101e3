from __future__ import annotations

import threading

import pytest
import torch

from rnn_explorer.kernels import denormals, parallel

SMALLEST = torch.finfo(torch.float32).tiny


def test_they_count_as_zero_within_and_as_before_after():
    small = torch.full((4,), 2 * SMALLEST)
    with denormals.flushed():
        assert denormals.are_flushed()
        assert not (small * 0.1).any()
        with denormals.flushed():
            pass
        assert denormals.are_flushed(), "the inner one has ended the outer one"
    assert not denormals.are_flushed()
    assert (small * 0.1).all()


def test_a_fault_within_ends_it():
    with pytest.raises(ZeroDivisionError), denormals.flushed():
        raise ZeroDivisionError
    assert not denormals.are_flushed()


def test_other_threads_keep_theirs():
    found = []
    with denormals.flushed():
        split = threading.Thread(target=lambda: found.append(denormals.are_flushed()))
        torch.set_flush_denormal(False)  # a new thread begins as the one that starts it
        split.start()
        split.join()
        torch.set_flush_denormal(True)
        assert denormals.are_flushed()
    assert found == [False]


def test_a_thread_that_shares_the_work_does_as_the_one_that_asked(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    found: dict[str, list[bool]] = {"without": [], "within": []}
    for name in ("without", "within", "without"):

        def note(first: int, last: int, name: str = name) -> None:
            found[name].append(denormals.are_flushed())

        if name == "within":
            with denormals.flushed():
                parallel.split(note, 64, 8, parallel.MIN_WORK)
        else:
            parallel.split(note, 64, 8, parallel.MIN_WORK)
    assert found == {"without": [False] * 4, "within": [True] * 2}
