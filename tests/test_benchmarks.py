from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import common
from benchmarks.bare import BareLoop
from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("module", ["benchmarks.trainer", "benchmarks.live"])
def test_help(module):
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert {"--seconds", "--rounds", "--json"} <= set(re.findall(r"--[a-z]+", done.stdout))


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


def test_ratio_is_taken_round_by_round():
    assert common.ratio([1.0, 4.0, 90.0], [2.0, 4.0, 100.0]) == 0.9
    assert common.middle([3.0, 1.0]) == 2.0


def test_table():
    assert common.table(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
