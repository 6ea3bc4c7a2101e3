"""Small models with wild random weights, and questions about their insides."""

from __future__ import annotations

import functools
from typing import Any

import torch

from rnn_explorer.analysis.cell_internals.compute import cell_internals
from rnn_explorer.analysis.cell_internals.record import CellInternals, WhatIf
from rnn_explorer.analysis.cell_internals.what_if import what_if
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.experiment import Experiment
from rnn_explorer.slices import run_to_end
from rnn_explorer.training import Trainer

CELLS = ("rnn", "relu", "lstm", "gru")


@functools.lru_cache(maxsize=64)
def made(
    cell: str, hidden: int = 5, layers: int = 1, both: bool = False, seed: int = 0, task: str = "names", more: str = ""
) -> FrozenModel:
    """A model with wild random weights, so that no gate is anywhere near its middle."""
    query = f"task={task}&cell={cell.replace('relu', 'rnn&nonlinearity=relu')}&hidden_size={hidden}&num_layers={layers}"
    query += ("&bidirectional=true" if both else "") + more
    frozen = FrozenModel.of(Trainer(Experiment.from_query(query), shared(task)))
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in frozen.model.parameters():
            parameter.uniform_(-1.2 if cell != "relu" else -0.6, 1.2 if cell != "relu" else 0.6, generator=source)
    return frozen


@functools.lru_cache
def shared(task: str) -> Any:
    return Experiment.default(task).make_task()


def ask(frozen: FrozenModel, **options: Any) -> CellInternals:
    return run_to_end(cell_internals(frozen, **options))


def change(frozen: FrozenModel, **options: Any) -> WhatIf:
    return run_to_end(what_if(frozen, **options))
