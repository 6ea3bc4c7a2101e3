"""Splitting what is ordered into a training, a validation and a test part, and that tasks ask for enough room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.base import PROBES
from rnn_explorer.tasks.splits import split_in_order


@given(st.integers(1, 100), st.floats(0, 0.5), st.floats(0.05, 0.3), st.data())
def test_the_parts_follow_each_other_and_have_room(
    least: int, val_split: float, test_share: float, data: st.DataObject
) -> None:
    count = data.draw(st.integers(3 * least, 3 * least + 1000))
    parts = split_in_order(count, least, val_split, test_share)
    (a, b), (c, d), (e, f) = parts["train"], parts["validation"], parts["test"]
    assert (a, f) == (0, count) and b == c and d == e
    assert f - e >= least and b - a >= least
    assert d - c >= least if val_split > 0 else c == d


def test_the_parts_of_many_have_their_shares() -> None:
    parts = split_in_order(1000, 10, 0.25, 0.2)
    assert parts == {"train": (0, 600), "validation": (600, 800), "test": (800, 1000)}


@pytest.mark.parametrize("val_split", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("query", ["task=forecast&seq_len=90", "task=char_lm&seq_len=100", "task=copy", "task=reber"])
def test_every_part_has_room_for_probes(query: str, val_split: float) -> None:
    task = Experiment.from_query(f"{query}&val_split={val_split}").make_task()
    for split in ("train", "validation", "test"):
        held = len(task.evaluation(split))
        assert held == 0 if split == "validation" and val_split == 0 else held >= PROBES
