"""All pages in one process, also on files that somebody brings, load no torch: they run where the server runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys, time
from streamlit.testing.v1 import AppTest
import app
from rnn_explorer.ui import navigation, session

HEAVY = ("torch", "safetensors", "llvmlite", "pandas", "pyarrow", "streamlit.emojis")
TABLE = ("x,kind\\n" + "\\n".join(f"{n * n % 37},{'ab'[n % 2]}" for n in range(200))).encode()
FILES = {"own_series": ("a.csv", TABLE), "own_text": ("a.txt", b"It was a dark and stormy night. " * 40)}
TASKS = ("digits", *FILES, "flip_flop")


def loaded():
    return [name for name in HEAVY if name in sys.modules]


def ready(page):
    end = time.monotonic() + 60
    while session.engine().view(page.session_state["run_id"]).status == "starting":
        assert time.monotonic() < end
        time.sleep(0.05)
    return session.engine().view(page.session_state["run_id"])


def main():
    found = []
    for task in TASKS:
        page = AppTest.from_file(sys.argv[1], default_timeout=60)
        page.query_params["task"] = task
        page.run()
        if task in FILES:
            page.switch_page("data.py").run()
            name, content = FILES[task]
            page.file_uploader[0].set_value((name, content, "text/plain")).run()
            next(button for button in page.button if button.label == "Train on these data").click().run()
            assert not page.exception, page.exception
            assert ready(page).experiment.task_settings.data
        pages = [page.name for page in navigation.found() if page.name != "runs"]
        for name in sorted(pages, key="try".__eq__):  # that one last
            page.switch_page(f"{name}.py").run()
            assert ready(page).status == "ready"
            page.run()
            assert not page.exception, page.exception
            found.append([task, name, loaded()])
    page.switch_page("runs.py").run()
    assert not page.exception, page.exception
    print(json.dumps([*found, ["", "runs", loaded()]]))


session.engine()
try:
    main()
finally:
    session.close_engine()
"""


def test_every_page_in_one_process_loads_no_torch(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "pages" / "_frame.py")],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "RNN_EXPLORER_DATA": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 4 * 6 + 1
    first, *others, last, runs = found
    assert first[2] == [], "the lab, which most visitors see first"
    assert [opened for opened in others if set(opened[2]) - {"pyarrow"}] == [], "tables of data that somebody brings"
    assert set(last[2]) <= {"pandas", "pyarrow"}, "a table that is typed into: the one on the page to try a model out"
    assert set(runs[2]) <= {"pandas", "pyarrow"}, "the table of runs"
