"""Whatever enters compiled code is checked before: the same value as torch's, or an error with a sentence."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear, mse_loss

from rnn_explorer import kernels
from rnn_explorer.kernels.adam import Adam
from rnn_explorer.kernels.fused_step import FusedStepCache, Network
from rnn_explorer.kernels.loops import LAYOUTS
from rnn_explorer.kernels.recurrence import RecurrentPass

BATCH, STEPS, INPUTS, HIDDEN, CLASSES = 5, 4, 3, 6, 4
CELLS = tuple(LAYOUTS)
KERNELS = {"lstm": torch.lstm, "gru": torch.gru, "rnn_tanh": torch.rnn_tanh, "rnn_relu": torch.rnn_relu}

# Ways to spoil a tensor. What torch reads all the same must give torch's value; what it refuses must be refused.
SPOILED: dict[str, Callable[[Tensor], Tensor]] = {
    "other type": lambda t: t.double() if t.dtype == torch.float32 else t.float(),
    "half": lambda t: t.half(),
    "whole numbers": lambda t: t.int(),
    "bool": lambda t: t > 0,
    "complex": lambda t: t.to(torch.complex64),
    "one more row": lambda t: torch.cat([t, t[:1]]),
    "one row fewer": lambda t: t[:-1],
    "no rows": lambda t: t[:0],
    "one more column": lambda t: torch.cat([t, t[..., :1]], dim=-1),
    "one axis more": lambda t: t[None],
    "one axis fewer": lambda t: t[0],
    "a single number": lambda t: torch.tensor(1.0),
    "every other": lambda t: torch.stack([t, -t], dim=-1)[..., 0],
    "turned": lambda t: t.transpose(0, -1).contiguous().transpose(0, -1),
    "meta": lambda t: t.to("meta"),
    "NaN": lambda t: torch.full_like(t, torch.nan) if t.is_floating_point() else t,
}
spoiled = pytest.mark.parametrize("spoil", SPOILED)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def held_to(mine: Callable[[], tuple[Tensor, ...]], torchs: Callable[[], tuple[Tensor, ...]]) -> bool:
    """Whether `mine` gave a value, which must then be torch's; else it must have refused with a sentence."""
    try:
        found = mine()
    except (ValueError, IndexError) as error:
        assert len(str(error)) > 20
        return False
    right = torchs()  # must not refuse what was read
    for one, other in zip(found, right, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-4, atol=1e-5, equal_nan=True)
    return True


# -- the loss ---------------------------------------------------------------------------------------------------


def dense(*sizes: int) -> list[tuple[Tensor, Tensor]]:
    return [(random(b, a, seed=a), random(b, seed=b)) for a, b in itertools.pairwise(sizes)]


def torchs_loss(x: Tensor, rows: Tensor | None, targets: Tensor, linears: list[tuple[Tensor, Tensor]]) -> Tensor:
    x = x.reshape(-1, x.shape[-1])
    x = x if rows is None else x[rows]
    for number, (weight, bias) in enumerate(linears):
        x = linear(x, weight, bias)
        x = torch.relu(x) if number + 1 < len(linears) else x
    return mse_loss(x, targets) if targets.is_floating_point() else cross_entropy(x, targets)


def judged(x, rows, targets, linears, backward=False) -> bool:
    """As `held_to`, the loss and, if `backward`, its gradients by the features and the weights."""
    wanted = [x, *(part for pair in linears for part in pair)]
    if backward:
        for part in wanted:
            part.requires_grad_()

    def with_gradients(loss: Tensor) -> tuple[Tensor, ...]:
        return (loss.detach(), *(torch.autograd.grad(loss, wanted) if backward else ()))

    return held_to(
        lambda: with_gradients(kernels.loss_and_metric(x, rows, targets, "relu", linears)[0]),
        lambda: with_gradients(torchs_loss(x, rows, targets, linears)),
    )


@pytest.mark.parametrize("wrong", [-1, 4, 9, -99, -101, 2**40, -(2**62)])
@pytest.mark.parametrize("backward", [False, True])
def test_a_class_that_there_is_not_is_refused(wrong, backward):
    targets = torch.tensor([0, 1, wrong, 3, 2])
    assert not judged(random(BATCH, INPUTS), None, targets, dense(INPUTS, CLASSES), backward)
    with pytest.raises(ValueError, match=f"1 of 5 targets are no class from 0 to 3 .* the first is {wrong}"):
        kernels.loss_and_metric(random(BATCH, INPUTS), None, targets, "relu", dense(INPUTS, CLASSES))


