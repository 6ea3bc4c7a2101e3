"""How a drawn pool is cut: by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.base import Batch
from rnn_explorer.tasks.sampled import ranks


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_ranks_number_the_different_ones_as_they_come(rows: list[tuple[int, int]]) -> None:
    seen: list[tuple[int, int]] = []
    expected = []
    for row in rows:
        if row not in seen:
            seen.append(row)
        expected.append(seen.index(row))
    inputs, numbers = np.array(rows), np.array(rows, dtype=np.float32)[:, :, None]  # (batch, time, 1)
    assert ranks(Batch(inputs, inputs[:, 0])).tolist() == expected
    assert ranks(Batch(numbers, inputs[:, 0])).tolist() == expected


@pytest.mark.parametrize("key", ["copy", "parity", "reber"])
def test_training_repeats_what_was_drawn_often_and_the_others_hold_what_came_later(key: str) -> None:
    task = Experiment.default(key).make_task()
    drawn = [row.tobytes() for row in task.pool().inputs]  # type: ignore[attr-defined]
    different = list(dict.fromkeys(drawn))
    train_end, validation_end = task.parts["train"][1], task.parts["validation"][1]  # type: ignore[attr-defined]
    known = set(different[:train_end])

    def rows(split: str) -> list[bytes]:
        batch = task.finite_set(split)  # type: ignore[arg-type]
        time = task.pool().inputs.shape[1]  # type: ignore[attr-defined]
        padded = np.zeros((len(batch), time, *batch.inputs.shape[2:]), dtype=batch.inputs.dtype)
        padded[:, : batch.inputs.shape[1]] = batch.inputs
        return [row.tobytes() for row in padded]

    assert rows("train") == [row for row in drawn if row in known]
    assert rows("validation") == different[train_end:validation_end]
    assert rows("test") == different[validation_end:]
    assert len(rows("train")) > len(known)
