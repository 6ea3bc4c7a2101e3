"""The command that trains the catalogue, at tiny sizes."""

from __future__ import annotations

import json

import pytest

from benchmarks import catalogue
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.base import BenchmarkRow
from rnn_explorer.training import Trainer


def test_it_prints_a_table(capsys):
    assert catalogue.main(["--tasks", "reber", "--seeds", "2", "--steps-scale", "0.002", "--cells", "rnn", "gru"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [line.split(" | ")[:3] for line in lines[2:]] == [["| reber", "rnn", "0 of 2"], ["| reber", "gru", "0 of 2"]]
    assert "550-1300" in lines[3]


def test_json_has_every_run(capsys):
    arguments = ["--tasks", "anbn", "local_peak", "--seeds", "2", "--steps-scale", "0.1", "--cells", "lstm", "--json"]
    assert catalogue.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert [result["row"] for result in found["results"]] == ["anbn", "local_peak", "local_peak, bidirectional=false"]
    anbn, both, one_way = found["results"]
    assert [run["steps"] for run in anbn["runs"]] == [100, 100]
    assert [run["steps"] for run in both["runs"]] == [50, 50]
    assert {run["seed"] for run in anbn["runs"]} == {0, 1}
    assert 0 < anbn["further"]["r"] <= 1 and both["further"] == {}
    assert anbn["runs"][0]["loss"] != anbn["runs"][1]["loss"]
    assert both["baseline_metric"] == one_way["baseline_metric"] == pytest.approx((1 + 2**0.5) / 3)


def test_a_run_is_solved_at_the_first_look_that_says_so():
    easy = BenchmarkRow("steps=120", level=0.3)  # above chance is not asked: any model gets there
    run = catalogue.train("context", easy, "lstm", 0, 1.0)
    assert (run["solved_at"], run["steps"], run["diverged"]) == (50, 120, False)
    assert 0 < run["solved_seconds"] <= run["seconds"]
    trainer = Trainer(Experiment.from_query("task=context&steps=120&cell=lstm"))
    trainer.advance(float("inf"))
    assert (run["loss"], run["metric"]) == trainer.evaluate("validation")
    never = BenchmarkRow("steps=10", level=1.1)
    assert catalogue.train("context", never, "lstm", 0, 1.0)["solved_at"] is None


def test_a_run_that_diverges_is_told_and_not_an_error():
    row = BenchmarkRow("nonlinearity=relu&init=identity&optimizer=sgd&learning_rate=5.0&clip_norm=0")
    run = catalogue.train("flip_flop", row, "rnn", 0, 1.0)
    assert run["diverged"] and run["steps"] < 1500


def test_every_row_of_every_task_is_trained_with_every_cell(monkeypatch, capsys):
    trained = []
    nothing = {"further": {}, "solved_at": None, "solved_seconds": None, "seconds": 0.0}
    nothing |= dict.fromkeys(("loss", "metric", "test_metric", "baseline_loss", "baseline_metric"), 0.0)
    monkeypatch.setattr(catalogue, "train", lambda *given: trained.append(given[:3]) or nothing)
    assert catalogue.main(["--seeds", "1"]) == 0
    rows = [(name, row) for name, task in TASKS.items() for row in task.benchmarks]
    assert trained == [(name, row, cell) for name, row in rows for cell in catalogue.CELLS]
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")][2:]
    assert len(lines) == len(trained) and lines[3].startswith("| digits, pixels=true | rnn |")


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--steps-scale", "-1"], ["--cells", "transformer"]])
def test_arguments_that_make_no_sense_are_refused(arguments):
    with pytest.raises(SystemExit) as ended:
        catalogue.main(arguments)
    assert ended.value.code == 2
