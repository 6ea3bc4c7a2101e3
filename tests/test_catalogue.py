"""The command that trains the catalogue, at tiny sizes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import catalogue
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import TASKS
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
    assert 0 < anbn["counting"] <= 1 and both["counting"] is None
    assert anbn["runs"][0]["loss"] != anbn["runs"][1]["loss"]
    assert both["baseline_metric"] == one_way["baseline_metric"] == pytest.approx((1 + 2**0.5) / 3)


def test_a_run_is_solved_at_the_first_look_that_says_so():
    easy = catalogue.Row("task=context&steps=120", level=0.3)  # above chance is not asked: any model gets there
    run = catalogue.train(easy, "lstm", 0, 1.0)
    assert (run["solved_at"], run["steps"], run["diverged"]) == (50, 120, False)
    assert 0 < run["solved_seconds"] <= run["seconds"]
    trainer = Trainer(Experiment.from_query("task=context&steps=120&cell=lstm"))
    trainer.advance(float("inf"))
    assert (run["loss"], run["metric"]) == trainer.evaluate("validation")
    never = catalogue.Row("task=context&steps=10", level=1.1)
    assert catalogue.train(never, "lstm", 0, 1.0)["solved_at"] is None


def test_a_run_that_diverges_is_told_and_not_an_error():
    row = catalogue.Row("task=flip_flop&nonlinearity=relu&init=identity&optimizer=sgd&learning_rate=5.0&clip_norm=0")
    run = catalogue.train(row, "rnn", 0, 1.0)
    assert run["diverged"] and run["steps"] < 1500


def test_counting_is_the_correlation_with_the_count():
    trainer = Trainer(Experiment.from_query("task=anbn&cell=rnn&hidden_size=2"))
    trace = trainer.snapshot().trace
    count, states = [], []
    for row, length in enumerate(trace.lengths):
        running = 0
        for step in range(length):
            running += {0: 0, 1: 1, 2: -1}[int(trace.inputs[row, step])]
            count.append(running)
            states.append(trace.layer(0).states["hidden"][row, step])
    expected = max(abs(np.corrcoef(count, unit)[0, 1]) for unit in np.array(states).T)
    assert catalogue.counting(trainer) == pytest.approx(expected)


def test_every_task_has_a_row_and_every_row_an_experiment():
    shipped = [name for name in TASKS.names() if not name.startswith("own_")]  # those have no figures to compare with
    rows = catalogue.rows_of(shipped)
    assert {row.task for row in rows} == set(shipped)
    assert {row.task for row in catalogue.ROWS} == set(shipped)
    for row in rows:
        assert Experiment.from_query(row.query).to_query_string() == row.query
        assert set(row.expected) <= {"", *row.cells}


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--steps-scale", "-1"], ["--cells", "transformer"]])
def test_arguments_that_make_no_sense_are_refused(arguments):
    with pytest.raises(SystemExit) as ended:
        catalogue.main(arguments)
    assert ended.value.code == 2
