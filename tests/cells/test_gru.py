from __future__ import annotations

import pytest
import torch

from rnn_explorer.cells import CELLS
from rnn_explorer.cells.base import cell_class


def test_one_unit_by_hand():
    # Rows are reset, update, candidate: W_i = [1, -1, 2], W_h = [0, 1, 3], b_i = 0, b_h = [0, 0, 1].
    # x = 1, h_0 = 0:
    #   r = sigma(1) = 0.731059   z = sigma(-1) = 0.268941   n = tanh(2 + 0.731059 * (0 + 1)) = tanh 2.731059 = 0.991547
    #   h_1 = (1 - 0.268941) * 0.991547 + 0 = 0.724879
    # x = -0.5:
    #   r = sigma(-0.5) = 0.377541                z = sigma(0.5 + 0.724879) = 0.772921
    #   n = tanh(-1 + 0.377541 * (3 * 0.724879 + 1)) = tanh(-1.198554) = tanh 0.198554 = 0.195986
    #   h_2 = 0.227079 * 0.195986 + 0.772921 * 0.724879 = 0.604778
    cell = cell_class("gru")(1, 1)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor([[1.0], [-1.0], [2.0]]))
        cell.weight_hh.copy_(torch.tensor([[0.0], [1.0], [3.0]]))
        cell.bias_ih.zero_()
        cell.bias_hh.copy_(torch.tensor([0.0, 0.0, 1.0]))
    seen = {name: values.flatten().tolist() for name, values in cell.trace(torch.tensor([[[1.0], [-0.5]]])).items()}
    assert seen["reset"] == pytest.approx([0.731059, 0.377541], abs=2e-6)
    assert seen["update"] == pytest.approx([0.268941, 0.772921], abs=2e-6)
    assert seen["candidate"] == pytest.approx([0.991547, 0.195986], abs=3e-6)
    assert seen["hidden"] == pytest.approx([0.724879, 0.604778], abs=3e-6)


def test_the_old_state_is_kept_where_the_update_gate_is_one():
    cell = cell_class("gru")(1, 1)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih[1] = 100.0
    kept, _ = cell(torch.randn(1, 5, 1, generator=torch.Generator().manual_seed(0)), (torch.tensor([[0.6]]),))
    assert kept.flatten().tolist() == pytest.approx([0.6] * 5)


def test_keras_counts_both_bias_vectors():
    # With reset_after=True the candidate's recurrent bias sits inside the product with the reset gate.
    assert CELLS.get("gru").keras_biases == 2
