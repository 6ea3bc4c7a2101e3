"""The command `memory`."""

from __future__ import annotations

import argparse
from typing import Any

from rnn_explorer.analysis.memory.record import JacobianNormOptions, MemoryOptions
from rnn_explorer.analysis.options import LayerOptions
from rnn_explorer.cli.asking import add_options, asked, command, given
from rnn_explorer.cli.base import BadInput


def add(commands: Any) -> None:
    memory = command(
        commands,
        "memory",
        "how far back a model remembers",
        "Sensitivity of the last state to earlier ones (norms of the Jacobian product by lag), loss gradient by time "
        "step, input saliency and what the gates do, for one probe sequence.",
    )
    add_options(memory, MemoryOptions.specs())
    memory.add_argument(
        "--jacobian-norms",
        "--triangle",  # as it was called before
        action="store_true",
        help="also the norms for all pairs of time steps, of a cell",
    )
    add_options(memory.add_argument_group("with --jacobian-norms"), LayerOptions.specs())
    memory.set_defaults(run=_memory)


def _memory(told: argparse.Namespace) -> int:
    questions = {"memory": given(told, MemoryOptions)}
    if told.jacobian_norms:
        questions["jacobian_norms"] = given(told, JacobianNormOptions)
    elif given(told, LayerOptions):
        raise BadInput("--layer and --direction go with --jacobian-norms; memory itself is about every cell.")
    return asked(told, questions)
