"""What the benchmarks share: the machine in words, tables, and steps per second of a run in an engine."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

from rnn_explorer import cells
from rnn_explorer.engine.base import Engine

CELLS = cells.CELLS.names()
READS_PER_SECOND = 12  # of a view, as many as the live page is sent
ENDLESS = 1_000_000  # steps: a budget that no benchmark uses up


def machine(**more: str) -> dict[str, Any]:
    """Cores, platform, processor, load before it is measured, and versions; `more` adds further versions."""
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {
        "cores": usable,
        "platform": platform.platform(),
        "processor": _processor(),
        "load": _load(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    for name in ("streamlit", "plotly"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, **more}


def _load() -> float | None:
    """Processes that wanted a core over the last minute: without other work it stays near what a benchmark starts."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine_line(found: Mapping[str, Any]) -> str:
    """The machine in one line."""
    apart = ("cores", "platform", "processor", "load")
    versions = ", ".join(f"{name} {found[name]}" for name in found if name not in apart)
    load = "" if found["load"] is None else f"; load over the last minute {found['load']:g}"
    return f"On {found['cores']} cores ({found['processor']}), {found['platform']}; {versions}{load}."


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], left: int = 1) -> str:
    """A markdown table; all but the first `left` columns are aligned to the right."""
    lines = [heads, ["---" if n < left else "---:" for n in range(len(heads))], *rows]
    return "\n".join("| " + " | ".join(str(entry) for entry in line) + " |" for line in lines)


def middle(values: Sequence[float]) -> float:
    """The median; NaN of nothing."""
    return median(values) if values else float("nan")


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios round by round, so that what slows a whole round cancels."""
    return middle([value / other for value, other in zip(values, others, strict=True)])


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 60.0, every: float = 0.01) -> Any:
    """Ask until the answer is true, and return it; TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(every)
    return answer


def settle(engine: Engine, run_id: str, *statuses: str) -> None:
    """Wait until a run has one of these statuses."""
    wait_for(f"the run to be {' or '.join(statuses)}", lambda: engine.view(run_id).status in statuses)


def engine_rate(engine: Engine, run_id: str, seconds: float, watched: bool = False) -> float:
    """Play a run from its initial weights for about `seconds` and pause it; steps per second.

    Args:
        engine: made with a short `glance`, so that a command alone does not count as looking for seconds.
        run_id: of a run that does not train.
        seconds: from one step count that was told to another.
        watched: subscribe and read the view `READS_PER_SECOND` times a second, as a live page does, which makes the
            worker send snapshots. Else only the two ends are read, which counts as nobody looking.
    """
    engine.command(run_id, "reset")
    settle(engine, run_id, "ready")
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(engine, run_id, over), daemon=True)
    if watched:
        reader.start()
    try:
        engine.command(run_id, "play")
        wait_for("the first step", lambda: engine.view(run_id).step > 0)
        time.sleep(0.3)  # the glance that the command was is over by then
        begin, first = _edge(engine, run_id)
        time.sleep(seconds)
        end, last = _edge(engine, run_id)
    finally:
        over.set()
        engine.command(run_id, "pause")
    if watched:
        reader.join()
    settle(engine, run_id, "paused")
    return (last - first) / (end - begin)


def _edge(engine: Engine, run_id: str) -> tuple[float, int]:
    """The moment at which the next step count is told, and that count: a worker tells it every 0.05 s or so."""
    before = engine.view(run_id).step
    wait_for("a step", lambda: engine.view(run_id).step != before, every=0.001)
    return time.monotonic(), engine.view(run_id).step


def _read(engine: Engine, run_id: str, over: threading.Event) -> None:
    leave = engine.subscribe(run_id, lambda: None)
    try:
        while not over.wait(1 / READS_PER_SECOND):
            engine.view(run_id)
    finally:
        leave()
