"""The README says what is: its commands run, its tables name every task and setting with its range."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

import pytest

from rnn_explorer.cli import main
from rnn_explorer.experiment import MAX_SEED, Experiment, ModelSettings, TrainingSettings
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.user_data import store

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m rnn_explorer .+$", README, re.MULTILINE)


def bring_files(folder: Path) -> None:
    """The files that the commands on data of one's own name."""
    weather = [f"{10 + 5 * math.sin(day / 6):.2f},{3 + math.cos(day / 4):.2f}" for day in range(400)]
    (folder / "weather.csv").write_text("\n".join(["temp,wind", *weather]))
    insects = ["bee", "fly"]
    flights = [
        f"{math.sin(step * (1 + flight % 2)):.3f},{step / 12:.3f},{insects[flight % 2]},f{flight}"
        for flight in range(60)
        for step in range(12)
    ]
    (folder / "flights.csv").write_text("\n".join(["x,y,insect,flight", *flights]))
    (folder / "book.txt").write_text("It was the best of times, it was the worst of times. " * 200)


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bring_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    status = main(shlex.split(command)[3:])
    told = capsys.readouterr()
    store.drop_all()
    assert status == 0, told.err
    assert told.out


def test_there_are_commands_to_run() -> None:
    assert len(COMMANDS) >= 4


def rows() -> dict[str, list[str]]:
    """Table rows by their first cell's names."""
    found: dict[str, list[str]] = {}
    for line in README.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            for name in re.findall(r"`(\w+)`", cells[0]):
                found.setdefault(name, []).append(" | ".join(cells[1:]))
    return found


def test_every_variable_of_the_environment_is_named_and_no_other() -> None:
    own = "RNN_EXPLORER_UPLOADS"  # tells workers where the server keeps uploads; nobody sets it by hand
    read = set()
    for path in (ROOT / "rnn_explorer").rglob("*.py"):
        read |= set(re.findall(r"\bRNN_EXPLORER_[A-Z]+", path.read_text(encoding="utf-8")))
    assert read - {own} == set(re.findall(r"\bRNN_EXPLORER_[A-Z]+", README))


def test_every_task_is_named() -> None:
    assert set(TASKS.names()) <= set(rows())


def test_every_setting_is_named_and_no_other() -> None:
    real = {spec.name for task in TASKS.names() for spec in Experiment.default(task).specs()}
    assert set(rows()) - set(TASKS.names()) == real | {"task"}


@pytest.mark.parametrize("spec", [*ModelSettings.specs(), *TrainingSettings.specs()], ids=lambda spec: spec.name)
def test_ranges_and_choices_are_the_real_ones(spec) -> None:
    text = rows()[spec.name][0]
    if spec.kind is str:
        assert text.startswith(", ".join(spec.choices))
    elif spec.kind in (int, float):
        low, high = (float(number) for number in re.match(r"(\S+) to (\S+)", text).groups())  # type: ignore[union-attr]
        assert (low, high) == (spec.low, spec.high)
    assert MAX_SEED == 2147483647


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
