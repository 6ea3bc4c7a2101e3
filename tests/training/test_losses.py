from __future__ import annotations

import math

import pytest
import torch

from rnn_explorer.tasks.base import OutputSpec
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training.losses import loss_of


def test_loss_counts_only_the_steps_that_are_asked():
    outputs, lengths = torch.tensor([[[1.0], [2.0], [9.0]], [[3.0], [9.0], [9.0]]]), torch.tensor([2, 1])
    targets = torch.zeros(2, 3, 1)
    spec = OutputSpec("values_per_step", 1, ("y",))
    batch = TensorBatch(torch.zeros(2, 3, 1), targets, lengths)
    assert float(loss_of(spec, outputs, batch)) == pytest.approx((1 + 4 + 9) / 3)
    masked = TensorBatch(batch.inputs, targets, lengths, torch.tensor([[False, True, True], [True, True, True]]))
    assert float(loss_of(spec, outputs, masked)) == pytest.approx((4 + 9) / 2)
    unpadded = TensorBatch(batch.inputs, targets)
    assert float(loss_of(spec, outputs, unpadded)) == pytest.approx((1 + 4 + 81 + 9 + 81 + 81) / 6)


def test_cross_entropy_is_in_nats():
    # Logits 0 and ln 3 are probabilities 1/4 and 3/4: -ln 3/4 = 0.287682 and -ln 1/4 = 1.386294, mean 0.836988.
    outputs = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])
    batch = TensorBatch(torch.zeros(2, 1, 1), torch.tensor([1, 0]))
    assert float(loss_of(OutputSpec("classes", 2, ("a", "b")), outputs, batch)) == pytest.approx(0.836988, abs=1e-6)
