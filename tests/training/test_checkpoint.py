from __future__ import annotations

import math
import re

import pytest
import torch
from safetensors.torch import load as load_tensors

from rnn_explorer.errors import UserError
from tests.training.factories import (
    FINITE,
    OVERFIT,
    STREAM,
    altered,
    equal,
    every_run,
    make,
    steps,
    weights,
)


@every_run
def test_resuming_goes_on_as_if_nothing_had_happened(query):
    straight = make(query)
    whole = steps(straight, 100)
    stopped = make(query)
    assert steps(stopped, 50) == whole[:50]
    state = stopped.state()
    resumed = make(query)
    resumed.restore(state)
    assert resumed.step_count == 50 and resumed.target == stopped.target
    assert steps(resumed, 50) == whole[50:]
    assert equal(weights(resumed), weights(straight))


def test_a_state_holds_still_and_can_be_restored_many_times():
    trainer = make(FINITE)
    steps(trainer, 5)
    state = trainer.state()
    following = steps(trainer, 5)
    for _ in range(2):
        trainer.restore(state)
        assert steps(trainer, 5) == following


def test_a_state_from_before_the_first_step():
    trainer, other = make(FINITE), make(FINITE)
    steps(other, 3)
    other.restore(trainer.state())
    assert steps(other, 4) == steps(trainer, 4)


def test_a_state_carries_the_settings_changed_while_training():
    trainer = make(FINITE)
    trainer.change(learning_rate=0.01, batch_size=50, steps=77)
    steps(trainer, 3)
    resumed = make(FINITE)
    resumed.restore(trainer.state())
    assert resumed.experiment == trainer.experiment and resumed.target == 77
    assert steps(resumed, 5) == steps(trainer, 5)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, about: about.pop("position"),
        lambda tensors, about: about.pop("experiment"),
        lambda tensors, about: about.update(position="[]"),
        lambda tensors, about: about.update(position="{"),
        lambda tensors, about: about.update(position='{"step": "x", "epoch": 0, "index": 0, "target": 0}'),
        lambda tensors, about: about.update(experiment='{"task": "chess"}'),
        lambda tensors, about: about.update(experiment="3"),
        lambda tensors, about: tensors.pop("model.head.bias"),
        lambda tensors, about: tensors.update({"model.extra": torch.zeros(1)}),
        lambda tensors, about: tensors.update({"model.head.bias": torch.zeros(3)}),
        lambda tensors, about: tensors.update({"optimizer.0.exp_avg": torch.zeros(3)}),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(change):
    trainer = make(FINITE)
    steps(trainer, 3)
    state, before = altered(trainer.state(), change), weights(trainer)
    following = make(FINITE)
    steps(following, 3)
    with pytest.raises(ValueError):
        trainer.restore(state)
    assert equal(weights(trainer), before) and trainer.step_count == 3
    assert steps(trainer, 3) == steps(following, 3)


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"\x00" * 64, b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_rubbish_is_refused(rubbish):
    with pytest.raises(ValueError, match="no stored state"):
        make(FINITE).restore(rubbish)


def test_a_cut_state_is_refused():
    trainer = make(FINITE)
    state = trainer.state()
    for end in (7, 8, 100, len(state) // 2, len(state) - 1):
        with pytest.raises(ValueError):
            trainer.restore(state[:end])


@pytest.mark.parametrize("other", [FINITE + "0", FINITE + "&cell=gru", STREAM])
def test_the_state_of_another_shape_is_refused(other):
    with pytest.raises(ValueError, match="another shape"):
        make(FINITE).restore(make(other).state())


@pytest.mark.parametrize("other", [FINITE + "&seed=1", FINITE + "&optimizer=sgd", FINITE.replace("200", "100")])
def test_the_state_of_another_experiment_is_refused(other):
    with pytest.raises(ValueError, match="another experiment"):
        make(FINITE).restore(make(other).state())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["model.head.bias", "model.layers.0.forwards.weight_hh", "optimizer.1.exp_avg_sq"])
