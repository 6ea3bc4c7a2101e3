"""The connection of a page: frames of a run come down, what the person chooses goes up.

A page holds one WebSocket. It says what it wants to see (`messages.Open`), is sent a frame, draws it, and asks for the
next (`messages.Ready`): nothing is made for a page that does not draw, and a slow browser or a slow network gets fewer
frames, never a queue of them. A frame holds only what is new. An open page counts as a viewer. The page is told, too,
when runs cannot be kept, and when they can be again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import time
from collections import Counter
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from rnn_explorer.engine.base import Look, UnknownRun
from rnn_explorer.ui import messages, session, visitor
from rnn_explorer.ui.line import Line
from rnn_explorer.ui.messages import BadMessage
from rnn_explorer.views import VIEWS

LONGEST_PAUSE = 2.0  # seconds between two frames, however poor the line
HELLO = 10.0  # seconds in which a page must say what it wants to see
PING = 10.0  # seconds without a word to the page after which it is asked for a sign of life
SILENCE = 30.0  # seconds without a sign of life after which a page counts as gone
CHOICES_PER_SECOND = 20  # selections that are taken over; of more, the newest counts
BYTES_PER_SECOND = 32 * 1024  # of selections that are taken over, so that few wait for a worker that does not read them
MESSAGES_PER_SECOND = 200  # that are read
PAGES_EACH = 24  # open pages of one visitor
PAGES_IN_ALL = 400
NORMAL, GOING_AWAY, REFUSED, TOO_LARGE, TRY_LATER = 1000, 1001, 1008, 1009, 1013  # codes of RFC 6455

_log = logging.getLogger(__name__)
_pages_of: Counter[str] = Counter()  # open pages by visitor
_pages: set[Page] = set()
_open = True


def accept() -> None:
    """Let pages connect."""
    global _open
    _open = True


def hang_up() -> None:
    """Tell all connections to end, so that the server can. May be called from a signal's handler."""
    global _open
    _open = False
    for page in list(_pages):
        page.wake()


async def endpoint(websocket: WebSocket) -> None:
    """WebSocket /explorer/socket: the connection of one page; `access.Access` has let it in."""
    await websocket.accept()
    who = _visitor(websocket)
    if refused := _full(who):
        await websocket.send_text(json.dumps({"type": "full", "text": refused}))
        await websocket.close(TRY_LATER)
        return
    await Page(websocket, who).run()


def _visitor(websocket: WebSocket) -> str:
    """Whose page this is; all without the cookie from one address count as one visitor."""
    return visitor.of(websocket.scope) or f"address {websocket.client.host if websocket.client else ''}"


def _full(visitor_id: str) -> str:
    """A sentence where there is no place for another page of this visitor, else ""."""
    if _pages_of[visitor_id] >= PAGES_EACH:
        return f"You have {PAGES_EACH} pages open, which is the most. Close some of them, then reload this one."
    # A visitor without any page finds a place as long as others have several.
    if _pages_of.total() >= PAGES_IN_ALL and (_pages_of[visitor_id] or len(_pages_of) >= PAGES_IN_ALL):
        return "This server has as many viewers as it can serve. Try again when some have left."
    return ""


