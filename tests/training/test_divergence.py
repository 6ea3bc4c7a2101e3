from __future__ import annotations

import math
import pickle

import pytest
import torch

from rnn_explorer.tasks.base import Batch
from rnn_explorer.training import Diverged, Trainer
from tests.training.factories import (
    FINITE,
    SHAKY,
    equal,
    make,
    steps,
    weights,
)


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
