from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from rnn_explorer.experiment import Experiment
from rnn_explorer.training import StepReport, Trainer

FINITE = "task=digits&train_size=200&hidden_size=12&dense=8"
STREAM = "task=temporal_order&seq_len=12&hidden_size=6&batch_size=8"
NAMES = "task=names&train_size=150&hidden_size=8&embedding=4&batch_size=16"
SHAKY = "task=adding&seq_len=50&cell=rnn&nonlinearity=relu&init=identity&optimizer=sgd&learning_rate=1&clip_norm=0"
OVERFIT = "task=digits&train_size=40&hidden_size=12&dense=8&learning_rate=0.03&epochs=40"
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


def altered(state: bytes, change: Callable[[dict[str, torch.Tensor], dict[str, str]], None]) -> bytes:
    length = int.from_bytes(state[:8], "little")
    tensors, about = load_tensors(state), json.loads(state[8 : 8 + length])["__metadata__"]
    change(tensors, about)
    return save_tensors(tensors, metadata=about)
