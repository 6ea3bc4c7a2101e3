"""The connection of a page, over a real server: what it is sent, what it may say, and who finds a place."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable

import pytest
from websockets.exceptions import InvalidStatus

from rnn_explorer.engine import local
from rnn_explorer.ui import messages, session, socket
from rnn_explorer.ui.line import POOR, Line
from tests.ui.pages import PANELS, PATIENCE, SMALL, WIDE, Browser, start
from tests.ui.poor_line import PoorLine

# -- the store of runs --------------------------------------------------------------------------------------------


def test_a_page_is_told_when_runs_cannot_be_kept_and_when_they_can_again(
    browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browse().open(start())
    page.hear()
    monkeypatch.setattr(session, "store_notice", lambda: "The disk is full.")
    page.say("ready", frame=1, took=0, sight=[])
    assert page.hear() == {"type": "store", "text": "The disk is full."}
    with pytest.raises(TimeoutError):
        page.hear(0.5)  # once is enough
    later = browse().open(start())
    assert {"type": "store", "text": "The disk is full."} in (later.hear(), later.hear())
    monkeypatch.setattr(session, "store_notice", lambda: "")
    page.say("ready", frame=1, took=0, sight=[])
    assert page.hear() == {"type": "store"}


# -- frames -------------------------------------------------------------------------------------------------------


def test_the_first_frame_is_whole_and_the_next_ones_hold_what_is_new(browse: Callable[..., Browser]) -> None:
    run = start()
    page = browse().open(run)
    first = page.hear()
    assert first["run"] == run and set(first["panels"]) == set(first["figures"]) == PANELS and first["tools"]
    session.engine().command(run, "step")
    later = page.until(lambda frame: frame["status"]["step"] == 1 and "states" in frame["figures"])
    assert list(later["figures"]["states"]) == ["change"] and "tools" not in later
    again = browse().open(run).hear()
    assert set(again["figures"]) == PANELS and again["figures"]["states"]["layout"], "who comes back gets all of it"


def test_nothing_is_sent_to_who_does_not_ask_and_then_the_newest(browse: Callable[..., Browser]) -> None:
    run = start(SMALL, "play")
    page = browse().open(run)
    first = page.hear()
    with pytest.raises(TimeoutError):
        page.hear(1.5)  # it goes on training, and the page is slow
    assert session.engine().viewers(run) == 1
    now = session.engine().view(run).step
    assert page.next()["status"]["step"] >= now > first["status"]["step"], "what was overtaken is not sent"
    page.say("ready", frame=1, took=0, sight=[])  # about a frame that was not the newest
    with pytest.raises(TimeoutError):
        page.hear(0.5)
    session.engine().command(run, "stop")


def test_what_is_chosen_is_shown(browse: Callable[..., Browser]) -> None:
    run = start()
    page = browse().open(run, unit="2", gates="unit")
    assert page.hear()["chosen"] == {
        "layer": 0, "direction": "forward", "sequence": 0, "unit": 2, "gates": "unit", "log": False, "dims": 2,
        "color": "time", "axes": "fit",
    }  # fmt: skip
    page.say("choose", query={"unit": "3", "gates": "nosuch"})
    frame = page.next()
    assert (frame["chosen"]["unit"], frame["chosen"]["gates"]) == (3, "maps")


def test_one_connection_goes_on_with_another_run(browse: Callable[..., Browser]) -> None:
    first, second = start(), start("task=digits&hidden_size=4")
    page = browse().open(first)
    page.hear()
    page.open(second)
    frame = page.hear()
    assert frame["run"] == second and set(frame["figures"]) == PANELS
    assert (session.engine().viewers(first), session.engine().viewers(second)) == (0, 1)


def test_a_run_that_is_gone_is_told_and_another_can_be_asked_for(browse: Callable[..., Browser]) -> None:
    page = browse().open("nosuchrun")
    assert page.hear() == {"type": "gone"}
    run = start()
    page.open(run)
    assert page.hear()["run"] == run
    session.engine().command(run, "stop")
    assert page.next() == {"type": "gone"}


# -- what may be said ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said, code",
    [
        ("{", 1008), ("7", 1008), ("[" * 60_000, 1008), ('{"type": "nosuch"}', 1008), (b"\0", 1008),
        ('{"type": "choose", "query": {"unit": 3}}', 1008), ('{"type": "choose", "query": []}', 1008),
        (json.dumps({"type": "open", "protocol": 0, "run": "a", "view": "lab"}), 1008),
        (json.dumps({"type": "open", "protocol": messages.PROTOCOL, "run": 1, "view": "lab"}), 1008),
        (json.dumps({"type": "open", "protocol": messages.PROTOCOL, "run": "a", "view": "nosuch"}), 1008),
        (json.dumps({"type": "choose", "query": {"a": "x" * messages.LARGEST}}), 1009),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_and_ends_the_connection(
    browse: Callable[..., Browser], said: str | bytes, code: int
) -> None:
    page = browse()
    page.line.send(said)
    told = page.hear()
    assert told["type"] == "error" and told["text"].endswith(".")
    assert page.ended() == code


def test_a_flood_of_selections_is_taken_over_a_few_times_and_ends_with_the_last(
    browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    choose = local.Look.choose
    monkeypatch.setattr(local.Look, "choose", lambda self, query: (taken.append(query), choose(self, query))[1])
    page = browse().open(start())
    page.hear()
    begun = time.monotonic()
    for number in range(400):
        page.say("choose", query={"unit": str(number % 3)})
    page.say("choose", query={"unit": "3"})
    assert page.until(lambda frame: frame.get("chosen", {}).get("unit") == 3)
    assert len(taken) <= 4 + socket.CHOICES_PER_SECOND * (time.monotonic() - begun)


def test_long_selections_are_taken_over_more_seldom(
    browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    monkeypatch.setattr(local.Look, "choose", lambda self, query: taken.append(sum(map(len, query.values()))))
    page = browse().open(start())
    page.hear()
    long, begun = "x" * (socket.BYTES_PER_SECOND // 2), time.monotonic()
    while time.monotonic() - begun < 1.5:
        page.say("choose", query={"text": long, "unit": str(len(taken))})
        time.sleep(0.01)
    assert len(taken) >= 2 and sum(taken) <= socket.BYTES_PER_SECOND * (time.monotonic() - begun) + 2 * len(long)


def test_who_does_not_say_what_it_wants_to_see_is_sent_away(
    browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "HELLO", 0.5)
    page = browse()
    page.say("ping")
    assert page.ended() == 1008


def test_both_sides_give_signs_of_life_and_who_gives_none_is_gone(
    browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "PING", 0.1)
    monkeypatch.setattr(socket, "SILENCE", 0.8)
    run = start()
    page = browse().open(run)
    page.hear()
    for _ in range(12):
        assert json.loads(page.line.recv(timeout=PATIENCE))["type"] == "ping"
        page.say("ping")
    assert session.engine().viewers(run) == 1
    assert page.ended() == 1001


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1:x"])
def test_a_page_of_another_server_is_refused(browse: Callable[..., Browser], origin: str) -> None:
    with pytest.raises(InvalidStatus) as told:
        browse(origin=origin)
    assert told.value.response.status_code == 403 and not socket._pages


def test_a_page_of_this_server_is_not(browse: Callable[..., Browser], port: int) -> None:
    page = browse(origin=f"http://127.0.0.1:{port}").open(start())
    assert page.hear()["panels"]


# -- whose pages --------------------------------------------------------------------------------------------------


def test_twenty_four_tabs_of_one_browser_all_live_and_another_visitor_too(browse: Callable[..., Browser]) -> None:
    run = start()
    tabs = [browse().open(run) for _ in range(socket.PAGES_EACH)]
    assert len(tabs) >= 24
    assert all(set(tab.hear()["figures"]) == PANELS for tab in tabs)
    refused = browse()
    assert refused.hear()["text"].startswith(f"You have {socket.PAGES_EACH} pages open")
    assert refused.ended() == 1013
    assert browse("bert").open(run).hear()["panels"]
    session.engine().command(run, "step")
    assert all(tab.until(lambda frame: frame["status"]["step"] == 1) for tab in tabs)
    tabs[0].line.close()
    deadline = time.monotonic() + PATIENCE
    while socket._full("anna") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert browse().open(run).hear()["panels"]


def test_one_visitors_pages_are_bounded_and_a_newcomer_finds_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "_pages_of", Counter())
    monkeypatch.setattr(socket, "PAGES_EACH", 3)
    monkeypatch.setattr(socket, "PAGES_IN_ALL", 5)
    socket._pages_of.update({"anna": 2, "bert": 3})
    assert "You have 3 pages open" in socket._full("bert")
    assert "as many viewers" in socket._full("anna"), "she has some already"
    assert socket._full("cora") == "", "she has none"
    socket._pages_of.update({"cora": 1, "dora": 1, "emil": 1})
    assert "as many viewers" in socket._full("fritz"), "one each, for as many as there are places"


# -- the line -----------------------------------------------------------------------------------------------------


def test_a_line_is_poor_when_frames_take_long_and_good_again_when_they_do_not() -> None:
    line = Line()
    for _ in range(5):
        line.note(2.0, 1.9)  # the browser draws slowly; the line is good
    assert not line.poor and line.pause() == 0
    for _ in range(10):
        line.note(2 * POOR, 0.0)
    assert line.poor and line.pause() > POOR
    for _ in range(20):
        line.note(0.05, -3.0)
    assert not line.poor


def test_on_a_poor_line_come_fewer_frames_and_only_what_is_in_sight(port: int, browse: Callable[..., Browser]) -> None:
    run = start(WIDE, "play")
    with PoorLine(port, rate=1e6, round_trip=0.2, loss=0.02) as poor:
        page = browse(at=poor.port).open(run)
        assert set(page.hear()["figures"]) == PANELS
        for _ in range(3):
            page.next(sight=["curves"])
        served = next(iter(socket._pages))
        assert served.line.poor
        begun, carried = time.monotonic(), poor.carried
        steps = []
        for _ in range(4):
            frame = page.next(sight=["curves"])
            assert set(frame["figures"]) <= {"curves"}
            steps.append(frame["status"]["step"])
        assert steps == sorted(set(steps)), "each is newer than the one before"
        assert 8 * (poor.carried - carried) < 1e6 * (time.monotonic() - begun)
        seen = page.until(lambda frame: "states" in frame["figures"])
        assert "z" in seen["figures"]["states"]["change"]["0"], "what comes in sight is sent then"
        session.engine().command(run, "stop")


def test_when_the_network_was_gone_the_page_gets_all_of_it_again(port: int, browse: Callable[..., Browser]) -> None:
    run = start(SMALL, "play")
    with PoorLine(port) as line:
        page = browse(at=line.port).open(run)
        page.hear()
        line.cut()
        page.ended()
        with pytest.raises(Exception, match=r"close|reset|EOF|did not receive"):
            browse(at=line.port)
        line.mend()
        back = browse(at=line.port).open(run, unit="2").hear()
        assert set(back["figures"]) == PANELS and back["chosen"]["unit"] == 2
        session.engine().command(run, "stop")
