"""Without the compiler everything works the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
if sys.argv[1] == "missing":
    sys.modules["llvmlite"] = sys.modules["platformdirs"] = None  # as if they were not installed
import torch
torch.set_num_threads(1)
from rnn_explorer import kernels
from rnn_explorer.engine.worker import _warm_up
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer
kernels.prepare()
_warm_up()
trainer = Trainer(Experiment.from_query("task=adding&cell=gru&seq_len=10&hidden_size=6&learning_rate=0.02&steps=30"))
losses = [report.train_loss for report in trainer.advance(60)]
optimizer = type(trainer.optimizer)
trainer.restore(trainer.state())
trainer.snapshot()
print(json.dumps([kernels.ENABLED, "llvmlite.ir" in sys.modules, optimizer.__module__, losses]))
"""


def told(way: str, **environment: str) -> list:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_missing_package_and_a_switch_lead_to_torchs_kernels(tmp_path):
    fast = told("there", RNN_EXPLORER_CACHE=str(tmp_path))
    assert fast[:3] == [True, True, "rnn_explorer.kernels.adam"]
    missing = told("missing")
    for slow in (missing, told("there", RNN_EXPLORER_KERNELS="torch")):
        assert slow[0] is False and slow[2] == "torch.optim.adam"
        assert slow[3] == pytest.approx(fast[3], rel=1e-4)
    assert missing[1] is False
