"""Without the compiler everything works the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rnn_explorer import kernels
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer

ROOT = Path(__file__).parents[2]
QUERY = "task=adding&cell=gru&seq_len=10&hidden_size=6&learning_rate=0.02&steps=30"
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
trainer = Trainer(Experiment.from_query(sys.argv[2]))
losses = [report.train_loss for report in trainer.advance(60)]
optimizer = type(trainer.optimizer)
trainer.restore(trainer.state())
trainer.snapshot()
print(json.dumps([kernels.ENABLED, "llvmlite.ir" in sys.modules, optimizer.__module__, losses]))
"""


@pytest.mark.parametrize("way, environment", [("missing", {}), ("switch", {"RNN_EXPLORER_KERNELS": "torch"})])
def test_a_missing_package_and_a_switch_lead_to_torchs_kernels(way: str, environment: dict[str, str]) -> None:
    trainer = Trainer(Experiment.from_query(QUERY))
    fast = [report.train_loss for report in trainer.advance(60)]
    assert kernels.ENABLED and type(trainer.optimizer).__module__ == "rnn_explorer.kernels.adam"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way, QUERY],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    enabled, compiler, optimizer, losses = json.loads(done.stdout)
    assert not enabled and optimizer == "torch.optim.adam" and not (compiler and way == "missing")
    assert losses == pytest.approx(fast, rel=1e-4)
