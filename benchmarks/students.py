"""Students who watch runs, without their browsers: the load generator of `benchmarks.classroom`, a process of its own.

Each student opens a page of the app (`benchmarks.streamlit_page`), and the explorer's own connection for the run that
the page shows; tells the page's script when the run's status changes, as the page does; presses Play, watches, presses
Pause. Started as `python -m benchmarks.students`, it reads one line of JSON that says what to do, and writes lines of
JSON: `{"at": ...}` where something begins or ends, at last the result. It goes on past `{"at": "open"}` when it reads
another line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import cold_page
from benchmarks.live_connection import VIEW, Frame, LiveSocket
from benchmarks.streamlit_page import Page, Waiting, Widget

PLAY = "do:play"  # the key of the button, which says Pause while the run trains
MOVING = ("training", "starting")
SPREAD = 1.0  # seconds within which a class presses Play after the teacher's word


class Student:
    """One student with one page.

    Args:
        address: of the server.

    Attributes:
        frames: all that came.
        stood: seconds from asking for the page until its frame stood, and until its figures were there.
    """

    def __init__(self, address: str) -> None:
        self.waiting = Waiting()
        self.page = Page(address, self.waiting)
        self.frames: list[Frame] = []
        self.stood: tuple[float, float] = (0.0, 0.0)
        self._live: LiveSocket | None = None
        self._run = self._reported = ""
        self._filled = False
        self._reports: set[asyncio.Task[None]] = set()

    async def open(self, query: str) -> None:
        """Open a page and wait until its figures are there."""
        began = time.monotonic()
        await self.page.open(query)
        view = await self._until("the view", lambda: self.page.widgets.get(VIEW))
        frame_stands = time.monotonic() - began
        shown = component_data(view)
        self._run = shown["run"]
        parts = {name: str(value) for name, value in shown["ask"]}
        self._live = LiveSocket(self.page, self._see)
        await self._live.open(self._run, parts)
        await self._until("the figures", lambda: self._filled)
        self.stood = frame_stands, time.monotonic() - began

    async def press(self, label: str) -> float:
        """Press Play or Pause once the page shows it; the moment of the press."""

        def shown() -> Widget | None:
            button = self.page.widgets.get(PLAY)
            return button if button and button.element.label == label and not button.element.disabled else None

        button = await self._until(f"the button {label}", shown)
        pressed = time.monotonic()
        await self.page.press(button)
        return pressed

    async def sees(self, since: float, condition: Callable[[Frame], bool]) -> None:
        """Wait for a frame after a moment that is as it should be."""
        await self._until("the frame", lambda: first(self.frames, since, condition))

    async def close(self) -> None:
        if self._live is not None:
            await self._live.close()
        await self.page.close()

    async def _until(self, what: str, condition: Callable[[], Any]) -> Any:
        try:
            return await self.waiting.until(what, condition)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the page says: {' '.join(self.page.alerts) or 'nothing'}") from None

    def _see(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._filled = self._filled or frame.filled
        status = f"{self._run} {frame.status}{'' if self._filled else ', empty'}"
        if status != self._reported:
            self._reported = status
            task = asyncio.create_task(self.page.report(self.page.widgets[VIEW], json.dumps({"status": status})))
            self._reports.add(task)
            task.add_done_callback(self._reports.discard)
        self.waiting.tell()


def component_data(component: Widget) -> dict[str, Any]:
    """What the page's script gave to a component."""
    which = component.element.WhichOneof("data")
    return json.loads(component.element.json if which == "json" else component.element.mixed.json)


def first(frames: Sequence[Frame], since: float, condition: Callable[[Frame], bool]) -> Frame | None:
    """The first frame after a moment that is as it should be."""
    return next((frame for frame in frames if frame.at > since and condition(frame)), None)


def moves(frame: Frame) -> bool:
    return frame.step > 0


def rests(frame: Frame) -> bool:
    return frame.status not in MOVING


# -- a lesson -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Watched:
    """What one student saw; times in seconds.

    Attributes:
        play, pause: from the press until a step was seen, until the run was seen at rest.
        updates, bytes: frames between the two presses, and their bytes.
        seconds: between the two presses.
        steps: that the run had made when it rested.
        rate: steps a second of the run, between the first and the last frame that anybody saw move.
    """

    play: float
    pause: float
    updates: int
    bytes: int
    seconds: float
    steps: int
    rate: float


async def lesson(student: Student, watchers: Sequence[Student], delay: float, seconds: float) -> list[Watched]:
    """A run is played and paused by its student, and watched by others, too."""
    await asyncio.sleep(delay)
    everybody = [student, *watchers]
    played = await student.press("Play")
    await asyncio.sleep(seconds)
    paused = await student.press("Pause")
    for each in everybody:
        await each.sees(played, moves)
        await each.sees(paused, rests)
    rate = rate_of([frame for each in everybody for frame in each.frames], played, paused)
    return [watched(each.frames, played, paused, rate) for each in everybody]


def watched(frames: Sequence[Frame], played: float, paused: float, rate: float) -> Watched:
    """What the frames of one student say, who has seen the run move and rest."""
    moved, rested = first(frames, played, moves), first(frames, paused, rests)
    assert moved is not None and rested is not None
    between = [frame.size for frame in frames if played < frame.at <= paused]
    seconds = paused - played
    return Watched(moved.at - played, rested.at - paused, len(between), sum(between), seconds, rested.step, rate)


def rate_of(frames: Sequence[Frame], played: float, paused: float) -> float:
    """Steps a second of a run, from frames that show it between two moments and its rest; 0.0 without any."""
    known = [(frame.at, frame.step) for frame in frames if played < frame.at <= paused and moves(frame)]
    if len(known) < 2:
        rested = first(frames, paused, rests)
        known = [(played, 0), (paused, rested.step if rested is not None else 0)]
    (begin, before), (end, after) = min(known), max(known)
    return (after - before) / (end - begin)


async def main() -> None:
    loop = asyncio.get_running_loop()
    _say(at="ready")
    message = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    if message.get("empty"):  # an app without a view
        waiting = Waiting()
        page = Page(message["address"], waiting)
        began = time.monotonic()
        await page.open("")
        await waiting.until("the empty page", lambda: page.finished)
        _say(stood=[time.monotonic() - began])
        await page.close()
        return
    students = [Student(message["address"]) for _ in range(message["students"])]
    shared = message["one_run"]
    if shared:
        await students[0].open(message["query"])
    query = students[0].page.query if shared else message["query"]
    await asyncio.gather(*(each.open(query) for each in students[1 if shared else 0 :]))
    view = students[0].page.widgets[VIEW]
    cold = await cold_page.size(students[0].page, component_data(view), students[0].frames[0].size)
    _say(at="open")
    await loop.run_in_executor(None, sys.stdin.readline)
    seconds = message["seconds"]
    results: list[list[Watched]] = []
    if seconds:
        spread = min(SPREAD, seconds / 4)
        groups = [(students[0], students[1:])] if shared else [(each, []) for each in students]
        lessons = [
            lesson(student, others, spread * number / len(groups), seconds)
            for number, (student, others) in enumerate(groups)
        ]
        loop.call_later(spread, lambda: _say(at="begin"))
        loop.call_later(seconds, lambda: _say(at="end"))
        results = await asyncio.gather(*lessons)
    _say(
        runs=len(results),
        watched=[asdict(each) for group in results for each in group],
        cold=cold,
        stood=students[0].stood,
    )
    await asyncio.gather(*(each.close() for each in students))


def _say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
