"""Who may import whom: the maths knows nothing of the screen."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "rnn_explorer"

# What each part may import from the package. A name stands for the module and all below it.
BASE = {"errors", "jsonable", "readable", "registry", "settings", "trace"}
CORE = BASE | {
    "device", "kernels", "cells", "tasks", "tensors", "experiment", "model", "sizes", "slices", "training", "work",
}  # fmt: skip
# Of the analyses those that need no model: what they leave behind, and what can be told of it or of data alone.
RECORDS = {
    "analysis.arguments", "analysis.data.compute", "analysis.dynamics.fixed_points", "analysis.dynamics.space",
    "analysis.dynamics.stability", "analysis.memory.cell_memory", "analysis.memory.findings",
    "analysis.options", "analysis.projection", "analysis.saturation", "analysis.text_features",
    *(f"analysis.{path.parent.name}.record" for path in (ROOT / PACKAGE / "analysis").glob("*/record.py")),
}  # fmt: skip
LIGHT = BASE | {"cells", "tasks", "experiment", "sizes", "work"}  # what needs no torch
KEPT = {"recording.run_file", "recording.store", "recording.versions"}  # runs that last, on disk
ALLOWED: dict[str, set[str]] = {
    "": {"errors", "experiment", "library"},  # the package itself, by type alone: names are loaded when they are used
    "errors": set(),
    "jsonable": set(),
    "readable": set(),
    "registry": {"errors"},
    "settings": {"errors"},
    "moments": set(),
    "slices": set(),
    "trace": set(),
    "progress": {"readable", "training"},  # training by type alone
    "kernels": {"kernels"},
    "device": {"settings"},
    "work": {"errors"},
    "cells": {"cells.facts", "registry", "errors", "trace"},
    "cells.code": {"cells", "kernels", "registry", "errors", "trace"},
    "cells.drawing": {*RECORDS, "cells", "figures"},
    "sizes": {"cells", "work", "tasks.base", "experiment"},
    "tasks": {"tasks", *BASE},
    "tensors": {"tasks.base", *BASE},
    "experiment": {"cells", "tasks", *BASE},
    "model": {"cells", "tasks.base", "tensors", "experiment", *BASE},
    "suggestions": {"experiment", *BASE},
    "fitting": {"sizes", "tasks.base", "experiment", "work", *BASE},
    "training": {"training", "tasks.base", *CORE - {"cells", "tasks"}},
    "analysis": {"analysis", *CORE},
    "analysis.records": {*RECORDS, "cells", "tasks", "experiment", *BASE},
    "figures": {"figures", *RECORDS, "cells", *BASE},
    "recording": {"recording", *CORE},
    "library": {"library", "recording", "analysis", "figures", "progress", *CORE},
    "views": {"views", "figures", "engine.base", "moments", *RECORDS, *LIGHT},
    "remembered": set(),
    "engine": {"engine", "moments", "recording", "remembered", "analysis", "figures", "views", *CORE},
    # training by type alone; what it must not load is tested below
    "cli": {"cli", "training", "recording", "progress", *RECORDS, *LIGHT},
    "cli.running": {"cli", "analysis", "recording", *CORE},
    "cli.app": {"cli", "ui.application"},
    "cli.open_file": {"cli", "recording", "ui.application"},
    "__main__": {"cli"},
    "ui": {"ui", "engine", "moments", *KEPT, "remembered", *RECORDS, "figures", "fitting", "views", *LIGHT},
}
SCREEN = {"streamlit", "plotly"}
TORCH = {"torch", "safetensors", "llvmlite"}  # what a model needs, and neither its data nor its pictures do
NEVER: dict[str, set[str]] = {
    **{part: SCREEN for part in ALLOWED if part not in ("figures", "ui")},
    "": SCREEN | TORCH | {"numpy", "pandas"},
    "progress": SCREEN | TORCH | {"numpy", "pandas"},
    "errors": SCREEN | {"torch", "numpy", "pandas"},
    "registry": SCREEN | {"torch", "numpy", "pandas"},
    "settings": SCREEN | {"torch", "numpy", "pandas"},
    "slices": SCREEN | TORCH | {"numpy", "pandas"},
    "trace": SCREEN | {"torch", "pandas"},
    "remembered": SCREEN | TORCH | {"pandas"},
    "cells": SCREEN | TORCH,
    "cells.drawing": {"streamlit"} | TORCH,
    "tasks": SCREEN | TORCH,
    "experiment": SCREEN | TORCH,
    "suggestions": SCREEN | TORCH,
    "analysis.records": SCREEN | TORCH,
    "cli": SCREEN | TORCH | {"pandas"},
    "figures": {"streamlit"} | TORCH,
    "ui": set(),
}


def modules() -> list[Path]:
    return sorted(path.relative_to(ROOT) for path in (ROOT / PACKAGE).rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(name: str) -> str:
    if name.startswith(f"{PACKAGE}.cells.") and name.endswith(".drawing"):  # a figure that stands with its cell
        return "cells.drawing"
    if name == f"{PACKAGE}.cells.base" or (name.startswith(f"{PACKAGE}.cells.") and name.endswith(".cell")):
        return "cells.code"
    # These import torch or the screen when they run.
    if name in (f"{PACKAGE}.cli.{what}" for what in ("running", "app", "open_file")):
        return name.removeprefix(f"{PACKAGE}.")
    of_analysis = re.fullmatch(rf"{PACKAGE}\.analysis\.\w+", name) and name in PACKAGES
    if of_analysis or name.removeprefix(f"{PACKAGE}.") in RECORDS:
        return "analysis.records"
    return name.split(".")[1] if "." in name else ""


def imported(path: Path, source: str) -> set[str]:
    """Every module that a file imports, anywhere in it, in full."""
    package = dotted(path).split(".") if path.name == "__init__.py" else dotted(path).split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            things = {f"{base}.{alias.name}" for alias in node.names}  # of which some may be modules
            found |= things & MODULES | ({base} if things - MODULES else set())
    return found - {""}


MODULES = {dotted(path) for path in modules()}
PACKAGES = {dotted(path) for path in modules() if path.name == "__init__.py"}


def breaches(path: Path, source: str) -> list[str]:
    part = part_of(dotted(path))
    told = []
    for name in sorted(imported(path, source)):
        top, _, inner = name.partition(".")
        if top == PACKAGE and inner:
            if not any(inner == allowed or inner.startswith(f"{allowed}.") for allowed in ALLOWED[part]):
                told.append(f"{dotted(path)} imports {name}")
        elif top in NEVER[part] or top in ("app", "pages", "tests"):
            told.append(f"{dotted(path)} imports {name}")
    return told


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_a_module_imports_only_what_its_part_may(path):
    assert part_of(dotted(path)) in ALLOWED, "say in ALLOWED what this part may import"
    assert breaches(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    "path, source",
    [
        ("model.py", "import streamlit as st"),
        ("model.py", "def f():\n    from plotly import graph_objects"),
        ("model.py", "from rnn_explorer.ui import still"),
        ("model.py", "from rnn_explorer import figures"),
        ("cells/rnn/cell.py", "from rnn_explorer.tasks.base import Task"),
        ("cells/rnn/cell.py", "from ... import training"),
        ("cells/rnn/facts.py", "from rnn_explorer.cells.base import RecurrentCell"),
        ("cells/rnn/facts.py", "from torch import nn"),
        ("tasks/adding.py", "def f():\n    import torch"),
        ("tasks/adding.py", "from rnn_explorer.tensors import TensorBatch"),
        ("tasks/user_data/splits.py", "import torch"),
        ("experiment.py", "import torch"),
        ("analysis/data/compute.py", "import torch"),
        ("analysis/memory/record.py", "from rnn_explorer.analysis.frozen_model import Subject"),
        ("figures/gates.py", "import torch.nn"),
        ("figures/gates.py", "from rnn_explorer.model import SequenceModel"),
        ("figures/gates.py", "from rnn_explorer.analysis.memory.compute import memory"),
        ("ui/views/lab.py", "from rnn_explorer.analysis.generate.compute import sample"),
        ("engine/worker.py", "import rnn_explorer.ui.session"),
        ("cli/train.py", "import torch"),
        ("views/lab.py", "from rnn_explorer.model import SequenceModel"),
        ("training/trainer.py", "from rnn_explorer.tasks.digits import Digits"),
        ("settings.py", "import numpy as np"),
        ("__init__.py", "import numpy as np"),
        ("__init__.py", "from rnn_explorer.training import Trainer"),
        ("library/run.py", "import plotly"),
        ("library/run.py", "from rnn_explorer.cli import printing"),
        ("recording/checkpoint_file.py", "from rnn_explorer.analysis.registry import analyze"),
        ("training/checkpoint.py", "from rnn_explorer.recording.files import write_whole"),
        ("progress.py", "import torch"),
        ("ui/static_figure.py", "import pages.lab"),
    ],
)
def test_the_rule_itself_notices(path, source):
    assert len(breaches(Path(PACKAGE) / path, source)) >= 1


@pytest.mark.parametrize(
    "path, source",
    [
        ("cells/rnn/facts.py", "from ..facts import CELLS"),
        ("cells/rnn/cell.py", "import torch\nfrom rnn_explorer.cells.base import RecurrentCell"),
        ("tasks/adding.py", "import numpy as np\nfrom . import base"),
        (
            "figures/gates.py",
            "import numpy as np\nimport plotly.graph_objects as go\nfrom rnn_explorer.trace import Trace",
        ),
        ("training/trainer.py", "from rnn_explorer.tasks.base import Batch\nimport torch"),
        ("ui/static_figure.py", "import streamlit, plotly\nfrom rnn_explorer.figures.style import template"),
    ],
)
def test_the_rule_lets_pass_what_is_allowed(path, source):
    assert breaches(Path(PACKAGE) / path, source) == []


def test_pages_import_no_page_and_what_ui_may():
    for path in [*(ROOT / "pages").glob("*.py"), *ROOT.glob("app.py")]:
        names = imported(path.relative_to(ROOT), path.read_text())
        assert not {name.partition(".")[0] for name in names} & {"tests", "pages", "app", *TORCH}, path
        inner = {name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}.")}
        allowed = {*ALLOWED["ui"], "suggestions"}
        assert not {name for name in inner if not any(f"{name}.".startswith(f"{room}.") for room in allowed)}, path


LOADED = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
tops = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted(tops | {name for name in sys.modules if name.startswith("rnn_explorer")})))
"""


