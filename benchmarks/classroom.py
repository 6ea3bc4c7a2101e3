"""A class at one server, measured: `python -m benchmarks.classroom`.

For each number of students the app is started anew. Every student opens a page, presses Play within a second of the
others, watches for a while, presses Pause; with `--one-run` one student does, and all others watch that run by its
address. There are no browsers: `benchmarks.students` speaks for them. In a class every browser has a machine of its
own; here the process that stands for them takes CPU from the app, which is measured, too. Before the app is started
and after it has ended, the same number of runs train in an engine without a page.

Steps a second "with the load generator's CPU taken off" are what the app would have made with those seconds of CPU,
too: it makes so many steps for each second of CPU that server and workers take. While a core is idle nothing is taken
from anybody, so of the load generator's seconds only that part counts for which the cores were busy.

`--cores` says what a machine of so many cores, as fast as these, would do at most. The server is one process under one
interpreter: it takes at most one core, and so many seconds of it for an update. The workers take the other cores, at
most one for each run and as many as an engine starts. What they take for a step is measured without a page; what else
they take here goes into updates, and they give the same share of their time to these there. A number of cores that was
measured, too, shows how far this holds.

Linux only: what a process takes is read from `/proc`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import common, served
from benchmarks.class_report import predict, show, show_guesses, show_starts, summary
from benchmarks.served import ROOT, serve

EMPTY = 'import streamlit as st\n\nst.write("Nothing.")\n'


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)

    import torch

    from rnn_explorer.engine.local import MAX_WORKERS, LocalEngine
    from rnn_explorer.experiment import Experiment

    torch.set_num_threads(1)
    query = f"task={args.task}&pace=fast&steps={common.ENDLESS}"
    experiment = Experiment.from_query(query)
    machine = common.machine()
    workers = min(machine["cores"], MAX_WORKERS)  # as many as the app has
    engine = LocalEngine(workers, glance=0.1)
    results = []
    try:
        common.wait_for("the workers", lambda: engine.workers_ready() == workers, seconds=300)
        for students in args.students:
            rounds = []
            for _ in range(args.rounds):
                print(f"{students} students ...", file=sys.stderr, flush=True)
                rounds.append(measure(engine, experiment, query, students, args))
            results.append(summary(rounds, students, args.one_run))
    finally:
        engine.close()
    starts = [start(query) for _ in range(args.starts)]
    guesses = [predict(result, cores) for result in results for cores in args.cores]
    if args.json:
        about: dict[str, Any] = {
            "task": args.task,
            "seconds": args.seconds,
            "rounds": args.rounds,
            "one_run": args.one_run,
        }
        found = {"machine": machine, **about, "results": results, "starts": starts, "cores": guesses}
        print(json.dumps(found, indent=2))
        return 0
    print(show(results))
    who = "all on one run" if args.one_run else "each with a run"
    print(f"\nStudents, {who}: `{query}`, {args.seconds:g} s watched, rounds: {args.rounds}.")
    if starts:
        print(f"\nSeconds of a start, in turns (medians of {len(starts)})\n\n{show_starts(starts)}")
    if guesses:
        print(f"\nOn other machines, calculated from the share of each process\n\n{show_guesses(guesses)}")
    print(f"\n{common.machine_line(machine)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classroom", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--students", type=int, nargs="+", default=[1, 10, 30], help="how many (default 1 10 30)")
    parser.add_argument("--one-run", action="store_true", help="all watch the run of the first")
    parser.add_argument("--task", default="flip_flop", help="of the runs (default flip_flop)")
    parser.add_argument("--seconds", type=float, default=12.0, help="that they watch (default 12)")
    parser.add_argument("--rounds", type=int, default=1, help="for each number of students (default 1)")
    parser.add_argument("--starts", type=int, default=0, help="starts of the app and of an empty one (default 0)")
    parser.add_argument("--cores", type=int, nargs="+", default=[], help="of machines to say something about")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser


# -- measuring ----------------------------------------------------------------------------------------------------


class Class:
    """The process that stands for the students."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def say(self, **words: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def hear(self, at: str | None = None) -> dict[str, Any]:
        """The next words; `at` is where it must have come to."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the students' process ended by itself; what it wrote last says why")
        reply = json.loads(line)
        assert reply.get("at") == at, reply
        return reply


@contextmanager
def students_process() -> Iterator[Class]:
    command = [sys.executable, "-m", "benchmarks.students"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            found = Class(process)
            found.hear("ready")
            yield found
        finally:
            process.terminate()


def measure(engine: Any, experiment: Any, query: str, students: int, args: argparse.Namespace) -> dict[str, Any]:
    """One lesson, between two measurements without a page."""
    runs = 1 if args.one_run else students
    alone = [without_pages(engine, experiment, runs, args.seconds / 2)]
    with students_process() as group, serve() as app:
        served.wait_for_workers(app.pid)  # the teacher was there before
        group.say(address=app.address, students=students, one_run=args.one_run, query=query, seconds=args.seconds)
        group.hear("open")
        group.say()
        group.hear("begin")
        before = cpu(app.pid, group.pid)
        group.hear("end")
        after = cpu(app.pid, group.pid)
        memory = {"server": served.resident_mb(app.pid)}
        memory |= {str(pid): served.resident_mb(pid) for pid in served.workers_of(app.pid)}
        found = group.hear()
        answered = app.seconds
    alone.append(without_pages(engine, experiment, runs, args.seconds / 2))
    took = after["at"] - before["at"]
    shares = {name: (after[name] - before[name]) / took for name in before if name != "at"}
    return {**found, "runs": runs, "alone": alone, "shares": shares, "memory": memory, "answered": answered}


def cpu(server: int, students: int) -> dict[str, float]:
    """Seconds of CPU by process, and idle ones, until now."""
    return {
        "at": time.monotonic(),
        "server": served.cpu_seconds(server),
        "workers": sum(served.cpu_seconds(pid) for pid in served.workers_of(server)),
        "students": served.cpu_seconds(students),
        "idle": served.idle_seconds(),
    }


def without_pages(engine: Any, experiment: Any, runs: int, seconds: float) -> dict[str, float]:
    """Steps a second of so many runs in an engine that nobody looks at, and seconds of CPU for a step."""
    names = [engine.start(experiment, f"student {number}") for number in range(runs)]
    try:
        for name in names:
            common.settle(engine, name, "ready")
        for name in names:
            engine.command(name, "play")
        common.wait_for("the first steps", lambda: all(engine.view(name).step for name in names))
        time.sleep(0.3)  # until what was just looked at no longer counts as looked at
        begin = _made(engine, names)
        time.sleep(seconds)
        end = _made(engine, names)
    finally:
        for name in names:
            engine.command(name, "stop")
    steps = end["steps"] - begin["steps"]
    return {"rate": steps / (end["at"] - begin["at"]), "cost": (end["cpu"] - begin["cpu"]) / max(steps, 1)}


def _made(engine: Any, names: Sequence[str]) -> dict[str, float]:
    taken = sum(served.cpu_seconds(pid) for pid in engine.worker_pids())
    return {"at": time.monotonic(), "cpu": taken, "steps": sum(engine.view(name).step for name in names)}


def start(query: str) -> dict[str, list[float]]:
    """Seconds until the server answers, from then until the page stands, until its figures do; also of an empty app."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.py").write_text(EMPTY, encoding="utf-8")
        return {"empty": _started(Path(folder), query), "ours": _started(ROOT, query)}


def _started(folder: Path, query: str) -> list[float]:
    with students_process() as group, serve(folder) as app:
        group.say(address=app.address, students=1, one_run=False, query=query, seconds=0, empty=folder != ROOT)
        if folder == ROOT:
            group.hear("open")
            group.say()
        return [app.seconds, *group.hear()["stood"]]


if __name__ == "__main__":
    sys.exit(main())
