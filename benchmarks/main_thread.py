"""What a live frame costs the browser's main thread: `python -m benchmarks.main_thread --roots OTHER_CHECKOUT .`.

Starts the app of each checkout in turn, opens the Lab in a Chromium, trains at a limited speed and has the browser
trace its own work. Counted is CPU time, so that other work on the machine matters little: of the page's main thread, by
what it was spent on, and of all of the browser's processes, which also raster and compose what was drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.live import BROWSER, HEIGHT, PATIENCE, WIDTH, press
from benchmarks.served import ROOT, serve

QUERY = "task=flip_flop&cell={cell}&steps=100000&speed_limit={speed:g}"
SPEEDS = (5.0, 30.0)  # steps a second: at the first the curves are drawn with every frame, too
WARM_UP = 2.0  # seconds of drawing that are not counted
PARTS = ("scripts", "style and layout", "paint", "other")
CATEGORIES = ("-*", "devtools.timeline", "disabled-by-default-devtools.timeline", "v8", "blink.user_timing")

# The browser's names of what a main thread does; all others count as "other".
_SCRIPTS = {
    "EvaluateScript", "FunctionCall", "EventDispatch", "FireAnimationFrame", "TimerFire", "FireIdleCallback",
    "RunMicrotasks", "WebSocketReceive", "WebSocketSend", "MinorGC", "MajorGC", "V8.GCScavenger", "v8.compile",
    "v8.compileModule", "v8.evaluateModule", "v8.callFunction", "HandlePostMessage", "BlinkGC.AtomicPhase",
}  # fmt: skip
_LAYOUT = {
    "Layout", "UpdateLayoutTree", "RecalcStyle", "ParseAuthorStyleSheet", "ScheduleStyleRecalculation",
    "InvalidateLayout", "HitTest", "IntersectionObserverController::computeIntersections", "ParseHTML",
}  # fmt: skip
_PAINT = {
    "PrePaint", "Paint", "PaintImage", "Layerize", "Commit", "UpdateLayer", "UpdateLayerTree", "CompositeLayers",
    "Decode Image", "ImageDecodeTask", "Draw LazyPixelRef", "Decode LazyPixelRef",
}  # fmt: skip

# How often each figure was drawn. Frames that bring numbers alone are no updates.
DRAWINGS = """() => Object.fromEntries([...document.querySelectorAll(".rx-panel")].map(
  (panel) => [panel.dataset.figure, Number(panel.dataset.updates)]))"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.main_thread", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--roots", nargs="+", type=Path, default=[ROOT], help="checkouts to compare (default: this one)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="of each checkout and speed, in turns (default 3)")
    parser.add_argument("--speeds", nargs="+", type=float, default=SPEEDS, help="steps a second (default 5 30)")
    parser.add_argument("--cell", default="lstm", choices=common.CELLS, help="default: lstm, which has the most maps")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    args = parser.parse_args(arguments)

    from playwright.sync_api import sync_playwright

    from tests.browser import install

    chromium = install.find()
    if chromium is None:
        print("No Chromium was found: python -m tests.browser.install", file=sys.stderr)
        return 1
    rounds: dict[tuple[Path, float], list[dict[str, float]]] = {}
    with sync_playwright() as playwright:
        found: dict[str, Any] = {}
        for number in range(args.rounds):
            for root in args.roots:
                print(f"round {number + 1}, {root} ...", file=sys.stderr, flush=True)
                with serve(root.resolve()) as app:
                    for speed in args.speeds:
                        # A browser of its own: no cache, and no other page's work is counted.
                        browser = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER))
                        found = found or common.machine(chromium=browser.version)
                        address = f"{app.address}/?{QUERY.format(cell=args.cell, speed=speed)}"
                        rounds.setdefault((root, speed), []).append(measure(browser, address, args.seconds))
                        browser.close()
    results = [
        {"root": str(root), "speed": speed, **{name: common.middle([one[name] for one in taken]) for name in taken[0]}}
        for (root, speed), taken in sorted(rounds.items(), key=lambda item: item[0][1])
    ]
    if args.json:
        print(json.dumps({"machine": found, "results": results}, indent=2))
        return 0
    print("What an update of all figures of the Lab costs: ms of CPU (medians)\n")
    print(show(results))
    print(
        f"\n`{QUERY.format(cell=args.cell, speed=0).partition('&speed')[0]}`, the Lab in a window of {WIDTH} x "
        f"{HEIGHT}; {args.rounds} rounds of {args.seconds:g} s. Figures: how many of the five an update draws."
    )
    print(f"\n{common.machine_line(found)}")
    return 0


