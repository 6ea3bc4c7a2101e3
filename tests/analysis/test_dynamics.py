"""Fixed points, eigenvalues, flow and kicks against closed forms, automatic differentiation and plain iteration."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import fixed_points as benchmark
from rnn_explorer.analysis.dynamics import compute  # noqa: F401 (registers the questions)
from rnn_explorer.analysis.dynamics.compute import search
from rnn_explorer.analysis.dynamics.fixed_points import FAR, FixedPoints
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.cells.base import RecurrentCell
from rnn_explorer.experiment import Experiment
from rnn_explorer.slices import run_to_end
from rnn_explorer.training import Trainer

SMALL = "task=flip_flop&seq_len=12&hidden_size=4"
TWO_WAYS = "task=temporal_order&cell=lstm&hidden_size=3&num_layers=2&bidirectional=true&seq_len=12"
NAMES = "task=names&cell=gru&hidden_size=4&embedding=3&train_size=80"


def frozen(query: str, weights: Mapping[str, Any] | None = None, layer: int = 0, shuffle: float = 0.0) -> FrozenModel:
    """A model with given parameters of one cell; with `shuffle`, all others random and of about that size."""
    trainer = Trainer(Experiment.from_query(query))
    with torch.no_grad():
        if shuffle:
            source = torch.Generator().manual_seed(5)
            for parameter in trainer.model.parameters():
                parameter.normal_(0, shuffle, generator=source)
        for name, values in (weights or {}).items():
            parameter = getattr(trainer.model.stack()[layer].forwards, name)
            parameter.copy_(torch.as_tensor(values, dtype=torch.float64).expand_as(parameter))
    return FrozenModel.of(trainer)


def ask(about: FrozenModel, kind: str, **options: Any) -> Any:
    record = run_to_end(ANALYSES.get(kind)(about, **options))
    json.dumps(record.to_dict(), allow_nan=False)
    assert type(pickle.loads(pickle.dumps(record))) is type(record)
    return record


def one_step(cell: RecurrentCell, x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """F(state) for one joined state (size,) and one input (input_size,), from the cell's own step."""
    parts = tuple(part[None] for part in state.chunk(len(cell.state_names)))
    return torch.cat([part[0] for part in cell.step(x[None], parts)[0]])


def jacobian_of(cell: RecurrentCell, x: torch.Tensor, state: np.ndarray) -> np.ndarray:
    """dF/ds by automatic differentiation."""
    return torch.func.jacrev(lambda s: one_step(cell, x, s))(torch.from_numpy(state)).numpy()


def same_set(left: np.ndarray, right: np.ndarray, atol: float = 1e-8) -> bool:
    """Whether two lists of complex numbers are equal but for their order."""
    rest = list(right)
    for value in left:
        nearest = min(range(len(rest)), key=lambda n: abs(rest[n] - value))
        if abs(rest.pop(nearest) - value) > atol:
            return False
    return not rest


# -- closed forms -----------------------------------------------------------------------------------------------


def positive_matrix(size: int, gain: float) -> np.ndarray:
    matrix = np.random.default_rng(1).uniform(0, 1, (size, size))
    return gain * matrix / matrix.sum(axis=1, keepdims=True).max()