def loaded_by(names: list[str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(names)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def names_in(*parts: str) -> list[str]:
    return [name for name in map(dotted, modules()) if part_of(name) in parts and not name.endswith("__main__")]


@pytest.mark.parametrize(
    "parts, never",
    [
        (("", "registry", "settings", "progress"), SCREEN | TORCH | {"numpy", "pandas"}),
        (("trace",), SCREEN | {"torch", "pandas"}),
        (("figures", "cells.drawing", "analysis.records"), TORCH | {"streamlit", "rnn_explorer.engine"}),
        (("tasks",), SCREEN | TORCH | {"pandas"}),
        (("experiment", "cells", "tasks"), SCREEN | TORCH | {"pandas"}),
        (("cli",), SCREEN | TORCH | {"pandas"}),
        (("cells", "cells.code"), SCREEN | {"rnn_explorer.tasks"}),
        (
            (
                "cells",
                "cells.code",
                "tasks",
                "experiment",
                "model",
                "training",
                "analysis",
                "analysis.records",
                "recording",
                "engine",
                "cli",
                "cli.running",
                "library",
                "progress",
            ),
            SCREEN,
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_importing_a_part_loads_nothing_it_must_not(parts, never):
    assert loaded_by(names_in(*parts)) & (never | {"rnn_explorer.ui"}) == set()


TYPED = """
import contextlib, io, json, runpy, sys
found = []
for typed in json.loads(sys.argv[1]):
    told = io.StringIO()
    sys.argv = ["rnn_explorer", *typed]
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        try:
            runpy.run_module("rnn_explorer", run_name="__main__")
        except SystemExit as end:
            status = end.code
    found.append([status, told.getvalue(), sorted({name.partition(".")[0] for name in sys.modules})])
print(json.dumps(found))
"""
ANSWERS = [
    (["tasks"], 0, "flip_flop"),
    (["tasks", "--json"], 0, "flip_flop"),
    (["settings"], 0, "hidden_size"),
    (["settings", "own_series", "--json"], 0, "hidden_size"),
    (["--help"], 0, "fixed-points"),
    (["train", "--help"], 0, "hidden_size"),
    (["memory", "--help"], 0, "--jacobian-norms"),
    (["app", "--help"], 0, "--port"),
    (["open", "--help"], 0, "--port"),
    (["open", "missing.rnnx"], 2, "cannot be read"),
    (["open", "README.md"], 2, "is no run file"),
    (["fly"], 2, "'fly'"),
    (["settings", "chess"], 2, "'chess'"),
    (["train", "--wings"], 2, "--wings"),
    (["train", "task=chess"], 2, "'chess'"),
    (["train", "hiden_size=3"], 2, "'hiden_size'"),
    (["train", "--out", "missing/trace.npz"], 2, "cannot be written"),
    (["train", "--data", "missing.csv"], 2, "cannot be read"),
    (["train", "pixels=true&hidden_size=256&num_layers=4&cell=lstm&batch_size=512"], 2, "too large"),
    (["memory", "--layer", "0"], 2, "--jacobian-norms"),
    (["memory", "--load", "missing.safetensors"], 2, "cannot be read"),
    (["memory", "--load", "README.md"], 2, "no checkpoint"),
    (["fixed-points", "--input", "1,b"], 2, "'1,b'"),
]


@pytest.fixture(scope="module")
def answers() -> list[tuple[int, str, list[str]]]:
    """Status, words and loaded modules after each command of `ANSWERS`, typed one after the other in one process."""
    typed = json.dumps([typed for typed, _, _ in ANSWERS])
    done = subprocess.run([sys.executable, "-c", TYPED, typed], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", range(len(ANSWERS)), ids=["-".join(typed) for typed, _, _ in ANSWERS])
def test_the_command_line_answers_without_loading_what_trains_or_draws(number, answers):
    _, status, words = ANSWERS[number]
    ended, told, tops = answers[number]
    assert ended == status and words in told
    assert set(tops) & (SCREEN | TORCH | {"pandas"}) == set()


@pytest.mark.parametrize("name", ["rnn_explorer.engine.worker", "rnn_explorer.engine.local"])
def test_engine_and_worker_begin_with_neither_screen_nor_pandas_nor_torch(name):
    """A worker listens before it imports torch, and an engine never does."""
    assert loaded_by([name]) & (SCREEN | TORCH | {"pandas"}) == set()


def test_a_server_begins_with_neither_torch_nor_pandas():
    assert loaded_by(["app"]) & (TORCH | {"pandas"}) == set()
