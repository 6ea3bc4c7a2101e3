"""The command `open`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rnn_explorer.cli import app
from rnn_explorer.recording.run_file.reading import opened


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "open",
        help="serve the pages with the run of a run file open",
        description="Serve the pages, and print the address that opens the run of FILE.rnnx at its newest state, with "
        "its past. The page says when FILE has grown, as a job on a cluster makes it grow, and offers the newer state. "
        "The server reads FILE alone; the run that you open is a copy, which you can train on.",
        epilog=app.EPILOG,
    )
    parser.add_argument("file", metavar="FILE.rnnx", help="what train --save or Export on the pages has written")
    app.add_arguments(parser)
    parser.set_defaults(run=_run)


def _run(parsed: argparse.Namespace) -> int:
    path = Path(parsed.file)
    with opened(path, parsed.file) as found:  # its sentence comes before a server is started
        found.drop_data()
    options = app.options_of(parsed)
    from rnn_explorer.ui import application  # Streamlit takes a second to import

    application.serve(options, path.resolve())
    return 0
