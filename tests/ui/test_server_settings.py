"""The server's settings are the same however it is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit import config

from rnn_explorer.ui import server_settings

ROOT = Path(__file__).parents[2]
FOREIGN = """
[server]
address = "0.0.0.0"
fileWatcherType = "auto"
[client]
showErrorDetails = "full"
[theme.light]
primaryColor = "#ff0000"
"""
# Starts the server with a web server that prints the options in force when it would listen.
START = """
import json, sys
from streamlit import config
from streamlit.web.server.starlette import starlette_server
from rnn_explorer.ui import server_settings

def show(runner):
    print(json.dumps({option: config.get_option(option) for option in (*server_settings.read(), "server.port")}))

starlette_server.UvicornRunner.run = show
"""
COMMAND = "from rnn_explorer.__main__ import main; main()"
STREAMLIT = "from streamlit.web.cli import main; main(standalone_mode=False)"
FACTORY = "from rnn_explorer.ui import application; application.make(); show(None)"


def started(how: str, *words: str, folder: Path, **environment: str) -> dict[str, Any]:
    """The options of a server that is started in a folder, with its user's home there."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    done = subprocess.run(
        [sys.executable, "-c", f"{START}\n{how}", *words], cwd=folder, capture_output=True, text=True, timeout=120,
        env={**own, "HOME": str(folder), "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """The folder of another Streamlit app, with a configuration of its own."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(FOREIGN)
    return tmp_path


def test_the_copy_that_streamlit_reads_is_the_same() -> None:
    copy = ROOT / ".streamlit" / "config.toml"
    assert copy.read_text(encoding="utf-8") == server_settings.FILE.read_text(encoding="utf-8"), "run `make settings`"


def test_streamlit_knows_every_option() -> None:
    for option in server_settings.read():
        config.get_option(option)  # raises where there is no such option


@pytest.mark.parametrize("how", [(COMMAND,), (STREAMLIT, "run", str(ROOT / "app.py"))])
def test_they_apply_beside_the_configuration_of_another_app(how: tuple[str, ...], foreign: Path) -> None:
    options = started(*how, folder=foreign)
    assert options == server_settings.read() | {"server.port": 8501}


def test_they_apply_under_another_web_server(tmp_path: Path) -> None:
    assert started(FACTORY, folder=tmp_path) == server_settings.read() | {"server.port": 8501}


def test_the_environment_overrides_them_and_the_command_line_overrides_it(foreign: Path) -> None:
    options = started(
        COMMAND, "app", "--host", "0.0.0.0", "--port", "8602", "--server.maxUploadSize=8", folder=foreign,
        STREAMLIT_SERVER_PORT="8601", STREAMLIT_SERVER_MAX_UPLOAD_SIZE="7", STREAMLIT_CLIENT_TOOLBAR_MODE="viewer",
    )  # fmt: skip
    expected = {"server.port": 8602, "server.maxUploadSize": 8, "client.toolbarMode": "viewer"}
    assert options == server_settings.read() | expected | {"server.address": "0.0.0.0"}
