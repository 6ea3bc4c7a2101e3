from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from rnn_explorer.kernels import denormals
from rnn_explorer.settings import SettingError
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Trainer
from rnn_explorer.training import trainer as trainer_module
from rnn_explorer.training.losses import loss_of
from rnn_explorer.work import ModelTooLarge
from tests.training.factories import (
    FINITE,
    NAMES,
    STREAM,
    equal,
    every_run,
    make,
    steps,
    weights,
)

# -- the same experiment, the same curve ------------------------------------------------------------------------


@every_run
def test_the_same_experiment_gives_the_same_curve(query):
    torch.manual_seed(1)
    one = make(query)
    torch.manual_seed(2)
    other = make(query)
    assert one.opening().val_loss == other.opening().val_loss
    assert steps(one, 12) == steps(other, 12)
    assert equal(weights(one), weights(other))


@pytest.mark.parametrize("query", [FINITE, STREAM, NAMES])
def test_another_seed_gives_another_curve(query):
    one, other = make(query), make(query + "&seed=1")
    assert not equal(weights(one)[:1], weights(other)[:1])
    assert one.step().train_loss != other.step().train_loss


@every_run
def test_reset_goes_back_exactly(query):
    trainer = make(query)
    start, opening = weights(trainer), trainer.opening()
    first = steps(trainer, 12)
    trainer.opening()  # asked at a later step, it must not be mistaken for the first one
    trainer.reset()
    assert trainer.step_count == 0 and trainer.epoch_position() == 0 and equal(weights(trainer), start)
    assert trainer.opening().val_loss == opening.val_loss
    assert steps(trainer, 12) == first


# -- one step ---------------------------------------------------------------------------------------------------


def test_the_first_adam_step_is_the_formula():
    # At step 1 the bias-corrected moments are g and g^2, so each weight moves by lr * g / (|g| + 1e-8).
    trainer = make(FINITE + "&clip_norm=0&learning_rate=0.01")
    start = weights(trainer)
    trainer.step()
    for parameter, before in zip(trainer.model.parameters(), start, strict=True):
        assert parameter.grad is not None
        gradient = parameter.grad
        torch.testing.assert_close(parameter.detach(), before - 0.01 * gradient / (gradient.abs() + 1e-8))


