"""One look at a run: at its present or its past, with the analyses that its view needs.

A `Viewer` belongs to one channel and lives in the worker that hosts the run. It is given the
user's choices, and called for the `ViewState` of each frame.
"""

from __future__ import annotations

import bisect
import dataclasses
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rnn_explorer.engine.base import Reply, RunView
from rnn_explorer.remembered import Remembered
from rnn_explorer.trace import Array
from rnn_explorer.views import VIEWS, AnalysisRequest, AnalysisResult, ViewState
from rnn_explorer.views.base import NOTHING

SHARE = 0.25  # the most of a worker's time that the analyses of one viewer of a training model may take
FASTEST_FILM = 30.0  # kept steps a second
REMEMBERED = 64 * 2**20  # bytes of answers about past steps that a worker keeps, so that a film is shown again at once
_SNAPSHOT = "snapshot"
# Questions may follow from answers: where a point goes, once it is found. What is remembered is answered at once, and
# that is no news which would bring another look.
_MOST_ROUNDS = 8
_log = logging.getLogger(__name__)


class Source(Protocol):
    """A run, and who computes analyses of its model."""

    def view(self) -> RunView:
        """The run as it is now, with a picture of its inside."""

    def others(self) -> Sequence[Mapping[str, Array]]:
        """The training curves of its other branches."""

    def ask(
        self, kind: str, options: Mapping[str, Any], callback: Callable[[Reply], None], step: int | None
    ) -> Callable[[], None]:
        """Compute an analysis of the model as it is, or as it was at a kept step.

        `callback` hears of the progress, and last of the result; never once the returned function was called.
        """


@dataclass
class _Slot:
    """One analysis of the view, and what came of it."""

    request: AnalysisRequest
    signature: str = ""  # of the newest wish
    since: float = 0.0  # when it became that
    requested: str = ""  # the signature of the newest request sent
    requested_step: int = -1  # of the living model then
    requested_at: float = -math.inf
    took: float = 0.0  # seconds, the newest result
    number: int = 0  # of the newest request sent: replies to older ones are dropped
    take_back: Callable[[], None] | None = None
    stopped: str = ""  # the signature that the user does not want
    result: AnalysisResult = NOTHING


