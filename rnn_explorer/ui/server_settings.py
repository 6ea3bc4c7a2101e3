"""The server's settings, for every way of starting it: `server.toml` in this folder.

Streamlit reads configuration files in the user's home, in the current folder and beside the script that it runs. Only
the last would be ours, and only under `streamlit run`. Elsewhere it would listen on all addresses and show tracebacks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streamlit import config

FILE = Path(__file__).with_name("server.toml")


def read() -> dict[str, Any]:
    """The values by option: `{"server.address": "127.0.0.1", ...}`."""
    return dict(_options(tomllib.loads(FILE.read_text(encoding="utf-8"))))


def fill() -> None:
    """Set every option that neither the command line, nor the environment, nor a configuration file has set."""
    for option, value in read().items():
        if not config.is_manually_set(option):
            config.set_option(option, value)


def _options(section: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _options(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def prefix() -> str:
    """The path under which everything is served, without a slash at its end ("" at the root)."""
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""
