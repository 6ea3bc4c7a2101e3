"""A server that is ended by a signal leaves no folder of uploads behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_sigterm_removes_the_uploads_of_a_server(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {**os.environ, "TMPDIR": str(tmp_path), "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"}
    told.pop("RNN_EXPLORER_UPLOADS", None)
    words = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    with subprocess.Popen(words, cwd=ROOT, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                    break
            except OSError:
                time.sleep(0.1)
        deadline = time.monotonic() + 60  # it answers before its workers are started, which are told of the folder
        while not (before := list(tmp_path.glob("rnn-explorer-uploads-*"))) and time.monotonic() < deadline:
            time.sleep(0.05)
        server.terminate()
        server.wait(60)
    assert len(before) == 1, "workers are told of the folder before anybody uploads"
    assert not list(tmp_path.glob("rnn-explorer-uploads-*"))