def measure(browser: Any, address: str, seconds: float) -> dict[str, float]:
    """One page that draws for `seconds`: updates a second, how many figures one of them draws, and milliseconds of CPU.

    These are for an update of all figures: some are drawn less often than others, and not by all checkouts alike.
    """
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.locator(".rx-view[data-status=ready]").wait_for()
    common.wait_for("the figures", lambda: page.locator(".rx-panel:not([data-updates='0'])").count() >= 5)
    press(page, "play", "Play")
    page.locator(".rx-view[data-status=training]").wait_for()
    page.wait_for_timeout(1000 * WARM_UP)
    processes = browser.new_browser_cdp_session()

    def cpu() -> float:
        running = processes.send("SystemInfo.getProcessInfo")["processInfo"]
        return sum(process["cpuTime"] for process in running)

    before, begin = page.evaluate(DRAWINGS), cpu()
    browser.start_tracing(page=page, categories=list(CATEGORIES))
    page.wait_for_timeout(1000 * seconds)
    after, end = page.evaluate(DRAWINGS), cpu()
    parts = spent(json.loads(browser.stop_tracing())["traceEvents"])
    drawings = [after[name] - before[name] for name in after]
    figures = sum(drawings)
    whole = figures / len(drawings)  # as many updates of all figures would have drawn as much
    return {
        "updates_per_second": max(drawings) / seconds,
        "figures": figures / max(drawings),
        "main thread": sum(parts.values()) / whole,
        **{name: parts[name] / whole for name in PARTS},
        "browser": 1000 * (end - begin) / whole,
    }


def spent(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Milliseconds of CPU that the busiest main thread of a trace's pages took, by part.

    Tasks are `RunTask` events; what happens inside them are events that lie within each other, and the time of each
    counts for its own kind, without that of the ones inside it, or for the kind around it where it has none.
    """
    threads: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    mains = set()
    for event in events:
        thread = (event["pid"], event["tid"])
        if event.get("name") == "thread_name" and event["args"]["name"] == "CrRendererMain":
            mains.add(thread)
        elif event.get("ph") == "X" and "tdur" in event:
            threads.setdefault(thread, []).append(event)
    found = [_own_times(threads[thread]) for thread in mains if thread in threads]
    return max(found, key=lambda parts: sum(parts.values()), default=dict.fromkeys(PARTS, 0.0))


def _own_times(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    parts: Counter[str] = Counter(dict.fromkeys(PARTS, 0.0))
    open_events: list[tuple[float, str]] = []  # the end and the kind of each event that the next one lies in
    for event in sorted(events, key=lambda event: (event["ts"], -event["dur"])):
        while open_events and event["ts"] >= open_events[-1][0]:
            open_events.pop()
        if not open_events and event["name"] != "RunTask":
            continue  # its task began before the trace
        around = open_events[-1][1] if open_events else ""
        kind = _kind(event["name"]) or around or "other"
        took = event["tdur"] / 1000
        parts[kind] += took
        if around:
            parts[around] -= took
        open_events.append((event["ts"] + event["dur"], kind))
    return dict(parts)


def _kind(name: str) -> str:
    kinds = ((_SCRIPTS, "scripts"), (_LAYOUT, "style and layout"), (_PAINT, "paint"))
    return next((kind for names, kind in kinds if name in names), "")


def show(results: Sequence[Mapping[str, Any]]) -> str:
    """The results as a markdown table."""
    heads = ["checkout", "steps/s", "updates/s", "figures", "main thread", *PARTS, "all of the browser"]
    rows = [
        [
            result["root"],
            f"{result['speed']:g}",
            f"{result['updates_per_second']:.1f}",
            *(f"{result[name]:.1f}" for name in ("figures", "main thread", *PARTS, "browser")),
        ]
        for result in results
    ]
    return common.table(heads, rows)


if __name__ == "__main__":
    sys.exit(main())
