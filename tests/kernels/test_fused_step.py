"""A whole step without autograd, against the same network learned with torch's own kernels and autograd."""

from __future__ import annotations

import pytest
import torch

from rnn_explorer import kernels
from rnn_explorer.experiment import Experiment
from rnn_explorer.kernels import fused_step
from rnn_explorer.tasks import TASKS
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Trainer

# Every way in which a network is put together and asked: classes and values, at the end and at every step, sequences of
# different lengths, masks, symbols with and without an embedding, several layers, sizes that are no whole vectors.
QUERIES = [
    "task=digits&hidden_size=20&dense=7,5",
    "task=digits&cell=lstm&hidden_size=8&dense_activation=tanh&dense=9",
    "task=flip_flop&hidden_size=20&seq_len=11",
    "task=adding&cell=gru&num_layers=2&dense=7&seq_len=12&hidden_size=10",
    "task=names&cell=lstm&num_layers=2&train_size=64&hidden_size=12&embedding=5",
    "task=names&cell=gru&embedding=0&train_size=64&hidden_size=9",
    "task=vowels&cell=gru&hidden_size=9&dense=5&dense_activation=sigmoid&train_size=64",
    "task=reber&hidden_size=6",
    "task=anbn&cell=rnn",
    "task=copy&hidden_size=12",
    "task=char_lm&hidden_size=10&embedding=6&seq_len=16",
    "task=parity&variable=true&cell=lstm&hidden_size=5",
    "task=forecast&num_layers=3&hidden_size=11&seq_len=14&dense=8,8",
    "task=temporal_order&hidden_size=5",
    "task=local_peak&hidden_size=7&bidirectional=true",
    "task=names&cell=gru&bidirectional=true&num_layers=2&hidden_size=6&train_size=64",
]


def gradients(trainer: Trainer, index: int) -> tuple[float, float, list[torch.Tensor]]:
    batch = trainer.task.train_batch(0, index, trainer.experiment.training.batch_size)
    loss, metric = trainer._learn(TensorBatch.of(batch))
    return loss, metric, [parameter.grad.clone() for parameter in trainer._parameters]


@pytest.mark.parametrize("query", QUERIES)
def test_loss_metric_and_gradients_are_those_of_torch(query, monkeypatch):
    trainer = Trainer(Experiment.from_query(query))
    mine = [gradients(trainer, index) for index in range(2)]
    assert (trainer._fused is None) == ("bidirectional" in query)
    monkeypatch.setattr(kernels, "ENABLED", False)
    plain = Trainer(Experiment.from_query(query), trainer.task)
    assert plain._fused is None
    for index, (loss, metric, grads) in enumerate(mine):
        right, right_metric, right_grads = gradients(plain, index)
        assert loss == pytest.approx(right, rel=1e-5) and metric == pytest.approx(right_metric, rel=1e-5)
        for found, wanted in zip(grads, right_grads, strict=True):
            assert (found - wanted).norm() <= 1e-5 * wanted.norm() + 1e-9


def test_every_kind_of_question_is_among_them():
    kinds = {TASKS.get(dict(pair.split("=") for pair in query.split("&"))["task"]) for query in QUERIES}
    made = [Experiment.default(kind.key).make_task().output.kind for kind in kinds]
    assert set(made) == {"classes", "classes_per_step", "values", "values_per_step"}


def test_training_goes_the_same_way(monkeypatch):
    query = "task=adding&cell=gru&seq_len=12&hidden_size=8&steps=30&learning_rate=0.01"
    fast = [report.train_loss for report in Trainer(Experiment.from_query(query)).advance(60)]
    monkeypatch.setattr(kernels, "ENABLED", False)
    slow = [report.train_loss for report in Trainer(Experiment.from_query(query)).advance(60)]
    assert fast == pytest.approx(slow, rel=1e-4)


def test_memory_is_used_again_but_not_without_end(monkeypatch):
    trainer = Trainer(Experiment.from_query("task=digits&hidden_size=8&dense=none&train_size=40"))
    for _ in range(4):  # 32 sequences and 8 in turn
        trainer.step()
    assert set(trainer._fused._kept) == {(32, 8), (8, 8)}
    kept = dict(trainer._fused._kept)
    trainer.step()
    assert trainer._fused._kept == kept
    trainer.change(batch_size=16)
    for _ in range(3):
        trainer.step()
    assert len(trainer._fused._kept) == fused_step.SHAPES
    monkeypatch.setattr(fused_step, "MEMORY", 0)
    other = Trainer(Experiment.from_query("task=digits&hidden_size=8&dense=none&train_size=40"), trainer.task)
    losses = [other.step().train_loss for _ in range(4)]
    assert not other._fused._kept
    monkeypatch.undo()
    again = Trainer(Experiment.from_query("task=digits&hidden_size=8&dense=none&train_size=40"), trainer.task)
    assert [again.step().train_loss for _ in range(4)] == losses


def test_memory_is_given_back_at_rest_and_nothing_else_changes():
    trainer, twin = (Trainer(Experiment.from_query("task=digits&hidden_size=8&train_size=64")) for _ in range(2))
    for _ in range(3):
        assert trainer.step() == twin.step()
        trainer.rest()
        assert not trainer._fused._kept and all(parameter.grad is None for parameter in trainer._parameters)


def test_changes_of_weights_from_outside_are_seen():
    trainer = Trainer(Experiment.from_query("task=digits&hidden_size=8&train_size=64"))
    state = trainer.state()
    losses = [trainer.step().train_loss for _ in range(3)]
    trainer.restore(state)
    assert [trainer.step().train_loss for _ in range(3)] == losses
