"""The tour of the library and its notebook run as they stand."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnn_explorer.tasks.user_data import store

ROOT = Path(__file__).resolve().parents[1]
TOUR = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registries: None) -> Iterator[None]:
    """Scripts run in a folder of their own; what they register, and files that they bring, are forgotten."""
    monkeypatch.chdir(tmp_path)
    yield
    store.drop_all()


def test_the_tour_runs(tmp_path, capsys):
    snippets = re.findall(r"^```python\n(.*?)^```", TOUR, re.MULTILINE | re.DOTALL)
    assert len(snippets) == 5
    table = "temp,wind\n" + "\n".join(f"{np.sin(n / 9):.3f},{n % 7}" for n in range(300))
    (tmp_path / "weather.csv").write_text(table)
    (tmp_path / "tour.py").write_text("\n".join(snippets))
    runpy.run_path("tour.py", run_name="__main__")
    assert "Findings at optimizer step 200" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} >= {"run.safetensors", "trace.npz", "weather.safetensors"}


def test_the_notebook_runs(tmp_path, capsys):
    runpy.run_path(str(ROOT / "docs" / "first_steps.py"), run_name="__main__")
    told = capsys.readouterr().out
    assert "Findings at optimizer step 300" in told and told.count("MSE") >= 3
    assert not list(tmp_path.iterdir())


def test_links_of_the_tour_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", TOUR):
        assert (ROOT / "docs" / target).exists(), target