def test_two_sgd_steps_are_the_formula():
    # v_1 = g_1 + decay * w_0, w_1 = w_0 - lr * v_1;  v_2 = 0.5 * v_1 + g_2 + decay * w_1, w_2 = w_1 - lr * v_2
    trainer = make(STREAM + "&optimizer=sgd&momentum=0.5&learning_rate=0.1&weight_decay=0.01&clip_norm=0")
    speed = [torch.zeros_like(parameter) for parameter in trainer.model.parameters()]
    for _ in range(2):
        start = weights(trainer)
        trainer.step()
        for n, parameter in enumerate(trainer.model.parameters()):
            assert parameter.grad is not None
            speed[n] = 0.5 * speed[n] + parameter.grad + 0.01 * start[n]
            torch.testing.assert_close(parameter.detach(), start[n] - 0.1 * speed[n])


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_it_trains_as_a_plain_torch_loop_does(optimizer):
    trainer = make(NAMES + f"&optimizer={optimizer}&weight_decay=0.001&clip_norm=0.5")
    twin = make(NAMES)
    twin.model.load_state_dict(trainer.model.state_dict())
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}[optimizer]
    options: dict[str, Any] = {"momentum": 0.9} if optimizer == "sgd" else {}
    rate = trainer.experiment.training.learning_rate
    reference = kind(twin.model.parameters(), lr=rate, weight_decay=0.001, foreach=False, **options)
    for number in range(12):
        batch = TensorBatch.of(
            twin.task.train_batch(number // 10, number % 10, 16)
        )  # 150 names in batches of 16 are 10 steps
        reference.zero_grad()
        loss = torch.nn.functional.cross_entropy(twin.model(batch.inputs, batch.lengths), batch.targets)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(twin.model.parameters(), 0.5)
        reference.step()
        report = trainer.step()
        assert report.train_loss == pytest.approx(float(loss.detach()), rel=1e-4)
        assert report.grad_norm == pytest.approx(float(norm), rel=1e-3)
    for mine, theirs in zip(weights(trainer), weights(twin), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-3)


def norm_of(trainer: Trainer) -> float:
    return math.sqrt(sum(float(p.grad.square().sum()) for p in trainer.model.parameters() if p.grad is not None))


def test_clipping_bounds_the_gradient_and_keeps_its_direction():
    free, clipped = make(FINITE + "&clip_norm=0"), make(FINITE + "&clip_norm=0.01")
    report, other = free.step(), clipped.step()
    assert report.grad_norm == other.grad_norm > 0.01  # what is reported is the length before clipping
    assert norm_of(free) == pytest.approx(report.grad_norm, rel=1e-4)
    assert norm_of(clipped) == pytest.approx(0.01, rel=1e-3)
    scale = 0.01 / report.grad_norm
    for mine, whole in zip(clipped.model.parameters(), free.model.parameters(), strict=True):
        assert mine.grad is not None and whole.grad is not None
        torch.testing.assert_close(mine.grad, whole.grad * scale, rtol=1e-3, atol=1e-8)


def test_a_short_gradient_is_not_clipped():
    free, clipped = make(FINITE + "&clip_norm=0"), make(FINITE + "&clip_norm=1000")
    assert steps(free, 3) == steps(clipped, 3)


def test_an_epoch_sees_every_training_sequence_once_and_ends_with_a_validation():
    trainer = make(FINITE)
    assert trainer.steps_per_epoch() == 7  # 200 images in batches of 32
    seen = np.concatenate([trainer.task.train_batch(0, index, 32).inputs for index in range(7)])
    assert len(seen) == 200 and len({image.tobytes() for image in seen}) == len(
        {image.tobytes() for image in trainer.task.finite_set("train").inputs}
    )
    reports = steps(trainer, 14)
    assert [report.step for report in reports if report.val_loss is not None] == [7, 14]
    assert [round(report.epoch * 7) for report in reports] == list(range(1, 15))
    assert reports[13].val_loss == trainer.evaluate("validation")[0]
    assert trainer.epoch_position() == 2


def test_the_opening_says_what_the_weights_do_before_any_step():
    trainer = make(FINITE)
    opening = trainer.opening()
    assert (opening.step, opening.epoch) == (0, 0) and math.isnan(opening.train_loss)
    assert (opening.val_loss, opening.val_metric) == trainer.evaluate("validation")
    assert opening.val_loss == pytest.approx(math.log(10), abs=0.5)
    steps(trainer, 10)
    assert trainer.opening().val_loss == trainer.evaluate("validation")[0] != opening.val_loss


# -- the budget -------------------------------------------------------------------------------------------------


def test_the_budget_in_epochs_and_in_steps():
    assert make(FINITE + "&epochs=3").target == 21
    assert make(FINITE + "&steps=9").target == 9
    assert make(STREAM + "&steps=0&epochs=2").target == 100


def test_advance_stops_at_the_budget_and_extend_adds_another():
    trainer = make(FINITE + "&steps=5")
    trainer.extend()
    assert trainer.target == 5  # there is still some left
    assert [report.step for report in trainer.advance(60)] == [1, 2, 3, 4, 5]
    assert trainer.advance(60) == []
    trainer.extend()
    assert trainer.target == 10
    assert len(trainer.advance(60, until=7)) == 2
    assert len(trainer.advance(60)) == 3


def test_the_end_of_the_budget_is_validated_too():
    trainer = make(FINITE + "&steps=9")
    reports = trainer.advance(60)
    assert [report.step for report in reports if report.val_loss is not None] == [7, 9]
    assert (reports[8].val_loss, reports[8].val_metric) == trainer.evaluate("validation")


def test_advance_makes_one_step_even_without_time():
    trainer = make(FINITE)
    assert len(trainer.advance(0)) == 1 and trainer.step_count == 1


def test_advance_watches_the_clock(monkeypatch):
    now = iter(range(100))  # a clock that moves on by a second at each look
    monkeypatch.setattr(trainer_module.time, "monotonic", lambda: next(now))
    assert len(make(FINITE).advance(3)) == 3


# -- changing ---------------------------------------------------------------------------------------------------


def test_a_changed_learning_rate_scales_the_step():
    one, other = make(FINITE + "&optimizer=sgd&momentum=0"), make(FINITE + "&optimizer=sgd&momentum=0")
    start = weights(one)
    other.change(learning_rate=one.experiment.training.learning_rate * 10)
    one.step()
    other.step()
    for before, small, large in zip(start, weights(one), weights(other), strict=True):
        torch.testing.assert_close(large - before, 10 * (small - before), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "change", [{"clip_norm": 1e-3}, {"weight_decay": 0.5}, {"momentum": 0.1}, {"learning_rate": 0.5}, {"batch_size": 7}]
)
def test_every_change_has_an_effect(change):
    query = FINITE + "&optimizer=sgd"
    one, other = make(query), make(query)
    assert steps(one, 3) == steps(other, 3)
    other.change(**change)
    one.step()
    other.step()
    assert not equal(weights(one), weights(other))
    name, value = next(iter(change.items()))
    assert other.experiment.get(name) == value
    other.reset()
    assert other.experiment.get(name) == value  # reset goes back to the weights, not to the settings


def test_a_change_of_nothing_changes_nothing():
    one, other = make(FINITE), make(FINITE)
    for _ in range(20):
        other.change(learning_rate=other.experiment.training.learning_rate)
        assert one.step() == other.step()
    assert one.target == other.target


def test_a_changed_batch_size_keeps_the_place_in_the_epoch_and_the_epochs_left():
    trainer = make(FINITE + "&epochs=4")  # 7 steps each
    steps(trainer, 10)
    trainer.change(batch_size=16)  # 13 steps each
    assert trainer.steps_per_epoch() == 13
    assert trainer.epoch_position() == pytest.approx(1 + 5 / 13)
    reports = trainer.advance(60)
    assert trainer.epoch_position() == 4 and len(reports) == 13 - 5 + 2 * 13
    trainer.change(batch_size=200)
    assert trainer.step_count == trainer.target and trainer.advance(60) == []
    trainer.extend()
    trainer.advance(60)
    assert trainer.epoch_position() == 8


def test_a_batch_size_does_not_touch_a_budget_in_steps():
    trainer = make(FINITE + "&steps=30")
    steps(trainer, 5)
    trainer.change(batch_size=4)
    assert trainer.target == 30


def test_a_changed_budget():
    trainer = make(FINITE + "&steps=10")
    trainer.advance(60)
    trainer.change(steps=14)
    assert trainer.target == 14
    trainer.change(steps=3)
    assert trainer.target == 10 == trainer.step_count  # what is done is done
    trainer.change(steps=0, epochs=2)
    assert trainer.target == 14  # 7 steps an epoch


@pytest.mark.parametrize(
    "change", [{"hidden_size": 3}, {"seed": 1}, {"optimizer": "sgd"}, {"wings": 2}, {"learning_rate": -1.0}]
)
def test_what_cannot_change_is_refused_and_leaves_all_as_it_was(change):
    trainer, other = make(FINITE), make(FINITE)
    before = trainer.experiment
    with pytest.raises(SettingError) as caught:
        trainer.change(batch_size=5, **change)
    assert caught.value.field == next(iter(change))
    assert trainer.experiment == before and steps(trainer, 3) == steps(other, 3)


# -- judging ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [FINITE, NAMES, "task=forecast&hidden_size=4", "task=flip_flop&hidden_size=4"])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_evaluating_in_parts_equals_the_whole(query, split, monkeypatch):
    trainer = make(query)
    whole = trainer.evaluate(split)
    batch = TensorBatch.of(trainer.task.evaluation(split))
    with torch.no_grad():
        direct = loss_of(trainer.task.output, trainer.model(batch.inputs, batch.lengths), batch)
    assert whole[0] == pytest.approx(float(direct), rel=1e-5)
    monkeypatch.setattr(trainer_module, "measured_at_once", lambda parameters, time: 37)
    assert trainer.evaluate(split) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    "query", [FINITE + "&patience=1&learning_rate=0.3&epochs=6", "task=flip_flop&hidden_size=4&steps=70"]
)
def test_measuring_in_slices_changes_no_number_and_no_step(query, monkeypatch):
    monkeypatch.setattr(trainer_module, "measured_at_once", lambda parameters, time: 16)
    whole, sliced = make(query), make(query)
    expected, got, pauses = whole.advance(600), [], 0
    while len(got) < len(expected):
        report = sliced.proceed()
        if report is None:
            pauses += 1
            assert not sliced.between_steps
            for refused in (sliced.state, lambda: sliced.change(learning_rate=0.1)):
                with pytest.raises(RuntimeError, match="being measured"):
                    refused()
        else:
            got.append(report)
            assert sliced.between_steps
    assert got == expected
    assert pauses > sum(report.val_loss is not None for report in got)
    assert sliced.stopped_early == whole.stopped_early
    assert all(torch.equal(one, other) for one, other in zip(weights(sliced), weights(whole), strict=True))


