"""The command `fixed-points`."""

from __future__ import annotations

import argparse
from typing import Any

from rnn_explorer.cli.asking import asked, command, given
from rnn_explorer.cli.base import number_of, numbers, whole


def add(commands: Any) -> None:
    points = command(
        commands,
        "fixed-points",
        "fixed points of a layer under a constant input",
        "Fixed and slow points of the recurrent map for a constant input, with their eigenvalues.",
    )
    count: dict[str, Any] = {"type": whole, "metavar": "N"}
    number: dict[str, Any] = {"type": number_of, "metavar": "X"}
    points.add_argument("--layer", help="from 0", **count)
    points.add_argument("--direction", help="forward or backward")
    points.add_argument(
        "--input",
        type=numbers,
        metavar="X,X,...",
        help="the constant input, as in --input=-1,0,0.5, or the number of a symbol; zeros if left out",
    )
    points.add_argument("--inits", help="initial states of the search", **count)
    points.add_argument("--noise", help="how far they are moved off the model's own states", **number)
    points.add_argument("--tolerance", help="the largest speed q of a fixed point", **number)
    points.add_argument("--slow-tolerance", help="the largest speed q of a slow point", **number)
    points.add_argument("--max-iterations", help="of each search", **count)
    points.add_argument("--seed", help="of the initial states", **count)
    points.set_defaults(run=_fixed_points)


def _fixed_points(told: argparse.Namespace) -> int:
    names = ("layer", "direction", "input", "inits", "noise", "tolerance", "slow_tolerance", "max_iterations", "seed")
    return asked(told, {"fixed_points": given(told, *names)})
