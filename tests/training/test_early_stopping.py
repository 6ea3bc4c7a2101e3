from __future__ import annotations

import pytest
import torch

from tests.training.factories import (
    OVERFIT,
    equal,
    make,
    weights,
)


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
    assert "its 4 optimizer steps are few and the validation set has 10 sequences only." in again._stop_sentence(3)
    large = make("task=digits&hidden_size=8&patience=3")
    assert large._stop_sentence(5).endswith("since epoch 5; the weights of then are kept.")


def test_without_patience_and_without_validation_it_goes_to_the_end():
    assert len(make(OVERFIT).advance(600)) == 80
    trainer = make(OVERFIT + "&patience=1&val_split=0")
    assert len(trainer.advance(600)) == 80 and not trainer.stopped_early
    assert not trainer.experiment.applies("patience") and make(OVERFIT).experiment.applies("patience")


def test_who_goes_on_after_an_early_stop_has_the_same_patience_again():
    trainer = make(OVERFIT + "&patience=2")
    trainer.advance(600)
    first, best = trainer.epoch, trainer._stopping.best
    trainer.step()
    assert not trainer.stopped_early and trainer._stopping.best is best
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
