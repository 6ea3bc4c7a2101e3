"""A film: a run as a view shows it, its kept steps with all choices, for a file that replays it without a server."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rnn_explorer.engine import film_choices
from rnn_explorer.engine.base import Reply
from rnn_explorer.engine.film_choices import Keys
from rnn_explorer.engine.film_parts import FilmParts, Shot
from rnn_explorer.engine.pictures import plain_panel, status_of
from rnn_explorer.engine.viewers import Source
from rnn_explorer.errors import UserError
from rnn_explorer.views import VIEWS, View, ViewState

STEPS = 60  # kept steps in a film, at most; they are spread as the kept steps are, dense where a run changes fast
FEWER = 24  # kept steps below which the film rather holds fewer units
RAW = 48 * 2**20  # bytes of a film before it is compressed: it has some three times as many as after that
FIGURES = 120_000  # figures of a film, which take some ten seconds
ROOM = 5_400_000  # bytes of a film's content: with Plotly and as text it is a file of less than 10 MB

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
        self._life, self.step = history(), -1 if now.snapshot is None else now.snapshot.step
        self._kept = [step for step in now.kept_steps if step < self.step]
        if len(self._kept) < 2:
            raise UserError(TOO_EARLY)
        self._now = dataclasses.replace(now, status="paused" if now.status == "training" else now.status)
        self._state = ViewState(self._now, self.step, others=tuple(source.others()))
        self._views: dict[Any, View] = {}
        self._parts = FilmParts()
        self._shots: list[tuple[int, Shot]] = []
        usual = self.kind(self.kind.selection_class())
        self._chosen = usual.fitted(self._state)
        self._tools = film_choices.offered(usual.tools(self._state))
        self._units = max((int(tool.high) + 1 for tool in self._tools if tool.field == "unit"), default=0)
        self._keys: Keys = {}
        self._making = self._make()

    def _plan(self) -> Iterator[None]:
        """Find out how many steps and units fit, by what the present takes; leaves the steps in `steps`."""
        sizes = []
        for units in (1, 2):
            keys, parts = self._keys_with(units), FilmParts()
            yield from self._shoot(self._state, keys, parts)
            sizes.append((parts.size, film_choices.count(keys)))
        (base, count), (more, counts) = sizes
        per_unit, each = max(more - base, 1), max(counts - count, 1)
        units = int(1 + max(0.0, min((RAW / FEWER - base) / per_unit, (FIGURES / FEWER - count) / each)))
        self._tools = film_choices.with_units(self._tools, units)
        self._keys = self._keys_with(units)
        held = (film_choices.count(self._keys) - count) / each  # units beside the first
        most = min(STEPS, RAW / (base + held * per_unit), FIGURES / (count + held * each))
        self._steps = _spread(self._kept, max(int(most) - 1, 2))

    def _keys_with(self, units: int) -> Keys:
        tools = film_choices.with_units(self._tools, units)
        return film_choices.keys_of(self.kind, self._chosen, film_choices.choices_of(tools))

    def work(self, seconds: float) -> bool:
        """Go on for some time, or until a picture must be waited for; returns whether all figures are made."""
        deadline = time.monotonic() + seconds
        return all(not self.waiting and time.monotonic() < deadline for _ in self._making)

    def _make(self) -> Iterator[None]:
        yield from self._plan()
        done, count = 0, film_choices.count(self._keys) * (len(self._steps) + 1)
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
        if len(self._shots) < 3:
            raise UserError(ANEW)

    def _hear(self, answers: list[Reply], reply: Reply) -> None:
        if reply.done:
            answers.append(reply)
            self.waiting = False

    def _shoot(self, state: ViewState, keys: Keys, parts: FilmParts, shot: Shot | None = None) -> Iterator[None]:
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
        header: dict[str, Any] = {
            "view": self.kind.name,
            "tools": self._tools,
            "chosen": self._chosen,
            "grid": view.grid(self._state),
            "panels": list(self.kind.film),
            "rules": self.kind.film,
            "keys": {name: [film_choices.key_of(chosen) for chosen in each] for name, each in self._keys.items()},
        }
        while True:
            header |= {"steps": [step for step, _ in shots], "note": self._note(len(shots) - 1)}
            content = self._parts.packed(header, [shot for _, shot in shots])
            if len(content) <= ROOM or len(shots) <= 3:
                return content
            shots = _spread(shots, max(3, min(len(shots) - 1, int(0.97 * len(shots) * ROOM / len(content)))))

    def _note(self, steps: int) -> str:
        """What the film holds, in words."""
        kept = len(self._kept)
        held = "all" if steps == kept else f"{steps} of the"
        words = [f"This film holds {held} {kept} kept steps and the last one, with every choice that you see."]
        fewer = [tool.high for tool in self._tools if tool.field == "unit" and tool.high + 1 < self._units]
        words += [f"It has room for {int(high) + 1} of the {self._units} units as lines." for high in fewer]
        words.append("Maps are drawn in 255 shades.")
        return " ".join(words)


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """So many of them at even distances, the first and the last among them."""
    places = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    return [items[place] for place in places]