def test_a_linear_map_has_the_one_fixed_point_that_algebra_gives() -> None:
    # relu is the identity where nothing is negative; a positive matrix with row sums up to .9 keeps it so.
    matrix, bias = positive_matrix(4, 0.9), np.array([0.5, 1.0, 0.2, 0.1])
    linear = frozen(
        f"{SMALL}&cell=rnn&nonlinearity=relu",
        {"weight_hh": matrix, "weight_ih": 0.02, "bias_ih": bias, "bias_hh": 0.0},
    )
    found = ask(linear, "fixed_points", inits=64)
    weights = linear.cell().weight_hh.double().numpy()  # in single precision, as the model has them
    inner = linear.cell().bias_ih.double().numpy()
    assert len(found) == 1 and found.found.tolist() == [64]
    np.testing.assert_allclose(found.points[0], np.linalg.solve(np.eye(4) - weights, inner), rtol=1e-9)
    assert same_set(found.eigenvalues[0], np.linalg.eigvals(weights))
    assert found.natures[0].words == "stable"
    held = ask(linear, "fixed_points", inits=16, input=(1.0, -1.0, 3.0))
    moved = inner + linear.cell().weight_ih.double().numpy() @ [1.0, -1.0, 3.0]
    np.testing.assert_allclose(held.points[0], np.linalg.solve(np.eye(4) - weights, moved), rtol=1e-9)
    assert held.held.words == "pulse 1 = 1, pulse 2 = -1, pulse 3 = 3"


def bisect_tanh() -> float:
    """The x > 0 with x = tanh(2 x)."""
    low, high = 0.5, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.tanh(2 * middle) > middle else (low, middle)
    return low


TANH_2 = {"weight_hh": 2.0, "weight_ih": [[0.7, -0.4, 0.3]], "bias_ih": 0.0, "bias_hh": 0.0}


def test_one_tanh_unit_with_weight_2_has_three_points() -> None:
    found = ask(frozen("task=flip_flop&cell=rnn&hidden_size=1&seq_len=12", TANH_2), "fixed_points")
    x = bisect_tanh()
    order = np.argsort(found.points[:, 0])
    np.testing.assert_allclose(found.points[order, 0], [-x, 0, x], atol=1e-9)
    assert [found.natures[n].words for n in order] == ["stable", "unstable in all directions", "stable"]
    np.testing.assert_allclose(found.eigenvalues[order, 0], [2 * (1 - x * x), 2, 2 * (1 - x * x)], atol=1e-8)
    assert found.found.sum() == 512 and found.directions[order[1]].shape == (1, 1)
    assert found.space.names == ("hidden 0",)
    np.testing.assert_allclose(found.answers, found.points @ read_out(found, TANH_2), atol=1e-6)


def read_out(found: FixedPoints, weights: Mapping[str, Any]) -> np.ndarray:
    model = frozen("task=flip_flop&cell=rnn&hidden_size=1&seq_len=12", weights).model
    return model.head.weight.double().numpy().T


def test_a_spiral_leads_away_in_one_plane() -> None:
    # A turn by 60 degrees that grows by 1.3, made smaller by tanh away from 0.
    turn = 1.3 * np.array([[0.5, -np.sqrt(0.75)], [np.sqrt(0.75), 0.5]])
    weights = {"weight_hh": turn, "weight_ih": [[0.7, -0.4, 0.3], [0.2, 0.6, -0.5]], "bias_ih": 0.0, "bias_hh": 0.0}
    found = ask(frozen("task=flip_flop&cell=rnn&hidden_size=2&seq_len=12", weights), "fixed_points", inits=64)
    origin = int(np.argmin(np.linalg.norm(found.points, axis=1)))
    np.testing.assert_allclose(found.points[origin], 0, atol=1e-9)
    assert found.natures[origin].words == "unstable in all directions"
    np.testing.assert_allclose(found.growth[origin], [1.3 * np.exp(1j * np.pi / 3)], atol=1e-6)
    np.testing.assert_allclose(np.abs(found.directions[origin]), [[np.sqrt(0.5)] * 2], atol=1e-6)


