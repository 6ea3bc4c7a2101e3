from __future__ import annotations

import pytest
import torch

from rnn_explorer.cells.base import cell_class
from rnn_explorer.experiment import ModelSettings


def one_unit(nonlinearity: str) -> torch.nn.Module:
    cell = cell_class("rnn")(1, 1, nonlinearity=nonlinearity)
    with torch.no_grad():
        cell.weight_ih[:], cell.weight_hh[:], cell.bias_ih[:], cell.bias_hh[:] = 2.0, 0.5, 0.1, -0.3
    return cell


X = torch.tensor([[[1.0], [-1.0], [0.5]]])  # (1, 3, 1)


def test_one_tanh_unit_by_hand():
    # a_1 = 2 * 1 + 0.1 + 0.5 * 0 - 0.3 = 1.8                        h_1 = tanh 1.8 = 0.946806
    # a_2 = 2 * -1 + 0.1 + 0.5 * 0.946806 - 0.3 = -1.726597          h_2 = tanh -1.726597 = -0.938652
    # a_3 = 2 * 0.5 + 0.1 + 0.5 * -0.938652 - 0.3 = 0.330674         h_3 = tanh 0.330674 = 0.319126
    seen = one_unit("tanh").trace(X)
    assert seen["pre_activation"].flatten().tolist() == pytest.approx([1.8, -1.726597, 0.330674], abs=1e-5)
    assert seen["hidden"].flatten().tolist() == pytest.approx([0.946806, -0.938652, 0.319126], abs=1e-5)


def test_one_relu_unit_by_hand():
    # a_1 = 1.8, h_1 = 1.8;   a_2 = -2 + 0.1 + 0.9 - 0.3 = -1.3, h_2 = 0;   a_3 = 1 + 0.1 + 0 - 0.3 = 0.8, h_3 = 0.8
    seen = one_unit("relu").trace(X)
    assert seen["pre_activation"].flatten().tolist() == pytest.approx([1.8, -1.3, 0.8], abs=1e-6)
    assert seen["hidden"].flatten().tolist() == pytest.approx([1.8, 0.0, 0.8], abs=1e-6)


def test_the_gradient_of_one_unit_by_hand():
    # Two steps of the tanh unit: dh_2/dx_1 = (1 - h_2^2) * 0.5 * (1 - h_1^2) * 2
    #                                       = (1 - 0.881069) * 0.5 * (1 - 0.896442) * 2 = 0.012316
    x = X[:, :2].clone().requires_grad_()
    outputs, _ = one_unit("tanh")(x)
    outputs[0, 1, 0].backward()
    assert float(x.grad[0, 0, 0]) == pytest.approx(0.012316, abs=2e-6)


def test_it_takes_its_activation_from_the_settings():
    cell = cell_class("rnn").from_settings(ModelSettings(cell="rnn", nonlinearity="relu", hidden_size=7), 3)
    assert (cell.nonlinearity, cell.hidden_size, cell.input_size) == ("relu", 7, 3)
    with pytest.raises(KeyError):
        cell_class("rnn")(1, 1, nonlinearity="sine")
