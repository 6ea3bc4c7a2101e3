"""The command `memory`."""

from __future__ import annotations

import argparse
from typing import Any

from rnn_explorer.cli.asking import asked, command, given
from rnn_explorer.cli.base import BadInput, whole


def add(commands: Any) -> None:
    memory = command(
        commands,
        "memory",
        "how far back a model remembers",
        "Sensitivity of the last state to earlier ones (norms of the Jacobian product by lag), loss gradient by time "
        "step, input saliency and what the gates do, for one probe sequence.",
    )
    count: dict[str, Any] = {"type": whole, "metavar": "N"}
    memory.add_argument("--sequence", default=0, help="which of the probe sequences, from 0", **count)
    memory.add_argument("--output", help="the class or value whose saliency is asked for, from 0", **count)
    memory.add_argument("--time-step", help="the prediction at which time step, from 1; the last if left out", **count)
    memory.add_argument(
        "--jacobian-norms",
        "--triangle",  # as it was called before
        action="store_true",
        help="also the norms for all pairs of time steps, of a cell",
    )
    memory.add_argument("--layer", help="of the Jacobian norms, from 0", **count)
    memory.add_argument("--direction", help="of the Jacobian norms: forward or backward")
    memory.set_defaults(run=_memory)


def _memory(told: argparse.Namespace) -> int:
    questions = {"memory": given(told, "sequence", "output", "time_step")}
    if told.jacobian_norms:
        questions["jacobian_norms"] = given(told, "sequence", "layer", "direction")
    elif told.layer is not None or told.direction is not None:
        raise BadInput("--layer and --direction go with --jacobian-norms; memory itself is about every cell.")
    return asked(told, questions)
