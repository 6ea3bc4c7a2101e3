"""A film: a run as a view shows it, its kept steps with all choices, for a file that replays it without a server."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnn_explorer.engine.base import Reply
from rnn_explorer.engine.film_parts import FilmParts, Shot
from rnn_explorer.engine.pictures import plain_panel, status_of
from rnn_explorer.engine.protocol import FileMade, FileProgress, MakeFile, Message
from rnn_explorer.engine.viewers import Source
from rnn_explorer.errors import UserError
from rnn_explorer.views import VIEWS, View, ViewState
from rnn_explorer.views.base import Control
from rnn_explorer.views.selection import Selection

if TYPE_CHECKING:
    from rnn_explorer.engine.hosted import HostedRun

_Keys = dict[str, list[dict[str, Any]]]  # panel -> all that it can show, as parts of the selection

STEPS = 60  # kept steps in a film, at most; they are spread as the kept steps are, dense where a run changes fast
FEWER = 24  # kept steps below which the film rather holds fewer units
RAW = 48 * 2**20  # bytes of a film before it is compressed: it has some three times as many as after that
FIGURES = 120_000  # figures of a film, which take some ten seconds
ROOM = 5_400_000  # bytes of a film's content: with Plotly and as text it is a file of less than 10 MB
SHARE = 0.2  # of a worker's time that a film may take while a run trains
SLICE = 0.03  # seconds of work in one go
TELL_EVERY = 0.2  # seconds between two words on how far it has come

TOO_EARLY = "There is no past to replay yet: train the model for a few steps first."
ANEW = "The run began anew while its film was made. Take the film again."
NO_FILM = "These figures cannot be taken home as a film."


class Film:
    """Makes the content of a film in slices.

    Args:
        source: the run; its present is that of this moment.
        view: the key of the view.
        history: tells one life of the run from the next, which begins anew: it is another object then.

    Attributes:
        share: how much of it is done, 0 to 1.
        step: of the present.
        waiting: whether it waits for the picture of a kept step.
        close: gives up waiting.

    Raises:
        UserError: where the run has no past, or the view makes no film.
    """

    def __init__(self, source: Source, view: str, history: Callable[[], object]) -> None:
        self.source, self.kind, self.history = source, VIEWS.get(view), history
        self.share = 0.0
        self.waiting = False
        self.close: Callable[[], None] = lambda: None
        now = source.view()
        if not self.kind.film:
            raise UserError(NO_FILM)
        if now.snapshot is None or len(now.kept_steps) < 2:
            raise UserError(TOO_EARLY)
        self._life, self.step = history(), now.snapshot.step
        self._now = dataclasses.replace(now, status="paused" if now.status == "training" else now.status)
        self._state = ViewState(self._now, self.step, others=tuple(source.others()))
        self._views: dict[Any, View] = {}
        self._parts = FilmParts()
        self._shots: list[tuple[int, Shot]] = []
        usual = self.kind(self.kind.selection_class())
        self._chosen = usual.fitted(self._state)
        self._tools = _offered(usual.tools(self._state))
        self._keys: _Keys = {}
        self._making = self._make()

    def _plan(self) -> Iterator[None]:
        """Find out how many steps and units fit, by what the present takes; leaves the steps in `steps`."""
        sizes = []
        for units in (1, 2):
            keys, parts = self._keys_with(units), FilmParts()
            yield from self._shoot(self._state, keys, parts)
            sizes.append((parts.size, _count(keys)))
        (base, count), (more, counts) = sizes
        per_unit, each = max(more - base, 1), max(counts - count, 1)
        units = int(1 + max(0.0, min((RAW / FEWER - base) / per_unit, (FIGURES / FEWER - count) / each)))
        self._tools = _with_units(self._tools, units)
        self._keys = self._keys_with(units)
        held = (_count(self._keys) - count) / each  # units beside the first
        most = min(STEPS, RAW / (base + held * per_unit), FIGURES / (count + held * each))
        kept = [step for step in self._now.kept_steps if step < self.step]
        self._steps = _spread(kept, max(int(most), 2) - 1)

    def _keys_with(self, units: int) -> _Keys:
        return keys_of(self.kind, self._chosen, choices_of(_with_units(self._tools, units)))

    def work(self, seconds: float) -> bool:
        """Go on for some time, or until a picture must be waited for; returns whether all figures are made."""
        deadline = time.monotonic() + seconds
        return all(not self.waiting and time.monotonic() < deadline for _ in self._making)

    def _make(self) -> Iterator[None]:
        yield from self._plan()
        done, count = 0, _count(self._keys) * (len(self._steps) + 1)
        for step in [*self._steps, None]:
            state = self._state
            if step is not None:
                answers: list[Reply] = []
                self.waiting = True
                self.close = self.source.ask("snapshot", {}, functools.partial(self._hear, answers), step)
                while not answers:
                    yield
                if self.history() is not self._life:
                    raise UserError(ANEW)
                if answers[-1].value is None:  # thinned out meanwhile
                    continue
                view = dataclasses.replace(self._now, snapshot=answers[-1].value)
                state = dataclasses.replace(state, view=view, step=step, past=True)
            shot = Shot({**status_of(state.view, step), "errors": []})
            for _ in self._shoot(state, self._keys, self._parts, shot):
                done += 1
                self.share = done / count
                yield
            self._shots.append((state.step, shot))
        if len(self._shots) < 2:
            raise UserError(ANEW)

    def _hear(self, answers: list[Reply], reply: Reply) -> None:
        if reply.done:
            answers.append(reply)
            self.waiting = False

    def _shoot(self, state: ViewState, keys: _Keys, parts: FilmParts, shot: Shot | None = None) -> Iterator[None]:
        """Draw the panels at one step with each choice."""
        for name, all_chosen in keys.items():
            records = []
            for chosen in all_chosen:
                view = self._view(chosen)
                records.append(parts.record(plain_panel(view.panel(state, name))))
                yield
            if shot is not None:
                shot.records[name] = records

    def _view(self, chosen: Mapping[str, Any]) -> View:
        """The view that draws this choice: one for each layer and sequence, which keeps their axes calm."""
        key = tuple(chosen.get(name) for name in ("layer", "direction", "sequence"))
        view = self._views.get(key)
        selection = dataclasses.replace(self.kind.selection_class(), **chosen)
        if view is None:
            view = self._views[key] = self.kind(selection)
            view.analyses(self._state)  # the axes of a run are those of its present
        view.selection = selection
        return view

    def content(self) -> bytes:
        """The film, with as many of its steps as there is room for; may run beside the worker's loop."""
        shots = self._shots
        view = self.kind(self._chosen)
        header = {
            "view": self.kind.name,
            "tools": self._tools,
            "chosen": self._chosen,
            "grid": view.grid(self._state),
            "panels": list(self.kind.film),
            "rules": self.kind.film,
            "keys": {name: [key_of(chosen) for chosen in all_chosen] for name, all_chosen in self._keys.items()},
        }
        while True:
            content = self._parts.packed({**header, "steps": [step for step, _ in shots]}, [shot for _, shot in shots])
            if len(content) <= ROOM or len(shots) <= 2:
                return content
            shots = _spread(shots, max(2, min(len(shots) - 1, int(0.97 * len(shots) * ROOM / len(content)))))