class _Ended(Exception):
    """The connection ends, for this reason."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Page:
    """One open page.

    Args:
        websocket: accepted.
        who: the visitor.
    """

    def __init__(self, websocket: WebSocket, who: str) -> None:
        self.websocket, self.who = websocket, who
        self.line = Line()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._run_id = ""
        self._looks = 0  # how many runs it has shown
        self._look: Look | None = None
        self._opening: messages.Open | None = None  # what the page asked for last, until it is opened
        self._query: dict[str, str] = {}  # what is chosen
        self._choice: dict[str, str] | None = None  # what it chose last, until it is taken over
        self._next_choice = 0.0
        self._sight: frozenset[str] = frozenset()
        self._poor = False  # whether the worker was told that this line is poor
        self._come: list[tuple[str, Any]] = []  # what the engine has brought: at most a frame and a status
        self._number = 0  # of the frame sent last
        self._sent_at = self._spoke = time.monotonic()
        self._not_before = 0.0  # when the next frame may be asked for
        self._noticed = ""  # what it was told of the store of runs
        self._ready = False  # whether the page waits for one that was not asked for yet

    def wake(self) -> None:
        """Have a look at what is new. May be called from any thread."""
        self._home(self._news.set)

    def _home(self, function: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def _deliver(self, look: int, kind: str, content: Any) -> None:
        """Take what the engine brings, from another thread; `look` says for which of the page's runs."""

        def take() -> None:
            if look == self._looks:
                self._come = [entry for entry in self._come if entry[0] != kind] + [(kind, content)]
                self._news.set()

        self._home(take)

    async def run(self) -> None:
        """Serve the page until it goes, or must."""
        _pages.add(self)
        _pages_of[self.who] += 1
        tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._show())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._bye(next(iter(done)).exception())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._leave()
            _pages.discard(self)
            _less(_pages_of, self.who)

    async def _bye(self, why: BaseException | None) -> None:
        if isinstance(why, WebSocketDisconnect):
            return
        with contextlib.suppress(Exception):  # it may be gone meanwhile
            if isinstance(why, _Ended):
                if why.text:
                    await self._say("error", why.text)
                await self.websocket.close(why.code)
                return
            if why is not None:
                _log.error("the connection of a page failed", exc_info=why)
            await self.websocket.close(GOING_AWAY)

    # -- what the page says ----------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        budget, last = float(MESSAGES_PER_SECOND), time.monotonic()
        hello: float | None = last + HELLO  # until then it must say what it wants to see
        while True:
            try:
                patience = SILENCE if hello is None else max(hello - time.monotonic(), 0.0)
                message = await asyncio.wait_for(self.websocket.receive(), patience)
            except TimeoutError:
                raise _Ended(GOING_AWAY if hello is None else REFUSED) from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", NORMAL))
            text = message.get("text")
            if text is None:
                raise _Ended(REFUSED, "The page sent bytes where a text is read. Reload the page.")
            try:
                order = messages.read(text)
            except BadMessage as error:
                raise _Ended(TOO_LARGE if len(text) > messages.LARGEST else REFUSED, str(error)) from None
            self._take(order)
            if isinstance(order, messages.Open):
                hello = None
            # Who talks too fast is heard more slowly: what is not read here waits in the network.
            now = time.monotonic()
            budget = min(budget + (now - last) * MESSAGES_PER_SECOND, MESSAGES_PER_SECOND) - 1
            last = now
            if budget < 0:
                await asyncio.sleep(-budget / MESSAGES_PER_SECOND)

    def _take(self, order: messages.Open | messages.Choose | messages.Ready | messages.Ping) -> None:
        if isinstance(order, messages.Open):
            if order.view not in VIEWS:
                raise _Ended(REFUSED, "There is no such view. Reload the page.")
            self._opening, self._choice = order, None
        elif isinstance(order, messages.Choose):
            # One choice overtakes another, but what was taken back stays so.
            cancel = (self._choice or {}).get("cancel", "")
            self._choice = {**({"cancel": cancel} if cancel else {}), **order.query}
        elif isinstance(order, messages.Ready):
            if order.frame != self._number or self._look is None:
                return
            if not self._ready:
                self.line.note(time.monotonic() - self._sent_at, order.took)
            self._ready, self._sight = True, order.sight
        else:
            return
        self._news.set()

    # -- what the page sees ----------------------------------------------------------------------------------------

    async def _show(self) -> None:
        while _open:
            await self._wait()
            try:
                if self._opening is not None:
                    self._enter(self._opening)
                if time.monotonic() - self._spoke >= PING:
                    if self._look is not None:
                        session.engine().renew(self._run_id)
                    await self._say("ping")
                await self._pass_on()
                if (notice := session.store_notice()) != self._noticed:
                    self._noticed = notice
                    await self._say("store", notice)
                if self._look is not None:
                    self._choose(self._look)
                    if self._ready and time.monotonic() >= self._not_before:
                        self._ready = False
                        self._look.ready()
            except UnknownRun:
                self._leave()
                await self._say("gone")

    async def _wait(self) -> None:
        """Until something is new or due, or a sign of life."""
        now = time.monotonic()
        due = [self._spoke + PING]
        if self._choice is not None:
            due.append(self._next_choice)
        if self._ready:
            due.append(self._not_before)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), max(min(due) - now, 0.0))
        self._news.clear()

    async def _pass_on(self) -> None:
        """Send on what the engine has brought."""
        come, self._come = self._come, []
        for kind, content in come:
            if kind == "gone":
                self._leave()
                await self._say("gone")
            elif kind == "error":
                await self._say("error", content)
            else:
                self._number += 1
                self._sent_at = time.monotonic()
                self._not_before = self._sent_at + min(self.line.pause(), LONGEST_PAUSE)
                await self._send(self.websocket.send_bytes(content))

    def _enter(self, wish: messages.Open) -> None:
        """From now on the page shows this run."""
        self._opening = None
        self._leave()
        self._run_id, self._query, self._poor = wish.run, dict(wish.query), False
        self._come.clear()
        deliver = functools.partial(self._deliver, self._looks)
        self._look = session.engine().look(wish.run, wish.view, self._query, deliver, self.who)
        self._look.ready()

    def _leave(self) -> None:
        """The page shows no run any more."""
        self._looks += 1
        if self._look is not None:
            self._look.close()
            self._look = None

    def _choose(self, look: Look) -> None:
        """Take over what was chosen, and on a poor line, what is in sight."""
        now = time.monotonic()
        if self._choice is not None and now >= self._next_choice:
            size = sum(len(name) + len(text) for name, text in self._choice.items())
            self._next_choice = now + max(1 / CHOICES_PER_SECOND, size / BYTES_PER_SECOND)
            self._query, self._choice = self._choice, None
        elif self.line.poor == self._poor and not (self._poor and self._query.get("sight") != self._in_sight()):
            return
        self._poor = self.line.poor
        query = {name: text for name, text in self._query.items() if name != "sight"}
        self._query = {**query, "sight": self._in_sight()} if self._poor else query
        look.choose(self._query)
        self._query.pop("cancel", None)

    def _in_sight(self) -> str:
        return ",".join(sorted(self._sight))

    async def _say(self, kind: str, text: str = "") -> None:
        await self._send(self.websocket.send_text(json.dumps({"type": kind, **({"text": text} if text else {})})))

    async def _send(self, sending: Any) -> None:
        try:
            await asyncio.wait_for(sending, SILENCE)
        except TimeoutError:
            raise _Ended(GOING_AWAY) from None
        self._spoke = time.monotonic()


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