def test_a_state_with_numbers_that_are_not_finite_is_refused(bad, where):
    trainer = make(FINITE)
    steps(trainer, 3)

    def spoil(tensors, about):
        tensors[where].view(-1)[-1] = bad

    state, before = altered(trainer.state(), spoil), weights(trainer)
    with pytest.raises(UserError, match=rf"'{re.escape(where)}' that are not finite"):
        trainer.restore(state)
    assert equal(weights(trainer), before)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, about: tensors.update({"model.head.bias": tensors["model.head.bias"].double()}),
        lambda tensors, about: tensors.update({"optimizer.0.exp_avg": torch.tensor(1.0)}),
        lambda tensors, about: tensors.update({"optimizer.0.exp_avg": tensors["optimizer.0.exp_avg"].half()}),
        lambda tensors, about: tensors.update({"optimizer.0.step": torch.zeros(3)}),
        lambda tensors, about: tensors.update({"optimizer.99.exp_avg": torch.zeros(3)}),
        lambda tensors, about: tensors.update({"extra\n" * 99: torch.zeros(3)}),
        lambda tensors, about: about.update(position='{"step": -1, "epoch": 0, "index": 0, "target": 0}'),
        lambda tensors, about: about.update(position='{"step": 1, "epoch": 0, "index": 99, "target": 0}'),
        lambda tensors, about: about.update(position='{"step": Infinity, "epoch": 0, "index": 0, "target": 0}'),
        lambda tensors, about: about.update(position="[" * 100_000),
    ],
)
def test_a_state_that_only_looks_like_one_is_refused(change):
    trainer = make(FINITE)
    steps(trainer, 3)
    state, before = altered(trainer.state(), change), weights(trainer)
    with pytest.raises(UserError) as caught:
        trainer.restore(state)
    assert equal(weights(trainer), before)
    assert len(str(caught.value)) < 200 and str(caught.value).isprintable()


@pytest.mark.parametrize("patience", [2, 4])
def test_a_stored_run_stops_where_one_that_went_through_does(patience):
    straight = make(OVERFIT + f"&patience={patience}")
    whole = straight.advance(600)
    for at in (1, len(whole) // 2, len(whole) - 1, len(whole)):
        stopped = make(OVERFIT + f"&patience={patience}")
        steps(stopped, at)
        resumed = make(OVERFIT + f"&patience={patience}")
        steps(resumed, 9)  # what it knew before must be forgotten
        resumed.restore(stopped.state())
        if at == len(whole):
            assert resumed.stopped_early == straight.stopped_early
            resumed.step()
            straight.step()
        else:
            assert resumed.advance(600) == whole[at:]
        assert resumed.stopped_early == straight.stopped_early
        assert equal(weights(resumed), weights(straight))


def test_the_best_weights_are_stored_only_while_they_are_wanted():
    plain, patient = make(OVERFIT), make(OVERFIT + "&patience=9")
    steps(plain, 2)
    steps(patient, 2)
    assert not [name for name in load_tensors(plain.state()) if name.startswith("best.")]
    assert len([name for name in load_tensors(patient.state()) if name.startswith("best.")]) == len(weights(patient))
    patient.change(patience=0)
    assert not [name for name in load_tensors(patient.state()) if name.startswith("best.")]


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, about: tensors.pop("best.head.bias"),
        lambda tensors, about: tensors.update({"best.head.bias": torch.zeros(3)}),
        lambda tensors, about: about.update(best="[]"),
        lambda tensors, about: about.update(best='{"loss": "x", "epoch": 1, "since": 0, "stopped": false}'),
    ],
)
def test_a_state_with_damaged_best_weights_is_refused(change):
    trainer = make(OVERFIT + "&patience=9")
    steps(trainer, 3)
    state, before = altered(trainer.state(), change), weights(trainer)
    with pytest.raises(ValueError):
        trainer.restore(state)
    assert equal(weights(trainer), before)
