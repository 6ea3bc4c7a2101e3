from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from rnn_explorer import training
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.base import Batch, OutputSpec
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Diverged, StepReport, Trainer, loss_of
from rnn_explorer.work import ModelTooLarge

FINITE = "task=digits&train_size=200&hidden_size=12&dense=8"
STREAM = "task=temporal_order&seq_len=12&hidden_size=6&batch_size=8"
NAMES = "task=names&train_size=150&hidden_size=8&embedding=4&batch_size=16"
SHAKY = "task=adding&seq_len=50&cell=rnn&nonlinearity=relu&init=identity&optimizer=sgd&learning_rate=1&clip_norm=0"
RUNS = {
    "adam, finite": FINITE,
    "sgd, finite": FINITE + "&optimizer=sgd&learning_rate=0.05",
    "rmsprop, finite": FINITE + "&optimizer=rmsprop&weight_decay=0.01",
    "adam, stream": STREAM + "&cell=lstm",
    "sgd, stream": STREAM + "&optimizer=sgd&momentum=0&cell=gru",
    "rmsprop, stream": STREAM + "&optimizer=rmsprop",
    "dropout, finite": FINITE + "&num_layers=2&dropout=0.4",
    "dropout, stream": STREAM + "&num_layers=2&dropout=0.4&optimizer=sgd",
    "lengths, bidirectional": NAMES + "&bidirectional=true&num_layers=2&dropout=0.2",
}
every_run = pytest.mark.parametrize("query", RUNS.values(), ids=RUNS.keys())


def make(query: str) -> Trainer:
    return Trainer(Experiment.from_query(query))


def steps(trainer: Trainer, count: int) -> list[StepReport]:
    return [trainer.step() for _ in range(count)]


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in trainer.model.parameters()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


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


# -- states that are refused ------------------------------------------------------------------------------------


def altered(state: bytes, change: Callable[[dict[str, torch.Tensor], dict[str, str]], None]) -> bytes:
    length = int.from_bytes(state[:8], "little")
    tensors, about = load_tensors(state), json.loads(state[8 : 8 + length])["__metadata__"]
    change(tensors, about)
    return save_tensors(tensors, metadata=about)


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


# -- what is no result ------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_is_no_result(monkeypatch):
    trainer = make("task=forecast&hidden_size=4&steps=3")
    trainer.advance(600)
    assert trainer.verdict(validation=0.1, test=0.2) == ""
    whole = trainer.task.evaluation

    def with_an_outlier(split: str) -> Batch:
        batch = whole(split)
        if split == "test":
            inputs, targets = batch.inputs.copy(), batch.targets.copy()
            inputs[0, -1, 0] = targets[0, -1, 0] = 1e20
            batch = Batch(inputs, targets, batch.lengths, batch.mask)
        return batch

    monkeypatch.setattr(trainer.task, "evaluation", with_an_outlier)
    loss, _ = trainer.evaluate("test")
    assert not math.isfinite(loss)
    assert trainer.verdict(validation=0.1, test=loss) == (
        "No result: the test loss is no finite number, since this part of the data has values of 1e+20 in units of the "
        "training part: mend or drop them."
    )
    assert "validation loss is no finite number, since the model's answers" in trainer.verdict(validation=math.inf)


def test_an_empty_part_is_nothing_wrong():
    trainer = make(FINITE + "&val_split=0")
    assert math.isnan(trainer.evaluate("validation")[0]) and trainer.verdict(validation=math.nan) == ""


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
    monkeypatch.setattr(training.time, "monotonic", lambda: next(now))
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


# -- divergence -------------------------------------------------------------------------------------------------


def diverge(query: str) -> tuple[Trainer, Diverged]:
    trainer = make(query)
    with pytest.raises(Diverged) as caught:
        steps(trainer, 100)
    return trainer, caught.value


def test_divergence_is_told_with_its_cause_and_leaves_finite_weights():
    trainer, error = diverge(SHAKY)
    assert str(error).startswith(f"Diverged at step {trainer.step_count}: ")
    for words in ("a learning rate of 1", "no clipping", "relu", "clip_norm=1", "tanh instead of relu", "(0.1)"):
        assert words in str(error)
    assert all(weight.isfinite().all() for weight in weights(trainer))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    trainer.snapshot()
    trainer.state()


