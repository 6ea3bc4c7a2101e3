from __future__ import annotations

import pytest
import torch

from rnn_explorer.cells.base import cell_class
from rnn_explorer.experiment import ModelSettings


def test_one_unit_by_hand():
    # Rows are input, forget, candidate, output: W_i = [1, 0, 2, -1], W_h = [0, 1, 1, 2], b_i = [0, 1, 0, 0.5], b_h = 0.
    # x = 1, h_0 = c_0 = 0:
    #   i = sigma(1) = 0.731059   f = sigma(1) = 0.731059   g = tanh 2 = 0.964028   o = sigma(-0.5) = 0.377541
    #   c_1 = 0.731059 * 0 + 0.731059 * 0.964028 = 0.704761     h_1 = 0.377541 * tanh 0.704761 = 0.229311
    # x = -2:
    #   i = sigma(-2) = 0.119203                                f = sigma(1 + 0.229311) = 0.773698
    #   g = tanh(-4 + 0.229311) = tanh -3.770689 = -0.998939    o = sigma(2 + 0.5 + 0.458622) = 0.950669
    #   c_2 = 0.773698 * 0.704761 - 0.119203 * 0.998939 = 0.426195     h_2 = 0.950669 * tanh 0.426195 = 0.382299
    cell = cell_class("lstm")(1, 1)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor([[1.0], [0.0], [2.0], [-1.0]]))
        cell.weight_hh.copy_(torch.tensor([[0.0], [1.0], [1.0], [2.0]]))
        cell.bias_ih.copy_(torch.tensor([0.0, 1.0, 0.0, 0.5]))
        cell.bias_hh.zero_()
    seen = {name: values.flatten().tolist() for name, values in cell.trace(torch.tensor([[[1.0], [-2.0]]])).items()}
    assert seen["input"] == pytest.approx([0.731059, 0.119203], abs=2e-6)
    assert seen["forget"] == pytest.approx([0.731059, 0.773698], abs=2e-6)
    assert seen["candidate"] == pytest.approx([0.964028, -0.998939], abs=2e-6)
    assert seen["output"] == pytest.approx([0.377541, 0.950669], abs=2e-6)
    assert seen["cell"] == pytest.approx([0.704761, 0.426195], abs=3e-6)
    assert seen["hidden"] == pytest.approx([0.229311, 0.382299], abs=3e-6)


@pytest.mark.parametrize("init", ["keras", "pytorch", "identity"])
@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 3.0])
def test_the_forget_bias_is_the_sum_of_both_vectors_whatever_the_initializer(init, forget_bias):
    cell = cell_class("lstm").from_settings(ModelSettings(forget_bias=forget_bias, hidden_size=4), 3)
    cell.initialize(init, torch.Generator().manual_seed(0))
    total = (cell.bias_ih + cell.bias_hh).detach().view(4, 4)  # a row for each gate
    assert total[1].tolist() == [forget_bias] * 4
    if init != "pytorch":
        assert not total[[0, 2, 3]].any()
    else:
        assert total[[0, 2, 3]].all()


def test_a_wide_open_forget_gate_keeps_the_cell_state():
    cell = cell_class("lstm")(1, 1, forget_bias=10.0)
    cell.initialize("keras", torch.Generator().manual_seed(0))
    with torch.no_grad():
        cell.weight_ih.zero_()
        cell.weight_hh.zero_()
    start = (torch.zeros(1, 1), torch.tensor([[0.8]]))
    kept = cell.trace(torch.zeros(1, 100, 1), start)["cell"][0, -1, 0].detach()
    assert float(kept) == pytest.approx(0.8 * (1 / (1 + 2.718281828**-10)) ** 100, rel=1e-4)
