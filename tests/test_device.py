"""Where a model trains: the choice, and what is said when it cannot be."""

from __future__ import annotations

import pytest
import torch

from rnn_explorer import device
from rnn_explorer.engine.size_check import check_size
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Trainer

SMALL, LARGE = device.GPU_WORK - 1, device.GPU_WORK


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that there are these GPUs."""

    def pretend(*names: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)

    return pretend


def test_without_a_gpu_everything_is_on_the_cpu(gpus):
    gpus()
    assert device.choose("auto", LARGE) == device.choose("cpu", LARGE) == torch.device("cpu")
    for wanted in ("cuda", "mps"):
        with pytest.raises(SettingError, match=f"device is '{wanted}', but torch finds no such GPU.*Use auto or cpu"):
            device.choose(wanted, LARGE)


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_gpu_is_taken_for_large_models_or_when_it_is_asked_for(gpus, name):
    gpus(name)
    assert device.choose("auto", SMALL).type == "cpu"
    assert device.choose("auto", LARGE).type == name
    assert device.choose(name, 1).type == name
    assert device.choose("cpu", LARGE).type == "cpu"
    with pytest.raises(SettingError, match=f"Use auto or cpu or {name}"):
        device.choose({"cuda": "mps", "mps": "cuda"}[name], LARGE)


def test_a_run_on_a_gpu_that_is_not_there_is_refused_before_anything_is_built(gpus):
    gpus()
    wanted = Experiment.from_query("task=digits&device=cuda")
    with pytest.raises(SettingError, match="no such GPU") as refused:
        Trainer(wanted)
    assert refused.value.field == "device"
    check_size(wanted)  # the server knows no torch: the worker says so


def test_a_trainer_brings_model_and_batches_to_its_device(monkeypatch):
    """There may be no GPU here: what is looked at is that everything is asked to go where the choice says."""
    asked = []
    plain = TensorBatch.of
    monkeypatch.setattr(TensorBatch, "of", lambda batch, *to: asked.extend(to) or plain(batch))
    trainer = Trainer(Experiment.from_query("task=digits&hidden_size=8&train_size=64"))
    assert trainer.device == torch.device("cpu") and {p.device for p in trainer._parameters} == {trainer.device}
    trainer.step()
    trainer.evaluate("test")
    assert len(asked) >= 2 and set(asked) == {trainer.device}


def test_a_state_is_of_no_device_and_goes_on_anywhere():
    one, other = (
        Trainer(Experiment.from_query(f"task=digits&hidden_size=8&device={name}")) for name in ("auto", "cpu")
    )
    one.step()
    with pytest.raises(ValueError, match="another experiment"):
        other.restore(one.state())
    again = Trainer(one.experiment, one.task)
    again.restore(one.state())
    assert again.step() == one.step()
