"""The command `settings`."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any

from rnn_explorer.experiment import DEFAULT_TASK, Experiment
from rnn_explorer.progress import width
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks import TASKS


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "settings",
        help="list a task's settings",
        description="List every setting of a task with its range and default.",
    )
    parser.add_argument("task", nargs="?", default=DEFAULT_TASK, help=f"the task's key; {DEFAULT_TASK} if left out")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.set_defaults(run=_settings)


def _settings(args: argparse.Namespace) -> int:
    if args.task not in TASKS:
        raise SettingError("task", args.task, "one of " + ", ".join(TASKS.names()))
    experiment = Experiment.default(args.task)
    rows = [
        {
            "key": spec.name,
            "default": experiment.to_dict()[spec.name],
            "allowed": spec.allowed,
            "unit": spec.unit,
            "live": spec.live,
            "help": spec.help,
        }
        for spec in experiment.specs()
    ]
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    for spec in experiment.specs():
        unit = f" ({spec.unit})" if spec.unit else ""
        print(f"{spec.name} = {spec.text(experiment.get(spec.name))}    {spec.allowed}{unit}")
        print(textwrap.indent(textwrap.fill(spec.help, width() - 4, break_on_hyphens=False), "    "))
    return 0