@given(st.integers(0, 2**31), st.sampled_from(["rnn", "gru"]), st.floats(0.1, 0.9))
def test_a_contraction_has_exactly_the_limit_of_its_iterates(seed: int, cell: str, gain: float) -> None:
    rng = np.random.default_rng(seed)
    rows = {"rnn": 4, "gru": 12}[cell]
    matrix = rng.normal(size=(rows, 4))
    # tanh has slopes up to 1; a GRU with small weights of its gates is one too.
    scale = gain / np.linalg.norm(matrix, 2) * (1.0 if cell == "rnn" else 0.5)
    about = frozen(f"{SMALL}&cell={cell}", {"weight_hh": scale * matrix, "bias_ih": rng.normal(size=rows)})
    found = ask(about, "fixed_points", inits=24, seed=int(rng.integers(1000)))
    state, model_cell = torch.zeros(4, dtype=torch.float64), about.cell().double()
    for _ in range(400):  # 0.9^400 is 5e-19
        state = one_step(model_cell, torch.zeros(3, dtype=torch.float64), state)
    assert len(found) == 1 and found.natures[0].kind == "stable" and found.found[0] == 24
    np.testing.assert_allclose(found.points[0], state.numpy(), atol=1e-7)


def run(step, jacobian, starts, **more):  # type: ignore[no-untyped-def]
    given = {"tolerance": 1e-18, "max_iterations": 200, **more}
    return run_to_end(search(step, jacobian, torch.tensor(starts, dtype=torch.float64), **given))


def test_the_ghost_of_two_points_that_met_is_a_slow_point() -> None:
    # F(s) = s + s^2 + e has no fixed point for e > 0; q = (s^2 + e)^2 / 2 has its minimum, e^2 / 2, at 0.
    e = 1e-3
    found = run(lambda s: s + s**2 + e, lambda s: (1 + 2 * s)[:, :, None], [[0.4], [-0.3], [0.05]])
    np.testing.assert_allclose(found.states, 0, atol=1e-4)
    np.testing.assert_allclose(found.q, e**2 / 2, rtol=1e-6)
    assert found.settled.all() and found.iterations < 200


def test_a_line_of_fixed_points_is_reached_where_each_search_meets_it() -> None:
    line = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    keep = line.T @ line  # F projects on the line
    found = run(lambda s: s @ keep, lambda s: keep.expand(len(s), 2, 2), [[1.0, 0.0], [0.0, 2.0], [-3.0, 1.0]])
    assert (found.q < 1e-18).all()
    np.testing.assert_allclose(found.states, np.array([[1, 0], [0, 2], [-3, 1.0]]) @ keep.numpy(), atol=1e-6)


def test_a_map_that_only_moves_on_has_no_point() -> None:
    found = run(lambda s: s + 1, lambda s: torch.eye(2).double().expand(len(s), 2, 2), [[0.0, 3.0], [1.0, 1.0]])
    np.testing.assert_allclose(found.q, 1)
    assert found.settled.all()


def test_a_search_that_is_too_short_is_not_settled() -> None:
    found = run(torch.cos, lambda s: -torch.sin(s)[:, :, None], [[5.0], [0.7390851332151607]], max_iterations=2)
    assert found.iterations == 2 and found.settled.tolist() == [False, True]


def test_numbers_that_overflow_are_steps_not_taken() -> None:
    found = run(lambda s: torch.exp(s) - 2, lambda s: torch.exp(s)[:, :, None], [[1.0], [600.0], [-3.0]])
    roots = found.states[found.q < 1e-18]
    np.testing.assert_allclose(torch.exp(roots) - 2, roots, atol=1e-8)
    assert len(roots) >= 2 and np.isfinite(found.states.numpy()).all()


# -- models -----------------------------------------------------------------------------------------------------

EVERY = {
    "rnn": f"{SMALL}&cell=rnn",
    "gru": f"{SMALL}&cell=gru",
    "lstm": f"{SMALL}&cell=lstm",
    "lstm with symbols": "task=temporal_order&cell=lstm&hidden_size=3&seq_len=12",
    "gru with embedded symbols": NAMES,
}
every = pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)


