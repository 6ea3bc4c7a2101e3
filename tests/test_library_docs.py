"""The tour of the library and its notebook run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TOUR = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


def ran(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_the_tour_runs(tmp_path):
    snippets = re.findall(r"^```python\n(.*?)^```", TOUR, re.MULTILINE | re.DOTALL)
    assert len(snippets) == 5
    table = "temp,wind\n" + "\n".join(f"{np.sin(n / 9):.3f},{n % 7}" for n in range(300))
    (tmp_path / "weather.csv").write_text(table)
    (tmp_path / "tour.py").write_text("\n".join(snippets))
    done = ran(tmp_path / "tour.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Findings at optimizer step 200" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} >= {"run.safetensors", "trace.npz", "weather.safetensors"}


def test_the_notebook_runs(tmp_path):
    done = ran(ROOT / "docs" / "first_steps.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Findings at optimizer step 300" in done.stdout and done.stdout.count("MSE") >= 3
    assert not list(tmp_path.iterdir())


def test_links_of_the_tour_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", TOUR):
        assert (ROOT / "docs" / target).exists(), target
