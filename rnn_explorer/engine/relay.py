"""Who looks at what: passes frames from workers to viewers, each made once however many look.

Viewers of one run who have chosen the same share a channel. A frame is asked for when a viewer has taken the one
before; it holds what has changed since. Who is a little late gets the last few of them, who joins or has fallen far
behind gets a whole frame.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rnn_explorer.engine.protocol import Choose, CloseChannel, FrameMade, OpenChannel, WantFrame

# Called from another thread, so quick: ("frame", bytes), ("status", bytes of a frame that holds the status line alone),
# ("error", a sentence) or ("gone", None).
Deliver = Callable[[Literal["frame", "status", "error", "gone"], Any], None]
Tell = Callable[[OpenChannel | Choose | CloseChannel | WantFrame], None]  # a message to the run's worker, if it has one
LAST = 2  # frames kept for who is late: together they are shorter than a whole one
Calls = list[Callable[[], None]]  # to be made once the engine's lock is free, by `call`

_log = logging.getLogger(__name__)


def call(calls: Calls) -> None:
    """Call every subscriber; one that raises does not keep the others from being called."""
    for each in calls:
        try:
            each()
        except Exception:
            _log.exception("a subscriber raised")


@dataclass(eq=False)
class Viewing:
    """One viewer of a run.

    Attributes:
        run_id, view: the run, and the key of the view.
        deliver: takes what the viewer is to get.
        who: the visitor.
        channel: the one that it looks through.
        ready: whether it has taken all that it got, and waits for more.
        number: of the newest frame that it got; 0 for none.
    """

    run_id: str
    view: str
    deliver: Deliver
    who: str
    channel: Channel
    ready: bool = False
    number: int = 0


@dataclass(eq=False)
class Channel:
    """One view of one run with one selection.

    Attributes:
        run_id: the run.
        key: what its viewers have chosen.
        selection: the same, as the view reads it.
        viewers: those who look through it.
        number: of the newest frame that came.
        requested: whether a frame was requested that has not come.
        last: the newest frames of a channel that several look through, as what has changed from one to the next.
    """

    run_id: str
    key: str
    selection: Mapping[str, str]
    ticket: int
    viewers: list[Viewing] = field(default_factory=list)
    number: int = 0
    requested: bool = False
    last: deque[bytes] = field(default_factory=lambda: deque(maxlen=LAST))

    def missed(self, viewing: Viewing) -> list[bytes] | None:
        """What a viewer lacks of the newest frame; None where that is more than is kept."""
        count = self.number - viewing.number
        return list(self.last)[len(self.last) - count :] if viewing.number and count <= len(self.last) else None


class Relay:
    """All channels of an engine. Every method is called with the engine's lock held."""

    def __init__(self) -> None:
        self._channels: dict[int, Channel] = {}
        self._numbers = itertools.count(1)

    def open(
        self, run_id: str, view: str, selection: Mapping[str, str], deliver: Deliver, who: str, tell: Tell
    ) -> Viewing:
        """Open a viewer of a run."""
        viewing = Viewing(run_id, view, deliver, who, Channel(run_id, "", {}, 0))
        self._join(viewing, selection, tell)
        return viewing

    def choose(self, viewing: Viewing, selection: Mapping[str, str], tell: Tell) -> None:
        """Take over what a viewer has chosen."""
        channel, key = viewing.channel, _key(viewing.view, selection)
        if key == channel.key:
            return
        if len(channel.viewers) == 1 and (_is_private(selection) or self._find(viewing.run_id, key) is None):
            # The only one takes the channel along, with what its view knows and its last frame.
            channel.key, channel.selection = key, selection
            tell(Choose(channel.run_id, channel.ticket, selection))
            return
        self._leave(viewing, tell)
        self._join(viewing, selection, tell)
        if viewing.ready:
            self._ask(channel=viewing.channel, tell=tell)

    def ready(self, viewing: Viewing, tell: Tell) -> Calls:
        """A viewer has taken what it got."""
        viewing.ready, channel = True, viewing.channel
        missed = channel.missed(viewing)
        if missed:
            viewing.ready, viewing.number = False, channel.number
        self._ask(channel, tell)
        return [functools.partial(viewing.deliver, "frame", content) for content in missed or ()]

    def close(self, viewing: Viewing, tell: Tell) -> None:
        """A viewer has left."""
        self._leave(viewing, tell)

    def pass_on(self, frame: FrameMade, tell: Tell) -> Calls:
        """A frame has come from a worker."""
        channel = self._channels.get(frame.channel)
        if channel is None:
            return []
        calls: Calls = []
        channel.number, channel.requested = frame.number, False
        if frame.error or not frame.difference or len(channel.viewers) == 1:
            channel.last.clear()
        else:
            channel.last.append(frame.difference)
        for viewing in channel.viewers:
            if frame.error:
                viewing.number = 0
                calls.append(functools.partial(viewing.deliver, "error", frame.error))
                continue
            content = frame.difference if 0 < viewing.number == frame.number - 1 else frame.whole
            if viewing.ready and content:
                viewing.ready, viewing.number = False, frame.number
                calls.append(functools.partial(viewing.deliver, "frame", content))
        self._ask(channel, tell)
        return calls

    def move(self, run_id: str, tell: Tell) -> None:
        """Another worker has taken over a run: its channels are opened there anew."""
        for channel in self._of(run_id):
            channel.number, channel.requested = 0, False
            channel.last.clear()
            for viewing in channel.viewers:
                viewing.number = 0
            first = channel.viewers[0]
            tell(OpenChannel(run_id, channel.ticket, first.view, channel.selection, first.who))
            self._ask(channel, tell)

    def say(self, run_id: str, kind: Literal["status", "gone"], value: Any = None) -> Calls:
        """Something that no worker can tell the viewers of a run."""
        return [
            functools.partial(viewing.deliver, kind, value)
            for channel in self._of(run_id)
            for viewing in channel.viewers
        ]

    def forget(self, run_id: str) -> Calls:
        """The run is gone."""
        calls = self.say(run_id, "gone")
        for channel in self._of(run_id):
            del self._channels[channel.ticket]
            channel.viewers.clear()
        return calls

    def viewers(self, run_id: str) -> int:
        """How many look at a run."""
        return sum(len(channel.viewers) for channel in self._of(run_id))

    # -- inside -------------------------------------------------------------------------------------------------

    def _of(self, run_id: str) -> list[Channel]:
        return [channel for channel in self._channels.values() if channel.run_id == run_id]

    def _find(self, run_id: str, key: str) -> Channel | None:
        return next((channel for channel in self._of(run_id) if channel.key == key), None)

    def _join(self, viewing: Viewing, selection: Mapping[str, str], tell: Tell) -> None:
        key = _key(viewing.view, selection)
        channel = None if _is_private(selection) else self._find(viewing.run_id, key)
        if channel is None:
            channel = Channel(viewing.run_id, key, selection, next(self._numbers))
            self._channels[channel.ticket] = channel
            tell(OpenChannel(viewing.run_id, channel.ticket, viewing.view, selection, viewing.who))
        channel.viewers.append(viewing)
        viewing.channel, viewing.number = channel, 0

    def _leave(self, viewing: Viewing, tell: Tell) -> None:
        channel = viewing.channel
        if viewing in channel.viewers:
            channel.viewers.remove(viewing)
            if not channel.viewers:
                self._channels.pop(channel.ticket, None)
                tell(CloseChannel(channel.run_id, channel.ticket))

    def _ask(self, channel: Channel, tell: Tell) -> None:
        """Ask for the next frame where a viewer waits for one: a whole one at once where a viewer lacks it."""
        ready = [viewing for viewing in channel.viewers if viewing.ready]
        whole = any(viewing.number != channel.number or not viewing.number for viewing in ready)
        if ready and (whole or not channel.requested):
            channel.requested = True
            tell(WantFrame(channel.run_id, channel.ticket, whole))


def _key(view: str, selection: Mapping[str, str]) -> str:
    return json.dumps([view, sorted(selection.items())])


def _is_private(selection: Mapping[str, str]) -> bool:
    """Whether a selection does something in time, which nobody else joins: a film, or taking an analysis back."""
    return bool(selection.get("film") or selection.get("cancel"))
