"""The place of one worker: starts its process, hears it, notices its death, and starts the next one.

A place has a thread that does this, and a thread that writes to the process, so that nobody who presses a button waits
for a pipe. A worker gives signs of life; one that is silent, or at one piece of work for far too long, is in the end
killed and replaced.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from rnn_explorer.engine.protocol import Beat, Message, ProtocolError, WorkerReady, decode, encode
from rnn_explorer.engine.relay import Calls, call
from rnn_explorer.recording.versions import THREADS
from rnn_explorer.tasks.user_data import store

SETTLED = 5.0  # minimum seconds between ready and a death that does not count as a failed start
GIVE_UP = 4  # failed starts in a row, after which the runs that wait for the worker are failed
BACK_OFF, LONGEST_BACK_OFF = 0.2, 30.0  # seconds before the next start; doubled at each further failed one
SILENT, MUTE = 5.0, 20.0  # seconds without a sign of life: it gets no new runs; it is killed
SLOW, STUCK = 30.0, 120.0  # seconds at one piece of work, which lasts about one on a free core: likewise
MUTE_START, STUCK_START = 60.0, 300.0  # until it is ready, since importing torch may stop all its threads for long

HEAD_START = 3.0  # seconds that a first process which is ready has to itself, for the figures of the first page

COMMAND = (sys.executable, "-m", "rnn_explorer.engine.worker")
_UNWELL = (
    "The worker process of this run does not answer at the moment. If that lasts it is replaced; "
    "Play then goes on from the last kept state."
)
_log = logging.getLogger(__name__)


class WorkerProcess:
    """A worker's place; the processes in it come and go.

    What is known of it changes with the engine's lock held.

    Args:
        name: for the log.
        lock: the engine's.
        closing: set when no process is to be started any more.
        take: is given what the process says of runs, with the lock free.
        lost: is told with the lock held that the process has died with its runs: (place, whether no process could be
            started, whether it was killed since it did not answer); returns whom to call once the lock is free.
        after: a place whose first process is to be ready, or dead, before this one starts; None for none.

    Attributes:
        process: the present one.
        ready_since: on the monotonic clock; None while no process is ready for runs.
        heard: on the monotonic clock: the last sign of life.
        busy: seconds at its present piece of work, as of then.
        trouble: a sentence for a person while it does not answer.
        deaths: failed starts, in a row.
        came: set once a first process was ready, or died.
        thread: that keeps a process alive; to be started.
    """

    def __init__(
        self,
        name: str,
        lock: threading.RLock,
        closing: threading.Event,
        take: Callable[[WorkerProcess, Message], None],
        lost: Callable[[WorkerProcess, bool, bool], Calls],
        after: WorkerProcess | None = None,
    ) -> None:
        self.name = name
        self._lock, self._closing, self._take, self._lost = lock, closing, take, lost
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Connection | None = None
        self.ready_since: float | None = None
        self.heard = self.busy = 0.0
        self.trouble = ""
        self.deaths = 0
        self._after, self.came = after, threading.Event()
        self.outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None  # from the outbox to the connection, once the process is ready
        self.thread = threading.Thread(target=self._keep_alive, name=f"engine-worker-{name}", daemon=True)

    @property
    def answers(self) -> bool:
        """Whether it can speak for its runs at the moment."""
        return self.ready_since is not None and not self.trouble

    @property
    def is_failing(self) -> bool:
        """Whether it should be given no new runs where another one can take them."""
        dying = self.process is not None and self.process.poll() is not None
        return self.deaths >= GIVE_UP or dying or bool(self.trouble)

    def tell(self, message: Message) -> None:
        """Send the process a message, once it is ready."""
        self.outbox.put(encode(message))

    def check(self, now: float, pause: float) -> bool:
        """See whether the process answers, and kill it where it has not for long.

        Args:
            now: on the monotonic clock.
            pause: seconds since the last check; where they are many, the engine itself stood still.

        Returns:
            Whether `trouble` changed.
        """
        if pause > SILENT / 2:
            self.heard = now  # its silence proves nothing then
        if self.process is None:
            return False
        silent = now - self.heard
        mute, stuck = (MUTE_START, STUCK_START) if self.ready_since is None else (MUTE, STUCK)
        if silent > mute or self.busy > stuck:
            _log.warning("worker %s is killed: silent for %.0f s, busy for %.0f s", self.name, silent, self.busy)
            self.process.kill()
        trouble = ""
        if self.ready_since is not None:
            if now - self.ready_since > SETTLED:
                self.deaths = 0
            trouble = _UNWELL if silent > SILENT or self.busy > SLOW else ""
        changed, self.trouble = trouble != self.trouble, trouble
        return changed

    def terminate(self) -> None:
        """Ask the process to end."""
        self.came.set()
        self.outbox.put(None)
        if self.process is not None:
            self.process.terminate()

    def wait(self, deadline: float) -> None:
        """Wait until the process has ended; kill it at `deadline` on the monotonic clock."""
        process = self.process
        if process is None:
            return
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # -- in the place's thread ----------------------------------------------------------------------------------

    def _keep_alive(self) -> None:
        """Start a process, listen to it until it dies, and start the next one."""
        if self._after is not None:
            self._after.came.wait()
            self._closing.wait(HEAD_START)
        while not self._closing.is_set():
            try:
                self._spawn()
                self._hear()
            except Exception:
                _log.exception("worker %s could not be started or heard", self.name)
            self._closing.wait(self._bury())

    def _spawn(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS))
        # A pair of connected sockets: no address that somebody else could connect to, no file to be left behind.
        ours, theirs = Pipe()
        with theirs, self._lock:
            if self._closing.is_set():
                ours.close()
                return
            self.connection = ours
            self.heard, self.busy = time.monotonic(), 0.0
            self.process = subprocess.Popen(
                [*COMMAND, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=2,  # standard output belongs to the program that made the engine
                env={**os.environ, "PYTHONPATH": path, **threads, **store.environment()},
                pass_fds=[theirs.fileno()],
            )

    def _hear(self) -> None:
        connection = self.connection
        if connection is None:
            return
        while True:
            try:
                data = connection.recv_bytes()
            except (EOFError, OSError):
                return
            self.heard = time.monotonic()
            try:
                message = decode(data)
            except ProtocolError:
                _log.exception("worker %s sent what cannot be read", self.name)
                return
            if isinstance(message, Beat):
                self.busy = message.busy
            elif isinstance(message, WorkerReady):
                with self._lock:
                    self.ready_since, self.busy = time.monotonic(), 0.0
                self.came.set()
                # Only now: what a worker was told that died on its way up waits for the next one.
                self._writer = threading.Thread(target=_write, args=(connection, self.outbox), daemon=True)
                self._writer.start()
            else:
                self._take(self, message)

    def _bury(self) -> float:
        """Tidy up after a dead process; returns the seconds to wait before the next is started."""
        self.came.set()
        if self.process is not None:
            self.process.kill()  # it may have lost its connection without dying
            self.process.wait()
        calls: Calls = []
        connection, writer = self.connection, self._writer
        with self._lock:
            ready_since, silenced = self.ready_since, bool(self.trouble)
            self.process = self.connection = self.ready_since = self._writer = None
            self.trouble = ""
            settled = ready_since is not None and time.monotonic() - ready_since > SETTLED
            self.deaths = 0 if settled else self.deaths + 1
            given_up = self.deaths >= GIVE_UP
            if not self._closing.is_set():
                _log.warning("worker %s died; failed starts in a row: %d", self.name, self.deaths)
            if ready_since is not None or given_up:
                self.outbox.put(None)
                self.outbox = queue.SimpleQueue()
                calls = self._lost(self, given_up and ready_since is None, silenced)
        if writer is not None:
            writer.join(1.0)
        if connection is not None:
            connection.close()  # last, so that no thread writes to a file descriptor that is somebody else's by then
        call(calls)
        return 0.0 if self.deaths <= 1 else min(BACK_OFF * 2 ** (self.deaths - 2), LONGEST_BACK_OFF)


def _write(connection: Connection, outbox: queue.SimpleQueue[bytes | None]) -> None:
    try:
        while (data := outbox.get()) is not None:
            connection.send_bytes(data)
    except OSError:
        pass  # the process died, which its reader notices
