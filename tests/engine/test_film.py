"""Films: what they hold is what the page shows, each part once, and no larger than a file that can be sent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from rnn_explorer.engine import film as filming
from rnn_explorer.engine import film_choices
from rnn_explorer.engine.base import Reply, RunView
from rnn_explorer.engine.film import Film
from rnn_explorer.engine.film_parts import PLAIN
from rnn_explorer.engine.frames import unpack
from rnn_explorer.engine.protocol import FileMade, FileProgress
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.base import Figure
from rnn_explorer.trace import Snapshot
from rnn_explorer.training import Trainer
from rnn_explorer.views.base import ViewState
from rnn_explorer.views.lab import LabSelection, LabView
from tests.engine.test_pictures import view_of

QUERY = "task=names&cell=gru&hidden_size=6&learning_rate=0.02"
KEPT = (0, 2, 5, 9, 14)
LAST = 20


@dataclass
class Trained:
    """A run at rest, as a film's maker sees it."""

    view_now: RunView
    snapshots: dict[int, Snapshot]
    gone: tuple[int, ...] = ()

    def view(self) -> RunView:
        return self.view_now

    def others(self) -> tuple[()]:
        return ()

    def ask(self, kind: str, options: Any, callback: Callable[[Reply], None], step: int | None) -> Callable[[], None]:
        assert (kind, options) == ("snapshot", {}) and step is not None
        known = None if step in self.gone else self.snapshots[step]
        callback(Reply(1.0, known, "" if known else "not kept any more", step=step))
        return lambda: None


@pytest.fixture(scope="module")
def trained() -> Trained:
    trainer = Trainer(Experiment.from_query(QUERY))
    snapshots = {}
    for step in (*KEPT, LAST):
        while trainer.step_count < step:
            trainer.step()
        snapshots[step] = trainer.snapshot()
    view = view_of(trainer, run_id="a-secret-id", step=LAST, kept_steps=KEPT, snapshot=snapshots[LAST], status="paused")
    return Trained(view, snapshots)


def made(source: Any, view: str = "lab", life: Callable[[], object] = lambda: LAST) -> list[dict[str, Any]]:
    """The frames of a film."""
    film = Film(source, view, life)
    while not film.work(0.05):
        assert not film.waiting
    return frames_of(film.content())


def frames_of(content: bytes) -> list[dict[str, Any]]:
    plain, frames = gzip.decompress(content), []
    while plain:
        length = int.from_bytes(plain[:4], "little")
        frames.append(unpack(plain[4 : 4 + length]))
        plain = plain[4 + length :]
    return frames


@pytest.fixture(scope="module")
def film(trained: Trained) -> list[dict[str, Any]]:
    return made(trained)


def values_of(groups: list[Any]) -> list[Any]:
    found: list[Any] = []
    for group in groups:
        if isinstance(group, dict):
            found += list(group["lines"].reshape(group["count"], group["length"]))
        else:
            found += list(group)
    return found


def panel_in(film: list[dict[str, Any]], place: int, name: str, key: str) -> dict[str, Any]:
    """What a film holds of a panel: its parts, and its traces."""
    header, shot = film[0], film[1 + place]
    values = values_of(header["groups"]) + values_of(shot["groups"])
    flat, at = shot["records"][name].tolist(), 0
    for known in header["keys"][name]:
        form = header["forms"][flat[at]]
        names = [*form["parts"], *(name for trace in form["traces"] for name in trace)]
        refs = iter(flat[at + 1 : at + 1 + len(names)])
        if known == key:
            found = {part: json.loads(values[next(refs)]) for part in form["parts"]}
            found["data"] = []
            for trace in form["traces"]:
                given = {name: values[next(refs)] for name in trace}
                found["data"].append({**json.loads(given.pop(PLAIN)), **given})
            return found
        at += 1 + len(names)
    raise AssertionError(f"the film does not hold {name} with {key}")


def is_same(figure: Figure, held: dict[str, Any]) -> None:
    """What a film holds is this figure, as finely as a moving picture shows it."""
    assert held["title"] == figure.title
    assert len(held["data"]) == len(figure.data) > 0
    for trace, kept in zip(figure.data, held["data"], strict=True):
        assert kept.keys() == trace.keys()
        for name, value in trace.items():
            if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
                span = float(np.ptp(value[np.isfinite(value)])) if np.isfinite(value).any() else 1.0
                if name == "z" and "zmax" in trace:
                    span = max(span, float(trace["zmax"]) - float(trace["zmin"]))
                np.testing.assert_allclose(np.array(kept[name], dtype=float), value, atol=max(span, 1e-6) / 250)


CHOICES = [
    ("curves", "true", {"log": True}),
    ("prediction", "3", {"sequence": 3}),
    ("states", "0|forward|2", {"sequence": 2}),
    ("state_trajectory", "0|forward|1|3|class|fit", {"sequence": 1, "dims": 3, "color": "class"}),
    ("gates", "0|forward|2|unit|5", {"gates": "unit", "sequence": 2, "unit": 5}),
    ("gates", "0|forward|saturation|4", {"gates": "saturation", "unit": 4}),
    ("gates", "0|forward|7|maps", {"gates": "maps", "sequence": 7}),
]


