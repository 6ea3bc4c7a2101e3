"""A poor network between a browser and a server: slow, far away, losing packets, or gone for a while."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from typing import Any

_PACKET = 1460  # bytes
_RESENT_AFTER = 0.2  # seconds beside the way there and back, until a sender notices a loss
_QUEUED = 64  # packets on their way, as many as a router keeps


class PoorLine:
    """A proxy on this machine.

    Attributes:
        rate: bits a second in each direction; 0: as fast as it goes.
        round_trip: seconds there and back.
        loss: the share of packets that are lost, each of which holds those behind it up until it is sent again.
        answers_for: whether it says "502 Bad Gateway" where the server is not there, as a web server in front does.
    """

    def __init__(self, target: int, rate: float = 0.0, round_trip: float = 0.0, loss: float = 0.0) -> None:
        self.target, self.rate, self.round_trip, self.loss = target, rate, round_trip, loss
        self.port = 0
        self.carried = 0  # bytes
        self._random = random.Random(0)
        self.answers_for = False
        self._cut = False
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> PoorLine:
        self._thread.start()
        self._do(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """There is no network: what is open ends, and nothing new comes through."""
        self._cut = True
        self._do(self._drop)

    def hush(self) -> None:
        """Nothing comes through any more, and nobody is told: all stays open."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def vanish(self) -> None:
        """The server cannot be found: what is open ends, and new connections are refused at once."""
        self._do(self._close)
        self._do(self._drop)

    def mend(self) -> None:
        """The network is back."""
        self._cut = False
        self._loop.call_soon_threadsafe(self._passing.set)
        if not self._server.is_serving():
            self._do(self._listen)

    def _do(self, act: Callable[[], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            return await act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()

    async def _drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        await self._drop()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._cut:
                writer.transport.abort()
                return
            await self._passing.wait()
            try:
                there, onward = await asyncio.open_connection("127.0.0.1", self.target)
            except OSError:
                if self.answers_for:
                    writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    await reader.read(_PACKET)
                    await writer.drain()
                    writer.close()
                raise
            self._writers.add(onward)
            try:
                await asyncio.gather(self._carry(reader, onward), self._carry(there, writer))
            finally:
                self._writers.discard(onward)
                onward.transport.abort()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flying: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)
        arriving = asyncio.create_task(self._arrive(flying, writer))
        try:
            while data := await reader.read(_PACKET):
                if self.rate:
                    await asyncio.sleep(8 * len(data) / self.rate)
                held = self.round_trip + _RESENT_AFTER if self._random.random() < self.loss else 0.0
                await flying.put((self._loop.time() + self.round_trip / 2 + held, data))
            await flying.put((self._loop.time() + self.round_trip / 2, b""))
            await arriving
        finally:
            arriving.cancel()

    async def _arrive(self, flying: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await flying.get()
            await asyncio.sleep(due - self._loop.time())
            await self._passing.wait()
            if not data:
                writer.close()
                return
            writer.write(data)
            self.carried += len(data)
            await writer.drain()
