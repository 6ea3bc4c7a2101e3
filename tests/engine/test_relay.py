"""Frames are made once however many look, and everybody gets what they lack."""

from __future__ import annotations

from typing import Any

from rnn_explorer.engine.protocol import Choose, CloseChannel, FrameMade, OpenChannel, WantFrame
from rnn_explorer.engine.relay import Relay, Viewing


class Hall:
    """A relay with what it tells the worker, and viewers with what they get."""

    def __init__(self) -> None:
        self.relay, self.told = Relay(), list[Any]()
        self.got: dict[int, list[Any]] = {}

    def open(self, run: str = "run", view: str = "lab", who: str = "anna", **selection: str) -> Viewing:
        got: list[Any] = []
        viewing = self.relay.open(
            run, view, selection, lambda kind, content: got.append(content), who, self.told.append
        )
        self.got[id(viewing)] = got
        return viewing

    def ready(self, *viewings: Viewing) -> None:
        for viewing in viewings:
            for call in self.relay.ready(viewing, self.told.append):
                call()

    def frame(self, viewing: Viewing, number: int, whole: bytes = b"", error: str = "") -> None:
        made = FrameMade(viewing.run_id, viewing.channel.ticket, number, b"news %d" % number, whole, error)
        for call in self.relay.pass_on(made, self.told.append):
            call()

    def told_of(self, kind: type) -> list[Any]:
        return [message for message in self.told if isinstance(message, kind)]


def test_thirty_who_look_at_the_same_cost_one() -> None:
    hall = Hall()
    class_ = [hall.open(who=f"student {n}") for n in range(30)]
    hall.ready(*class_)
    assert len(hall.told_of(OpenChannel)) == 1
    hall.frame(class_[0], 1, b"all")
    assert all(hall.got[id(one)] == [b"all"] for one in class_)
    hall.told.clear()
    hall.ready(*class_)
    assert [message.whole for message in hall.told_of(WantFrame)] == [False], "asked for once"
    hall.frame(class_[0], 2)
    assert all(hall.got[id(one)] == [b"all", b"news 2"] for one in class_)


def test_nothing_is_asked_for_before_somebody_is_ready() -> None:
    hall = Hall()
    one = hall.open()
    assert hall.told_of(WantFrame) == []
    hall.frame(one, 1, b"all")
    assert hall.got[id(one)] == []


def test_who_joins_gets_a_whole_one_and_the_others_what_is_new() -> None:
    hall = Hall()
    first = hall.open()
    hall.ready(first)
    hall.frame(first, 1, b"all 1")
    hall.ready(first)
    second = hall.open(who="bert")
    hall.told.clear()
    hall.ready(second)
    assert [message.whole for message in hall.told] == [True], "at once, though a frame was asked for"
    hall.frame(first, 2, b"all 2")
    assert (hall.got[id(first)], hall.got[id(second)]) == ([b"all 1", b"news 2"], [b"all 2"])


def test_who_is_a_little_late_gets_what_it_missed_at_once() -> None:
    hall = Hall()
    quick, late = hall.open(), hall.open(who="bert")
    hall.ready(quick, late)
    hall.frame(quick, 1, b"all 1")
    for number in (2, 3):
        hall.ready(quick)
        hall.frame(quick, number)
    hall.ready(quick)
    hall.told.clear()
    hall.ready(late)
    assert hall.got[id(late)] == [b"all 1", b"news 2", b"news 3"]
    assert not hall.told, "no frame is made for it"
    hall.frame(quick, 4)
    assert hall.got[id(late)][-1] == b"news 3", "it has not taken them yet"
    hall.ready(late)
    assert hall.got[id(late)][-1] == b"news 4"


def test_late_ones_get_a_whole_frame_after_one_that_could_not_be_drawn() -> None:
    hall = Hall()
    quick, late = hall.open(), hall.open(who="bert")
    hall.ready(quick, late)
    hall.frame(quick, 1, b"all 1")
    hall.ready(quick)
    hall.frame(quick, 2)
    hall.frame(quick, 3, error="It could not be drawn.")
    hall.told.clear()
    hall.ready(late)
    assert [message.whole for message in hall.told] == [True] and b"news 2" not in hall.got[id(late)]


def test_who_falls_behind_holds_nobody_up_and_gets_a_whole_one() -> None:
    hall = Hall()
    quick, slow = hall.open(), hall.open(who="bert")
    hall.ready(quick, slow)
    hall.frame(quick, 1, b"all 1")
    for number in (2, 3, 4):
        hall.ready(quick)
        hall.frame(quick, number)
    assert hall.got[id(slow)] == [b"all 1"] and len(hall.got[id(quick)]) == 4
    hall.told.clear()
    hall.ready(slow)
    assert [message.whole for message in hall.told] == [True]
    hall.ready(quick)
    hall.frame(quick, 5, b"all 5")
    assert hall.got[id(slow)][-1] == b"all 5" and hall.got[id(quick)][-1] == b"news 5"


def test_other_choices_are_other_channels_and_the_only_one_takes_its_channel_along() -> None:
    hall = Hall()
    first, second = hall.open(), hall.open(who="bert")
    hall.told.clear()
    hall.relay.choose(second, {"unit": "3"}, hall.told.append)
    assert [type(message) for message in hall.told] == [OpenChannel], "the first one's stays"
    hall.told.clear()
    hall.relay.choose(second, {"unit": "4"}, hall.told.append)
    assert [type(message) for message in hall.told] == [Choose]
    hall.told.clear()
    hall.relay.choose(second, {}, hall.told.append)
    assert [type(message) for message in hall.told] == [CloseChannel], "it joins the first one's"
    assert second.channel is first.channel
    hall.relay.choose(second, {}, hall.told.append)
    assert len(hall.told) == 1, "nothing was changed"


def test_a_film_is_nobody_elses() -> None:
    hall = Hall()
    one, other = hall.open(film="4"), hall.open(film="4", who="bert")
    assert one.channel is not other.channel


def test_another_worker_opens_all_anew() -> None:
    hall = Hall()
    one = hall.open(unit="2")
    hall.ready(one)
    hall.frame(one, 1, b"all")
    hall.ready(one)
    hall.told.clear()
    hall.relay.move("run", hall.told.append)
    (opened, wanted) = hall.told
    assert (opened.selection, wanted.whole) == ({"unit": "2"}, True)
    hall.frame(one, 1, b"all again")
    assert hall.got[id(one)] == [b"all", b"all again"]


def test_what_cannot_be_drawn_is_told_and_the_next_frame_is_a_whole_one() -> None:
    hall = Hall()
    one = hall.open()
    hall.ready(one)
    hall.frame(one, 1, b"all")
    hall.ready(one)
    hall.told.clear()
    hall.frame(one, 2, error="Step 2 could not be drawn.")
    assert hall.got[id(one)][-1] == "Step 2 could not be drawn."
    assert [message.whole for message in hall.told] == [True]
    hall.frame(one, 3, b"all 3")
    assert hall.got[id(one)][-1] == b"all 3"


def test_the_end_of_a_run_is_told_to_all_and_forgotten() -> None:
    hall = Hall()
    viewings = [hall.open(), hall.open(unit="3"), hall.open("another run")]
    for call in hall.relay.forget("run"):
        call()
    assert [hall.got[id(one)] for one in viewings] == [[None], [None], []]
    assert (hall.relay.viewers("run"), hall.relay.viewers("another run")) == (0, 1)
    hall.relay.close(viewings[0], hall.told.append)
    hall.relay.close(viewings[2], hall.told.append)
    hall.relay.close(viewings[2], hall.told.append)
    assert hall.relay.viewers("another run") == 0
