from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.recording.weight_history import HistoryEntry, WeightHistory, due


def entry(step: int, size: int = 10) -> HistoryEntry:
    return HistoryEntry(step, step / 50, bytes(size))


def filled(steps: int, **limits: int) -> WeightHistory:
    weight_history, last = WeightHistory(**limits), -1
    for step in range(steps + 1):
        if due(step, last):
            weight_history.add(entry(step))
            last = step
    return weight_history


def test_what_is_due_is_dense_at_first_and_thins_out():
    steps = filled(4000, memory=10**9, most=10**6).steps
    assert steps[:60] == tuple(range(60))
    gaps = [(after - before) / max(before, 1) for before, after in itertools.pairwise(steps)]
    assert max(gaps[80:]) <= 1 / 40 + 0.001
    assert len(steps) < 300


@given(st.integers(3, 40), st.integers(0, 800), st.integers(30, 400))
def test_never_more_than_the_limits_and_the_ends_are_kept(most, steps, memory):
    weight_history = filled(steps, memory=memory, most=most)
    assert len(weight_history) <= max(2, most)
    assert weight_history.size <= max(memory, 20)
    assert weight_history.steps[0] == 0
    assert steps - weight_history.steps[-1] <= max(1, steps // 40)
    assert list(weight_history.steps) == sorted(set(weight_history.steps))


def test_thinning_keeps_the_first_steps_dense():
    steps = filled(2000, memory=10**9, most=60).steps
    early = [step for step in steps if step <= 20]
    assert len(early) >= 8
    ratios = [(after + 10) / (before + 10) for before, after in itertools.pairwise(steps)]
    assert max(ratios) < 1.35  # no hole in the film


def test_a_state_larger_than_the_limit_leaves_the_ends():
    weight_history = WeightHistory(memory=100)
    for step in range(5):
        weight_history.add(entry(step, 1000))
    assert weight_history.steps == (0, 4)


def test_at_finds_a_kept_step_and_no_other():
    weight_history = filled(300)
    assert weight_history.at(7) == entry(7)
    assert weight_history.at(299) is None
    assert weight_history.at(10**6) is None
    assert WeightHistory().at(0) is None


def test_the_same_step_again_replaces_and_an_earlier_one_is_refused():
    weight_history = WeightHistory()
    weight_history.add(entry(3))
    weight_history.add(entry(3, 20))
    assert (weight_history.steps, weight_history.size) == ((3,), 20)
    with pytest.raises(ValueError, match="step 2 comes before step 3"):
        weight_history.add(entry(2))


def test_what_lies_elsewhere_too_is_spared_and_counts_for_nothing():
    class There:
        held = 0

        def __len__(self):
            return 10

        def read(self):
            return bytes(10)

    weight_history = filled(5)
    there = There()
    spared = weight_history.spared({1: there, 4: there})
    states = [entry.state for entry in spared.entries()]
    assert spared.steps == (1, 4, 5) and states == [there, there, weight_history.at(5).state]
    assert (weight_history.held, spared.size, spared.held) == (60, 30, 10)
    assert spared.spared({}).steps == (1, 4, 5), "what is elsewhere stays"
    spared.add(entry(6))
    assert spared.held == 20


def test_until_goes_its_own_way():
    weight_history = filled(30)
    branch = weight_history.until(12)
    assert branch.steps == tuple(range(13))
    branch.add(entry(40))
    assert 40 not in weight_history.steps
    assert weight_history.at(30) is not None


def test_too_small_an_album_is_refused():
    with pytest.raises(ValueError, match="at least 3"):
        WeightHistory(most=2)
