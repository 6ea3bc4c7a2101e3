"""The live page in a real browser, measured: `python -m benchmarks.live`.

Starts the app, opens it in a Chromium and watches runs of a long task there. Every round measures one after the other
what the page saw, the same run with its frames taken by a plain client, the same experiment in an engine without a
page, and the bare `torch.nn` loop; the ratios are medians over the rounds. The browser works on the same machine as
the server, so with few cores it competes with the training that it watches. Times from a click are taken inside the
page, from the browser's time stamp of the click to the drawing (or the word) that answers it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks import common
from benchmarks.common import CELLS
from benchmarks.served import serve

WATCHED = "pace=fast&task=flip_flop&cell={cell}&steps=100000"
TINY = "task=adding&cell=rnn&hidden_size=4&seq_len=5&batch_size=8&steps=100000"  # reaches step 20,000 in seconds
SIZE_AT = (1_000, 20_000)  # steps at which the size of frames is taken
READ_SECONDS = 1.0
AIM = 0.85  # steps per second watched against the engine without a page
WIDTH, HEIGHT = 1440, 900
BROWSER = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
PATIENCE = 60_000  # ms for anything on the page

# Everything that moves is noted with the page's own clock, so that no message between processes is part of a time.
PROBE = """() => {
  const view = () => [...(window.__rnnExplorer || new Map()).values()].map((b) => b.root).find((r) => r.isConnected);
  const probe = (window.__probe = { view, clicked: null, drawn: null, stopped: null, steps: [] });
  document.addEventListener("click", (event) => {
    if (!event.composedPath().some((node) => node.classList && node.classList.contains("st-key-do-play"))) return;
    probe.clicked = event.timeStamp;
    probe.drawn = probe.stopped = null;
  }, true);
  const note = () => {
    const data = view().dataset;
    const now = performance.now();
    if (probe.drawn === null && Number(data.drawn) > 0) probe.drawn = now;
    if (probe.stopped === null && !["training", "starting"].includes(data.status)) probe.stopped = now;
    const step = Number(data.step);
    if (!probe.steps.length || probe.steps[probe.steps.length - 1][1] !== step) probe.steps.push([now, step]);
  };
  new MutationObserver(note).observe(view(), { attributes: true });
}"""

COUNTS = """() => {
  const view = window.__probe.view();
  const panels = {};
  for (const panel of view.querySelectorAll(".rx-panel")) panels[panel.dataset.figure] = Number(panel.dataset.updates);
  return { now: performance.now(), frames: Number(view.dataset.frames || 0), panels };
}"""

# What the page's main thread can still do: animation frames per second beside the drawing.
PAINTED = """(milliseconds) => new Promise((resolve) => {
  let count = 0;
  const begin = performance.now();
  const tick = (now) => {
    if (now - begin >= milliseconds) return resolve((1000 * count) / (now - begin));
    count += 1;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
})"""


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)

    import torch
    from playwright.sync_api import sync_playwright

    from benchmarks.bare import what
    from rnn_explorer.engine.local import LocalEngine
    from tests.browser import install

    torch.set_num_threads(1)
    chromium = install.find()
    if chromium is None:
        print("No Chromium was found: python -m tests.browser.install", file=sys.stderr)
        return 1
    engine = LocalEngine(1, glance=0.1)
    try:
        common.wait_for("the worker", engine.workers_ready)
        with serve() as app, sync_playwright() as playwright:
            address = app.address
            browser = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER))
            found = common.machine(chromium=browser.version)
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.set_default_timeout(PATIENCE)
            results = []
            for cell in args.cells:
                print(f"{cell} ...", file=sys.stderr, flush=True)
                results.append(measure(page, address, engine, cell, args))
            print("sizes ...", file=sys.stderr, flush=True)
            sizes = [{**size, "experiment": "tiny rnn"} for size in sizes_of_tiny(page, address)]
            sizes += [{**result.pop("frame"), "experiment": f"flip_flop {result['cell']}"} for result in results]
            browser.close()
    finally:
        engine.close()
    if args.json:
        about = {"bare_loop": what(False), "seconds": args.seconds, "rounds": args.rounds, "aim": AIM}
        print(json.dumps({"machine": found, **about, "results": results, "frames": sizes}, indent=2))
        return 0
    print("The live page, watched by a browser (medians)\n")
    print(show(results))
    print("\nThe frames\n")
    print(show_sizes(sizes))
    print(
        f"\n`{WATCHED.format(cell='...')}`; {args.rounds} rounds, each {args.seconds:g} s on the page, with the "
        f"frames taken by a plain client instead (what the server alone costs), in an engine without a page, and in "
        f"the bare loop; {args.clicks} clicks on each button; a window of {WIDTH} x "
        f"{HEIGHT}. Aim: watched at {AIM} or more of the engine without a page. Bytes are those of a "
        f"frame after the first one; the tiny experiment is `{TINY}`."
    )
    print(f"\nThe bare loop: {what(False)}.\n\n{common.machine_line(found)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each block (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="blocks of each way for each cell (default 3)")
    parser.add_argument("--clicks", type=int, default=5, help="on Play and on Pause, for each cell (default 5)")
    parser.add_argument("--cells", nargs="+", default=CELLS, choices=CELLS, help="default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser


def open_page(page: Any, address: str, query: str, status: str = "ready") -> str:
    """Open an experiment or a run, wait until it is drawn, set the probe; returns the run's id."""
    page.goto(f"{address}/?{query}")
    page.locator(f".rx-view[data-status={status}]").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.rx-panel:not([data-updates=\"0\"])').length >= 5")
    page.wait_for_function("() => new URLSearchParams(location.search).has('run')")
    page.evaluate(PROBE)
    return parse_qs(urlsplit(page.url).query)["run"][0]


def press(page: Any, key: str, label: str) -> None:
    """Click a button once it says `label`: the first one is Play, and Pause while the run trains."""
    page.locator(f".st-key-do-{key} button:visible", has_text=label).click()


def until(page: Any, condition: str) -> None:
    """Wait for a condition on the view's data, named `d`, and the probe `p`."""
    page.wait_for_function(f"() => {{ const p = window.__probe, d = p.view().dataset; return {condition}; }}")


def measure(page: Any, address: str, engine: Any, cell: str, args: argparse.Namespace) -> dict[str, Any]:
    """Everything about one cell."""
    from benchmarks.bare import BareLoop
    from rnn_explorer.experiment import Experiment

    experiment = Experiment.from_query(WATCHED.format(cell=cell))
    task = experiment.make_task()
    other = engine.start(experiment)
    common.settle(engine, other, "ready")
    run_id = open_page(page, address, WATCHED.format(cell=cell))

    rates: dict[str, list[float]] = {"watched": [], "streamed": [], "unwatched": [], "bare": []}
    updates, painted, slowest = [], [], []
    for _ in range(args.rounds):
        press(page, "play", "Play")
        until(page, "d.status === 'training' && Number(d.drawn) > 0")
        page.wait_for_timeout(500)
        page.evaluate("() => { window.__probe.steps = []; }")
        before = page.evaluate(COUNTS)
        page.wait_for_timeout(1000 * args.seconds)
        after = page.evaluate(COUNTS)
        steps = page.evaluate("() => window.__probe.steps")
        painted.append(page.evaluate(PAINTED, 1000))
        (begin, first), (end, last) = steps[0], steps[-1]
        rates["watched"].append((last - first) / (end - begin) * 1000)
        page.goto("about:blank")  # the run goes on
        rates["streamed"].append(read_frames(address, run_id, args.seconds)["steps_per_second"])
        open_page(page, address, f"run={run_id}", "training")
        press(page, "play", "Pause")
        until(page, "d.status === 'paused'")
        took = (after["now"] - before["now"]) / 1000
        updates.append((after["frames"] - before["frames"]) / took)
        slowest.append(min((after["panels"][name] - before["panels"][name]) / took for name in after["panels"]))
        rates["unwatched"].append(common.engine_rate(engine, other, args.seconds))
        loop = BareLoop(experiment, task)
        loop.rate(0.1)
        rates["bare"].append(loop.rate(args.seconds))
    engine.command(other, "stop")

    starts, stops = [], []
    for _ in range(args.clicks):
        press(page, "reset", "Reset")
        until(page, "d.status === 'ready' && d.drawn === '0'")
        page.wait_for_timeout(400)  # a person does not press at once, and the page has quick reruns behind it
        press(page, "play", "Play")
        until(page, "p.drawn !== null")
        starts.append(page.evaluate("() => window.__probe.drawn - window.__probe.clicked"))
        page.wait_for_timeout(600)
        press(page, "play", "Pause")
        until(page, "p.stopped !== null")
        stops.append(page.evaluate("() => window.__probe.stopped - window.__probe.clicked"))

    press(page, "play", "Play")
    until(page, "Number(d.step) >= 100")
    frame = read_frames(address, run_id)
    press(page, "play", "Pause")
    until(page, "d.status === 'paused'")
    return {
        "cell": cell,
        "updates_per_second": common.middle(updates),
        "slowest_figure_per_second": common.middle(slowest),
        "painted_per_second": common.middle(painted),
        "steps_per_second": {name: common.middle(values) for name, values in rates.items()},
        "watched_to_unwatched": common.ratio(rates["watched"], rates["unwatched"]),
        "streamed_to_unwatched": common.ratio(rates["streamed"], rates["unwatched"]),
        "watched_to_bare": common.ratio(rates["watched"], rates["bare"]),
        "play_to_first_point_ms": common.middle(starts),
        "pause_to_stopped_ms": common.middle(stops),
        "rounds": {**rates, "updates": updates, "play_ms": starts, "pause_ms": stops},
        "frame": frame,
    }


def sizes_of_tiny(page: Any, address: str) -> list[dict[str, Any]]:
    """Size of the frames early and late in the tiny run, while the page watches too."""
    run_id = open_page(page, address, TINY)
    press(page, "play", "Play")
    found = []
    for step in SIZE_AT:
        page.wait_for_function(f"() => Number(window.__probe.view().dataset.step) >= {step}", timeout=300_000)
        found.append(read_frames(address, run_id))
    press(page, "play", "Pause")
    until(page, "d.status === 'paused'")
    return found


def read_frames(address: str, run_id: str, seconds: float = READ_SECONDS) -> dict[str, Any]:
    """Take the frames of a run that trains for `seconds` after its first one, as a page would that draws in no time."""
    from websockets.sync.client import connect

    from rnn_explorer.engine.frames import unpack
    from rnn_explorer.ui.messages import PROTOCOL

    sizes: list[int] = []
    counts: list[tuple[float, int]] = []
    first, begin = 0, 0.0
    with connect(f"ws{address.removeprefix('http')}/explorer/socket", max_size=None) as line:
        query = {"layer": "0", "gates": "maps"}
        line.send(json.dumps({"type": "open", "protocol": PROTOCOL, "run": run_id, "view": "lab", "query": query}))
        while not begin or time.monotonic() - begin < seconds:
            frame = line.recv(timeout=10)
            if isinstance(frame, str):
                if json.loads(frame)["type"] != "ping":
                    raise RuntimeError(f"the server said: {frame}")
                line.send(json.dumps({"type": "ping"}))
                continue
            number = len(sizes) + 1 + bool(begin)
            line.send(json.dumps({"type": "ready", "frame": number, "took": 0, "sight": []}))
            if not begin:
                first, begin = len(frame), time.monotonic()
                continue
            sizes.append(len(frame))
            counts.append((time.monotonic(), unpack(frame)["status"]["step"]))
        took = time.monotonic() - begin
    if len(counts) < 2:
        raise RuntimeError("the frames told nothing new")
    (early, low), (late, high) = counts[0], counts[-1]
    return {
        "steps": [low, high],
        "steps_per_second": (high - low) / (late - early),
        "frames_per_second": len(sizes) / took,
        "bytes_per_frame": sum(sizes) / len(sizes),
        "bytes_of_first_frame": first,
    }


def show(results: Sequence[dict[str, Any]]) -> str:
    """The results as a markdown table."""
    heads = ["cell", "updates/s", "slowest figure/s", "page frames/s", "steps/s watched", "engine alone", "ratio"]
    heads += ["frames taken", "ratio", "bare loop", "ratio", "Play to first point", "Pause to stopped"]
    rows = []
    for result in results:
        rate = result["steps_per_second"]
        rows.append(
            [
                result["cell"],
                f"{result['updates_per_second']:.1f}",
                f"{result['slowest_figure_per_second']:.1f}",
                f"{result['painted_per_second']:.0f}",
                f"{rate['watched']:.0f}",
                f"{rate['unwatched']:.0f}",
                f"{result['watched_to_unwatched']:.2f}",
                f"{rate['streamed']:.0f}",
                f"{result['streamed_to_unwatched']:.2f}",
                f"{rate['bare']:.0f}",
                f"{result['watched_to_bare']:.2f}",
                f"{result['play_to_first_point_ms']:.0f} ms",
                f"{result['pause_to_stopped_ms']:.0f} ms",
            ]
        )
    return common.table(heads, rows)


def show_sizes(sizes: Sequence[dict[str, Any]]) -> str:
    """The sizes as a markdown table."""
    heads = ["experiment", "steps", "frames/s", "bytes per frame", "first frame"]
    rows = [
        [
            size["experiment"],
            f"{size['steps'][0]:,} to {size['steps'][1]:,}",
            f"{size['frames_per_second']:.1f}",
            f"{size['bytes_per_frame']:,.0f}",
            f"{size['bytes_of_first_frame']:,}",
        ]
        for size in sizes
    ]
    return common.table(heads, rows)


if __name__ == "__main__":
    sys.exit(main())
