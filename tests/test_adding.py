"""A new cell is one folder, a new task or figure one file, a new page a view and a page: written into a copy.

Nothing else changes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from rnn_explorer.ui import navigation
from tests.ui.serving import only, page, start, stop

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
from rnn_explorer.tasks.base import (
    TASKS, Baseline, Batch, BenchmarkRow, InputSpec, Metric, OutputSpec, Source, TaskSettings,
)
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
    order = 15  # after the first
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
    benchmarks = (BenchmarkRow("", {"mgu": "one bit"}), BenchmarkRow("seq_len=4", {"": "at once"}, level=0.9))
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
VIEW = """
from rnn_explorer.figures.base import Figure
from rnn_explorer.views.base import VIEWS, View, shown_layer


@VIEWS.register("norms")
class NormsView(View):
    '''The length of the hidden state at each time step.'''

    name = "norms"
    rows = "1fr"
    spans = {"norms": (6, 1)}
    usual = ("norms",)

    def panels(self, state):
        if state.view.snapshot is None:
            return []
        chosen = self.fitted(state)
        layer, length = shown_layer(state, chosen)
        norms = (layer.states["hidden"][chosen.sequence, :length] ** 2).sum(axis=1) ** 0.5
        bars, title = [{"type": "bar", "y": norms}], "Norm of the hidden state"
        return [Figure("norms", title, "Long bars are far from zero.", bars, {}, table={"norm": norms})]
"""
PAGE = """
from rnn_explorer.ui import page, run_controls

TITLE = "Norms of states"
ORDER = 3

run_controls.watch(page.begin(), "norms")
"""
GRAMMAR = '''
import math
from dataclasses import dataclass

import numpy as np

from rnn_explorer.tasks.base import TASKS, Baseline, Batch, InputSpec, OutputSpec, Source, TaskSettings
from rnn_explorer.tasks.grammar import GrammarTask
from rnn_explorer.trace import Explanation

LETTERS = tuple("abcdefgh")


@dataclass(frozen=True)
class EchoSettings(TaskSettings):
    """None."""

    @property
    def does(self):
        return "reads letters of which each is the last but one, and each time names the next"


@TASKS.register("echo")
class Echo(GrammarTask):
    """What comes next in a string that repeats its first two letters?"""

    key = "echo"
    title = "The echo"
    summary = "Read a string that repeats two letters and name the next one."
    teaches = "A memory of two letters."
    reading_guide = (
        "After the first letter any other may follow; from then on each letter is the last but one. A network that "
        "knows the last letter alone guesses; one that has learned it keeps two letters and lets them take turns."
    )
    source = Source(citation="made for a test", license="generated here", url="https://example.org")
    settings_class = EchoSettings
    defaults = {"cell": "gru", "hidden_size": 8, "learning_rate": 1e-2, "batch_size": 32, "steps": 60}
    input = InputSpec("symbols", len(LETTERS), LETTERS)
    output = OutputSpec("classes_per_step", len(LETTERS), LETTERS)

    def draw(self, generator, size):
        strings = np.tile(generator.integers(len(LETTERS), size=(size, 2)), 6)  # (size, 12)
        lengths = generator.integers(4, 12, size=size)
        inputs, targets = strings[:, :-1].copy(), strings[:, 1:].copy()
        padding = np.arange(inputs.shape[1]) >= lengths[:, None]
        inputs[padding] = targets[padding] = 0
        return Batch(inputs, targets, lengths)

    def judged(self, batch):
        steps = np.arange(batch.inputs.shape[1])
        return (steps >= 1) & (steps < batch.lengths[:, None])

    def legal(self, inputs):
        allowed = np.zeros((len(inputs), len(LETTERS)), dtype=bool)
        allowed[0] = True
        for step in range(1, len(inputs)):
            if step > 1 and inputs[step] != inputs[step - 2]:
                break
            allowed[step, inputs[step - 1]] = True
        return allowed

    def baseline(self):
        how = f"sees the last letter alone, so it guesses, on the {self.judged_split} set as on any"
        return Baseline(math.log(len(LETTERS)), 1 / len(LETTERS), how)

    def explain(self, inputs, targets, length, answers):
        finite = bool(np.isfinite(answers[:length]).all())
        right = finite and bool((answers[1:length].argmax(axis=1) == targets[1:length]).all())
        verdict = "is right" if right else "errs" if finite else "has no finite answer"
        return Explanation(
            kind="symbols", title="an echo", verdict=verdict, correct=right, length=length, class_names=LETTERS,
            symbols=tuple(LETTERS[code] for code in inputs[:length]), probabilities=answers[:length],
            target_classes=targets[:length],
        )
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
changed = run.what_if(clamp=[["forget", -1, 1.0]])
for result in (memory, points, changed):
    assert result.figures() and all(figure.to_csv() for figure in result.figures())
print("accuracy", run.evaluate().metric)
assert run.evaluate().metric > 0.9

from rnn_explorer.tasks import TASKS
from rnn_explorer.views.try_it.ways import way_of

assert TASKS.names()[:3] == ("digits", "first_sign", "names"), "the menu"
assert TASKS.names()[-3:] == ("echo", "own_series", "own_text"), "the menu, where no place is stated"
assert way_of(run.experiment) == "values"
run = rx.train("echo", steps=5, progress=False)
assert way_of(run.experiment) == "grammar"
assert len(run.ask("sample", prefix="ab", length=6).written) == 6
assert run.ask("own_sequence", values="abab").legal.sum(axis=1).tolist() == [8, 1, 1, 1]
"""