def test_a_reset_or_restored_trainer_has_no_step_to_measure(monkeypatch):
    monkeypatch.setattr(trainer_module, "measured_at_once", lambda parameters, time: 16)
    trainer = make("task=flip_flop&hidden_size=4&steps=3")
    trainer.advance(600, 2)
    state = trainer.state()
    for back in (trainer.reset, lambda: trainer.restore(state)):
        while trainer.step_count < 3:
            trainer.proceed()
        assert not trainer.between_steps
        back()
        assert trainer.between_steps and trainer.step_count in (0, 2)


def test_a_batch_size_that_is_too_large_to_train_live_changes_nothing():
    trainer = make("task=temporal_order&hidden_size=256&seq_len=100&batch_size=8")
    before = trainer.experiment
    with pytest.raises(ModelTooLarge, match="x 512 sequences x 100 time steps"):
        trainer.change(batch_size=512, learning_rate=0.5)
    assert trainer.experiment == before
    assert trainer.optimizer.param_groups[0]["lr"] == before.training.learning_rate
    trainer.change(batch_size=4)


def test_an_empty_split_has_no_loss():
    trainer = make(FINITE + "&val_split=0")
    assert all(math.isnan(value) for value in trainer.evaluate("validation"))
    assert math.isfinite(trainer.evaluate("test")[0])
    trainer.snapshot()  # shows sequences of the test set


def test_validation_never_influences_training():
    one, other = make(FINITE + "&num_layers=2&dropout=0.3"), make(FINITE + "&num_layers=2&dropout=0.3")
    plain = steps(one, 10)
    watched = []
    for _ in range(10):
        other.opening()
        other.evaluate("validation")
        other.evaluate("test")
        other.snapshot()
        other.state()
        watched.append(other.step())
    assert watched == plain


# -- what is shown ----------------------------------------------------------------------------------------------


def test_the_summary_is_the_models():
    trainer = make(FINITE)
    assert sum(row.parameters for row in trainer.summary()) == trainer.model.parameter_count()
    assert trainer.summary()[0].output_shape == "(batch, 8, 8)"


@pytest.mark.parametrize("part", ["_learn", "_descend"])
def test_denormals_count_as_zero_in_a_step_and_nowhere_else(part, monkeypatch):
    trainer, found = make("task=adding&cell=rnn&hidden_size=4&seq_len=5"), []
    whole = getattr(trainer, part)
    monkeypatch.setattr(trainer, part, lambda given: (found.append(denormals.are_flushed()), whole(given))[1])
    trainer.step()
    assert found == [True]
    assert not denormals.are_flushed()
