"""The command `fixed-points`."""

from __future__ import annotations

import argparse
from typing import Any

from rnn_explorer.analysis.dynamics.record import FixedPointOptions
from rnn_explorer.cli.asking import add_options, asked, command, given


def add(commands: Any) -> None:
    points = command(
        commands,
        "fixed-points",
        "fixed points of a layer under a constant input",
        "Fixed and slow points of the recurrent map for a constant input, with their eigenvalues.",
    )
    add_options(points, FixedPointOptions.specs())
    points.set_defaults(run=_fixed_points)


def _fixed_points(told: argparse.Namespace) -> int:
    return asked(told, {"fixed_points": given(told, FixedPointOptions)})
