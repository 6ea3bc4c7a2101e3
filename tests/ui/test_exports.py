"""Downloads are made beside the loop, few at a time, and those that wait are bounded."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.engine.test_pictures import LabBoard, LabSelection, seen, trainer_of, view_of

from rnn_explorer.figures.base import Figure
from rnn_explorer.ui import downloads, exports
from rnn_explorer.views.base import Seen
from tests.ui.asgi import run, scope_of


@pytest.fixture(scope="module")
def a_look() -> tuple[Seen, list[Any]]:
    look = seen(view_of(trainer_of("task=adding&cell=gru&hidden_size=4")))
    return look, list(LabBoard(LabSelection()).cards(look))


def request(form: str = "html", name: str = "curves") -> Request:
    scope = scope_of() | {"path_params": {"run_id": "made", "name": name, "form": form}}
    return Request(scope)


@pytest.fixture
def settled(a_look: tuple[Seen, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(*_: Any) -> tuple[Seen, list[Any]]:
        return a_look

    monkeypatch.setattr(downloads, "_settled", at_once)


@pytest.mark.usefixtures("settled")
def test_fifty_at_once_leave_the_loop_free_are_made_two_at_a_time_and_the_last_are_told_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, lock, threads = threading.Event(), threading.Lock(), set()
    at_once, most = 0, 0
    real = downloads._file_of

    def slow(card: Any, form: str) -> Any:
        nonlocal at_once, most
        with lock:
            threads.add(threading.current_thread())
            at_once += 1
            most = max(most, at_once)
        assert go_on.wait(30), "the loop never came to say so"
        made = real(card, "csv")
        with lock:
            at_once -= 1
        return made

    monkeypatch.setattr(downloads, "_file_of", slow)

    async def everybody() -> list[Response]:
        several = [asyncio.create_task(downloads.download(request())) for _ in range(50)]
        busy, _ = await asyncio.wait(several, return_when=asyncio.FIRST_COMPLETED)
        assert all(task.result().status_code == 503 for task in busy)
        go_on.set()  # from the loop, which would stand still if files were made on it
        return await asyncio.gather(*several)

    answers = run(everybody())
    room = exports.AT_A_TIME + exports.WAITING
    assert [answer.status_code for answer in answers].count(200) == room
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 50 - room
    assert "Try again" in bytes(refused[0].body).decode() and refused[0].headers["retry-after"]
    assert most == exports.AT_A_TIME and all(thread.name.startswith("export") for thread in threads)
    assert run(downloads.download(request())).status_code == 200, "all places are free again"


@pytest.mark.usefixtures("settled")
def test_a_place_is_free_again_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_file_of", lambda *_: 1 / 0)
    for _ in range(exports.AT_A_TIME + exports.WAITING + 1):
        with pytest.raises(ZeroDivisionError):
            run(downloads.download(request()))


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("form, kind", [("csv", "text/csv"), ("html", "text/html")])
def test_what_is_made_beside_the_loop_is_the_file(a_look: tuple[Seen, list[Any]], form: str, kind: str) -> None:
    answer = run(downloads.download(request(form)))
    figure = next(card for card in a_look[1] if isinstance(card, Figure) and card.name == "curves")
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["content-disposition"].endswith(f'-curves-step0.{form}"')
    if form == "csv":
        assert bytes(answer.body).decode() == figure.to_csv()


@pytest.mark.usefixtures("settled")
def test_a_figure_that_is_not_there_is_not_found() -> None:
    assert run(downloads.download(request(name="nosuch"))).status_code == 404
    assert run(downloads.download(request(form="exe"))).status_code == 404
