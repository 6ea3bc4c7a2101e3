"""The command `tasks`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rnn_explorer.cli.printing import table
from rnn_explorer.tasks import TASKS


def add(commands: Any) -> None:
    parser = commands.add_parser("tasks", help="list the tasks", description="List the tasks and what each teaches.")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.set_defaults(run=_tasks)


def _tasks(args: argparse.Namespace) -> int:
    rows = [
        {"key": key, "title": kind.title, "metric": kind.metric.name, "teaches": kind.teaches, "summary": kind.summary}
        for key, kind in TASKS.items()
    ]
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        columns = ("key", "title", "metric", "teaches")
        print(table(columns, [[row[column] for column in columns] for row in rows]))
    return 0
