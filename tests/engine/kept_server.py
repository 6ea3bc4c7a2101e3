"""A server without pages, to be killed: an engine with a store whose runs it takes up again, and goes on with.

Started as `python -m tests.engine.kept_server FOLDER`. Each of its lines is JSON: {"revived": [run, status, step]}
for a run of an earlier server, then many times {"workers": process ids, "stored": {run: the newest step on its curve in
the store, and the newest one whose state is there}}. SIGTERM ends it in order.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from pathlib import Path

from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.store.store import RunStore

STEPS = 2500  # of a budget; then the next run begins
AT_ONCE = 2  # runs that train


def experiment(seed: int) -> Experiment:
    """What the run of a number trains."""
    return Experiment.default("adding").replace(
        pace="fast", hidden_size=4, batch_size=4, seq_len=6, steps=STEPS, seed=seed
    )


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


def main(folder: Path) -> None:
    """Train until the end."""
    with contextlib.closing(RunStore(folder)) as store, contextlib.closing(LocalEngine(2, store=store)) as engine:
        known = [run.run_id for run in store.runs()]
        for run in known:
            engine.revive(run)
        for run in known:
            while (view := engine.view(run)).status == "starting":
                time.sleep(0.01)
            say(revived=[run, view.status, view.step])
        while True:
            views = [engine.view(run) for run in known]
            for view in views:
                if view.status in ("ready", "paused", "interrupted"):
                    engine.command(view.run_id, "play")
            if sum(view.status != "finished" for view in views) < AT_ONCE:
                known.append(engine.start(experiment(seed=len(known))))
            states = {view.run_id: max(store.states(view.run_id), default=0) for view in views}
            rows = {run: len(store.curve(run, "train")) for run in states}  # it may have more by now
            say(workers=engine.worker_pids(), stored={run: [rows[run], states[run]] for run in states if rows[run]})
            time.sleep(0.03)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    main(Path(sys.argv[1]))