def test_divergence_is_the_same_each_time_and_after_a_reset():
    trainer, error = diverge(SHAKY)
    count = trainer.step_count
    trainer.reset()
    with pytest.raises(Diverged, match=f"step {count}:"):
        steps(trainer, 100)
    assert str(diverge(SHAKY)[1]) == str(error)


def test_weights_that_overflow_are_put_back():
    trainer = make(FINITE)
    steps(trainer, 6)
    kept = weights(trainer)  # the seventh step finds a finite loss with these
    steps(trainer, 1)
    with torch.no_grad():
        trainer.model.head.weight.fill_(math.inf)
    with pytest.raises(Diverged, match="the loss"):
        trainer.step()
    assert equal(weights(trainer), kept)


def test_a_smaller_rate_goes_on_from_the_last_finite_loss():
    trainer, _ = diverge(SHAKY)
    trainer.change(learning_rate=0.001, clip_norm=1.0)
    reports = steps(trainer, 20)
    assert all(math.isfinite(report.train_loss) for report in reports)


def test_clipping_and_a_smaller_rate_cure_it():
    trainer = make(SHAKY.replace("learning_rate=1", "learning_rate=0.001").replace("clip_norm=0", "clip_norm=1"))
    steps(trainer, 50)
    assert all(weight.isfinite().all() for weight in weights(trainer))


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
    monkeypatch.setattr(training, "measured_at_once", lambda parameters, time: 37)
    assert trainer.evaluate(split) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    "query", [FINITE + "&patience=1&learning_rate=0.3&epochs=6", "task=flip_flop&hidden_size=4&steps=70"]
)
def test_measuring_in_slices_changes_no_number_and_no_step(query, monkeypatch):
    monkeypatch.setattr(training, "measured_at_once", lambda parameters, time: 16)
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
    monkeypatch.setattr(training, "measured_at_once", lambda parameters, time: 16)
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


# -- what is shown ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [FINITE, STREAM, NAMES + "&bidirectional=true", "task=forecast&hidden_size=4"])
def test_a_snapshot_is_frozen(query):
    trainer = make(query)
    steps(trainer, 2)
    snapshot = trainer.snapshot()

    def content() -> bytes:
        return pickle.dumps((snapshot.trace, tuple(snapshot.explanations), snapshot.titles, snapshot.labels))

    before = content()
    steps(trainer, 3)
    trainer.reset()
    assert content() == before
    assert (snapshot.step, snapshot.epoch) == (2, pytest.approx(2 / trainer.steps_per_epoch()))


def test_a_snapshot_shows_the_same_probes_each_time_through_the_present_weights():
    trainer = make(FINITE)
    first = trainer.snapshot()
    again = trainer.snapshot()
    np.testing.assert_array_equal(first.trace.answers, again.trace.answers)
    steps(trainer, 5)
    later = trainer.snapshot()
    np.testing.assert_array_equal(first.trace.inputs, later.trace.inputs)
    assert (first.trace.answers != later.trace.answers).any()
    assert len(later.explanations) == len(later.labels) == len(later.trace.inputs) == 8
    for row, explanation in enumerate(later.explanations):
        assert explanation.correct == (later.trace.answers[row, -1].argmax() == later.trace.targets[row])


def test_the_summary_is_the_models():
    trainer = make(FINITE)
    assert sum(row.parameters for row in trainer.summary()) == trainer.model.parameter_count()
    assert trainer.summary()[0].output_shape == "(batch, 8, 8)"


# -- stopping early ---------------------------------------------------------------------------------------------

OVERFIT = "task=digits&train_size=40&hidden_size=12&dense=8&learning_rate=0.03&epochs=40"


def unstopped(query: str, epochs: int = 40) -> tuple[list[float], list[list[torch.Tensor]]]:
    """The validation loss and the weights at the end of each epoch, without early stopping."""
    trainer = make(query)
    losses, kept = [], []
    while len(losses) < epochs:
        report = trainer.step()
        if report.val_loss is not None:
            losses.append(report.val_loss)
            kept.append(weights(trainer))
    return losses, kept