@every
def test_points_stand_still_and_eigenvalues_are_those_of_automatic_differentiation(query: str) -> None:
    about = frozen(query, shuffle=0.9)
    symbols = about.model.input_spec.kind == "symbols"
    given = (2,) if symbols else (0.5, -1.0, 0.25)
    found = ask(about, "fixed_points", inits=64, input=given)
    cell = about.cell().double()
    model = about.model.double()
    x = model.encode(torch.tensor([2]))[0].double() if symbols else torch.tensor(given, dtype=torch.float64)
    fixed = [n for n, nature in enumerate(found.natures) if nature.kind != "slow"]
    assert fixed
    for n in fixed:
        state = found.points[n]
        moved = one_step(cell, x, torch.from_numpy(state)).numpy() - state
        assert 0.5 * (moved**2).sum() == pytest.approx(found.q[n], abs=1e-20) and found.q[n] <= 1e-18
        matrix = jacobian_of(cell, x, state)
        assert same_set(found.eigenvalues[n], np.linalg.eigvals(matrix), 1e-7)
        for value, vector in zip(found.growth[n], found.directions[n], strict=True):
            np.testing.assert_allclose(matrix @ vector, value * vector, atol=1e-7)
            assert abs(value) > 1 and value.imag >= 0
    outside = (np.abs(found.eigenvalues) > 1 + 1e-3).sum(axis=1)
    np.testing.assert_array_equal(outside, [nature.unstable for nature in found.natures])
    distances = np.linalg.norm(found.points[:, None] - found.points[None], axis=-1)
    assert (distances[~np.eye(len(found), dtype=bool)] > 1e-3 * found.spread).all()
    assert found.found.sum() + found.far + found.fast + found.unsettled == 64


def test_an_embedded_symbol_is_named() -> None:
    about = frozen(NAMES, shuffle=0.5)
    name = about.model.input_spec.names[2]
    assert ask(about, "fixed_points", inits=8, input=(2,)).held.words == f"input {name!r}"
    assert ask(about, "fixed_points", inits=8).held.words == "no symbol"


def test_far_points_are_left_out_and_counted() -> None:
    # States after 10 steps of s <- .999 s + .1 are at most 1; the fixed point lies at 100.
    slow = frozen(
        "task=flip_flop&cell=rnn&nonlinearity=relu&hidden_size=1&seq_len=10",
        {"weight_hh": 0.999, "weight_ih": [[0.001, 0, 0]], "bias_ih": 0.1, "bias_hh": 0.0},
    )
    found = ask(slow, "fixed_points", inits=32)
    assert (len(found), found.far) == (0, 32) and FAR * 1 < 100
    assert found.sentence() == "no fixed point. Of 32 searches 32 far from all trajectories."
    assert found.eigenvalues.shape == (0, 1)


def test_a_heap_of_points_is_cut_and_it_is_told() -> None:
    # The identity: every state is a fixed point.
    still = frozen(
        f"{SMALL}&cell=rnn&nonlinearity=relu",
        {"weight_hh": np.eye(4), "weight_ih": np.abs(np.random.default_rng(0).normal(size=(4, 3))), "bias_ih": 0.0},
    )
    found = ask(still, "fixed_points", inits=300, noise=0.0)
    assert len(found) <= 200 and found.left_out == max(len(found) + found.left_out - 200, 0)
    assert {nature.kind for nature in found.natures} <= {"marginal", "stable"}
    assert found.found.sum() <= 300


