"""What was measured of a class, in numbers and tables, and what a machine of more cores would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import common
from benchmarks.cold_page import LINE

UPDATES = 12  # the most a second that a page is sent


def summary(rounds: Sequence[Mapping[str, Any]], students: int, one_run: bool) -> dict[str, Any]:
    """The rounds with one number of students: medians over the rounds; of what a student sees, over all of them."""
    watched = [each for found in rounds for each in found["watched"]]
    updates = [each["updates"] / each["seconds"] for each in watched]
    steps = [[each["steps"] for each in found["watched"]] for found in rounds]
    shares = {name: common.middle([found["shares"][name] for found in rounds]) for name in rounds[0]["shares"]}
    cores = common.machine()["cores"]
    busy = 1 - min(shares["idle"] / cores, 1.0)
    gain = 1 + shares["students"] * busy / (shares["server"] + shares["workers"])
    made = [_sum_of([each["rate"] for each in found["watched"]], one_run) for found in rounds]
    alone = [common.middle([one["rate"] for one in found["alone"]]) for found in rounds]
    cold = rounds[0]["cold"]
    return {
        "students": students,
        "runs": rounds[0]["runs"],
        "updates_per_second": common.middle(updates),
        "updates_per_second_slowest": min(updates),
        "play_ms": [1000 * _percentile([each["play"] for each in watched], percent) for percent in (50, 95)],
        "pause_ms": [1000 * _percentile([each["pause"] for each in watched], percent) for percent in (50, 95)],
        "slowest_to_fastest": None if students == 1 or one_run else common.middle([min(s) / max(*s, 1) for s in steps]),
        "steps_per_second": common.middle(made),
        "steps_per_second_taken_off": common.middle(made) * gain,
        "steps_per_second_without_pages": common.middle(alone),
        "ratio": common.ratio([rate * gain for rate in made], alone),
        "bytes_per_update": sum(each["bytes"] for each in watched) / max(sum(each["updates"] for each in watched), 1),
        "megabits_per_second": 8e-6 * sum(each["bytes"] / each["seconds"] for each in watched) / len(rounds),
        "memory_mb": [found["memory"] for found in rounds],
        "cores_taken": shares,
        "cpu_per_step": common.middle([one["cost"] for found in rounds for one in found["alone"]]),
        "cold_page_bytes": {**cold, "all": sum(cold.values())},
        "seconds_until_the_server_answers": common.middle([found["answered"] for found in rounds]),
    }


def _sum_of(rates: Sequence[float], one_run: bool) -> float:
    return common.middle(rates) if one_run else sum(rates)


def _percentile(values: Sequence[float], percent: float) -> float:
    import numpy as np

    return float(np.percentile(values, percent))


def predict(found: Mapping[str, Any], cores: int) -> dict[str, Any]:
    """What a machine of so many cores would do for these students, who bring machines of their own.

    Args:
        found: as `summary` gives it.
        cores: each as fast as one of the cores that were measured.
    """
    from rnn_explorer.engine.local import MAX_WORKERS

    students, runs, taken = found["students"], found["runs"], found["cores_taken"]
    sent = max(found["updates_per_second"] * students, 1e-9)
    # Seconds of CPU: of the server for an update; of the workers for a step, and for an update.
    relay, step = taken["server"] / sent, found["cpu_per_step"]
    frames = max(taken["workers"] - step * found["steps_per_second"], 0.0)
    frame, share = frames / sent, frames / max(taken["workers"], 1e-9)
    limits = {"the pages": float(UPDATES * students), "the server": 1 / max(relay, 1e-9)}
    updates = min(limits.values())
    for _ in range(20):  # fewer updates leave more cores to the workers, who then make more
        hands = max(min(cores - min(updates * relay, 1.0), runs, MAX_WORKERS, cores), 0.0)
        limits["the workers"] = share * hands / frame if frame > 0 else float("inf")
        updates = (updates + min(limits.values())) / 2
    updates = min(limits.values())
    return {
        "students": students,
        "cores": cores,
        "updates_per_second": updates / students,
        "steps_per_second": max(hands - frame * updates, 0.0) / step,
        "server_cores": updates * relay,
        "worker_cores": hands,
        "updates_limited_by": min(limits, key=lambda name: limits[name]),
    }


def show(results: Sequence[Mapping[str, Any]]) -> str:
    """The results as a markdown table, a column for each number of students."""

    def both(values: Sequence[float]) -> str:
        return " / ".join(f"{value:,.0f}" for value in values)

    def workers(result: Mapping[str, Any]) -> str:
        sizes = [mb for memory in result["memory_mb"] for name, mb in memory.items() if name != "server"]
        return f"{common.middle(sizes):.0f}"

    def share(result: Mapping[str, Any]) -> str:
        taken = result["cores_taken"]
        return " / ".join(f"{taken[name]:.2f}" for name in ("server", "workers", "students"))

    rows: dict[str, Any] = {
        "updates a second, each": lambda r: f"{r['updates_per_second']:.1f}",
        "of the slowest": lambda r: f"{r['updates_per_second_slowest']:.1f}",
        "Play until a step is seen, p50 / p95, ms": lambda r: both(r["play_ms"]),
        "Pause until it is seen, p50 / p95, ms": lambda r: both(r["pause_ms"]),
        "slowest student's steps / fastest's": lambda r: _or_none(r["slowest_to_fastest"]),
        "steps/s of all": lambda r: f"{r['steps_per_second']:.0f}",
        "with the load generator's CPU taken off": lambda r: f"{r['steps_per_second_taken_off']:.0f}",
        "of as many runs without a page": lambda r: f"{r['steps_per_second_without_pages']:.0f}",
        "ratio of these two": lambda r: f"{r['ratio']:.2f}",
        "bytes of an update": lambda r: f"{r['bytes_per_update']:,.0f}",
        "Mbit/s of all": lambda r: f"{r['megabits_per_second']:.1f}",
        "memory of the server, MB": lambda r: f"{common.middle([one['server'] for one in r['memory_mb']]):.0f}",
        "of a worker, MB": workers,
        "cores taken by server / workers / load generator": share,
        "a cold page, MB": lambda r: f"{r['cold_page_bytes']['all'] / 1e6:.2f}",
        f"at {LINE / 1e6:g} Mbit/s, s": lambda r: f"{8 * r['cold_page_bytes']['all'] / LINE:.1f}",
        "until the server answers, s": lambda r: f"{r['seconds_until_the_server_answers']:.1f}",
    }
    heads = ["", *(f"{r['students']} student{'s' * (r['students'] != 1)}" for r in results)]
    return common.table(heads, [[name, *(tell(result) for result in results)] for name, tell in rows.items()])


def _or_none(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def show_starts(starts: Sequence[Mapping[str, Sequence[float]]]) -> str:
    """The starts as a markdown table."""
    rows = []
    for name, title in (("ours", "the app"), ("empty", "an empty app")):
        parts = [common.middle(values) for values in zip(*(each[name] for each in starts), strict=True)]
        rows.append([title, *(f"{value:.1f}" for value in parts), *["-"] * (3 - len(parts))])
    return common.table(["", "until it answers", "from then until the page stands", "until its figures do"], rows)


def show_guesses(guesses: Sequence[Mapping[str, Any]]) -> str:
    """The predictions as a markdown table."""
    heads = [
        "students",
        "cores",
        "updates a second, each",
        "limited by",
        "steps/s of all",
        "cores of server",
        "of workers",
    ]
    rows = [
        [
            guess["students"],
            guess["cores"],
            f"{guess['updates_per_second']:.1f}",
            guess["updates_limited_by"],
            f"{guess['steps_per_second']:.0f}",
            f"{guess['server_cores']:.2f}",
            f"{guess['worker_cores']:.2f}",
        ]
        for guess in guesses
    ]
    return common.table(heads, rows)
