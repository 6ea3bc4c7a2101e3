"""A new cell is one folder, a new task or figure one file: written into a copy of the package, nothing else changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# The minimal gated unit: G.-B. Zhou et al. (2016), Minimal gated unit for recurrent neural networks.
FACTS = '''
from rnn_explorer.cells.facts import CELLS, CellFacts


@CELLS.register("mgu")
class MGUFacts(CellFacts):
    """The minimal gated unit."""

    key = "mgu"
    title = "Minimal gated unit"
    short = "MGU"
    color, dash, marker = "#8468C4", "dot", "hexagon"
    order = 4
    gate_names = ("forget", "candidate")
    bounded = frozenset({"forget"})
    keeper = "forget"
'''
CELL = '''
import torch
from torch.nn.functional import linear

from rnn_explorer.cells.base import RecurrentCell, unchanged
from rnn_explorer.cells.mgu.facts import MGUFacts


class MGU(MGUFacts, RecurrentCell):
    """f = sigma(W_f x + U_f h), n = tanh(W_n x + U_n (f h)), h' = f h + (1 - f) n."""

    def step(self, x, state, change=unchanged):
        (h,) = state
        (w_f, w_n), (u_f, u_n) = self.split_rows(self.weight_ih), self.split_rows(self.weight_hh)
        (b_f, b_n), (c_f, c_n) = self.split_rows(self.bias_ih), self.split_rows(self.bias_hh)
        f = change("forget", torch.sigmoid(linear(x, w_f, b_f) + linear(h, u_f, c_f)))
        n = change("candidate", torch.tanh(linear(x, w_n, b_n) + linear(f * h, u_n, c_n)))
        return (f * h + (1 - f) * n,), {"forget": f, "candidate": n}

    def split_rows(self, rows):
        return rows.chunk(2, dim=0)
'''
TASK = '''
import math
from dataclasses import dataclass

import numpy as np

from rnn_explorer.settings import setting
from rnn_explorer.tasks.base import TASKS, Baseline, Batch, InputSpec, Metric, OutputSpec, Source, TaskSettings
from rnn_explorer.tasks.sampled import DrawnTask
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Explanation, Strip

NAMES = ("negative", "positive")


@dataclass(frozen=True)
class FirstSignSettings(TaskSettings):
    """How long the sequences are."""

    seq_len: int = setting(10, low=4, high=40, unit="time steps", label="Sequence length", help="Numbers to read.")

    @property
    def does(self):
        return f"reads {self.seq_len} numbers, then says the sign of the first"


@TASKS.register("first_sign")
class FirstSign(DrawnTask):
    """The sign of the first number."""

    key = "first_sign"
    title = "The first sign"
    summary = "Read noise and say whether the first number was positive."
    teaches = "Memory in its simplest form: one bit, kept over noise."
    reading_guide = (
        "The prediction is decided at the first time step and has to be kept over all others: a solved network goes "
        "to one of two places at once and stays there, and one that has not learned it drifts with the noise."
    )
    source = Source(citation="made for a test", license="generated here", url="https://example.org")
    settings_class = FirstSignSettings
    metric = Metric("accuracy")
    defaults = {"cell": "mgu", "hidden_size": 8, "learning_rate": 1e-2, "batch_size": 32, "steps": 60}
    input = InputSpec("values", 1, ("number",))
    output = OutputSpec("classes", 2, NAMES)

    def draw(self, generator, size):
        x = generator.normal(size=(size, self.settings.seq_len, 1)).astype(np.float32)
        return Batch(x, (x[:, 0, 0] > 0).astype(np.int64))

    def baseline(self):
        how = f"sees the last number alone, so it guesses, on the {self.judged_split} set as on any"
        return Baseline(math.log(2), 0.5, how)

    def explain(self, inputs, targets, length, answers):
        right = f"it is {NAMES[int(targets)]}"
        verdict, correct = class_verdict(answers[length - 1], int(targets), NAMES, right)
        return Explanation(
            kind="series", title="noise", verdict=verdict, correct=correct, length=length,
            strips=(Strip("number", inputs[:length, 0], "input", "number"),), class_names=NAMES,
            probabilities=answers[:length], target_class=int(targets),
        )
