"""The README says what is: its commands run, and its tables are those that the registries print."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

import pytest

from docs import tables
from rnn_explorer.cli import main
from rnn_explorer.experiment import MAX_SEED, Experiment
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


@pytest.mark.parametrize("path", tables.FILES, ids=lambda path: path.name)
def test_its_tables_are_those_that_make_docs_prints(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("<!-- table: ") == text.count("<!-- end of table -->") > 0
    assert tables.printed(text) == text, "stale: run make docs"


def test_a_stale_table_is_printed_anew_and_nothing_else() -> None:
    around = "before | `x`\n\n<!-- table: tasks -->\n{}<!-- end of table -->\n\nafter\n"
    assert tables.printed(around.format("| old |\n")) == around.format(tables.tasks())
    with pytest.raises(KeyError):
        tables.printed(around.format("").replace("tasks", "tusks"))


def rows(printed: str, key: int) -> dict[str, list[str]]:
    """The rows of a table by the name in one of their cells."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in printed.splitlines()[2:]]
    return {row[key].strip("`"): row for row in cells}


def test_tables_name_every_task_and_setting_with_its_range() -> None:
    assert list(rows(tables.tasks(), 0)) == list(TASKS.names())
    general = rows(tables.settings(), 0)
    own = rows(tables.task_settings(), 1)
    assert {spec.name for task in TASKS.names() for spec in Experiment.default(task).specs()} == {*general, *own} - {
        "task"
    }
    assert general["cell"][1] == "rnn, lstm, gru" and general["seed"][1] == f"0 to {MAX_SEED}"
    assert general["learning_rate"][2].endswith("Can be changed while it trains.")
    assert own["lag"][:3] == ["`copy`", "`lag`", "1 to 100 (time steps)"]


def test_every_variable_of_the_environment_is_named_and_no_other() -> None:
    own = "RNN_EXPLORER_UPLOADS"  # tells workers where the server keeps uploads; nobody sets it by hand
    read = set()
    for path in (ROOT / "rnn_explorer").rglob("*.py"):
        read |= set(re.findall(r"\bRNN_EXPLORER_[A-Z]+", path.read_text(encoding="utf-8")))
    assert read - {own} == set(re.findall(r"\bRNN_EXPLORER_[A-Z]+", README))


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
