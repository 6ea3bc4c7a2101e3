"""Run files on the command line: written while a run trains, read, and opened on the pages."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from rnn_explorer.cli import main
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording import trained_run
from rnn_explorer.recording.run_file.reading import opened
from rnn_explorer.tasks.user_data import store
from rnn_explorer.ui import application, run_files
from tests.recording.run_files import good, with_about, with_entry, with_experiment

QUICK = "task=adding&cell=gru&seq_len=10&hidden_size=4&steps=30"
TABLE = "x,y\n" + "\n".join(f"{n * n % 37},{n}" for n in range(200))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Type a command; returns its status and what it said."""

    def type_it(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        return status, *capsys.readouterr()

    return type_it


def test_a_run_is_saved_whole_with_its_past_and_its_curves(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "run.rnnx"
    assert run("train", QUICK, "--save", str(file))[0] == 0
    assert [place.name for place in tmp_path.iterdir()] == ["run.rnnx"]
    with opened(file) as found:
        assert found.experiment == Experiment.from_query(QUICK) and found.run.step == 30 and found.run.seconds > 0
        assert found.steps[:3] == (0, 1, 2) and found.steps[-1] == 30 and found.run.versions["torch"]
        assert found.curves["train"][:, 0].tolist() == list(range(1, 31))
        assert found.curves["validation"][0, 0] == 0 and found.curves["validation"][-1, 0] > 0
    status, out, _ = run("memory", "--load", str(file))
    assert status == 0 and '"step": 30' in out


def test_what_can_be_read_while_it_trains_is_what_there_is(
    run: Any, tmp_path: Path, interrupt_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, seen = tmp_path / "run.rnnx", []
    monkeypatch.setattr(trained_run, "EVERY", 0.0)
    monkeypatch.setattr(trained_run, "_SHARE", 1.0)
    whole = trained_run.write_whole

    def noted(path: Path, write: Any) -> None:
        whole(path, write)
        with opened(path) as found:
            seen.append(found.run.step)

    monkeypatch.setattr(trained_run, "write_whole", noted)
    interrupt_at(12)
    assert run("train", QUICK, "--save", str(file))[0] == 130
    assert seen[0] == 0 and len(set(seen)) > 2 and seen == sorted(seen)
    with opened(file) as found:
        assert found.run.step == seen[-1] >= 12


def test_the_users_own_data_are_in_the_file_unless_they_are_left_out(run: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    file, own = tmp_path / "own.rnnx", ["--data", str(tmp_path / "t.csv")]
    settings = "hidden_size=3&steps=5&seq_len=10"
    _, _, err = run("train", settings, *own, "--save", str(file))
    assert "own.rnnx holds your data, too; --no-data leaves them out." in " ".join(err.split())
    store.drop_all()
    assert run("memory", "--load", str(file))[0] == 0
    _, _, err = run("train", settings, *own, "--no-data", "--save", str(file))
    assert "holds your data" not in err
    status, _, err = run("memory", "--load", str(file))
    assert status == 2 and "is a model of your own data, which it does not hold" in " ".join(err.split())
    assert run("memory", "--load", str(file), *own)[0] == 0
    assert "needs --save and --data" in run("train", QUICK, "--no-data", "--save", str(file))[2]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty"),
        (good()[:-9], "is cut off"),
        (with_entry("/etc/passwd", b""), "which no run file has"),
        (with_about(version=9), "written by a newer program"),
        (with_experiment(task="chess"), "'chess'"),
    ],
)
def test_a_bad_file_is_one_sentence_and_no_server_is_started(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    monkeypatch.setattr(application, "serve", pytest.fail)
    (tmp_path / "bad.rnnx").write_bytes(content)
    for command in ("open",), ("memory", "--load"):
        status, out, err = run(*command, str(tmp_path / "bad.rnnx"))
        assert (status, out) == (2, "") and words in err and err.count("\n") == 1 and "Traceback" not in err


def test_open_serves_the_file_with_the_options_of_the_server(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []
    monkeypatch.setattr(application, "serve", lambda *about: served.append(about))
    monkeypatch.chdir(tmp_path)
    Path("a.rnnx").write_bytes(good())
    assert run("open", "a.rnnx", "--port", "8600", "--server.allowedHosts", "x")[0] == 0
    assert served == [(["--server.allowedHosts", "x", "--server.port", "8600"], tmp_path / "a.rnnx")]


@pytest.mark.parametrize(
    "options, place",
    [
        (["--server.port", "8600"], "http://127.0.0.1:8600/?file="),
        (["--server.port", "8600", "--server.address", "0.0.0.0"], "http://127.0.0.1:8600/?file="),
        (["--server.port", "8600", "--server.address", "lab.example.org", "--server.baseUrlPath", "rnn"],
         "http://lab.example.org:8600/rnn/?file="),
    ],
)  # fmt: skip
def test_the_address_of_the_file_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], place: str
) -> None:
    class App:
        def run(self, config: Any) -> None:
            self.config = config

    monkeypatch.setattr(application, "make", App)
    set_options: dict[str, Any] = {}
    monkeypatch.setattr(application.config, "set_option", set_options.__setitem__)
    monkeypatch.setattr(
        application.server_settings, "prefix", lambda: "/rnn" if set_options.get("server.baseUrlPath") else ""
    )
    application.serve(options, tmp_path / "a.rnnx")
    printed = capsys.readouterr().out.strip()
    assert printed.startswith(f"a.rnnx is open at {place}")
    assert run_files._offered.pop(printed.rpartition("=")[2]) == tmp_path / "a.rnnx"


def test_a_port_is_chosen_before_the_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(application.config, "get_option", lambda name: port)
        assert port < application._free_port("127.0.0.1") < port + 100
