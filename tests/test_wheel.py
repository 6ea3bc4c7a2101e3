"""What `pip install .` installs works from a foreign folder: the server with its pages, and the command line."""

from __future__ import annotations

import json
import os
import shutil
import site
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from rnn_explorer.ui import navigation, server_settings
from rnn_explorer.views import VIEWS
from tests.ui.serving import PATIENCE, Serving, only, page, start, stop

ROOT = Path(__file__).parents[1]
SOURCES = ("rnn_explorer", "pages", "setup.py", "pyproject.toml", "requirements.txt", "requirements-fast.txt",
           "README.md", "LICENSE")  # fmt: skip
OTHERS = '[server]\naddress = "0.0.0.0"\n[client]\nshowErrorDetails = "full"\n'  # what the folder has for another app
SECRET = "words of the source"
PROBE = f"""
import json, streamlit
from rnn_explorer.ui import server_settings
streamlit.text(json.dumps({{option: streamlit.get_option(option) for option in server_settings.read()}}))
raise RuntimeError("{SECRET}")
"""


@dataclass
class Installed:
    """A virtual environment with the wheel, and a folder that has nothing to do with it."""

    environment: Path
    foreign: Path

    @property
    def command(self) -> str:
        return str(self.environment / "bin" / "rnn-explorer")

    @property
    def packages(self) -> Path:
        (found,) = self.environment.glob("lib/python*/site-packages")
        return found

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        own = {**os.environ, "PYTHONPATH": "", "HOME": str(self.foreign)}
        return subprocess.run(
            [self.command, *words], cwd=self.foreign, env=own, capture_output=True, text=True, timeout=120
        )


def pip(*words: str, python: Path = Path(sys.executable)) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", *words], cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, so that nothing is built in the tree itself; with what an older build left."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    old = folder / "build" / "lib" / "rnn_explorer" / "removed.py"
    old.parent.mkdir(parents=True)
    old.write_text("")
    return folder


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(sources))
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module", params=["borrowing", pytest.param("fresh", marks=pytest.mark.long)])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """`borrowing` takes the dependencies from the environment of the tests, `fresh` installs them."""
    folder = tmp_path_factory.mktemp(request.param)
    made = Installed(folder / "environment", folder / "foreign")
    (made.foreign / ".streamlit").mkdir(parents=True)
    (made.foreign / ".streamlit" / "config.toml").write_text(OTHERS)
    fresh = request.param == "fresh"
    subprocess.run([sys.executable, "-m", "venv", *([] if fresh else ["--without-pip"]), made.environment], check=True)
    python = made.environment / "bin" / "python"
    if fresh:
        sources = request.getfixturevalue("sources")
        pip("install", "--constraint", str(ROOT / "constraints.txt"), f"{sources}[fast]", python=python)
    else:
        (made.packages / "borrowed.pth").write_text("\n".join(site.getsitepackages()))
        wheel = str(request.getfixturevalue("wheel"))
        pip("--python", str(python), "install", "--no-deps", "--no-index", wheel)
    return made


@pytest.fixture(scope="module")
def serving(installed: Installed) -> Iterator[Serving]:
    running = start(
        installed.foreign,
        command=[installed.command],
        cwd=installed.foreign,
        PYTHONPATH="",
        HOME=str(installed.foreign),
    )
    yield running
    stop(running)


def test_the_wheel_holds_the_package_with_the_pages_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = [path for path in (ROOT / "rnn_explorer").rglob("*") if path.is_file()]
    needed = {str(path.relative_to(ROOT)) for path in package if not path.name.endswith((".pyc", ".d.ts"))}
    assert names == needed | {f"rnn_explorer/pages/{path.name}" for path in (ROOT / "pages").glob("*.py")}


def test_the_commands_run_from_a_foreign_folder(installed: Installed) -> None:
    tasks = installed.call("tasks")
    assert tasks.returncode == 0 and "temporal_order" in tasks.stdout, tasks.stderr
    trained = installed.call("train", "task=names&train_size=200&steps=2", "--json")
    assert trained.returncode == 0 and '"event": "done"' in trained.stdout, trained.stderr
    assert "(see rnn-explorer --help)" in installed.call("nosuch").stderr


def test_it_listens_on_the_loopback_address_alone(serving: Serving) -> None:
    assert serving.ask("/_stcore/health")[0] == 200
    for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
        with pytest.raises(OSError), socket.socket(family) as client:
            client.settimeout(5)
            client.connect((address, serving.port))


def test_every_page_is_there(serving: Serving) -> None:
    shown = only(page(serving, ""), "navigation").navigation.app_pages
    assert [(one.url_pathname, one.page_name) for one in shown] == [
        (navigation.address(each), each.title) for each in navigation.found()
    ]
    for one in shown:
        with urllib.request.urlopen(f"http://{serving.host}/{one.url_pathname}", timeout=30) as answer:
            assert answer.status == 200
        received = page(serving, one.url_pathname)
        assert only(received, "navigation").navigation.page_script_hash == one.page_script_hash
        assert received[-1].script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        elements = [message.delta.new_element.WhichOneof("type") for message in received]
        assert "exception" not in elements and "alert" not in elements
        about_a_run = (one.url_pathname or "lab") in VIEWS
        assert ("bidi_component" if about_a_run else "markdown") in elements


def test_it_has_our_theme(serving: Serving) -> None:
    session = only(page(serving, ""), "new_session").new_session
    assert (session.custom_theme.light.primary_color, session.custom_theme.dark.primary_color) == ("#0072B2", "#56B4E9")
    assert not session.config.gather_usage_stats


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_watches_no_files(serving: Serving) -> None:
    page(serving, "")
    opened = [os.readlink(file) for file in Path(f"/proc/{serving.process.pid}/fd").iterdir() if file.is_symlink()]
    assert not [name for name in opened if "inotify" in name]


def test_a_page_sees_our_settings_and_its_faults_show_no_traceback(serving: Serving, installed: Installed) -> None:
    script = installed.packages / "rnn_explorer" / "pages" / "data.py"
    whole = script.read_text()
    options, deadline = [], time.monotonic() + PATIENCE
    try:
        script.write_text(PROBE)
        while not options and time.monotonic() < deadline:  # compiled pages are kept until nobody is connected
            received = page(serving, "data")
            shown = [message.delta.new_element for message in received]
            options = [json.loads(element.text.body) for element in shown if element.HasField("text")]
    finally:
        script.write_text(whole)
    assert options == [server_settings.read()]
    assert [element.alert.format for element in shown if element.HasField("alert")] == [Alert.ERROR]
    assert SECRET not in str(received) and "Traceback" not in str(received)
