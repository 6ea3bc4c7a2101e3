"""The app as a process of its own, and what its processes take of the machine."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import common

ROOT = Path(__file__).resolve().parents[1]
WORKER = "rnn_explorer.engine.worker"  # stands in a worker's command line


@dataclass(frozen=True)
class Served:
    """A running app.

    Attributes:
        address: where it is reached, as `http://127.0.0.1:PORT`.
        pid: its process; the workers are children of that.
        seconds: from the start of the process until it answered.
    """

    address: str
    pid: int
    seconds: float


@contextmanager
def serve(folder: Path = ROOT, data: Path | None = None) -> Iterator[Served]:
    """`app.py` of a folder on a free port of this machine; it is ended afterwards.

    Args:
        folder: of the app.
        data: its data folder; None: a new one, which is removed in the end.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    options = ["--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as empty:
        began = time.monotonic()
        environment = {**os.environ, "RNN_EXPLORER_DATA": str(data or empty)}
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environment)

        def answers() -> bool:
            if process.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"the app ended by itself:\n{log.read().decode(errors='replace')}")
            try:
                status, _ = get(f"{address}/_stcore/health")
            except OSError:
                return False
            return status == 200

        try:
            common.wait_for("the app", answers, every=0.05)
            yield Served(address, process.pid, time.monotonic() - began)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def get(address: str) -> tuple[int, bytes]:
    """Status and body of the answer to a plain request.

    Raises:
        OSError: when nobody answers.
    """
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def workers_of(pid: int) -> list[int]:
    """The process ids of a server's workers."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and int(_fields(int(entry.name))[1]) == pid:
                if WORKER in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
        except OSError:  # it has ended meanwhile
            continue
    return sorted(found)


def wait_for_workers(pid: int) -> None:
    """Wait until a server has all its workers and none of them has anything to do: importing torch takes a while."""
    from rnn_explorer.engine.local import MAX_WORKERS

    count = min(common.machine()["cores"], MAX_WORKERS)

    def rest() -> bool:
        there = workers_of(pid)
        before = sum(map(cpu_seconds, there))
        time.sleep(0.5)
        return len(there) == count and sum(map(cpu_seconds, there)) - before < 0.05

    common.wait_for("the workers", rest)


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has taken with all its threads, since it began."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, shared pages included, in MB (10^6 bytes)."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        sizes = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(sizes[0]) * 1024 / 1e6 if sizes else 0.0


def idle_seconds() -> float:
    """Seconds that the machine's cores had nothing to do, summed over the cores, since it began."""
    with open("/proc/stat", encoding="utf-8") as lines:
        fields = lines.readline().split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def _fields(pid: int) -> list[str]:
    """What `/proc/PID/stat` says after the name: state, parent, ...; 11 and 12 are ticks in user and kernel mode."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
