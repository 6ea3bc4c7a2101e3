"""Memory through time against closed forms, automatic differentiation of the whole map, and finite differences."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.memory import compute, jacobians, reading
from rnn_explorer.analysis.memory.record import JacobianNorms, MemoryReport
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.cells.base import RecurrentCell, cell_class
from rnn_explorer.experiment import Experiment
from rnn_explorer.model import SequenceModel
from rnn_explorer.slices import run_to_end
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Trainer
from rnn_explorer.training.losses import loss_of

RNN = "task=adding&cell=rnn&hidden_size=4&seq_len=12"
MODELS = {
    "rnn": RNN,
    "relu, two layers": f"{RNN}&nonlinearity=relu&num_layers=2",
    "lstm, an answer a step": "task=flip_flop&cell=lstm&hidden_size=3&seq_len=10",
    "gru, some steps count": "task=forecast&cell=gru&hidden_size=3&seq_len=10",
    "lstm, both ways, two layers, symbols": (
        "task=names&train_size=64&cell=lstm&hidden_size=3&bidirectional=true&num_layers=2&embedding=4"
    ),
    "gru, both ways, an answer a step": "task=flip_flop&cell=gru&hidden_size=3&seq_len=10&bidirectional=true",
    "lstm, one-hot symbols, dense": "task=temporal_order&cell=lstm&hidden_size=3&seq_len=10&dense=4",
}
every = pytest.mark.parametrize("query", MODELS.values(), ids=MODELS)


def frozen(query: str, weights: Mapping[str, Any] | None = None, change: Callable | None = None) -> FrozenModel:
    """A model with given parameters of its first cell (numbers fill the whole), nothing else changed."""
    trainer = Trainer(Experiment.from_query(query))
    with torch.no_grad():
        for name, values in (weights or {}).items():
            getattr(trainer.model.cells()[0], name).copy_(torch.as_tensor(values, dtype=torch.float64))
        if change is not None:
            change(trainer.model)
    return FrozenModel.of(trainer)


def shuffled(query: str) -> FrozenModel:
    """A model whose parameters are all random, biases too, so that nothing cancels by symmetry."""

    def change(model: SequenceModel) -> None:
        source = torch.Generator().manual_seed(3)
        for parameter in model.parameters():
            parameter.normal_(0, 0.6, generator=source)

    return frozen(query, change=change)


def asked(of: FrozenModel, **options: Any) -> MemoryReport:
    return run_to_end(ANALYSES.get("memory")(of, **options))


def triangle_of(of: FrozenModel, **options: Any) -> JacobianNorms:
    return run_to_end(ANALYSES.get("jacobian_norms")(of, **options))


def permutation(size: int) -> np.ndarray:
    return np.roll(np.eye(size), 1, axis=0)


# -- the curve: closed forms ------------------------------------------------------------------------------------


def test_a_linear_rnn_gives_the_norms_of_the_powers_of_its_weights() -> None:
    w = np.random.default_rng(1).uniform(0.0, 0.5, (4, 4)).astype(np.float32)
    linear = {"weight_hh": w, "weight_ih": 0.2, "bias_ih": 1.0, "bias_hh": 0.0}  # states stay positive: relu is linear
    (cell,) = asked(frozen(f"{RNN}&nonlinearity=relu", linear)).cells
    right = [np.linalg.norm(np.linalg.matrix_power(w.astype(np.float64), lag), 2) for lag in range(12)]
    np.testing.assert_allclose(cell.log10_norm, np.log10(right), atol=1e-12)
    assert cell.log10_norm[0] == 0.0 and cell.lags.tolist() == list(range(12))


def test_an_orthogonal_matrix_gives_a_flat_line() -> None:
    weights = {"weight_hh": permutation(4), "weight_ih": 0.2, "bias_ih": 1.0, "bias_hh": 0.0}
    report = asked(frozen(f"{RNN}&nonlinearity=relu", weights))
    (cell,) = report.cells
    np.testing.assert_allclose(cell.log10_norm, 0.0, atol=1e-13)
    assert (cell.effective_memory, cell.whole_sequence) == (11, True)
    assert cell.decay.rho == pytest.approx(1.0, abs=1e-12)
    assert "remembers" in {found.name for found in report.findings}
    assert cell.gates.spectral_radius == pytest.approx(1.0)


def test_a_tanh_near_zero_is_linear_too() -> None:
    weights = {"weight_hh": 0.9 * permutation(4), "weight_ih": 1e-6, "bias_ih": 0.0, "bias_hh": 0.0}
    (cell,) = asked(frozen("task=adding&cell=rnn&hidden_size=4&seq_len=60", weights)).cells
    np.testing.assert_allclose(cell.log10_norm, np.arange(60) * math.log10(0.9), atol=1e-5)
    assert cell.decay.rho == pytest.approx(0.9, abs=1e-6)
    assert cell.decay.time_constant == pytest.approx(-1 / math.log(0.9), rel=1e-4)
    assert cell.effective_memory == math.floor(math.log(0.01) / math.log(0.9)) == 43
    assert not cell.whole_sequence


@pytest.mark.parametrize("factor", [1e-8, 1e5])
def test_neither_underflow_nor_overflow_spoils_it(factor: float) -> None:
    weights = {"weight_hh": factor * permutation(4), "weight_ih": 0.0, "bias_ih": 0.0, "bias_hh": 0.0}
    report = asked(frozen("task=adding&cell=rnn&hidden_size=4&seq_len=100", weights))
    (cell,) = report.cells
    power = math.log10(float(np.float32(factor)))
    np.testing.assert_allclose(cell.log10_norm, power * np.arange(100), rtol=1e-12, atol=1e-9)
    assert abs(cell.log10_norm[-1]) > 308
    assert {"exploding", "vanishing"} & {found.name for found in report.findings} == (
        {"vanishing"} if factor < 1 else {"exploding"}
    )


@pytest.mark.parametrize("forget, out", [(0.9, 0.0), (0.5, 0.7)])
def test_the_cell_state_of_an_lstm_with_pinned_gates_decays_as_its_forget_gate(forget: float, out: float) -> None:
    def bias(gate: float) -> float:
        return -60.0 if gate == 0 else math.log(gate / (1 - gate))

    pinned = {
        "weight_hh": 0.0,
        "weight_ih": 0.0,
        "bias_hh": 0.0,
        "bias_ih": np.repeat([60.0, bias(forget), 0.0, bias(out)], 4),
    }
    report = asked(frozen("task=adding&cell=lstm&hidden_size=4&seq_len=30", pinned))
    (cell,) = report.cells
    # c stays 0, so d(h', c')/dc = (o f, f), and the path through h is shut.
    right = np.arange(30) * math.log10(forget) + 0.5 * math.log10(1 + out**2) * (np.arange(30) > 0)
    np.testing.assert_allclose(cell.log10_norm, right, atol=1e-6)
    np.testing.assert_allclose(cell.gates.time_constants, -1 / math.log(forget), rtol=1e-5)
    assert cell.gates.keeper == "forget"


def test_a_gru_with_a_pinned_update_gate_decays_as_it() -> None:
    bias = np.repeat([0.0, math.log(0.8 / 0.2), 0.3], 4)
    pinned = {"weight_hh": 0.0, "weight_ih": 0.0, "bias_hh": 0.0, "bias_ih": bias}
    (cell,) = asked(frozen("task=adding&cell=gru&hidden_size=4&seq_len=30", pinned)).cells
    np.testing.assert_allclose(cell.log10_norm, np.arange(30) * math.log10(0.8), atol=1e-5)
    np.testing.assert_allclose(cell.gates.time_constants, -1 / math.log(0.8), rtol=1e-5)
    np.testing.assert_allclose(cell.gates.means["update"], 0.8, atol=1e-6)
    assert cell.gates.keeper == "update" and set(cell.gates.means) == {"reset", "update", "candidate"}


def test_a_dead_network_forgets_at_once() -> None:
    dead = {"weight_hh": 1.0, "weight_ih": 0.0, "bias_ih": -1.0, "bias_hh": 0.0}
    report = asked(frozen(f"{RNN}&nonlinearity=relu", dead))
    (cell,) = report.cells
    assert cell.log10_norm[0] == 0 and np.all(cell.log10_norm[1:] == -np.inf)
    assert cell.effective_memory == 0 and math.isnan(cell.decay.rho)
    assert (cell.gates.dead, cell.gates.nonlinearity) == (4, "relu")
    assert {"dead", "vanishing"} <= {found.name for found in report.findings}


# -- the curve and the triangle: automatic differentiation of the whole map -------------------------------------


def many_steps(cell: RecurrentCell, xs: Tensor, joined: Tensor) -> Tensor:
    """(size,) the state after several steps from a joined state."""
    for x in xs:
        state, _ = cell.step(x[None], tuple(part[None] for part in joined.split(cell.hidden_size)))
        joined = torch.cat(state, dim=-1)[0]
    return joined


def states_by_hand(cell: RecurrentCell, xs: Tensor) -> list[Tensor]:
    """The joined state after no step, one step, ..."""
    states = [torch.zeros(cell.hidden_size * len(cell.state_names), dtype=torch.float64)]
    for x in xs:
        states.append(many_steps(cell, x[None], states[-1]))
    return states


def spectral(matrix: Tensor) -> float:
    return float(np.linalg.svd(matrix.numpy(), compute_uv=False)[0])


def inputs_of(of: FrozenModel, sequence: int, layer: int, direction: str) -> Tensor:
    """(time, input_size) float64: what one cell reads, in the order of reading, from the recorded states below."""
    trace = (
        copy.deepcopy(of.model)
        .double()
        .trace(TensorBatch(_double(of.probe.inputs), of.probe.targets, of.probe.lengths))
    )
    length = int(trace.lengths[sequence])
    if layer:
        below = [entry.states["hidden"] for entry in trace.layers if entry.layer == layer - 1]
        x = torch.as_tensor(np.concatenate(below, axis=-1))[sequence, :length]
    else:
        x = copy.deepcopy(of.model).double().encode(_double(of.probe.inputs))[sequence, :length].detach()
    return x if direction == "forward" else x.flip(0)


def _double(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values


@every
def test_every_norm_is_that_of_the_derivative_of_all_steps_together(query: str) -> None:
    of = shuffled(query)
    for recorded in asked(of, sequence=2).cells:
        cell = copy.deepcopy(of.cell(recorded.layer, recorded.direction)).double()
        xs = inputs_of(of, 2, recorded.layer, recorded.direction)
        states = states_by_hand(cell, xs)
        seen = triangle_of(of, sequence=2, layer=recorded.layer, direction=recorded.direction)
        table = seen.log10_norm if recorded.direction == "forward" else seen.log10_norm[::-1, ::-1]
        assert len(recorded.log10_norm) == len(xs) == seen.length and seen.stride == 1
        for k in range(1, len(xs) + 1):
            for t in range(1, len(xs) + 1):
                if t < k:
                    assert np.isnan(table[t - 1, k - 1])
                elif t in (k, k + 1, len(xs)):
                    right = spectral(torch.func.jacrev(partial(many_steps, cell, xs[k:t]))(states[k]))
                    assert 10.0 ** table[t - 1, k - 1] == pytest.approx(right, rel=1e-9, abs=1e-300)
        # The last row read is the curve.
        np.testing.assert_allclose(table[-1, ::-1], recorded.log10_norm, rtol=1e-9, atol=1e-9)


def test_a_long_sequence_is_seen_at_a_stride_that_ends_with_the_last_step() -> None:
    of = shuffled("task=adding&cell=gru&hidden_size=3&seq_len=100")
    seen, curve = triangle_of(of), asked(of).cells[0].log10_norm
    assert (seen.stride, seen.length, len(seen.steps)) == (2, 100, 50)
    assert seen.steps.tolist() == list(range(2, 101, 2))
    np.testing.assert_allclose(seen.log10_norm[-1, ::-1], curve[::2], rtol=1e-9, atol=1e-9)
    assert np.isnan(seen.log10_norm[np.triu_indices(50, 1)]).all()
    assert not np.isnan(seen.log10_norm[np.tril_indices(50)]).any()


def test_a_large_state_is_seen_at_fewer_points() -> None:
    seen = triangle_of(frozen("task=adding&cell=lstm&hidden_size=130&seq_len=31"))
    assert (seen.stride, seen.log10_norm.shape) == (2, (16, 16)) and seen.steps[[0, -1]].tolist() == [1, 31]


def test_a_backward_cell_reads_from_the_end() -> None:
    of = shuffled("task=names&train_size=64&cell=gru&hidden_size=3&bidirectional=true")
    seen = triangle_of(of, sequence=1, direction="backward")
    length = int(of.probe.lengths[1])  # type: ignore[index]
    assert seen.steps.tolist() == list(range(1, length + 1))
    assert np.isnan(seen.log10_norm[np.tril_indices(length, -1)]).all()  # a later step cannot depend on an earlier one
    np.testing.assert_allclose(np.diag(seen.log10_norm), 0.0, atol=1e-12)


# -- the gradient of the loss -----------------------------------------------------------------------------------


def loss_after(of: FrozenModel, sequence: int, moved: tuple[int, str, int, Tensor] | None = None) -> tuple[float, dict]:
    """The loss of one sequence by the equations, with one state moved after it is computed; and all states."""
    model = copy.deepcopy(of.model).double()
    length = of.probe.inputs.shape[1] if of.probe.lengths is None else int(of.probe.lengths[sequence])
    x = model.encode(_double(of.probe.inputs[sequence : sequence + 1, :length])).detach()[0]
    states: dict[tuple[int, str, int], Tensor] = {}
    for number, layer in enumerate(model.stack()):
        outputs = []
        for direction, cell in (("forward", layer.forwards), ("backward", layer.backwards)):
            if cell is None:
                continue
            order = range(length) if direction == "forward" else range(length - 1, -1, -1)
            joined = torch.zeros(cell.hidden_size * len(cell.state_names), dtype=torch.float64)
            hidden = [joined] * length
            for t in order:
                joined = many_steps(cell, x[t : t + 1], joined).detach()
                if moved is not None and moved[:3] == (number, direction, t):
                    joined = joined + moved[3]
                states[number, direction, t] = joined
                hidden[t] = joined[: cell.hidden_size]
            outputs.append(torch.stack(hidden))
        x = torch.cat(outputs, dim=-1)
    if of.task.output.per_step:
        said = model.read_out(x[None])
    else:
        width = of.model.settings.hidden_size
        ends = [x[-1, :width]] + ([x[0, width:]] if of.model.settings.bidirectional else [])
        said = model.read_out(torch.cat(ends)[None])
    targets = _double(of.probe.targets[sequence : sequence + 1])
    mask = None
    if of.task.output.per_step:
        targets = targets[:, :length]
        mask = None if of.probe.mask is None else of.probe.mask[sequence : sequence + 1, :length]
    batch = TensorBatch(of.probe.inputs[sequence : sequence + 1, :length], targets, None, mask)
    return float(loss_of(of.task.output, said, batch).detach()), states


@every
def test_the_gradient_of_the_loss_by_every_state_agrees_with_finite_differences(query: str) -> None:
    of, sequence, span = shuffled(query), 3, 1e-5
    report = asked(of, sequence=sequence)
    loss, states = loss_after(of, sequence)
    assert report.loss == pytest.approx(loss, rel=1e-10)
    assert len(report.cells) == len({key[:2] for key in states})
    for cell in report.cells:
        for t in sorted({0, 1, report.length // 2, report.length - 1}):
            state = states[cell.layer, cell.direction, t]
            gradient = []
            for component in range(len(state)):
                move = torch.zeros_like(state)
                move[component] = span
                ahead, behind = (
                    loss_after(of, sequence, (cell.layer, cell.direction, t, way * move))[0] for way in (1, -1)
                )
                gradient.append((ahead - behind) / (2 * span))
            assert cell.loss_gradient[t] == pytest.approx(np.linalg.norm(gradient), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_with_one_layer_and_an_answer_at_the_end_it_is_the_chain_of_jacobians(cell: str) -> None:
    of = shuffled(f"task=adding&cell={cell}&hidden_size=4&seq_len=15")
    (recorded,) = asked(of).cells
    double = copy.deepcopy(of.cell()).double()
    xs = inputs_of(of, 0, 0, "forward")
    states = states_by_hand(double, xs)
    head = copy.deepcopy(of.model).double()
    target = of.probe.targets[:1].double()

    def loss(state: Tensor) -> Tensor:
        return (head.read_out(state[None, :4]) - target).square().mean()

    row = torch.func.jacrev(loss)(states[-1])
    for k in range(15, 0, -1):
        assert recorded.loss_gradient[k - 1] == pytest.approx(float(row.norm()), rel=1e-9)
        row = row @ torch.func.jacrev(partial(many_steps, double, xs[k - 1 : k]))(states[k - 1])
    assert recorded.loss_reach(14) == pytest.approx(recorded.loss_gradient[0] / recorded.loss_gradient[14])
    with pytest.raises(ValueError, match="back is 15, but must be 0 to 14"):
        recorded.loss_reach(15)


def test_a_state_that_no_counted_answer_follows_moves_no_loss() -> None:
    of = shuffled("task=flip_flop&cell=gru&hidden_size=3&seq_len=10")
    counted = torch.zeros(len(of.probe), 10, dtype=torch.bool)
    counted[:, :4] = True
    masked = FrozenModel(
        of.experiment,
        of.task,
        of.model,
        of.step,
        of.epoch,
        TensorBatch(of.probe.inputs, of.probe.targets, None, counted),
    )
    (cell,) = asked(masked).cells
    assert (cell.loss_gradient[:4] > 0).all() and (cell.loss_gradient[4:] == 0).all()
    assert math.isnan(cell.loss_reach(9))


# -- saliency ---------------------------------------------------------------------------------------------------


def answers_to(of: FrozenModel, x: Tensor) -> Tensor:
    """(output,) or (time, output): logits or values of one sequence given as encoded inputs (1, time, feature)."""
    model = copy.deepcopy(of.model).double()
    model.encode = lambda inputs: x  # type: ignore[method-assign]
    return model(torch.zeros(1, x.shape[1], dtype=torch.long))[0].detach()


@every
@pytest.mark.parametrize("time_step", [None, 3])
def test_saliency_agrees_with_finite_differences(query: str, time_step: int | None) -> None:
    of, span = shuffled(query), 1e-5
    found = asked(of, sequence=1, output=1 if of.task.output.size > 1 else 0, time_step=time_step).saliency
    length = of.probe.inputs.shape[1] if of.probe.lengths is None else int(of.probe.lengths[1])
    at = length if time_step is None else time_step
    assert (found.time_step, len(found.norm)) == (at, length)
    upto = length if of.task.output.per_step else at
    x = copy.deepcopy(of.model).double().encode(_double(of.probe.inputs[1:2, :upto])).detach()

    def value(x: Tensor) -> float:
        said = answers_to(of, x)
        return float(said[at - 1, found.output] if of.task.output.per_step else said[found.output])

    assert found.value == pytest.approx(value(x), rel=1e-10)
    for k in range(length):
        gradient = []
        for feature in range(x.shape[2]) if k < upto else ():
            ahead, behind = x.clone(), x.clone()
            ahead[0, k, feature] += span
            behind[0, k, feature] -= span
            gradient.append((value(ahead) - value(behind)) / (2 * span))
        assert found.norm[k] == pytest.approx(np.linalg.norm(gradient), rel=1e-5, abs=1e-8)
    np.testing.assert_allclose(found.relative, found.norm / found.norm.max())


def test_by_default_it_is_the_predicted_class_after_the_last_real_step() -> None:
    of = shuffled("task=names&train_size=64&cell=lstm&hidden_size=3")
    trace = of.model.trace(of.probe)
    for sequence in range(4):
        found = asked(of, sequence=sequence).saliency
        length = int(trace.lengths[sequence])
        assert found.time_step == length == len(found.norm) == len(found.symbols)
        assert found.output == trace.answers[sequence, length - 1].argmax()
        assert found.output_name == of.task.output.names[found.output] and found.classes
        assert "".join(found.symbols) == "".join(of.task.input.names[n] for n in trace.inputs[sequence, :length])


# -- the gates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_gate_statistics_are_of_all_real_steps_of_all_sequences(cell: str, direction: str) -> None:
    of = shuffled(f"task=names&train_size=64&cell={cell}&hidden_size=3&num_layers=2&bidirectional=true")
    trace = copy.deepcopy(of.model).double().trace(of.probe)
    seen = trace.layer(1, direction)  # type: ignore[arg-type]
    cells = asked(of).cells
    (statistics,) = [each.gates for each in cells if (each.layer, each.direction) == (1, direction)]
    keeper = {"lstm": "forget", "gru": "update"}[cell]
    assert statistics.keeper == statistics.shown == keeper and set(statistics.histograms) == set(seen.bounded)
    for name, values in seen.gates.items():
        real = np.concatenate([values[row, :length] for row, length in enumerate(trace.lengths)])  # (steps, hidden)
        np.testing.assert_allclose(statistics.means[name], real.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(statistics.share_above(name), (np.abs(real) > 0.9).mean(), rtol=1e-5)
        np.testing.assert_allclose(statistics.share_below(name), (np.abs(real) < 0.1).mean(), rtol=1e-5)
        if name in seen.bounded:
            counts = [((real >= low) & (real < low + 0.05)).mean() for low in np.arange(20) / 20]
            np.testing.assert_allclose(statistics.histograms[name], counts, atol=1e-9)
        if name == keeper:
            mean = np.prod(real ** (1 / len(real)), axis=0)  # the geometric mean
            np.testing.assert_allclose(statistics.time_constants, -1 / np.log(mean), rtol=1e-6)


def test_the_slope_of_a_simple_rnn() -> None:
    of = shuffled(RNN)
    statistics = asked(of).cells[0].gates
    hidden = of.model.trace(of.probe).layers[0].states["hidden"].reshape(-1, 4).astype(np.float64)
    np.testing.assert_allclose(statistics.means["slope"], (1 - hidden**2).mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(statistics.share_below("slope"), (1 - hidden**2 < 0.1).mean(), atol=1e-3)
    weights = of.cell().weight_hh.double().numpy()
    assert statistics.spectral_radius == pytest.approx(np.abs(np.linalg.eigvals(weights)).max())
    assert (statistics.keeper, statistics.shown, statistics.nonlinearity) == ("", "slope", "tanh")
    assert statistics.time_constants.size == 0 and statistics.dead == 0


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_cell_with_gates_and_a_nonlinearity_has_no_slope(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_class(cell), "nonlinearity", "relu")
    report = asked(frozen(f"task=temporal_order&cell={cell}&hidden_size=4&seq_len=12"))
    (found,) = report.cells
    assert found.gates.shown in ("forget", "update") and found.gates.nonlinearity == ""
    assert {finding.name for finding in report.findings} & {"fades", "remembers", "exploding"}


def test_dead_relu_units_are_those_that_are_never_on() -> None:
    of = shuffled(f"{RNN}&nonlinearity=relu")
    with torch.no_grad():
        of.cell().bias_ih[1] = -1000.0
    statistics = asked(of).cells[0].gates
    on = of.model.trace(of.probe).layers[0].states["hidden"] > 0
    assert statistics.dead == int((~on.any(axis=(0, 1))).sum()) >= 1
    np.testing.assert_allclose(statistics.means["slope"], on.mean(axis=(0, 1)), atol=1e-9)
    assert statistics.means["slope"][1] == 0


def test_an_update_gate_that_is_exactly_open_never_forgets() -> None:
    bias = np.repeat([0.0, 100.0, 0.0], 4)
    pinned = {"weight_hh": 0.0, "weight_ih": 0.0, "bias_hh": 0.0, "bias_ih": bias}
    report = asked(frozen("task=adding&cell=gru&hidden_size=4&seq_len=30", pinned))
    assert np.isinf(report.cells[0].gates.time_constants).all()
    assert {"keeps", "remembers"} <= {found.name for found in report.findings}
    assert report.to_dict()["cells"][0]["gates"]["time_constants"] == [None] * 4


# -- as a question ----------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("kind", ["memory", "jacobian_norms"])
def test_a_question_leaves_its_subject_alone_and_its_answer_travels(query: str, kind: str) -> None:
    of = frozen(query)
    before = copy.deepcopy(of)
    progress = ANALYSES.get(kind)(of, sequence=2)
    told = []
    try:
        while True:
            told.append(next(progress))
            assert torch.is_grad_enabled()
    except StopIteration as end:
        found = end.value
    assert told == sorted(told) and told[0] >= 0.0 and told[-1] <= 1.0
    for parameter, same in zip(of.model.parameters(), before.model.parameters(), strict=True):
        assert torch.equal(parameter, same) and not parameter.requires_grad and parameter.grad is None
    assert torch.equal(of.probe.inputs, before.probe.inputs) and of.model.head.weight.dtype == torch.float32
    assert pickle.loads(pickle.dumps(found)).to_dict() == found.to_dict()
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert '"sequence": 2' in text


def test_it_can_be_asked_where_gradients_are_off() -> None:
    of = shuffled(RNN)
    with torch.no_grad():
        off = asked(of)
        assert not torch.is_grad_enabled()
    assert off.to_dict() == asked(of).to_dict()


@pytest.mark.parametrize(
    "kind, options, words",
    [
        ("memory", {"sequence": 8}, "sequence is 8, but must be a whole number from 0 to 7"),
        ("memory", {"sequence": -1}, "sequence is -1, but must be a whole number from 0 to 7"),
        ("memory", {"sequence": "first"}, "sequence is 'first', but must be a whole number."),
        ("memory", {"time_step": 0}, "time_step is 0, but must be a whole number from 1 to 12"),
        ("memory", {"time_step": 13}, "time_step is 13, but must be a whole number from 1 to 12"),
        ("memory", {"output": 1}, "output is 1, but must be a whole number from 0 to 0"),
        ("jacobian_norms", {"sequence": 8}, "sequence is 8, but must be a whole number from 0 to 7"),
        ("jacobian_norms", {"layer": 1}, "layer is 1, but this model has layers 0 to 0"),
        ("jacobian_norms", {"direction": "backward"}, "direction is 'backward', but this model reads forwards only"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_done(kind: str, options: dict, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        next(ANALYSES.get(kind)(frozen(RNN), **options))
    assert str(caught.value) == words


@every
def test_an_exploded_model_is_told_of_not_crashed_by(query: str) -> None:
    def explode(model: SequenceModel) -> None:
        for parameter in model.parameters():
            parameter.fill_(float("nan"))

    report = asked(frozen(query, change=explode))
    assert {found.name for found in report.findings if found.severity == "warning"} == {"not_finite"}
    assert all(cell.effective_memory is None for cell in report.cells)
    json.dumps(report.to_dict(), allow_nan=False)
    triangle_of(frozen(query, change=explode))


def test_states_that_grow_beyond_all_bounds_are_told_of() -> None:
    weights = {"weight_hh": 1e30, "weight_ih": 1.0, "bias_ih": 1.0, "bias_hh": 0.0}
    report = asked(frozen(f"{RNN}&nonlinearity=relu", weights))
    assert report.to_dict()["loss"] is None
    assert report.cells[0].log10_norm[-1] == pytest.approx(11 * math.log10(4e30))  # relu's slope is 1 all the same
    assert "exploding" in {found.name for found in report.findings}


def test_a_sequence_of_one_step() -> None:
    of = shuffled("task=adding&cell=lstm&hidden_size=3&seq_len=10")
    probe = TensorBatch(of.probe.inputs, of.probe.targets, torch.ones(len(of.probe), dtype=torch.long))
    report = asked(FrozenModel(of.experiment, of.task, of.model, of.step, of.epoch, probe))
    assert report.length == 1 and report.cells[0].log10_norm.tolist() == [0.0]
    assert [found.text for found in report.findings][-1] == "The input at t = 1 moves the prediction most."


def test_the_sizes_of_slices_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    of = shuffled("task=adding&cell=lstm&hidden_size=4&seq_len=20")
    whole, table = asked(of).cells[0].log10_norm, triangle_of(of).log10_norm
    monkeypatch.setattr(jacobians, "_SLICE_WORK", 3 * 8**3)
    monkeypatch.setattr(jacobians, "_SLICE_NUMBERS", 3 * 8**2)
    monkeypatch.setattr(reading, "_SLICE_STEPS", 3)
    np.testing.assert_allclose(asked(of).cells[0].log10_norm, whole, rtol=1e-12)
    np.testing.assert_allclose(triangle_of(of).log10_norm, table, rtol=1e-12)


@pytest.mark.parametrize("query", ["task=temporal_order&cell=gru&hidden_size=3&seq_len=10", f"{RNN}"])
def test_a_model_does_well_on_a_sequence_where_its_answer_is_mostly_right(query: str) -> None:
    """Against what the head says: more than half of the probability, or half of the variance."""
    for push in (-4.0, 0.0, 4.0):
        about = shuffled(query)
        with torch.no_grad():
            about.model.head.bias[0] += push
        for sequence in range(4):
            inputs, targets = about.probe.inputs[sequence : sequence + 1], about.probe.targets.double()
            said = about.model(inputs)[0].double()
            if about.task.output.classes:
                right = float(said.softmax(-1)[int(targets[sequence])]) > 0.5
            else:
                variance = float((targets - targets.mean()).square().mean())
                right = float((said - targets[sequence]).square().mean()) < 0.5 * variance
            loss = asked(about, sequence=sequence).loss
            assert compute._answered(about, loss) is right