'''
FIGURE = '''
"""How long the sequences are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import NO_STEPS, margin, plain, saying


def sequence_lengths(lengths: np.ndarray, names: Sequence[str]) -> Figure:
    """A bar for each sequence."""
    layout = {
        "margin": margin(44, 12, 8, 36),
        "xaxis": {
            "title": {"text": "sequence", "standoff": 4},
            "range": [-0.6, max(len(names), 1) - 0.4],
            "tickvals": list(range(len(names))),
            "ticktext": [plain(name, 12) for name in names],
        },
        "yaxis": {"title": {"text": "time steps", "standoff": 2}, "range": [0, 100]},
    }
    return Figure(
        name="sequence_lengths",
        title="Lengths of the sequences",
        how_to_read="Each bar is one sequence.",
        data=[{"type": "bar", "x": np.arange(len(names)), "y": lengths}],
        layout=saying(layout, "" if len(names) else NO_STEPS),
        table={"sequence": list(names), "time steps": lengths},
    )


@FIGURES.register("sequence_lengths")
def _examples() -> Examples:
    return {
        USUAL: partial(sequence_lengths, np.array([3.0, 5.0]), ("first", "second")),
        EMPTY: partial(sequence_lengths, np.zeros(0), ()),
        EXTREME: partial(sequence_lengths, np.arange(60.0), (HOSTILE,) * 60),
    }
'''
USE = """
import warnings
warnings.simplefilter("error")
import rnn_explorer as rx
from rnn_explorer.figures.style import cell_color, cell_name

run = rx.train("first_sign", steps=150, hidden_size=6, progress=False)
assert run.experiment.model.cell == "mgu" and cell_name("mgu") == "MGU" and cell_color("mgu") == "#8468C4"
loss = run.history
print(loss.tail(2))
trace = run.trace()
memory = run.memory()
assert memory.cells[0].gates.keeper == "forget"
points = run.fixed_points(inits=8)
changed = run.what_if(force=[["forget", -1, 1.0]])
for result in (memory, points, changed):
    assert result.figures() and all(figure.to_csv() for figure in result.figures())
print("accuracy", run.evaluate().metric)
assert run.evaluate().metric > 0.9
"""


PAGES = """
import threading
import time

from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.experiment import Experiment

if __name__ == "__main__":
    engine = LocalEngine(workers=1)
    run = engine.start(Experiment.default("first_sign").replace(pace="fast"))
    while engine.view(run).status == "starting":
        time.sleep(0.05)
    engine.command(run, "play")
    for view, name, form, selection in (
        ("lab", "gates", "csv", {"gates": "maps"}),
        ("cell", "over_time", "csv", {}),
        ("memory", "gate_statistics", "csv", {}),
    ):
        came, made = threading.Event(), []
        engine.make_file(run, view, selection, name, form, lambda file: (made.append(file), came.set()))
        assert came.wait(60), (view, name)
        print(view, name, made[0].error)
        assert len(made[0].content.splitlines()) > 5, (view, name)
    engine.close()
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package and of its tests, with one folder and two files more."""
    copy = tmp_path_factory.mktemp("added")
    leave = shutil.ignore_patterns("__pycache__", "browser", "js")
    for part in ("rnn_explorer", "tests", "pages"):
        shutil.copytree(ROOT / part, copy / part, ignore=leave)
    for part in ("pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / part, copy / part)
    cell = copy / "rnn_explorer" / "cells" / "mgu"
    cell.mkdir()
    (cell / "__init__.py").write_text('"""The minimal gated unit."""\n')
    (cell / "facts.py").write_text(FACTS)
    (cell / "cell.py").write_text(CELL)
    (copy / "rnn_explorer" / "tasks" / "first_sign.py").write_text(TASK)
    (copy / "rnn_explorer" / "figures" / "lab" / "sequence_lengths.py").write_text(FIGURE)
    return copy


def run(package: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=package, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_they_train_and_are_traced_analyzed_and_drawn(package: Path) -> None:
    assert "accuracy" in run(package, "-c", USE)


def test_the_pages_show_them(package: Path) -> None:
    (package / "pages_of_them.py").write_text(PAGES)
    assert "memory" in run(package, "pages_of_them.py")


def test_the_conformance_tests_find_them_and_pass(package: Path) -> None:
    found = run(
        package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k",
        "mgu or first_sign or sequence_lengths or registered",
        "tests/cells", "tests/tasks/test_conformance.py", "tests/test_model.py", "tests/figures/test_conformance.py",
    )  # fmt: skip
    passed = int(found.rsplit(" passed", 1)[0].rsplit(maxsplit=1)[-1])
    assert passed > 45, found
