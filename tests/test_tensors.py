"""From a task's arrays to tensors and back: nothing is copied, nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnn_explorer.tasks.base import Batch
from rnn_explorer.tensors import TensorBatch


def batch(lengths: bool = True, mask: bool = True) -> Batch:
    rng = np.random.default_rng(0)
    return Batch(
        rng.random((4, 3, 2), dtype=np.float32),
        rng.integers(5, size=(4, 3)),
        np.array([3, 1, 2, 3]) if lengths else None,
        rng.random((4, 3)) < 0.5 if mask else None,
    )


PARTS = ("inputs", "targets", "lengths", "mask")


def test_tensors_share_the_arrays_memory() -> None:
    one = batch()
    two = TensorBatch.of(one)
    back = two.numpy()
    for name in PARTS:
        array, tensor = getattr(one, name), getattr(two, name)
        assert tensor.data_ptr() == array.ctypes.data and np.shares_memory(array, getattr(back, name))
        assert tensor.dtype == {"f": torch.float32, "i": torch.int64, "b": torch.bool}[array.dtype.kind]
        assert np.array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("mask", [True, False])
def test_both_count_the_same_steps_and_select_the_same_sequences(lengths: bool, mask: bool) -> None:
    one = batch(lengths, mask)
    two = TensorBatch.of(one)
    counted = [
        [(not mask or one.mask[n, t]) and t < (one.lengths[n] if lengths else 3) for t in range(3)] for n in range(4)
    ]
    assert len(one) == len(two) == 4
    assert one.step_mask().tolist() == two.step_mask().tolist() == counted
    for index in (np.array([2, 0]), slice(1, 3)):
        arrays = one.select(index)
        tensors = two.select(index if isinstance(index, slice) else torch.from_numpy(index))
        for name in PARTS:
            mine, other = getattr(arrays, name), getattr(tensors, name)
            assert (mine is None) == (other is None) == (getattr(one, name) is None)
            assert mine is None or mine.tolist() == other.tolist() == getattr(one, name)[index].tolist()


def test_a_slice_of_a_batch_is_no_copy() -> None:
    one = batch()
    assert np.shares_memory(one.inputs, one.select(slice(1, 3)).inputs)
    assert not np.shares_memory(one.inputs, one.select(np.array([1, 2])).inputs)
