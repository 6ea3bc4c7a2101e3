"""The app, and the server of `rnn-explorer`."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import streamlit as st
from streamlit import config
from streamlit.web.cli import main_run

from rnn_explorer.errors import UserError
from rnn_explorer.ui import faults, run_files, server, server_settings
from rnn_explorer.ui.navigation import FRAME


class BadOption(UserError):
    """An option of the server is unknown or has an invalid value; the message is a sentence."""


def arguments() -> dict[str, Any]:
    """Arguments of `st.App`. Options that are not set take our settings, since routes depend on them."""
    server_settings.fill()
    return {
        "script_path": FRAME,
        "routes": server.routes(),
        "middleware": server.middleware(),
        "lifespan": server.lifespan,
        "on_script_error": faults.show,
        "exception_handlers": {Exception: server.fault},
    }


def make() -> st.App:
    """The app, for any ASGI server: `uvicorn --factory rnn_explorer.ui.application:make`."""
    return st.App(**arguments())


def serve(options: Sequence[str] = (), file: Path | None = None) -> None:
    """Serve the app until a signal ends the process.

    Configuration files of the user and of the current folder, which are another app's, do not override our settings.

    Args:
        options: those of `streamlit run`, such as `["--server.port", "8600"]`; they override the environment
            (`STREAMLIT_SERVER_PORT`), which overrides our settings.
        file: a run file, whose address is printed; None: none.

    Raises:
        BadOption: on an unknown option or an invalid value.
    """
    chosen = {**server_settings.read(), **given(options)}
    if file is not None and "server.port" not in chosen:
        chosen["server.port"] = _free_port(chosen["server.address"])
    for option, value in chosen.items():
        config.set_option(option, value)  # `run` does so, but the app is made before
    if file is not None:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(chosen["server.address"], chosen["server.address"])
        place = f"http://{host}:{chosen['server.port']}{server_settings.prefix()}/"
        print(f"{file.name} is open at {place}?{run_files.FILE}={run_files.offer(file)}", flush=True)
    sys.argv = [str(FRAME)]  # Streamlit adds the folder of this script to the module search path
    make().run(config=chosen)


def _free_port(address: str) -> int:
    """The port that Streamlit would take, which must be known before it does: 8501, or the next one that is free."""
    first = int(config.get_option("server.port"))
    for port in range(first, first + 100):
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe,
        ):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            return port
    raise BadOption(f"No port from {first} to {first + 99} of {address} can be listened on; name one with --port.")


def given(options: Sequence[str]) -> dict[str, Any]:
    """What the options and the environment set, by option.

    Raises:
        BadOption: on an unknown option or an invalid value.
    """
    script = str(FRAME)  # which `streamlit run` asks for
    try:
        found = main_run.make_context("rnn-explorer app", [*options, script]).params
    except click.ClickException as error:
        raise BadOption(error.format_message()) from None
    target, more = found.pop("target"), found.pop("args")
    if more:
        raise BadOption(f"{target} is no option of the server.")
    return {name.replace("_", "."): value for name, value in found.items() if value is not None and value != ()}
