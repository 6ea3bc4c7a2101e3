"""The tasks' defaults work: each is trained without a screen and must come to know what it should."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer


def long(query: object) -> Any:
    """A case of `make test-long`."""
    return pytest.param(query, marks=pytest.mark.long)


def solved_at(trainer: Trainer) -> int | None:
    """The step of the first validation at which the task counts as solved; None where the budget ends first."""
    for report in trainer.run(math.inf):
        if report.val_metric is not None and trainer.task.metric.is_solved(report.val_metric):
            return report.step
    return None


def make(query: str) -> Trainer:
    return Trainer(Experiment.from_query(query))


def test_the_reference_program_reaches_94_percent():
    trainer = make("task=digits")
    metrics = [report.val_metric for report in trainer.run(math.inf) if report.val_metric is not None]
    assert len(metrics) == 10
    assert metrics[-1] >= 0.94
    assert trainer.evaluate("test")[1] >= 0.92


@pytest.mark.parametrize("query", ["cell=lstm", "cell=gru", long("cell=lstm&seed=1"), long("cell=gru&seed=1")])
def test_gates_solve_temporal_order(query):
    trainer = make(f"task=temporal_order&{query}")
    assert (trainer.target, trainer.task.longest) == (400, 40)
    assert solved_at(trainer) is not None


@pytest.mark.parametrize("seeds", [1, long(4)])
def test_the_simple_rnn_does_not_solve_temporal_order(seeds):
    accuracies = []
    for seed in range(seeds):
        trainer = make(f"task=temporal_order&cell=rnn&seed={seed}")
        assert solved_at(trainer) is None
        assert trainer.step_count == 400
        accuracies.append(trainer.evaluate("validation")[1])
    assert sorted(accuracies)[seeds // 2] < 0.35  # one in five gets half-way or nearly there, the others stay at chance


@pytest.mark.parametrize("cell", [long("lstm"), "gru"])
def test_gates_solve_adding(cell):
    trainer = make(f"task=adding&cell={cell}")
    assert (trainer.target, trainer.task.longest) == (800, 30)
    assert solved_at(trainer) is not None


@pytest.mark.parametrize("cell", ["rnn", long("lstm"), long("gru")])
def test_all_cells_solve_flip_flop(cell):
    trainer = make(f"task=flip_flop&cell={cell}")
    assert trainer.target == 1500
    assert solved_at(trainer) is not None


@pytest.mark.parametrize("query", ["task=names&epochs=3", "task=forecast&steps=200"])
def test_the_others_soon_beat_their_baseline(query):
    trainer = make(query)
    trainer.advance(math.inf)
    loss, metric = trainer.evaluate("validation")
    baseline = trainer.task.baseline()
    assert loss < 0.8 * baseline.loss
    assert metric > baseline.metric if trainer.task.metric.higher_is_better else metric < 0.8 * baseline.metric


@pytest.mark.parametrize("query", ["task=parity", "task=reber", "task=copy&cell=rnn&steps=600"])
def test_these_are_solved_within_their_budget(query):
    assert solved_at(make(query)) is not None


def test_long_strings_alone_teach_no_parity():
    trainer = make("task=parity&variable=false&steps=400")
    assert solved_at(trainer) is None
    assert abs(trainer.evaluate("validation")[1] - 0.5) < 0.06


def test_a_cell_counts_beyond_the_longest_string_trained_on():
    trainer = make("task=anbn")
    assert (trainer.target, trainer.task.finite_set("train").lengths.max()) == (1000, 41)
    assert solved_at(trainer) is not None
    trainer.advance(math.inf)
    assert trainer.task.further_metrics(trainer.snapshot().trace)["r"] > 0.97
    assert trainer.evaluate("test")[1] > 0.6  # strings longer still


def test_a_tanh_unit_does_not_count():
    trainer = make("task=anbn&cell=rnn")
    trainer.advance(math.inf)
    assert trainer.evaluate("validation")[1] < 0.8


def test_local_peaks_are_found_by_reading_both_ways():
    assert any((report.val_metric or 0.0) > 0.95 for report in make("task=local_peak").run(math.inf))


@pytest.mark.long
def test_local_peaks_are_not_found_by_reading_one_way():
    trainer = make("task=local_peak&bidirectional=false")
    trainer.advance(math.inf)
    assert trainer.evaluate("validation")[1] < 0.89  # 7/8 but for chance


def test_the_cued_stream_is_summed_up():
    trainer = make("task=context")
    assert max(report.val_metric or 0.0 for report in trainer.run(math.inf)) > 0.9
