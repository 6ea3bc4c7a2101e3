from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import common, kernels, train_speed
from benchmarks.bare import BareLoop
from benchmarks.made import made_task
from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "module, options",
    [
        ("trainer", {"--seconds", "--rounds", "--json"}),
        ("live", {"--seconds", "--rounds", "--json"}),
        ("snapshots", {"--seconds", "--rounds", "--json"}),
        ("kernels", {"--seconds", "--kinds", "--hidden", "--json"}),
        ("train_speed", {"--rounds", "--rows", "--json"}),
    ],
)
def test_help(module, options):
    command = [sys.executable, "-m", f"benchmarks.{module}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert options <= set(re.findall(r"--[a-z]+", done.stdout))


def test_the_cells_measured_are_those_there_are():
    assert sorted(common.CELLS) == sorted(CELLS.names())


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("cell", common.CELLS)
@pytest.mark.parametrize(
    "query",
    ["task=flip_flop&seq_len=12&hidden_size=6&batch_size=8", "task=digits&train_size=100&hidden_size=6&dense=8,5"],
)
def test_the_bare_loop_does_the_same_work_as_the_trainer(query, cell, fused):
    experiment = Experiment.from_query(query).replace(cell=cell, learning_rate=0.02, clip_norm=0.05, steps=60)
    trainer = Trainer(experiment)
    loop = BareLoop(experiment, trainer.task, fused)
    ours, validated = [], []
    theirs, theirs_validated = [], []
    per_epoch = trainer.steps_per_epoch()
    for number in range(min(per_epoch, 50) + 2):
        report = trainer.step()
        ours.append(report.train_loss)
        theirs.append(loop.step())
        if report.val_loss is not None:
            validated.append((number, report.val_loss, report.val_metric))
        if number + 1 == per_epoch:
            theirs_validated.append((number, loop.val_loss, loop.val_metric))
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)  # the same weights and the same batch
    np.testing.assert_allclose(theirs, ours, rtol=1e-3)
    assert np.ptp(ours) > 1e-3  # they moved
    assert len(validated) == 1
    np.testing.assert_allclose(theirs_validated, validated, rtol=1e-3)


def test_the_bare_loop_refuses_what_it_does_not_know():
    for query in (
        "task=names",
        "task=adding&num_layers=2",
        "task=adding&bidirectional=true",
        "task=adding&optimizer=sgd",
    ):
        experiment = Experiment.from_query(query)
        with pytest.raises(ValueError, match="bare"):
            BareLoop(experiment, experiment.make_task())


TINY = train_speed.Row("gru", 4, 3, 5)


def test_operations_are_counted_as_by_hand():
    # gates x hidden x (inputs + hidden) at each of 4 steps, then the dense layers; forward, and twice that backward
    assert TINY.operations() == 3 * 2 * 32 * (4 * 3 * 5 * (3 + 5) + 5 * 64 + 64 * 32 + 32 * 10)


def test_peers_answer_from_processes_of_their_own():
    told = [train_speed.Peer(name, name) for name in ("ours", "torch")]
    try:
        for peer in told:
            assert peer.seconds(TINY, 3) > 0
            peer.steps[TINY] = 5
            assert peer.milliseconds(TINY) > 0
    finally:
        for peer in told:
            peer.end()


def test_what_the_speed_table_says():
    times = {"ours, 1": [2.0, 2.0], "ours, 2": [1.0, 4.0], "torch.nn, 1": [6.0, 8.0], "torch.nn, 2": [3.0, 3.0]}
    ours, others = ["ours, 1", "ours, 2"], ["torch.nn, 1", "torch.nn, 2"]
    assert train_speed._best_ratio(times, others, ours) == 1.5  # by the medians 2.0 and 3.0
    result = {"row": "GRU 4, 3, 5", "ms": {"ours, 1": 2.0}, "ratio": 1.5, "ratio_torch": 3.5}
    assert train_speed.show([result]).splitlines()[-1] == "| GRU 4, 3, 5 | 2.00 | 3.50 | 1.50 |"


def test_a_made_task_trains():
    task = made_task(torch.randn(40, 4, 3), torch.arange(40) % 10, 10)
    trainer = Trainer(Experiment.default("digits").replace(hidden_size=5, batch_size=8), task)
    reports = [trainer.step() for _ in range(5)]
    assert reports[-1].epoch == 1.0 and reports[-1].val_loss is not None


def test_kernels_are_measured_and_put_in_a_table():
    ratio = kernels.measure("gru", 4, 5, 2, 0.0)
    assert ratio > 0
    told = [{"cell": "gru", "hidden": 4, "length": 5, "batch": 1, "ratio": 2.5}]
    assert kernels.show(told).splitlines()[-1] == "| gru | 4 | 2.5 |" + "  |" * 11


def test_ratio_is_taken_round_by_round():
    assert common.ratio([1.0, 4.0, 90.0], [2.0, 4.0, 100.0]) == 0.9
    assert common.middle([3.0, 1.0]) == 2.0


def test_table():
    assert common.table(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
