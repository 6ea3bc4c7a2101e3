"""Downloads of figures: made by a worker, few at a time, and told in words where they cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.engine.protocol import FileMade
from rnn_explorer.experiment import Experiment
from rnn_explorer.ui import downloads
from tests.ui.asgi import run, scope_of


class Engine:
    """Holds back every file until a test gives it."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[FileMade], None]] = []
        self.asked: list[tuple[Any, ...]] = []

    def make_file(self, run_id: str, *about: Any) -> None:
        *asked, callback = about
        if run_id == "nosuch":
            raise UnknownRun(run_id)
        self.asked.append((run_id, *asked))
        self.waiting.append(callback)

    def view(self, run_id: str) -> SimpleNamespace:
        return SimpleNamespace(experiment=Experiment.default("flip_flop"))

    def give(self, made: FileMade) -> None:
        for callback in self.waiting:
            callback(made)
        self.waiting.clear()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(downloads.session, "engine", lambda: made)
    return made


def request(run_id: str = "made", name: str = "curves", form: str = "csv", query: str = "") -> Request:
    scope = scope_of() | {"path_params": {"run_id": run_id, "name": name, "form": form}, "query_string": query.encode()}
    return Request(scope)


def answered(engine: Engine, made: FileMade, asked: Request) -> Response:
    async def both() -> Response:
        answer = asyncio.create_task(downloads.download(asked))
        while not engine.waiting:
            await asyncio.sleep(0)
        engine.give(made)
        return await answer

    return run(both())


def test_a_file_comes_with_a_name_that_says_what_it_is(engine: Engine) -> None:
    made = FileMade("made", 1, b"step,loss\n", "text/csv", 12)
    answer = answered(engine, made, request(query="view=memory&unit=3"))
    assert (answer.status_code, answer.body) == (200, b"step,loss\n")
    assert answer.headers["content-disposition"] == 'attachment; filename="flip_flop-rnn-curves-step12.csv"'
    assert engine.asked == [("made", "memory", {"view": "memory", "unit": "3"}, "curves", "csv")]


@pytest.mark.parametrize(
    "error, status",
    [("There is no such figure.", 404), ("The worker process of this run died; press Resume, then try again.", 503)],
)
def test_what_cannot_be_made_is_told(engine: Engine, error: str, status: int) -> None:
    answer = answered(engine, FileMade("made", 1, error=error), request())
    assert (answer.status_code, bytes(answer.body).decode()) == (status, error)


@pytest.mark.parametrize("about", [{"run_id": "nosuch"}, {"form": "exe"}, {"query": "view=nosuch"}])
def test_what_there_is_not_is_not_found(engine: Engine, about: dict[str, str]) -> None:
    assert run(downloads.download(request(**about))).status_code == 404


def test_of_fifty_at_once_few_wait_and_the_others_are_told_to_come_again(engine: Engine) -> None:
    async def everybody() -> list[Response]:
        several = [asyncio.create_task(downloads.download(request())) for _ in range(50)]
        busy, _ = await asyncio.wait(several, return_when=asyncio.FIRST_COMPLETED)
        assert all(task.result().status_code == 503 for task in busy)
        engine.give(FileMade("made", 1, b"x", "text/csv"))
        return await asyncio.gather(*several)

    answers = run(everybody())
    assert [answer.status_code for answer in answers].count(200) == downloads.WAITING and downloads._open == 0
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert "Try again" in bytes(refused.body).decode() and refused.headers["retry-after"]
    made = FileMade("made", 1, b"x", "text/csv")
    assert answered(engine, made, request()).status_code == 200, "all places are free again"