def test_the_same_seed_finds_the_same() -> None:
    about = frozen(f"{SMALL}&cell=gru", shuffle=1.5)
    first, again, other = (ask(about, "fixed_points", inits=32, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.found, again.found)
    assert not np.array_equal(first.found, other.found) or not np.array_equal(first.points, other.points)


FLIP_FLOP = "task=flip_flop&hidden_size=16&seq_len=20&pulse_probability=0.2&learning_rate=0.02&batch_size=32&steps=400"


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_trained_flip_flop_rests_at_the_eight_corners(cell: str) -> None:
    trainer = Trainer(Experiment.from_query(f"{FLIP_FLOP}&cell={cell}"))
    trainer.advance(600)
    about = FrozenModel.of(trainer)
    found = ask(about, "fixed_points")
    stable = [n for n, nature in enumerate(found.natures) if nature.kind == "stable"]
    assert len(stable) == 8
    with torch.no_grad():
        said = about.model.read_out(torch.from_numpy(found.points[stable, :16]).float()).numpy()
    np.testing.assert_allclose(said, found.answers[stable], atol=1e-4)
    assert sorted(map(tuple, np.sign(said))) == sorted(itertools.product((-1.0, 1.0), repeat=3))
    assert np.abs(np.abs(said) - 1).max() < 0.35
    saddles = [nature.unstable for nature in found.natures if nature.kind == "saddle"]
    assert saddles.count(1) >= 4  # on edges of the cube
    # A state left alone goes to a corner, and a small kick does not change to which.
    kicked = ask(about, "perturb", sequence=2, time=15, size=0.05, steps=400, points=found.points.tolist())
    assert kicked.returned.all() and set(kicked.nearest) <= set(stable) and kicked.distance.max() < 0.05


# -- surroundings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("layer", [0, 1])
def test_each_layer_and_direction_is_a_map_of_its_own(layer: int, direction: str) -> None:
    about = frozen(TWO_WAYS, shuffle=0.4)  # weak enough for one resting point each
    found = ask(about, "fixed_points", layer=layer, direction=direction, input=(1,), inits=16)
    model = about.model.double()
    x = model.encode(torch.tensor([1]))[0].double()
    for below in model.stack()[:layer]:
        outputs = []
        for cell in (below.forwards, below.backwards):
            state = torch.zeros(6, dtype=torch.float64)
            for _ in range(3000):
                state = one_step(cell, x, state)
            outputs.append(state[:3])
        x = torch.cat(outputs)
    cell, state = about.cell(layer, direction), torch.zeros(6, dtype=torch.float64)
    for _ in range(400):  # 0.9^400 is 5e-19
        state = one_step(cell, x, state)
    assert len(found) == 1
    np.testing.assert_allclose(found.points[0], state.numpy(), atol=1e-7)
    assert found.held.settled is (True if layer else None)
    assert found.answers is None  # both directions make the answer together
    assert (found.place.layer, found.place.direction, found.place.size) == (layer, direction, 6)


def test_it_is_told_when_layers_below_do_not_come_to_rest() -> None:
    # One tanh unit with weight -3 goes to and fro for ever.
    flips = {"weight_hh": -3.0, "weight_ih": [[0.5, 0.3, 0.1]], "bias_ih": 0.1, "bias_hh": 0.0}
    about = frozen("task=flip_flop&cell=rnn&hidden_size=1&num_layers=2&seq_len=12", flips)
    found = ask(about, "fixed_points", layer=1, inits=8)
    assert found.held.settled is False
    assert found.to_dict()["input"]["layers_below_settled"] is False


def test_layers_below_come_to_rest_from_their_own_mean_state() -> None:
    # The middle layer has two resting states, -x and x, and its states are below 0; those of the first are above.
    trainer = Trainer(Experiment.from_query("task=flip_flop&cell=rnn&hidden_size=1&num_layers=3&seq_len=12"))
    weights = ((0.0, 0.0, 0.5), (2.0, -0.01, 0.0), (0.0, 1.0, 0.0))  # weight_hh, weight_ih, bias of each layer
    with torch.no_grad():
        for layer, numbers in zip(trainer.model.stack(), weights, strict=True):
            for name, number in zip(("weight_hh", "weight_ih", "bias_ih"), numbers, strict=True):
                getattr(layer.forwards, name).fill_(number)
            layer.forwards.bias_hh.fill_(0)
    found = ask(FrozenModel.of(trainer), "fixed_points", layer=2, inits=4)
    middle = -0.9
    for _ in range(200):
        middle = np.tanh(2 * middle - 0.01 * np.tanh(0.5))
    np.testing.assert_allclose(found.points, [[np.tanh(middle)]], atol=1e-7)


QUERIES = [TWO_WAYS, NAMES, f"{SMALL}&cell=gru&num_layers=2", "task=flip_flop&cell=lstm&hidden_size=1&seq_len=12"]


@pytest.mark.parametrize("query", QUERIES)
def test_trajectories_are_the_traces_joined(query: str) -> None:
    about = frozen(query, shuffle=0.8)
    trace = about.model.trace(about.probe)
    for entry in trace.layers:
        found = ask(about, "trajectories", layer=entry.layer, direction=entry.direction)
        joined = np.concatenate(list(entry.states.values()), axis=-1)
        np.testing.assert_allclose(found.states, joined, atol=1e-5)
        np.testing.assert_array_equal(found.lengths, trace.lengths)
        points = ask(about, "fixed_points", layer=entry.layer, direction=entry.direction, inits=4)
        for part in ("mean", "components", "explained"):  # one basis for everything
            np.testing.assert_array_equal(getattr(found.space.basis, part), getattr(points.space.basis, part))
        assert found.spread == points.spread > 0


@every
def test_the_spectrum_at_a_state_is_that_of_automatic_differentiation(query: str) -> None:
    about = frozen(query, shuffle=0.8)
    trace = about.model.trace(about.probe)
    time = int(trace.lengths[1]) - 1
    found = ask(about, "spectrum", sequence=1, time=time, own_input=True)
    model, cell = about.model.double(), about.cell().double()
    x = model.encode(about.probe.inputs[1:2])[0, time].double()
    joined = np.concatenate([states[1, time] for states in trace.layer(0).states.values()]).astype(np.float64)
    assert same_set(found.eigenvalues, np.linalg.eigvals(jacobian_of(cell, x, found.state)))
    np.testing.assert_allclose(found.state, joined, atol=1e-5)
    moved = one_step(cell, x, torch.from_numpy(found.state)).numpy() - found.state
    assert found.speed == pytest.approx(np.linalg.norm(moved))
    assert found.words == f"the state at t = {time + 1} of sequence 2"
    assert found.held.words == f"the input at t = {time + 1}"
    given = ask(about, "spectrum", state=(0.1,) * cell.hidden_size * len(cell.state_names))
    zeros = torch.zeros_like(x)
    assert same_set(given.eigenvalues, np.linalg.eigvals(jacobian_of(cell, zeros, given.state)))
    assert (np.diff(np.abs(given.eigenvalues)) <= 1e-9).all()


@pytest.mark.parametrize(
    "query, exact",
    [
        ("task=flip_flop&cell=gru&hidden_size=2&seq_len=12", True),
        ("task=flip_flop&cell=rnn&hidden_size=1&seq_len=12", True),
        ("task=flip_flop&cell=lstm&hidden_size=1&seq_len=12", True),
        ("task=flip_flop&cell=lstm&hidden_size=2&seq_len=12", False),
        (f"{SMALL}&cell=rnn", False),
    ],
)
def test_the_flow_on_a_grid_is_one_step_of_the_cell(query: str, exact: bool) -> None:
    about = frozen(query, shuffle=0.9)
    given = (0.0, 1.0, -1.0)
    found = ask(about, "flow", grid=5, input=given, limits=((-1, 1), (-2, 2)))
    cell, x = about.cell().double(), torch.tensor(given, dtype=torch.float64)
    np.testing.assert_allclose(found.x, [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(found.y, [-2, -1, 0, 1, 2])
    basis = found.space.basis
    for row, column in ((0, 0), (1, 3), (4, 2)):
        state = basis.mean + found.x[column] * basis.components[0] + found.y[row] * basis.components[1]
        move = one_step(cell, x, torch.from_numpy(state)).numpy() - state
        np.testing.assert_allclose(found.velocity[row, column], basis.components[:2] @ move, atol=1e-6)
        assert found.speed[row, column] == pytest.approx(np.linalg.norm(move), abs=1e-6)
    assert found.slice is not exact
    if exact:
        np.testing.assert_allclose(np.linalg.norm(found.velocity, axis=-1), found.speed, atol=1e-6)


def test_the_flow_may_be_asked_in_other_axes() -> None:
    about = frozen(f"{SMALL}&cell=rnn", shuffle=0.9)
    axes = [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.6, 0.8]]
    found = ask(about, "flow", grid=3, mean=[1.0, 0, 0, 0], components=axes)
    state = np.array([1.0, 0, 0, 0]) + found.x[2] * np.array(axes[0]) + found.y[0] * np.array(axes[1])
    move = one_step(about.cell().double(), torch.zeros(3).double(), torch.from_numpy(state)).numpy() - state
    np.testing.assert_allclose(found.velocity[0, 2], np.array(axes) @ move, atol=1e-6)
    assert 0 < found.space.basis.explained[:2].sum() < 1
    trajectories = ask(about, "trajectories").states
    inside = found.space.project(trajectories)[..., :2]
    assert found.x[0] <= inside[..., 0].min() and inside[..., 1].max() <= found.y[-1]


def test_kicks_are_of_one_size_at_right_angles_and_then_follow_the_map() -> None:
    about = frozen(f"{SMALL}&cell=gru", shuffle=0.9)
    found = ask(about, "perturb", sequence=3, time=4, size=0.5, directions=6, steps=7, input=(1.0, 0.0, 0.0))
    spread = ask(about, "trajectories").spread
    start = about.model.trace(about.probe).layer(0).states["hidden"][3, 4]
    kicks = found.states[1:, 0] - start
    np.testing.assert_allclose(found.states[0, 0], start, atol=1e-6)
    assert found.kick == pytest.approx(0.5 * spread)
    gram = kicks @ kicks.T / found.kick**2
    expected = np.eye(6)
    expected[[0, 1, 4, 5], [4, 5, 0, 1]] = -1  # four directions at right angles, then opposites of the first two
    np.testing.assert_allclose(gram, expected, atol=1e-5)
    cell, x = about.cell().double(), torch.tensor([1.0, 0, 0], dtype=torch.float64)
    for path in found.states.astype(np.float64):
        for before, after in itertools.pairwise(path):
            np.testing.assert_allclose(one_step(cell, x, torch.from_numpy(before)).numpy(), after, atol=1e-5)
    ends = found.states[:, -1]
    np.testing.assert_allclose(found.gap, np.linalg.norm(ends - ends[0], axis=1), atol=1e-5)
    assert found.nearest.tolist() == [-1] * 7 and np.isnan(found.distance).all()


def test_a_kick_over_the_ridge_does_not_return() -> None:
    about = frozen("task=flip_flop&cell=rnn&hidden_size=1&seq_len=12", TANH_2)
    x, spread = bisect_tanh(), ask(about, "trajectories").spread
    found = ask(
        about, "perturb", state=(0.3,), size=0.5 / spread, directions=12, steps=80, points=((-x,), (0.0,), (x,))
    )
    assert found.states.shape == (3, 81, 1)  # there are but two ways to go
    down, up = np.argsort(found.states[1:, 0, 0]) + 1  # 0.3 - 0.5 is on the other side of 0
    assert found.returned.tolist()[0] is True and found.returned[up] and not found.returned[down]
    assert found.nearest[[0, down, up]].tolist() == [2, 0, 2]
    np.testing.assert_allclose(found.distance, 0, atol=1e-6)
    np.testing.assert_allclose(found.moved, 0, atol=1e-9)
    assert found.sentence() == "1 of 2 kicked states return" and found.words == "a given state"


# -- manners ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, options, told",
    [
        ("fixed_points", {"layer": 1}, "layers 0 to 0"),
        ("fixed_points", {"direction": "backward"}, "reads forwards only"),
        ("fixed_points", {"inits": 0}, "inits is 0, but must be a whole number from 1 to 4096"),
        ("fixed_points", {"inits": 2.5}, "whole"),
        ("fixed_points", {"noise": -1}, "noise"),
        ("fixed_points", {"tolerance": "small"}, "tolerance is 'small'"),
        ("fixed_points", {"slow_tolerance": 1e-20}, "slow_tolerance"),
        ("fixed_points", {"max_iterations": 0}, "max_iterations"),
        ("fixed_points", {"input": (1.0,)}, "must have 3: pulse 1, pulse 2, pulse 3"),
        ("fixed_points", {"input": (1.0, float("nan"), 0.0)}, "finite numbers"),
        ("spectrum", {"sequence": 99}, "sequence is 99, but must be a whole number from 0 to 7"),
        ("spectrum", {"time": 12}, "time is 12"),
        ("spectrum", {"state": (1.0,)}, "has 1 numbers, but a state of this layer has 4"),
        ("spectrum", {"own_input": True, "input": (0.0, 0.0, 0.0)}, "own_input"),
        ("flow", {"grid": 2}, "grid"),
        ("flow", {"limits": ((0, 1),)}, "a pair"),
        ("flow", {"limits": ((1, 1), (0, 1))}, "low below high"),
        ("flow", {"mean": (0.0,) * 4, "components": ((1, 0, 0, 0), (1, 0, 0, 0))}, "right angles"),
        ("perturb", {"size": -1}, "size"),
        ("perturb", {"directions": 0}, "directions"),
        ("perturb", {"points": ((1.0, 2.0),)}, "points has 2 numbers"),
        ("perturb", {"state": (1.0, float("inf"), 0.0, 0.0)}, "finite"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(kind: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        ask(frozen(f"{SMALL}&cell=rnn"), kind, **options)


@pytest.mark.parametrize("given", [(1, 2), (99,), (-1,), (0.5,)])
def test_a_symbol_that_there_is_not(given: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="symbol"):
        ask(frozen(NAMES), "fixed_points", input=given)


def test_states_that_are_no_numbers_any_more() -> None:
    broken = frozen(f"{SMALL}&cell=rnn&nonlinearity=relu", {"weight_hh": np.nan})
    for kind in ("trajectories", "fixed_points", "flow", "spectrum", "perturb"):
        with pytest.raises(ValueError, match="no longer finite"):
            ask(broken, kind)


@pytest.mark.parametrize("kind", ["trajectories", "fixed_points", "spectrum", "flow", "perturb"])
def test_progress_rises_and_the_model_stays_as_it_is(kind: str) -> None:
    about = frozen(TWO_WAYS, shuffle=0.9)
    before = {name: value.clone() for name, value in about.model.state_dict().items()}
    progress = ANALYSES.get(kind)(about, layer=1, direction="backward")
    shares = []
    try:
        while True:
            shares.append(next(progress))
    except StopIteration:
        pass
    assert len(shares) >= 2 and shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1
    after = about.model.state_dict()
    assert all(torch.equal(value, after[name]) and value.dtype == after[name].dtype for name, value in before.items())


def test_a_search_can_be_given_up() -> None:
    progress = ANALYSES.get("fixed_points")(frozen(f"{SMALL}&cell=lstm", shuffle=1.0))
    for _ in range(12):
        next(progress)
    progress.close()
    with pytest.raises(StopIteration):
        next(progress)


def test_the_benchmark_measures_such_a_search(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--sizes", "3", "--cells", "gru", "--inits", "8", "--steps", "2", "--rounds", "1"]
    assert benchmark.main(arguments) == 0
    assert "| gru |" in capsys.readouterr().out
    assert benchmark.main([*arguments, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["state"] == 3 and result["seconds"] > 0 and result["found"].endswith(".")
