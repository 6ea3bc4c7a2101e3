"""Which worker hosts a run: the one with the least load."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rnn_explorer.engine.run_table import Run
from rnn_explorer.engine.worker_process import WorkerProcess

IDLE_WEIGHT = 0.05  # of a run that does not train, against one that does


def load_of(worker: WorkerProcess, runs: Collection[Run]) -> tuple[bool, float]:
    """How busy a worker is among all runs, to be compared: whether it is failing, and its number of training runs."""
    load = sum(1.0 if run.status == "training" else IDLE_WEIGHT for run in runs if run.worker is worker)
    late = 0.0 if worker.ready_since is not None else 0.5 if worker.process is not None else 2.0
    return worker.is_failing, load + late


def least_loaded(workers: Sequence[WorkerProcess], runs: Collection[Run]) -> WorkerProcess:
    """The worker for one more run."""
    return min(workers, key=lambda worker: load_of(worker, runs))


def should_move(run: Run, workers: Sequence[WorkerProcess], runs: Collection[Run]) -> bool:
    """Whether a run that is about to train, and of which all is known here, has a ready worker with less to do."""
    ready = [worker for worker in workers if worker.ready_since is not None]
    if run.status not in ("ready", "paused", "finished") or not run.is_known or run.worker is None or not ready:
        return False
    failing, least = load_of(least_loaded(ready, runs), runs)
    is_failing, load = load_of(run.worker, runs)
    return not failing and (is_failing or least + 0.5 < load)