@pytest.mark.parametrize("ignored", [(0,), (4,), (1, 3), (0, 1, 2, 3)])
def test_minus_100_does_not_count_as_in_torch(ignored):
    targets = torch.tensor([0, 1, 2, 3, 2])
    targets[list(ignored)] = -100
    assert judged(random(BATCH, INPUTS), None, targets, dense(INPUTS, 7, CLASSES), backward=True)
    linears = dense(INPUTS, CLASSES)
    _, share = kernels.loss_and_metric(random(BATCH, INPUTS), None, targets, "relu", linears)
    counted = targets >= 0
    answers = linear(random(BATCH, INPUTS), *linears[0]).argmax(dim=-1)
    assert share.item() == pytest.approx((answers == targets)[counted].float().mean().item())


def test_where_no_target_counts_there_is_no_loss_as_in_torch():
    nothing = torch.full((BATCH,), -100)
    x, linears = random(BATCH, INPUTS), dense(INPUTS, CLASSES)
    assert kernels.loss_and_metric(x, None, nothing, "relu", linears)[0].isnan()
    assert torchs_loss(x, None, nothing, linears).isnan()


def test_values_in_double_precision_are_read_as_such():
    assert judged(random(BATCH, INPUTS), None, random(BATCH, 2).double(), dense(INPUTS, 2), backward=True)


@spoiled
@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("backward", [True, False])
@pytest.mark.parametrize("what", ["targets", "rows", "features", "first weight", "last weight", "first bias"])
def test_garbage_into_the_loss(what, spoil, classes, backward):
    whole = torch.arange(8) % CLASSES
    given = {
        "targets": whole if classes else random(8, CLASSES),
        "rows": torch.randperm(BATCH * STEPS, generator=torch.Generator().manual_seed(1))[:8],
        "features": random(BATCH, STEPS, INPUTS),
    }
    linears = dense(INPUTS, 7, CLASSES)
    parts = {"first weight": linears[0][0], "first bias": linears[0][1], "last weight": linears[1][0]} | given
    try:
        bad = SPOILED[spoil](parts[what])
    except (IndexError, RuntimeError):
        pytest.skip("there is no such garbage of this tensor")
    if what in given:
        given[what] = bad
    else:
        number = 1 if what == "last weight" else 0
        linears[number] = (bad, linears[number][1]) if "weight" in what else (linears[number][0], bad)
    backward = backward and all(part.is_floating_point() for pair in linears for part in pair)
    backward = backward and given["features"].is_floating_point()
    judged(given["features"], given["rows"], given["targets"], linears, backward)


@pytest.mark.parametrize("row", [-1, BATCH * STEPS, 2**50])
def test_a_row_that_there_is_not_is_refused(row):
    rows = torch.tensor([0, row, 3])
    with pytest.raises(ValueError, match=f"1 of 3 rows are not from 0 to 19; the first is {row}"):
        kernels.loss_and_metric(
            random(BATCH, STEPS, INPUTS), rows, torch.tensor([0, 1, 2]), "relu", dense(INPUTS, CLASSES)
        )


def test_a_row_that_is_asked_for_twice_counts_twice():
    rows = torch.tensor([3, 7, 3, 3])
    assert judged(random(BATCH, STEPS, INPUTS), rows, torch.tensor([0, 1, 2, 0]), dense(INPUTS, CLASSES), backward=True)


@pytest.mark.parametrize("linears", [[], dense(INPUTS, CLASSES)], ids=["no layers", "layers"])
def test_nothing_to_judge_is_refused(linears):
    for x, activation in ((random(0, INPUTS), "relu"), (random(BATCH, INPUTS), "sine")):
        with pytest.raises(ValueError, match=r"at least one|one row or more"):
            kernels.loss_and_metric(x, None, torch.zeros(len(x), dtype=torch.long), activation, linears)


# -- the loops over time ----------------------------------------------------------------------------------------


def layer(cell: str) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    rows = LAYOUTS[cell].gates * HIDDEN
    weights = [random(rows, INPUTS), random(rows, HIDDEN), random(rows), random(rows, seed=3)]
    return random(BATCH, STEPS, INPUTS), weights, [random(BATCH, HIDDEN, seed=n) for n in range(1 + (cell == "lstm"))]


def torchs_states(cell: str, x: Tensor, weights: list[Tensor], states: list[Tensor]) -> Tensor:
    start = tuple(state[None] for state in states)
    return KERNELS[cell](x, start if cell == "lstm" else start[0], weights, True, 1, 0.0, False, False, True)[0]


