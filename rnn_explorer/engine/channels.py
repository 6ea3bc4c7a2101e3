"""What a worker shows: the channels of its runs, and the frames that go through them.

A channel is one view of one run with one selection, however many people look through it. A frame is made only when one
was asked for and something has changed since the last, and frames take a stated share of the time in which runs train.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rnn_explorer.engine.analysis_executor import AnalysisExecutor, AnalysisJob
from rnn_explorer.engine.base import Reply, RunView
from rnn_explorer.engine.file_makers import FileMaker, FilmMaker
from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.engine.pictures import Encoder
from rnn_explorer.engine.protocol import (
    Choose,
    CloseChannel,
    DropFile,
    FileMade,
    FrameMade,
    MakeFile,
    Message,
    OpenChannel,
    WantFrame,
)
from rnn_explorer.engine.viewers import REMEMBERED, Viewer
from rnn_explorer.errors import UserError
from rnn_explorer.remembered import Remembered
from rnn_explorer.trace import Array
from rnn_explorer.views import AnalysisResult

FRAMES_PER_SECOND = 12  # the most of one channel: more look no smoother, and cost the browser as much again
SHARE = 0.22  # of a worker's time that all frames together may take while a run trains
SHARE_EACH = 0.12  # of one channel: who looks on alone should not slow down what they look at
CREDIT = 0.05  # seconds of waiting that count for the next frame
OUR_FAULT = "This could not be drawn, by a fault of the program; the log has it."

_log = logging.getLogger(__name__)


class HostedSource:
    """A hosted run as a `Viewer` sees it."""

    def __init__(self, run: HostedRun, executor: AnalysisExecutor) -> None:
        self.run, self.executor = run, executor

    def view(self) -> RunView:
        return self.run.view()

    def others(self) -> Sequence[Mapping[str, Array]]:
        return self.run.others

    def ask(
        self, kind: str, options: Mapping[str, Any], callback: Callable[[Reply], None], step: int | None = None
    ) -> Callable[[], None]:
        return self.executor.add(AnalysisJob(self.run.run_id, kind, dict(options), step, callback))


class Channel:
    """One view of one run with one selection."""

    def __init__(
        self,
        run: HostedRun,
        executor: AnalysisExecutor,
        opened: OpenChannel,
        known: Remembered[AnalysisResult] | None = None,
    ) -> None:
        self.run, self.number, self.who = run, opened.channel, opened.who
        self.viewer = Viewer(HostedSource(run, executor), opened.view, opened.selection, known)
        self.encoder = Encoder(self.viewer.view)
        self.sight: frozenset[str] | None = None  # the panels that alone are wanted; None: all
        self.choose(opened.selection)
        self.wanted = self.whole = False
        self.broken = False  # whether the state that it shows could not be drawn
        self.frames = 0
        self.shown: Any = None  # what the newest frame showed
        self.earliest = 0.0  # on the monotonic clock: when the next one may be made

    def choose(self, selection: Mapping[str, str]) -> None:
        """Take over what the viewers chose."""
        self.viewer.choose(selection)
        sight = selection.get("sight")
        self.sight = None if sight is None else frozenset(sight.split(","))

    def due(self, now: float) -> float:
        """On the monotonic clock: when it is worth looking again; infinite where only news can bring it."""
        if not self.wanted:
            return math.inf
        news = self._state() != self.shown or (self.whole and not self.broken)
        return self.earliest if news else max(self.earliest, now + self.viewer.due())

    def _state(self) -> Any:
        return (self.run.version, self.viewer.state())

    def frame(self) -> FrameMade | None:
        """The next frame; None where nothing has changed.

        Raises:
            Exception: whatever a view does wrong.
        """
        view_state = self.viewer.look()
        state = self._state()
        if state == self.shown and not self.whole:
            return None
        self.shown, whole, first = state, self.whole, not self.frames
        self.wanted = self.whole = self.broken = False
        self.frames += 1
        difference = self.encoder.frame(view_state, self.viewer.film, self.viewer.scheduler.busy(), self.sight)
        whole_frame = self.encoder.again() if whole or first else b""
        return FrameMade(self.run.run_id, self.number, self.frames, difference, whole_frame)

    def failed(self) -> FrameMade:
        """What is sent where a state cannot be drawn: the next frame is a whole one."""
        self.shown, self.whole, self.wanted, self.broken = self._state(), False, False, True
        self.encoder = Encoder(self.viewer.view)
        self.frames += 1
        sentence = f"Step {self.run.step} could not be drawn. The log of the server says why."
        return FrameMade(self.run.run_id, self.number, self.frames, b"", error=sentence)

    def close(self) -> None:
        """It has no viewer left."""
        self.viewer.close()


class Channels:
    """All channels of a worker, and the files that are being made.

    Args:
        runs: by their ids; the worker changes them.
        executor: where analyses are computed.
        send: takes messages for the engine.
    """

    def __init__(
        self, runs: Mapping[str, HostedRun], executor: AnalysisExecutor, send: Callable[[Message], None]
    ) -> None:
        self.runs, self.executor, self.send = runs, executor, send
        self._known = Remembered[AnalysisResult](REMEMBERED)  # of all channels together
        self._channels: dict[int, Channel] = {}
        self._files: dict[int, FileMaker | FilmMaker] = {}
        self._served: dict[str, float] = {}  # when each visitor had a frame last
        self._earliest = 0.0  # when the next frame of any channel may be made
        self._exporting = ThreadPoolExecutor(1, "export")

    def handle(self, message: OpenChannel | Choose | CloseChannel | WantFrame | MakeFile | DropFile) -> None:
        """Do what a message about a hosted run asks."""
        run = self.runs[message.run_id]
        if isinstance(message, OpenChannel):
            self._channels[message.channel] = Channel(run, self.executor, message, self._known)
            return
        if isinstance(message, MakeFile):
            source = HostedSource(run, self.executor)
            film = message.form == "film"
            maker = FilmMaker(run, source, message, self.send) if film else FileMaker(run, source, message)
            self._files[message.ticket] = maker
            return
        if isinstance(message, DropFile):
            if message.ticket in self._files:
                self._files.pop(message.ticket).close()
            return
        channel = self._channels.get(message.channel)
        if channel is None:
            return
        if isinstance(message, Choose):
            channel.choose(message.selection)
        elif isinstance(message, WantFrame):
            channel.wanted, channel.whole = True, channel.whole or message.whole
        else:
            channel.close()
            del self._channels[message.channel]
            self._forget_visitors()

    def forget(self, run_id: str) -> None:
        """The run is gone."""
        for kept in (self._channels, self._files):
            for number in [number for number, entry in kept.items() if entry.run.run_id == run_id]:
                kept.pop(number).close()
        self._forget_visitors()

    def _forget_visitors(self) -> None:
        here = {channel.who for channel in self._channels.values()}
        self._served = {who: when for who, when in self._served.items() if who in here}

    def due(self) -> float:
        """On the monotonic clock: when there is something to do; infinite where only news can bring it."""
        now = time.monotonic()
        frames = min((channel.due(now) for channel in self._channels.values()), default=math.inf)
        files = min((maker.due(now) for maker in self._files.values()), default=math.inf)
        return min(max(frames, self._earliest), files)

    def work(self, training: bool) -> None:
        """Make the frame that has waited for longest, and the files whose figures are computed.

        Args:
            training: whether a run of this worker trains, so that frames keep to their share of the time.
        """
        self._make_files(training)
        now = time.monotonic()
        if now < self._earliest:
            return
        ready = [channel for channel in self._channels.values() if channel.due(now) <= now]
        if not ready:
            return
        # Visitors in turn, so that who has many pages open takes no time from the others.
        channel = min(ready, key=lambda channel: (self._served.get(channel.who, 0.0), channel.earliest))
        begin = time.thread_time()
        try:
            made = channel.frame()
        except Exception:
            # The next state may be drawn where this one could not; what the viewers have is not known any more.
            _log.exception("run %s could not be drawn at step %d", channel.run.run_id, channel.run.step)
            made = channel.failed()
        cost = time.thread_time() - begin
        self._served[channel.who] = now + 1 / FRAMES_PER_SECOND
        channel.earliest = now + max(1 / FRAMES_PER_SECOND, cost / SHARE_EACH if training else 0.0)
        # From when this frame was due, so that waiting for a slice to end costs no frames.
        self._earliest = max(self._earliest, now - CREDIT) + cost / SHARE if training else now
        if made is not None:
            self.send(made)

    def _make_files(self, training: bool) -> None:
        """Make what files need; they are written in a thread of their own: a figure takes a third of a second."""
        now = time.monotonic()
        for ticket, maker in list(self._files.items()):
            if maker.due(now) > now:
                continue
            try:
                writes = maker.work(training)
            except Exception as error:
                self._files.pop(ticket).close()
                self.send(self._failed(maker.wanted, error))
                continue
            if writes is not None:
                self._files.pop(ticket).close()
                self._exporting.submit(self._export, maker.wanted, writes)

    def _export(self, wanted: MakeFile, write: Callable[[], FileMade]) -> None:
        try:
            made = write()
        except Exception as error:
            made = self._failed(wanted, error)
        self.send(made)

    @staticmethod
    def _failed(wanted: MakeFile, error: Exception) -> FileMade:
        """Within an except clause: what is told who waits."""
        if isinstance(error, UserError):
            return FileMade(wanted.run_id, wanted.ticket, error=str(error))
        _log.exception("a file of run %s could not be made: %s %s", wanted.run_id, wanted.figure, wanted.form)
        return FileMade(wanted.run_id, wanted.ticket, error=OUR_FAULT)