class AnalysisScheduler:
    """Requests a run's analyses when they are due, and keeps the results.

    Args:
        source: the run.
        known: keeps results about past steps; perhaps those of others, too.
    """

    def __init__(self, source: Source, known: Remembered[AnalysisResult] | None = None) -> None:
        self.source = source
        self.version = 0
        self.next_due = math.inf
        self._slots: dict[str, _Slot] = {}
        self._known = Remembered[AnalysisResult](REMEMBERED) if known is None else known  # by (self, signature)

    def want(self, requests: list[AnalysisRequest], past: int | None, step: int) -> dict[str, AnalysisResult]:
        """Say what is wanted now; returns what is known of it.

        Args:
            requests: their names are unique.
            past: a kept step to ask about; None: the living model.
            step: the step of the living model.
        """
        self.next_due = math.inf
        names = {request.name for request in requests}
        for name in set(self._slots) - names:
            self._drop(self._slots.pop(name))
        now = time.monotonic()
        for request in requests:
            slot = self._slots.setdefault(request.name, _Slot(request))
            slot.request = request
            signature = json.dumps([request.kind, request.options, request.key, past], sort_keys=True, default=list)
            if signature != slot.signature:
                slot.signature, slot.since = signature, now
            self._tend(slot, past, step, now)
        return {name: self._slots[name].result for name in names}

    def _tend(self, slot: _Slot, past: int | None, step: int, now: float) -> None:
        request = slot.request
        if slot.stopped == slot.signature:
            return
        if slot.requested != slot.signature:
            if past is not None and (known := self._known.get((self, slot.signature))) is not None:
                self._drop(slot)
                slot.requested, slot.result = slot.signature, known
                self.version += 1
                return
            ready = slot.since + request.settle
        elif past is not None or slot.take_back is not None or slot.requested_step == step:
            return
        else:
            ready = slot.requested_at + max(request.every, slot.took / SHARE)
        if now < ready:
            self.next_due = min(self.next_due, ready)
            return
        self._drop(slot)
        slot.number += 1
        slot.requested, slot.requested_step, slot.requested_at = slot.signature, step, now
        slot.result = dataclasses.replace(slot.result, pending=True, progress=0.0)
        name, number, signature = request.name, slot.number, slot.signature

        def hear(reply: Reply) -> None:
            self._hear(name, number, signature if past is not None else "", reply)

        slot.take_back = self.source.ask(request.kind, request.options, hear, past)
        self.version += 1

    def _hear(self, name: str, number: int, past: str, reply: Reply) -> None:
        slot = self._slots.get(name)
        if slot is None or slot.number != number:
            return
        if not reply.done:
            slot.result = dataclasses.replace(slot.result, progress=reply.progress)
        else:
            slot.take_back, slot.took = None, time.monotonic() - slot.requested_at
            if reply.error:
                slot.result = dataclasses.replace(slot.result, error=reply.error, pending=False)
            else:
                slot.result = AnalysisResult(reply.value, reply.step)
                if past:
                    self._known.put((self, past), slot.result)
        self.version += 1

    def known(self) -> dict[str, AnalysisResult]:
        """What is known by now, by the names of the analyses."""
        return {name: slot.result for name, slot in self._slots.items()}

    def settled(self) -> bool:
        """Whether every wish is answered, or cannot be."""
        return all(
            (slot.requested == slot.signature and not slot.result.pending) or slot.stopped == slot.signature
            for slot in self._slots.values()
        )

    def busy(self) -> tuple[str, str, float] | None:
        """Name, title and progress of a pending analysis that has a title; None where there is none."""
        for name, slot in self._slots.items():
            if slot.result.pending and slot.request.title:
                return name, slot.request.title, slot.result.progress
        return None

    def cancel(self, name: str) -> None:
        """Do not make this analysis, until something else is wanted."""
        slot = self._slots.get(name)
        if slot is not None:
            self._drop(slot)
            slot.stopped = slot.signature
            slot.result = dataclasses.replace(slot.result, pending=False)
            self.version += 1

    def forget(self) -> None:
        """What was answered about past steps holds no longer: the run began anew."""
        self._forget_answers()
        for slot in self._slots.values():
            slot.signature = slot.requested = slot.stopped = ""

    def close(self) -> None:
        """Cancel all analyses."""
        for slot in self._slots.values():
            self._drop(slot)
        self._slots.clear()
        self._forget_answers()

    def _forget_answers(self) -> None:
        self._known.forget(lambda key: key[0] is self)

    @staticmethod
    def _drop(slot: _Slot) -> None:
        if slot.take_back is not None:
            slot.take_back()
        slot.take_back = None
        slot.number += 1