def key_of(chosen: Mapping[str, Any]) -> str:
    """A choice as a text, as the browser makes it: the values alone, in the order of their rule."""
    return "|".join(str(value).lower() if isinstance(value, bool) else str(value) for value in chosen.values())


def choices_of(tools: Sequence[Control]) -> dict[str, tuple[Any, ...]]:
    """The values that each control offers."""
    return {tool.field: _values(tool) for tool in tools}


def _values(tool: Control) -> tuple[Any, ...]:
    if tool.kind == "select":
        return tuple(value for value, _ in tool.options)
    if tool.kind == "toggle":
        return (False, True)
    return tuple(range(int(tool.low), int(tool.high) + 1))


def _offered(tools: Sequence[Control]) -> list[Control]:
    """The controls that a film can have: those with few values."""
    return [tool for tool in tools if tool.kind in ("select", "toggle", "number")]


def _with_units(tools: Sequence[Control], units: int) -> list[Control]:
    """The same, with no more units than so many."""
    return [
        dataclasses.replace(tool, high=min(tool.high, units - 1)) if tool.field == "unit" else tool for tool in tools
    ]


def keys_of(kind: type[View], fitted: Selection, choices: Mapping[str, Sequence[Any]]) -> _Keys:
    """All that each panel can show: the parts of the selection on which it depends, in the order of their rule.

    Args:
        kind: the view.
        fitted: the selection, for parts that cannot be chosen.
        choices: the values of the others.
    """
    found: _Keys = {}
    for name, rules in kind.film.items():
        found[name] = []
        for rule in rules:
            fields = rule[1]
            for values in itertools.product(*(choices.get(part, (getattr(fitted, part),)) for part in fields)):
                chosen = dict(zip(fields, values, strict=True))
                first = next(
                    other for other in rules if all(chosen.get(part) == value for part, value in other[0].items())
                )
                if first is rule:
                    found[name].append(chosen)
    return found


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """So many of them at even distances, the first and the last among them."""
    places = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    return [items[place] for place in places]


def _count(keys: _Keys) -> int:
    return sum(map(len, keys.values()))


class FilmMaker:
    """A film on its way to who asked for it; see `channels.FileMaker`.

    Args:
        run: whose film.
        source: the same as a viewer sees it.
        wanted: by whom.
        send: takes messages for the engine.
    """

    def __init__(self, run: HostedRun, source: Source, wanted: MakeFile, send: Callable[[Message], None]) -> None:
        self.run, self.source, self.wanted, self.send = run, source, wanted, send
        self.film: Film | None = None
        self.earliest = self._told = 0.0  # on the monotonic clock

    def due(self, now: float) -> float:
        """On the monotonic clock: when it is worth going on; infinite where only news can bring it."""
        return math.inf if self.film is not None and self.film.waiting else max(now, self.earliest)

    def work(self, training: bool) -> Callable[[], FileMade] | None:
        """Go on for a slice; returns what makes the file of it, once all is there.

        Raises:
            UserError: where there is no film.
        """
        if self.film is None:
            self.film = Film(self.source, self.wanted.view, lambda: self.run.history["train"])
        begin = time.thread_time()
        whole = self.film.work(SLICE)
        now, cost = time.monotonic(), time.thread_time() - begin
        self.earliest = now + (cost / SHARE if training else 0.0)
        if whole:
            return self.file
        if now - self._told >= TELL_EVERY:
            self._told = now
            self.send(FileProgress(self.wanted.run_id, self.wanted.ticket, self.film.share))
        return None

    def file(self) -> FileMade:
        """The film's content; may run beside the worker's loop."""
        assert self.film is not None
        return FileMade(self.wanted.run_id, self.wanted.ticket, self.film.content(), "application/gzip", self.film.step)

    def close(self) -> None:
        """Nobody wants it any more, or it is made."""
        if self.film is not None:
            self.film.close()
