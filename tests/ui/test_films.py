"""The file of a film: one that needs nothing else; and its route, which tells how far it has come."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.requests import Request

from rnn_explorer.engine import film as making
from rnn_explorer.engine.base import RunView, UnknownRun
from rnn_explorer.engine.protocol import FileMade, FileProgress
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer
from rnn_explorer.ui import film, films, visitor
from tests.engine.test_pictures import view_of
from tests.ui.asgi import run, scope_of

ABOUT = film.About('<img src="x" onerror="alert(1)">', "A GRU reads.", ("task & more",), "made today")
LARGEST = 10_000_000  # bytes of a film


class Reader(HTMLParser):
    """The tags of a page with their attributes, and all text that is seen."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_film_is_less_than_ten_megabytes_whatever_it_holds() -> None:
    assert len(film.page(os.urandom(making.ROOM), ABOUT)) < LARGEST


def test_a_film_loads_nothing_and_what_a_person_wrote_is_text() -> None:
    page = film.page(b"content", ABOUT)
    read = Reader(page)
    for tag, attributes in read.tags:
        assert tag != "img"
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert ABOUT.name in read.texts
    policy = next(attributes["content"] for _, attributes in read.tags if "http-equiv" in attributes)
    assert policy and "default-src 'none'" in policy and "connect-src" not in policy and "http" not in policy
    style = next(text for text in read.texts if "--st-text-color" in text)
    assert not re.search(r"url\((?!\"?data:)|@import|https?:", style)


def test_its_modules_find_each_other_and_reach_for_no_server() -> None:
    modules = film.modules()
    assert {"film_main.js", "film_source.js", "view.js", "panel.js", "plotly_internals.js"} <= modules.keys()
    assert modules.keys().isdisjoint({"main.js", "connection.js", "film_taking.js", "loader.js"})
    for name, text in modules.items():
        code = re.sub(r"/\*\*.*?\*/", "", text, flags=re.DOTALL)
        for wanted in re.findall(r'^import\s[^;]*?"([^"]+)"', code, re.MULTILINE):
            assert wanted.removeprefix("rx/") in modules, (name, wanted)
        assert not re.search(r"\bfetch\(|new WebSocket|XMLHttpRequest|https?://(?!www\.w3\.org)", code), name


class Engine:
    """Has one run; a test says what comes of its film."""

    def __init__(self) -> None:
        self.run = view_of(Trainer(Experiment.from_query("task=adding&cell=gru&hidden_size=4")), run_id="made")
        self.waiting: list[Callable[[Any], None]] = []
        self.given_up = 0

    def view(self, run_id: str) -> RunView:
        if run_id != "made":
            raise UnknownRun(run_id)
        return self.run

    def make_file(self, run_id: str, view: str, selection: Any, figure: str, form: str, callback: Any) -> Any:
        assert (run_id, view, selection, figure, form) == ("made", "lab", {}, "", "film")
        self.waiting.append(callback)

        def give_up() -> None:
            self.given_up += 1

        return give_up


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(films.session, "engine", lambda: made)
    monkeypatch.setattr(films.session, "store", lambda: None)
    return made


def request(run_id: str = "made", query: str = "view=lab") -> Request:
    return Request(scope_of() | {"path_params": {"run_id": run_id}, "query_string": query.encode()})


async def taken(engine: Engine, *messages: Any) -> bytes:
    """All that is sent of a film."""
    answer: Any = await films.download(request())
    assert answer.status_code == 200

    async def all_of_it() -> bytes:
        return b"".join([part async for part in answer.body_iterator])

    whole = asyncio.create_task(all_of_it())
    while not engine.waiting:
        await asyncio.sleep(0)
    for message in messages:
        engine.waiting[-1](message)
    return await whole


def test_it_tells_how_far_the_film_is_and_sends_it(engine: Engine) -> None:
    made = FileMade("made", 1, b"content", "application/gzip", 40)
    sent = run(taken(engine, FileProgress("made", 1, 0.25), made))
    first, second, page = sent.split(b"\n", 2)
    assert json.loads(first) == {"share": 0.25}
    assert json.loads(second) == {"name": "adding-gru-film-step40.html", "size": len(page)}
    words = " ".join(Reader(page).texts)
    assert "GRU, 4 units" in words and "seed 0" in words and "40 steps" in words
    assert not films._makers


def test_what_cannot_be_made_is_told(engine: Engine) -> None:
    sent = run(taken(engine, FileMade("made", 1, error="There is no past yet.")))
    assert json.loads(sent) == {"error": "There is no past yet."}
    for about in ({"run_id": "nosuch"}, {"query": "view=nosuch"}, {"query": "view=memory"}):
        assert run(films.download(request(**about))).status_code == 404


def test_a_visitor_makes_one_film_at_a_time_and_all_together_a_few(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = ["one"]
    monkeypatch.setattr(visitor, "of", lambda scope: who[0])

    async def first_line(name: str) -> tuple[dict[str, Any], Any]:
        who[0] = name
        answer: Any = await films.download(request())
        lines = answer.body_iterator
        line = asyncio.create_task(anext(lines))
        for _ in range(5):
            await asyncio.sleep(0)
        if not line.done():
            engine.waiting[-1](FileProgress("made", 1, 0.0))
        return json.loads(await line), lines

    async def everybody() -> None:
        begun, lines = await first_line("one")
        assert begun == {"share": 0.0}
        assert (await first_line("one"))[0] == {"error": films.BUSY}
        others = [await first_line(f"other {n}") for n in range(films.MOST)]
        assert [other[0] for other in others] == [{"share": 0.0}] * (films.MOST - 1) + [{"error": films.FULL}]
        before = engine.given_up
        await lines.aclose()  # as when the browser has gone
        assert engine.given_up == before + 1
        assert (await first_line("one"))[0] == {"share": 0.0}
        films._makers.clear()

    run(everybody())


def test_a_worker_that_says_nothing_is_not_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "_PATIENCE", 0.01)
    assert json.loads(run(taken(engine))) == {"error": films.SILENT}
    assert engine.given_up == 1 and not films._makers
