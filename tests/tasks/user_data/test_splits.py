"""Cutting data into parts: nothing twice, nothing lost, classes by their shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.tasks.base import PROBES
from rnn_explorer.tasks.user_data.splits import MOST_JUDGED, Stretches, evenly, mixed, split_by_item, stride, taken


def test_every_stretch_of_a_mixed_order_holds_the_classes_by_their_shares() -> None:
    labels = np.array([0] * 60 + [1] * 30 + [2] * 10)
    order = mixed(labels, np.random.default_rng(0).permutation(100))
    assert sorted(order.tolist()) == list(range(100))
    for begin in range(0, 100, 20):
        counts = np.bincount(labels[order[begin : begin + 20]], minlength=3)
        assert np.abs(counts - [12, 6, 2]).max() <= 1


def test_a_part_has_enough_sequences_and_not_too_many() -> None:
    assert taken(np.ones(100, dtype=int), 0.2) == 20
    assert taken(np.ones(20, dtype=int), 0.2) == PROBES
    assert taken(np.full(20, 5), 0.05) == 2  # two items of five give ten sequences
    assert taken(np.ones(100_000, dtype=int), 0.5) == MOST_JUDGED
    assert taken(np.array([5000, 5000]), 0.5) == 1


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=80),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.integers(0, 5),
    st.integers(1, 4),
)
def test_items_are_shared_out_without_overlap(labels: list[int], val_split: float, seed: int, size: int) -> None:
    kinds = np.unique(labels, return_inverse=True)[1]
    sizes = np.full(len(kinds), size)
    parts = split_by_item(kinds, sizes, val_split, np.random.default_rng(seed))
    if parts is None:
        return
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(kinds)))
    assert set(kinds[parts["train"]]) == set(kinds) and len(parts["train"]) * size >= PROBES
    assert len(parts["test"]) * size >= PROBES
    assert (len(parts["validation"]) * size >= PROBES) or (val_split == 0 and not len(parts["validation"]))


def test_the_test_part_is_the_same_for_every_seed() -> None:
    kinds, sizes = np.arange(60) % 3, np.ones(60, dtype=int)
    one, other = (split_by_item(kinds, sizes, 0.2, np.random.default_rng(seed)) for seed in (1, 2))
    assert one is not None and other is not None
    assert one["test"].tolist() == other["test"].tolist()
    assert one["validation"].tolist() != other["validation"].tolist()


def test_too_few_items_cannot_be_shared_out() -> None:
    assert split_by_item(np.arange(10) % 2, np.ones(10, dtype=int), 0.2, np.random.default_rng(0)) is None


@pytest.mark.parametrize(("count", "seq_len", "expected"), [(100, 30, 1), (20_001, 30, 2), (5_000_000, 48, 48)])
def test_windows_of_a_long_series_leave_nothing_out_and_are_not_endless(
    count: int, seq_len: int, expected: int
) -> None:
    assert stride(count, seq_len) == expected


def test_evenly() -> None:
    assert evenly(np.arange(5), 9).tolist() == [0, 1, 2, 3, 4]
    assert evenly(np.arange(101), 3).tolist() == [0, 50, 100]


def test_stretches_are_gathered_and_padded() -> None:
    values = np.arange(1.0, 11.0)[:, None]
    stretches = Stretches.of([np.array([0, 3]), np.array([8])], [np.array([4, 3]), np.array([2])])
    assert len(stretches) == 3
    assert stretches.gather(values, 4)[:, :, 0].tolist() == [[1, 2, 3, 4], [4, 5, 6, 0], [9, 10, 0, 0]]
    letters = np.arange(1, 11, dtype=np.uint8)
    assert stretches.select(np.array([2])).gather(letters, 3).tolist() == [[9, 10, 0]]
    assert Stretches.of([], []).gather(values, 4).shape == (0, 4, 1)