PAGES = """
import threading
import time

from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.experiment import Experiment

if __name__ == "__main__":
    engine = LocalEngine(workers=1)
    runs = {task: engine.start(Experiment.default(task).replace(pace="fast")) for task in ("first_sign", "echo")}
    for run in runs.values():
        while engine.view(run).status == "starting":
            time.sleep(0.05)
        engine.command(run, "play")
    for task, view, name, form, selection in (
        ("first_sign", "lab", "gates", "csv", {"gates": "maps"}),
        ("first_sign", "cell", "over_time", "csv", {}),
        ("first_sign", "memory", "gate_statistics", "csv", {}),
        ("first_sign", "norms", "norms", "csv", {}),
        ("echo", "try", "legal_symbols", "csv", {}),
    ):
        came, made = threading.Event(), []
        engine.make_file(runs[task], view, selection, name, form, lambda file: (made.append(file), came.set()))
        assert came.wait(60), (view, name)
        print(view, name, made[0].error)
        assert len(made[0].content.splitlines()) > 5, (view, name)
    engine.close()
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package, its tests and its benchmarks, with a cell, tasks, a figure, a page."""
    copy = tmp_path_factory.mktemp("added")
    leave = shutil.ignore_patterns("__pycache__", "browser", "js")
    for part in ("rnn_explorer", "tests", "pages", "benchmarks", "docs"):
        shutil.copytree(ROOT / part, copy / part, ignore=leave)
    for part in ("pyproject.toml", "requirements.txt", "README.md"):
        shutil.copy(ROOT / part, copy / part)
    cell = copy / "rnn_explorer" / "cells" / "mgu"
    cell.mkdir()
    (cell / "__init__.py").write_text('"""The minimal gated unit."""\n')
    (cell / "facts.py").write_text(FACTS)
    (cell / "cell.py").write_text(CELL)
    (copy / "rnn_explorer" / "tasks" / "first_sign.py").write_text(TASK)
    (copy / "rnn_explorer" / "figures" / "lab" / "sequence_lengths.py").write_text(FIGURE)
    (copy / "rnn_explorer" / "views" / "norms.py").write_text(VIEW)
    (copy / "pages" / "norms.py").write_text(PAGE)
    (copy / "rnn_explorer" / "tasks" / "echo.py").write_text(GRAMMAR)
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
    assert "legal_symbols" in run(package, "pages_of_them.py")


def test_their_benchmarks_are_in_the_catalogue(package: Path) -> None:
    few = ("--seeds", "1", "--steps-scale", "0.02", "--cells", "mgu")
    table = run(package, "-m", "benchmarks.catalogue", "--tasks", "echo", "first_sign", *few)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    found = [(row[0], row[-1]) for row in rows[2:]]
    assert found == [("first_sign", "one bit"), ("first_sign, seq_len=4", "at once"), ("echo", "")]


def test_their_rows_are_in_the_readme(package: Path) -> None:
    run(package, "-m", "docs.tables")
    readme = (package / "README.md").read_text(encoding="utf-8")
    assert "| `mgu` | Minimal gated unit | forget, candidate | hidden |" in readme
    assert "| `first_sign` | The first sign. Read noise" in readme
    assert "| `first_sign` | `seq_len` | 4 to 40" in (package / "docs" / "settings.md").read_text(encoding="utf-8")
    assert readme.index("| `digits` | Hand") < readme.index("| `first_sign` |") < readme.index("| `names` |")


def test_the_new_page_stands_in_the_navigation_and_opens_with_its_view(package: Path, tmp_path: Path) -> None:
    server = start(tmp_path, command=[sys.executable, "-m", "rnn_explorer", "app"], cwd=package)
    try:
        received = page(server, "norms", "task=first_sign")
    finally:
        stop(server)
    shown = only(received, "navigation").navigation
    titles = [one.page_name for one in shown.app_pages]
    assert sorted(titles) == sorted(["Norms of states", *(each.title for each in navigation.found())])
    assert abs(titles.index("Norms of states") - titles.index("Memory")) == 1
    (opened,) = [one for one in shown.app_pages if one.page_script_hash == shown.page_script_hash]
    assert opened.url_pathname == "norms"
    assert received[-1].script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
    elements = [message.delta.new_element for message in received]
    assert not [one for one in elements if one.WhichOneof("type") in ("exception", "alert")]
    assert any(one.bidi_component.id and "norms" in one.bidi_component.id for one in elements), "its live figures"


def test_the_conformance_tests_find_them_and_pass(package: Path) -> None:
    found = run(
        package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k",
        "mgu or first_sign or echo or sequence_lengths or registered",
        "tests/cells", "tests/tasks/test_conformance.py", "tests/test_model.py", "tests/figures/test_conformance.py",
    )  # fmt: skip
    passed = int(found.rsplit(" passed", 1)[0].rsplit(maxsplit=1)[-1])
    assert passed > 45, found
