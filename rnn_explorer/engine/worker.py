"""A worker process: hosts many trainers and gives each running one a slice of time in turn.

Started by an engine as `python -m rnn_explorer.engine.worker DESCRIPTOR`: the number of an open file that connects it.
It lives as long as the connection: when the engine is gone, however it went, so is the worker.

Whatever takes long is done in slices: training step by step; building, measuring and analyses as generators that pause
where others may have a turn.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import queue
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

from rnn_explorer.engine import protocol
from rnn_explorer.engine.analysis_executor import AnalysisExecutor
from rnn_explorer.engine.channels import Channels
from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.engine.protocol import (
    Beat,
    Change,
    Choose,
    CloseChannel,
    Command,
    DropFile,
    KeptState,
    LoadRun,
    MakeFile,
    Message,
    OpenChannel,
    SetPast,
    WantFrame,
    WantState,
    WorkerReady,
)
from rnn_explorer.engine.run_host import RunHost
from rnn_explorer.recording import versions

ROUND = 0.15  # seconds in which every run that trains has had its slice, as far as slices are not too short for that
SLICE_ALONE, SLICE_SHARED, SHORTEST_SLICE = 0.05, 0.03, 0.004  # seconds of training between two looks at the others
FIRST_SLICE = 0.01  # after Play: the user is waiting to see something move
BEAT_EVERY = 1.0  # seconds between two signs of life

_log = logging.getLogger(__name__)


class Worker:
    """The loop of a worker process.

    Args:
        connection: to the engine; read by another thread, written by this one and by that of `beat`.
        inbox: messages of the engine as bytes, in order.
    """

    def __init__(self, connection: Connection, inbox: queue.SimpleQueue[bytes]) -> None:
        self.connection, self.inbox = connection, inbox
        self.host = RunHost(self.send, self.called)
        self.executor = AnalysisExecutor(self.host.runs, lambda run_id, step: self.send(WantState(run_id, step)))
        self.channels = Channels(self.host.runs, self.executor, self.send)
        self.since: float | None = time.monotonic()  # since when it does what it does now; None while it waits
        self._sending = threading.Lock()

    def beat(self) -> None:
        """Give signs of life, for ever, in a thread of its own: they say for how long the loop has not come round."""
        while True:
            since = self.since
            self.send(Beat(0.0 if since is None else time.monotonic() - since))
            time.sleep(BEAT_EVERY)

    def loop(self) -> None:
        """Handle messages and give slices, for ever: to runs, analyses and channels in turn."""
        while True:
            while (wait := self.wait()) != 0 or not self.inbox.empty():
                self.since = None
                try:
                    message = self.inbox.get(timeout=wait)
                except queue.Empty:
                    break
                finally:
                    self.since = time.monotonic()
                try:
                    self.handle(protocol.decode(message))
                except Exception:  # what concerns a run is caught with the run
                    _log.exception("a message could not be handled")
            self.since = time.monotonic()
            if self.executor:
                self.executor.work(SLICE_SHARED, self.called)
            now = time.monotonic()
            self.since = now
            self.channels.work(training=bool(self.host.turns))
            run = self.host.next_run(now)
            if run is not None and self.inbox.empty():
                self.since = now
                self.host.give_turn(run, self.slice_seconds(run, now))

    def slice_seconds(self, run: HostedRun, now: float) -> float:
        """How long the next slice of a run lasts."""
        others = sum(other is not run for other in self.host.turns)
        alone = not others and not self.executor
        shared = min(SLICE_SHARED, max(ROUND / (1 + others), SHORTEST_SLICE))
        seconds = FIRST_SLICE if run.first_slice else SLICE_ALONE if alone else shared
        if alone:  # a frame may be due before; where there are many runs, their slices are short anyway
            seconds = min(seconds, max(self.channels.due() - now, SHORTEST_SLICE))
        return seconds

    def wait(self) -> float | None:
        """Seconds until there is something to do; None where only a message can bring it."""
        if self.executor:
            return 0.0
        due = min([self.channels.due(), *(run.next_turn for run in self.host.turns)])
        return None if math.isinf(due) else max(0.0, due - time.monotonic())

    def called(self) -> bool:
        """Whether a message waits."""
        return not self.inbox.empty()

    def send(self, message: Message) -> None:
        """Tell the engine."""
        data = protocol.encode(message)
        with self._sending:
            try:
                self.connection.send_bytes(data)
            except OSError:
                os._exit(0)  # the engine is gone, which the thread that listens may see a moment later

    def handle(self, message: Message) -> None:
        """Do what a message of the engine asks for; the answer to commands and changes is an update."""
        if isinstance(message, LoadRun):
            self.host.load(message)
            return
        if isinstance(message, (WorkerReady, Beat)) or message.run_id not in self.host.runs:
            return
        run = self.host.runs[message.run_id]
        if isinstance(message, Command) and message.command == "stop":
            self.channels.forget(run.run_id)
            self.executor.forget(lambda job: job.run_id == run.run_id)
            self.host.drop(run)
        elif isinstance(message, (Command, Change)):
            run.commands.append(message)
            self.host.obey_commands(run)
        elif isinstance(message, SetPast):
            run.kept, run.others = message.steps, message.others
            run.version += 1
        elif isinstance(message, KeptState):
            self.executor.give_state(message)
        elif isinstance(message, (OpenChannel, Choose, CloseChannel, WantFrame, MakeFile, DropFile)):
            self.channels.handle(message)


def _listen(connection: Connection, inbox: queue.SimpleQueue[bytes]) -> None:
    try:
        while True:
            inbox.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(0)  # the engine is gone: at once, whatever the training is doing


def _warm_up() -> None:
    """Do once what is slow only the first time, before anybody waits for it."""
    from rnn_explorer import kernels
    from rnn_explorer.analysis.frozen_model import FrozenModel
    from rnn_explorer.cells import CELLS
    from rnn_explorer.experiment import DEFAULT_TASK, Experiment
    from rnn_explorer.tasks import TASKS
    from rnn_explorer.training import Trainer

    kernels.prepare()
    if DEFAULT_TASK not in TASKS:
        return
    small = Experiment.default().replace(hidden_size=2, dense=())
    task = small.make_task()
    for cell in CELLS.names():
        trainer = Trainer(small.replace(cell=cell), task)
        trainer.step()
        trainer.snapshot()
        trainer.state()
        FrozenModel.of(trainer)


def main(descriptor: str) -> None:
    """Work for the engine at the other end of the open file number `descriptor` until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the engine stops its workers
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s worker %(process)d %(levelname)s %(message)s")
    try:
        connection = Connection(int(descriptor))
        os.set_inheritable(connection.fileno(), False)
    except (OSError, ValueError) as error:
        sys.exit(f"a worker found no engine: {error!r}")
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    worker = Worker(connection, inbox)
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    threading.Thread(target=worker.beat, daemon=True).start()

    import torch

    torch.set_num_threads(versions.THREADS)
    torch.set_num_interop_threads(1)
    from rnn_explorer.analysis import registry

    registry.load()
    try:
        _warm_up()
    except Exception:
        _log.exception("the warm-up failed")  # a fault of one task is no reason to host none
    gc.collect()
    gc.freeze()
    worker.send(WorkerReady())
    worker.loop()


if __name__ == "__main__":
    main(sys.argv[1])