@pytest.mark.parametrize(("name", "key", "chosen"), CHOICES, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("step", [0, 9, LAST])
def test_a_film_holds_what_the_page_shows(
    trained: Trained, film: list[dict[str, Any]], step: int, name: str, key: str, chosen: dict[str, Any]
) -> None:
    view = LabView(LabSelection(**chosen))
    now = ViewState(trained.view_now, LAST)
    view.analyses(now)  # the axes of the present, in which the past is seen
    past = replace(trained.view_now, snapshot=trained.snapshots[step])
    shown = view.panel(now if step == LAST else ViewState(past, step, past=True), name)
    place = film[0]["steps"].index(step)
    is_same(shown, panel_in(film, place, name, key))
    assert film[1 + place]["status"]["at"] == (None if step == LAST else step)


def test_it_holds_every_kept_step_and_every_choice_and_says_so(film: list[dict[str, Any]]) -> None:
    header = film[0]
    assert header["steps"] == [*KEPT, LAST]
    assert len(film) == 1 + len(header["steps"])
    assert {tool["field"] for tool in header["tools"]} == {"sequence", "unit", "log", "dims", "color", "axes", "gates"}
    assert len(header["keys"]["gates"]) == 8 * 2 + 8 * 6 + 6  # unrolled and maps, a unit as lines, saturation
    assert header["note"].startswith("This film holds all 5 kept steps and the last one, with every choice")


@pytest.mark.parametrize("gates", ["unrolled", "maps", "unit", "saturation"])
def test_no_choice_changes_a_figure_that_does_not_name_it(trained: Trained, gates: Any) -> None:
    """What `View.film` says is all that matters: else a film would show one choice for another."""
    now = ViewState(trained.view_now, LAST)
    base: dict[str, Any] = {"gates": gates}
    choices = film_choices.choices_of(LabView(LabSelection()).tools(now))
    for name, rules in LabView.film.items():
        fields = next(fields for when, fields in rules if when.items() <= base.items())
        first = LabView(LabSelection(**base)).panel(now, name)
        for field, values in choices.items():
            if field not in fields and field != "gates":
                other = LabView(LabSelection(**{**base, field: values[-1]})).panel(now, name)
                assert repr((other.title, other.data, other.layout)) == repr((first.title, first.data, first.layout))


def test_what_several_steps_show_is_held_once(film: list[dict[str, Any]]) -> None:
    texts = [text for frame in film for text in values_of(frame["groups"]) if isinstance(text, str)]
    assert len(texts) == len(set(texts)) > 20


def test_a_film_that_has_no_room_holds_fewer_steps_and_says_so(trained: Trained, monkeypatch: Any) -> None:
    whole = Film(trained, "lab", lambda: LAST)
    while not whole.work(1.0):
        pass
    room = int(0.7 * len(whole.content()))
    monkeypatch.setattr(filming, "ROOM", room)
    less = whole.content()
    header = frames_of(less)[0]
    assert len(less) <= room
    assert 3 <= len(header["steps"]) < 6
    assert (header["steps"][0], header["steps"][-1]) == (0, LAST)
    assert header["note"].startswith(f"This film holds {len(header['steps']) - 1} of the 5 kept steps")


def test_a_wide_model_offers_fewer_units_and_says_so(trained: Trained, monkeypatch: Any) -> None:
    monkeypatch.setattr(filming, "FIGURES", 24 * 110)  # some hundred figures a step
    header = made(trained)[0]
    (unit,) = (tool for tool in header["tools"] if tool["field"] == "unit")
    held = int(unit["high"]) + 1
    assert 1 <= held < 6
    assert len([key for key in header["keys"]["gates"] if "|unit|" in key]) == 8 * held
    assert f"room for {held} of the 6 units" in header["note"]


def test_a_step_that_was_thinned_out_meanwhile_is_left_out(trained: Trained) -> None:
    assert made(replace(trained, gone=(5,)))[0]["steps"] == [0, 2, 9, 14, LAST]


def test_nothing_in_it_leads_to_the_run(trained: Trained) -> None:
    film = Film(trained, "lab", lambda: LAST)
    while not film.work(1.0):
        pass
    assert b"a-secret-id" not in gzip.decompress(film.content())


def test_where_there_is_no_film_a_sentence_says_why(trained: Trained) -> None:
    early = replace(trained, view_now=replace(trained.view_now, kept_steps=(0, LAST)))
    with pytest.raises(UserError, match="train the model"):
        Film(early, "lab", lambda: 1)
    with pytest.raises(UserError, match="cannot be taken home"):
        Film(trained, "memory", lambda: 1)
    lives = iter(range(100))
    with pytest.raises(UserError, match="began anew"):
        made(trained, life=lambda: next(lives))


def test_a_worker_makes_a_film_beside_the_training_tells_how_far_it_is_and_can_be_stopped(
    engine: Any, small: Any, settle: Any, wait_for: Any
) -> None:
    run = engine.start(small(steps=100_000))
    settle(engine, run, "ready")
    early: list[Any] = []
    engine.make_file(run, "lab", {}, "", "film", early.append)
    wait_for(lambda: early)
    assert "train the model" in early[0].error
    engine.command(run, "play")
    wait_for(lambda: engine.view(run).step > 60)
    heard: list[Any] = []
    dropped: list[Any] = []
    give_up = engine.make_file(run, "lab", {}, "", "film", dropped.append)
    engine.make_file(run, "lab", {}, "", "film", heard.append)
    wait_for(lambda: dropped)
    give_up()
    before = engine.view(run).step
    wait_for(lambda: heard and isinstance(heard[-1], FileMade))
    assert heard[-1].error == ""
    shares = [message.share for message in heard if isinstance(message, FileProgress)]
    assert shares == sorted(shares) and len(shares) > 1 and shares[0] >= 0 and shares[-1] <= 1
    assert not any(isinstance(message, FileMade) for message in dropped)
    assert engine.view(run).step > before
    assert engine.view(run).status == "training"
    header = frames_of(heard[-1].content)[0]
    assert header["steps"][0] == 0 and header["steps"][-1] == heard[-1].step
