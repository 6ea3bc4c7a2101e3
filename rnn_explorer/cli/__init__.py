"""The command line: serve the pages; list the tasks and their settings, train and ask about a model without a browser.

Everything it says of tasks and settings is read from their declarations. Exit status: 0 when all went well, 1 when
training diverged or its losses are no numbers, 2 on bad input, 3 by a fault of the program, 130 when interrupted.

Each command has a file. What is typed is judged before torch is imported, so that a typo is told at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from rnn_explorer.cli import app, fixed_points, memory, open_file, settings, tasks, train
from rnn_explorer.cli.base import Parser
from rnn_explorer.cli.printing import tell
from rnn_explorer.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: what was typed after `rnn-explorer`; taken from the process when None. Without any the pages are
            served.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        parser = _parser()
        parsed, unknown = parser.parse_known_args(words or ["app"])
        if hasattr(parsed, "more"):  # it serves the pages
            parsed.more = unknown
        elif unknown:
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        return int(parsed.run(parsed))
    except UserError as error:
        tell([str(error)])
        return 2
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        traceback.print_exc()
        tell(["This is a fault of the program, not of what you typed; the lines above say where."])
        return 3


def _parser() -> Parser:
    program = "python -m rnn_explorer" if Path(sys.argv[0]).name == "__main__.py" else "rnn-explorer"
    parser = Parser(prog=program, description="Train small recurrent networks and look inside.")
    commands = parser.add_subparsers(metavar="command", required=True, parser_class=Parser)
    for command in (app, open_file, tasks, settings, train, memory, fixed_points):
        command.add(commands)
    return parser