def stopping_epoch(losses: list[float], patience: int) -> tuple[int, int]:
    """By the definition: the first epoch whose last `patience` losses are no lower than all before; and the best."""
    for end in range(patience + 1, len(losses) + 1):
        if min(losses[end - patience : end]) >= min(losses[: end - patience]):
            return end, losses.index(min(losses[:end])) + 1
    raise AssertionError("it never stops: choose another experiment")


@pytest.mark.parametrize("patience", [1, 2, 4])
def test_it_stops_early_and_keeps_the_best_weights(patience):
    losses, kept = unstopped(OVERFIT)
    end, best = stopping_epoch(losses, patience)
    assert end < 40
    trainer = make(OVERFIT + f"&patience={patience}")
    reports = trainer.advance(600)
    assert (trainer.epoch, trainer.epoch_position()) == (end, end) and trainer.step_count < trainer.target
    assert [report.val_loss for report in reports if report.val_loss is not None] == losses[:end]
    assert trainer.stopped_early.startswith(
        f"Stopped early: the validation loss has not improved since epoch {best}; the weights of then are kept."
    )
    assert equal(weights(trainer), kept[best - 1]) and not equal(weights(trainer), kept[end - 1])
    assert trainer.evaluate("validation")[0] == losses[best - 1]


def test_an_early_stop_on_a_very_small_set_says_that_it_may_be_too_early():
    trainer = make(OVERFIT + "&patience=2")
    trainer.advance(600)
    assert trainer.stopped_early.endswith(
        "That may be too early: its 4 optimizer steps are few. Set a larger patience, or 0 for none, to see."
    )
    again = make(OVERFIT + "&patience=2")
    again.restore(trainer.state())
    assert again.stopped_early == trainer.stopped_early
    again._validation = again._validation.select(torch.arange(10))
    assert "its 4 optimizer steps are few and the validation set has 10 sequences only." in again._stopped(3)
    large = make("task=digits&hidden_size=8&patience=3")
    assert large._stopped(5).endswith("since epoch 5; the weights of then are kept.")


def test_without_patience_and_without_validation_it_goes_to_the_end():
    assert len(make(OVERFIT).advance(600)) == 80
    trainer = make(OVERFIT + "&patience=1&val_split=0")
    assert len(trainer.advance(600)) == 80 and not trainer.stopped_early
    assert not trainer.experiment.applies("patience") and make(OVERFIT).experiment.applies("patience")


def test_who_goes_on_after_an_early_stop_has_the_same_patience_again():
    trainer = make(OVERFIT + "&patience=2")
    trainer.advance(600)
    first, best = trainer.epoch, trainer._best
    trainer.step()
    assert not trainer.stopped_early and trainer._best is best
    trainer.advance(600)
    assert trainer.stopped_early and trainer.epoch >= first + 2
    trainer.reset()
    assert not trainer.stopped_early and trainer.step_count == 0
    trainer.advance(600)
    assert trainer.epoch == first


def test_patience_can_change_while_it_trains():
    losses, _ = unstopped(OVERFIT)
    end, _ = stopping_epoch(losses, 2)
    trainer = make(OVERFIT + "&patience=30")
    trainer.advance(600, until=2 * (end - 1))  # two steps an epoch
    assert not trainer.stopped_early
    trainer.change(patience=2)
    trainer.advance(600)
    assert trainer.epoch == end and trainer.stopped_early
    trainer.change(patience=0)
    assert not trainer.stopped_early and len(trainer.advance(600)) == 80 - 2 * end


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


@pytest.mark.parametrize("task", [name for name in TASKS.names() if not name.startswith("own_")])
def test_a_title_says_the_same_whatever_the_model_answers(task):
    trainer = Trainer(Experiment.default(task).replace(hidden_size=3))
    snapshot = trainer.snapshot()
    assert snapshot.titles == tuple(told.title for told in snapshot.explanations)
    assert len(snapshot.explanations[1:3]) == 2 and snapshot.explanations[-1].title == snapshot.titles[-1]