class Viewer:
    """What is seen of a run through one view.

    Args:
        source: the run.
        view: the key of the view.
        query: what the person chose, see `choose`.
        known: as for `AnalysisScheduler`.

    Raises:
        UnknownName: when there is no such view.
    """

    def __init__(
        self,
        source: Source,
        view: str,
        query: Mapping[str, str],
        known: Remembered[AnalysisResult] | None = None,
    ) -> None:
        self.source = source
        kind = VIEWS.get(view)
        self.view = kind(kind.selection_class.read(query))
        self.scheduler = AnalysisScheduler(source, known)
        self.at: int | None = None
        self.film = 0.0
        self._choices = 0
        self._next_frame = 0.0
        self._newest_step = -1
        self._last: ViewState | None = None
        self.choose(query)

    def choose(self, query: Mapping[str, str]) -> None:
        """Take over what the person chose.

        Args:
            query: the parts of the view's selection; `at`, a step of the past, or nothing for the present; `film`, how
                many kept steps a second are shown one after the other from there, or nothing; `cancel`, the name of a
                analysis that need not be made.
        """
        self.view.selection = type(self.view).selection_class.read(query)
        at, film = query.get("at", ""), query.get("film", "")
        self.at = int(at) if at.isascii() and at.isdigit() and len(at) < 12 else None
        try:
            speed = float(film or 0)
        except ValueError:
            speed = 0.0
        self.film = min(speed, FASTEST_FILM) if speed > 0 else 0.0
        self._next_frame = time.monotonic() + (1 / self.film if self.film else 0.0)
        if query.get("cancel"):
            self.scheduler.cancel(query["cancel"])
        self._choices += 1

    def look(self) -> ViewState:
        """The state to render now."""
        view = self.source.view()
        if view.step < self._newest_step:
            self.scheduler.forget()
            self._last = None
            self.at, self.film = None, 0.0
        self._newest_step = view.step
        self._turn_the_film(view)
        past = self._nearest(view.kept_steps)
        step = view.snapshot.step if view.snapshot else view.step
        state = ViewState(view, step, others=tuple(self.source.others()))
        for _ in range(_MOST_ROUNDS):
            version = self.scheduler.version
            self._last = found = self._request(state, past)
            if self.scheduler.version == version:
                break
        return found

    def _request(self, state: ViewState, past: int | None) -> ViewState:
        """Request the analyses that the view needs; returns the state with their results so far."""
        state = dataclasses.replace(state, results=self.scheduler.known())
        wanted: list[AnalysisRequest] = []
        if past is not None:
            wanted.append(AnalysisRequest(_SNAPSHOT, "snapshot"))
            state = self._back(state)
        if state.view.snapshot is not None:
            wanted += self.view.analyses(state)
        return dataclasses.replace(state, results=self.scheduler.want(wanted, past, state.view.step))

    def _back(self, state: ViewState) -> ViewState:
        """The state at a past step; until it is computed, the last one."""
        snapshot = state.result(_SNAPSHOT).value
        if snapshot is not None:
            view = dataclasses.replace(state.view, snapshot=snapshot)
            return dataclasses.replace(state, view=view, step=snapshot.step, past=True)
        last = self._last
        if last is None or last.view.snapshot is None:
            return state
        view = dataclasses.replace(state.view, snapshot=last.view.snapshot)
        return dataclasses.replace(state, view=view, step=last.step, past=last.past)

    def _nearest(self, steps: tuple[int, ...]) -> int | None:
        if self.at is None or not steps:
            return None
        place = min(bisect.bisect_left(steps, self.at), len(steps) - 1)
        around = steps[max(place - 1, 0) : place + 1]
        self.at = min(around, key=lambda step: abs(step - (self.at or 0)))
        return self.at

    def _turn_the_film(self, view: RunView) -> None:
        steps, now = view.kept_steps, time.monotonic()
        if not self.film or not steps:
            return
        if self.at is None:
            self.at = steps[0]
            self._next_frame = now + 1 / self.film
        elif now >= self._next_frame and self.scheduler.settled():
            place = bisect.bisect_right(steps, self.at)
            if place < len(steps):
                self.at = steps[place]
                self._next_frame = now + 1 / self.film
            else:
                self.at, self.film = None, 0.0

    def due(self) -> float:
        """Seconds after which it is worth looking again, though nothing new is known."""
        # A film waits for what must be computed, whose coming is news.
        film = self._next_frame if self.film and self.scheduler.settled() else math.inf
        return max(min(film, self.scheduler.next_due) - time.monotonic(), 0.0)

    def state(self) -> tuple[int, int, int | None]:
        """Changes whenever a look shows something else, but for changes of the run itself."""
        return self._choices, self.scheduler.version, self.at

    def close(self) -> None:
        """The viewer is closed."""
        self.scheduler.close()
