"""The command `app`."""

from __future__ import annotations

import argparse
from typing import Any

from rnn_explorer.cli.base import whole

EPILOG = (
    "The options of `streamlit run` are accepted as well, such as --server.allowedHosts lab.example.org, and its "
    "environment variables, such as STREAMLIT_SERVER_PORT."
)


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "app", help="serve the pages (what happens without a command)", description="Serve the pages.", epilog=EPILOG
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where to listen to a command that serves the pages; options that are not known are put under `more`."""
    parser.add_argument("--host", help="address to listen on (127.0.0.1); 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=whole, help="port to listen on (8501, or the next one that is free)")
    parser.set_defaults(more=[])


def options_of(parsed: argparse.Namespace) -> list[str]:
    """What was typed, as options of Streamlit's."""
    options = list(parsed.more)
    if parsed.host is not None:
        options += ["--server.address", parsed.host]
    if parsed.port is not None:
        options += ["--server.port", str(parsed.port)]
    return options


def run(parsed: argparse.Namespace) -> int:
    """Serve until a signal ends the process; `parsed.more` are options of Streamlit's."""
    options = options_of(parsed)
    from rnn_explorer.ui import application  # Streamlit takes a second to import

    application.serve(options)
    return 0
