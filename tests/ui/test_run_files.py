"""The export of a run: by whom it may be had, with which data, and what is said where it may not."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.requests import Request

from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.run_file.reading import opened
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.tasks.user_data import store as uploaded
from rnn_explorer.tasks.user_data.chosen import settings_of, task_of
from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.ui import run_files, server, session, visitor
from tests.recording.run_files import good
from tests.ui.asgi import run, scope_of

Opened = Callable[..., str]


@pytest.fixture(autouse=True)
def whose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "of", lambda scope: dict(scope["headers"]).get(b"x-visitor", b"").decode() or None)


@pytest.fixture
def annas(one_engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A run of Anna's, at step 6."""
    monkeypatch.setattr(visitor, "current", lambda: "anna")
    run_id = run_files.open_run(io.BytesIO(good()), "run.rnnx")
    kept()
    yield run_id
    one_engine.command(run_id, "stop")


def kept() -> RunStore:
    found = session.store()
    assert found is not None and found.flush()
    return found


def exported(run_id: str, who: str = "anna", query: str = "") -> tuple[int, bytes, Any]:
    """Status, content and headers."""

    async def ask() -> tuple[int, bytes, Any]:
        scope = scope_of(x_visitor=who) | {"path_params": {"run_id": run_id}, "query_string": query.encode()}
        answer = await run_files.export(Request(scope))
        if hasattr(answer, "body_iterator"):
            content = b"".join([part async for part in answer.body_iterator])
        else:
            content = bytes(answer.body)
        return answer.status_code, content, answer.headers

    return run(ask())


def test_a_run_is_a_file_with_a_name_that_says_what_it_is(annas: str) -> None:
    status, content, headers = exported(annas)
    assert status == 200 and headers["content-disposition"] == 'attachment; filename="adding-gru-step6.rnnx"'
    assert int(headers["content-length"]) == len(content) and headers["cache-control"] == "no-store"
    with opened(io.BytesIO(content), "x") as found:
        assert (found.run.run_id, found.run.name, found.steps) == (annas, "Mine <b>", (0, 1, 3, 6))


def test_a_run_that_is_seen_by_its_link_is_exported_by_it_and_a_private_one_is_not(annas: str) -> None:
    assert exported(annas, "ben")[0] == 200 and exported(annas, "")[0] == 200
    kept().change([annas], visibility="private")
    kept()
    for who in ("ben", ""):
        status, content, _ = exported(annas, who)
        assert status == 404 and b"is not yours to see" in content
    assert exported(annas)[0] == 200


@pytest.mark.parametrize("name", ["nothing", "..", "a%00b", "x" * 300])
def test_what_there_is_not_is_told(one_engine: LocalEngine, name: str) -> None:
    status, content, _ = exported(name)
    assert status == 404 and b"There is no such run" in content


def test_a_deleted_run_is_gone(annas: str) -> None:
    kept().change([annas], deleted=1.0)
    kept()
    assert exported(annas)[0] == 404


def test_own_data_are_in_the_owners_file_alone_and_can_be_left_out(one_engine: LocalEngine) -> None:
    record = read(("x\n" + "\n".join(f"{n * n % 37}" for n in range(200))).encode(), "t.csv")
    chosen = {"hidden_size": 3, "steps": 3, "seq_len": 10}
    experiment = Experiment.from_dict({"task": task_of(record), **chosen, **settings_of(record, chosen)})
    run_id = one_engine.start(experiment, "anna")
    deadline = time.monotonic() + 60
    while not one_engine.past(run_id):
        assert time.monotonic() < deadline, one_engine.view(run_id)
        time.sleep(0.01)
    for who, query, has in (
        ("anna", "", True),
        ("anna", "data=no", False),
        ("ben", "", False),
        ("ben", "data=1", False),
    ):
        status, content, _ = exported(run_id, who, query)
        assert status == 200 and (b"data.safetensors" in content) is has, who
    uploaded.drop_all()
    assert b"data.safetensors" not in exported(run_id)[1]
    one_engine.command(run_id, "stop")


def test_its_address_is_the_routes(one_engine: LocalEngine) -> None:
    address = run_files.href_of("a-b_c")
    assert address == "/explorer/run/a-b_c.rnnx" and run_files.href_of("a", with_data=False).endswith(".rnnx?data=no")
    found = [route for route in server.routes() if route.matches(scope_of(address))[0].name == "FULL"]
    assert [route.endpoint for route in found] == [run_files.export]  # type: ignore[attr-defined]


def test_a_disk_that_takes_nothing_is_told(annas: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*about: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_files, "write", full)
    status, content, _ = exported(annas)
    assert status == 503 and b"The file cannot be written: No space left on device." in content


def test_few_are_written_at_once(annas: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def everybody() -> list[int]:
        request = scope_of(x_visitor="anna") | {"path_params": {"run_id": annas}, "query_string": b""}
        answers = await asyncio.gather(*(run_files.export(Request(dict(request))) for _ in range(20)))
        for answer in answers:
            if hasattr(answer, "body_iterator"):
                _ = [part async for part in answer.body_iterator]
        return [answer.status_code for answer in answers]

    statuses = run(everybody())
    assert statuses.count(200) == run_files.WAITING and statuses.count(503) == 20 - run_files.WAITING
    assert run_files._open == 0