@spoiled
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("backward", [True, False])
@pytest.mark.parametrize("what", ["x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "state"])
def test_garbage_into_the_loops(cell, what, spoil, backward):
    x, weights, states = layer(cell)
    everything = [x, *weights, *states]
    place = ["x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "state"].index(what)
    try:
        everything[place] = SPOILED[spoil](everything[place])
    except (IndexError, RuntimeError):
        pytest.skip("there is no such garbage of this tensor")
    x, weights, states = everything[0], everything[1:5], everything[5:]
    if backward and x.is_floating_point():
        x.requires_grad_()
    ours = held_to(
        lambda: (kernels.run(cell, x, weights, tuple(states))[0].detach(),),
        lambda: (torchs_states(cell, x, weights, states).detach(),),
    )
    assert ours == (spoil in ("every other", "turned", "NaN"))


@pytest.mark.parametrize("cell", CELLS)
def test_sequences_without_steps_and_cells_that_there_are_not_are_refused(cell):
    x, weights, states = layer(cell)
    for given in (x[:, :0], x[..., :0], x[:0]):
        with pytest.raises(ValueError, match=r"steps|shape|state"):
            kernels.run(cell, given, weights, tuple(states))
    for wrong in ("elman", ""):
        with pytest.raises(ValueError, match="must be one of"):
            kernels.run(wrong, x, weights, tuple(states))
    with pytest.raises(ValueError, match="starts from"):
        kernels.run(cell, x, weights, (*states, states[0]))
    with pytest.raises(ValueError, match="four weights"):
        kernels.run(cell, x, weights[:3], tuple(states))


def test_memory_that_is_laid_out_for_good_takes_contiguous_weights_alone():
    _, weights, states = layer("gru")
    with pytest.raises(ValueError, match="weight_hh must be contiguous"):
        RecurrentPass("gru", [weights[0], SPOILED["turned"](weights[1]), *weights[2:]], states, STEPS, backward=True)


# -- a whole step -----------------------------------------------------------------------------------------------


def network(embedding: bool = False, cell: str = "gru") -> Network:
    _, weights, _ = layer(cell)
    return Network([(cell, weights)], dense(HIDDEN, CLASSES), "relu", random(9, INPUTS) if embedding else None)


def torchs_step(net: Network, inputs: Tensor, rows: Tensor | None, targets: Tensor) -> Tensor:
    x = inputs if net.embedding is None else torch.nn.functional.embedding(inputs, net.embedding)
    states = torchs_states("gru", x, net.layers[0][1], [torch.zeros(len(x), HIDDEN)])
    return torchs_loss(states, rows, targets, list(net.linears))


@spoiled
@pytest.mark.parametrize("embedding", [True, False])
@pytest.mark.parametrize("what", ["inputs", "rows", "targets"])
def test_garbage_into_a_whole_step(what, spoil, embedding):
    symbols = torch.arange(BATCH * STEPS).view(BATCH, STEPS) % 9
    given = {
        "inputs": symbols if embedding else random(BATCH, STEPS, INPUTS),
        "rows": torch.tensor([0, 3, 7, 11, 19, 2]),
        "targets": torch.tensor([0, 1, 2, 3, 0, 1]),
    }
    good = dict(given)
    try:
        given[what] = SPOILED[spoil](given[what])
    except (IndexError, RuntimeError):
        pytest.skip("there is no such garbage of this tensor")
    net = network(embedding)
    cache = FusedStepCache(net, per_step=True)
    cache.learn(**good)  # memory laid out for good ones must not be trusted for others

    def mine() -> tuple[Tensor, ...]:
        try:
            return (torch.tensor(cache.learn(**given)[0]),)
        except (RuntimeError, TypeError) as error:  # of torch, where it looks up the embedding
            raise ValueError(f"torch refuses it: {error}") from error

    held_to(mine, lambda: (torchs_step(net, **given),))
    assert cache.learn(**good)[0] == pytest.approx(float(torchs_step(net, **good)), rel=1e-5)


@pytest.mark.parametrize("wrong", [-1, 9])
def test_a_symbol_that_there_is_not_is_refused(wrong):
    inputs = torch.full((BATCH, STEPS), wrong)
    with pytest.raises((IndexError, ValueError)):
        FusedStepCache(network(embedding=True), per_step=False).learn(
            inputs, None, torch.zeros(BATCH, dtype=torch.long)
        )


def test_fewer_or_more_targets_than_answers_are_refused():
    for per_step, count in ((True, BATCH), (False, BATCH * STEPS), (False, BATCH + 1), (False, 0)):
        with pytest.raises(ValueError, match=r"answers, but targets of"):
            targets = torch.zeros(count, dtype=torch.long)
            FusedStepCache(network(), per_step).learn(random(BATCH, STEPS, INPUTS), None, targets)


def test_layers_that_do_not_fit_on_each_other_are_refused():
    good = network()
    wrong = [
        Network([*good.layers, *good.layers], good.linears, "relu"),
        Network(good.layers, dense(HIDDEN + 1, CLASSES), "relu"),
        Network(good.layers, good.linears, "relu", random(9, INPUTS + 1)),
        Network(good.layers, [(w.double(), b.double()) for w, b in good.linears], "relu"),
    ]
    for net in wrong:
        inputs = random(BATCH, STEPS, INPUTS) if net.embedding is None else torch.zeros(BATCH, STEPS, dtype=torch.long)
        with pytest.raises(ValueError, match=r"reads?|embedding"):
            FusedStepCache(net, per_step=False).learn(inputs, None, torch.zeros(BATCH, dtype=torch.long))


def test_weights_that_moved_are_read_where_they_are():
    net, x, targets = network(), random(BATCH, STEPS, INPUTS), torch.tensor([0, 1, 2, 3, 0])
    cache = FusedStepCache(net, per_step=False)
    cache.learn(x, None, targets)
    for weight in (net.layers[0][1][1], net.linears[0][0]):
        weight.data = random(*weight.shape, seed=77)
    last = torch.arange(BATCH) * STEPS + STEPS - 1
    assert cache.learn(x, None, targets)[0] == pytest.approx(float(torchs_step(net, x, last, targets)), rel=1e-5)


# -- the optimizer ----------------------------------------------------------------------------------------------


@spoiled
def test_garbage_into_adam(spoil):
    bad = SPOILED[spoil](random(4, 4))
    good = [random(4, 4), random(3)]
    if spoil not in ("NaN", "other type"):
        with pytest.raises((ValueError, TypeError)):
            Adam([bad, good[1]], [part.clone() for part in good], lr=0.1, weight_decay=0.0)
    if spoil != "NaN":
        with pytest.raises(ValueError):
            Adam(good, [bad, good[1].clone()], lr=0.1, weight_decay=0.0)
    optimizer = Adam(good, [part.clone() for part in good], lr=0.1, weight_decay=0.0)
    for part in good:
        part.grad = torch.ones_like(part)
    optimizer.norm()
    optimizer.update(1.0)
    optimizer.sync_state()
    for name in ("exp_avg", "exp_avg_sq"):
        other = Adam(good, [part.clone() for part in good], lr=0.1, weight_decay=0.0)
        other.state[good[0]] = {**optimizer.state[good[0]], name: bad}
        if spoil != "NaN":
            with pytest.raises(ValueError, match=name):
                other.norm()


def test_gradients_that_are_missing_or_lie_anyhow():
    weight = random(3, 5)
    optimizer = Adam([weight], [weight.clone()], lr=0.1, weight_decay=0.0)
    with pytest.raises(ValueError, match="no gradient"):
        optimizer.norm()
    twin = weight.clone()
    torchs = torch.optim.Adam([twin], lr=0.1)
    gradient = SPOILED["turned"](random(3, 5, seed=8))
    weight.grad, twin.grad = gradient, gradient.clone()
    assert optimizer.norm() == pytest.approx(float(gradient.norm()))
    optimizer.update(1.0)
    torchs.step()
    torch.testing.assert_close(weight, twin)


def test_parameters_that_moved_are_stepped_where_they_are():
    weight, still = torch.ones(20), torch.ones(20)
    optimizer = Adam([weight], [weight.clone()], lr=0.1, weight_decay=0.0)
    for _ in range(2):
        weight.grad = torch.ones(20)
        optimizer.norm()
        optimizer.update(1.0)
        weight.data = still.clone()
    weight.grad = torch.ones(20)
    optimizer.norm()
    optimizer.update(1.0)
    assert weight[0].item() == pytest.approx(0.9, abs=1e-5) and optimizer._count == 3


def test_parameters_of_which_there_are_none_or_no_copies():
    with pytest.raises(ValueError):
        Adam([], [], lr=0.1, weight_decay=0.0)
    with pytest.raises(ValueError, match="there are 0 of"):
        Adam([torch.ones(3)], [], lr=0.1, weight_decay=0.0)
