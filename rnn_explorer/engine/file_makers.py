"""Files on their way to who asked for them: one figure, or a film of all of them."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rnn_explorer.engine.film import Film
from rnn_explorer.engine.hosted import HostedRun
from rnn_explorer.engine.protocol import FileMade, FileProgress, MakeFile, Message
from rnn_explorer.engine.viewers import Source, Viewer
from rnn_explorer.errors import UserError

if TYPE_CHECKING:
    from rnn_explorer.figures.base import Figure
    from rnn_explorer.figures.svg_panel import SvgPanel
    from rnn_explorer.figures.text_panel import TextPanel

PATIENCE = 60.0  # seconds that a file waits for what must be computed
SHARE = 0.2  # of a worker's time that a film may take while a run trains
SLICE = 0.03  # seconds of work on a film in one go
TELL_EVERY = 0.2  # seconds between two words on how far a film has come
NO_FIGURE = "There is no such figure."


class FileMaker:
    """One figure of a view on its way to a file."""

    def __init__(self, run: HostedRun, source: Source, wanted: MakeFile) -> None:
        self.run, self.wanted = run, wanted
        self.viewer = Viewer(source, wanted.view, {**wanted.selection, "film": ""})
        self.deadline = time.monotonic() + PATIENCE
        self._looked: Any = None

    def due(self, now: float) -> float:
        """On the monotonic clock: when it is worth looking again."""
        return now if self._state() != self._looked else min(self.deadline, now + self.viewer.due())

    def _state(self) -> Any:
        return (self.run.version, self.viewer.state())

    def work(self, training: bool) -> Callable[[], FileMade] | None:
        """Returns what writes the file; None while something must be computed."""
        self._looked = self._state()
        self.viewer.look()
        if not self.viewer.scheduler.settled() and time.monotonic() < self.deadline:
            return None
        view_state = self.viewer.look()
        panels = self.viewer.view.panels(view_state)
        panel = next((panel for panel in panels if panel.name == self.wanted.figure), None)
        return functools.partial(self.file, panel, view_state.step)

    def file(self, panel: Figure | SvgPanel | TextPanel | None, step: int) -> FileMade:
        """The file of a figure; may run beside the worker's loop."""
        wanted = self.wanted
        content = None if panel is None else file_of(panel, wanted.form)
        if content is None:
            raise UserError(NO_FIGURE)
        return FileMade(wanted.run_id, wanted.ticket, content[0].encode(), content[1], step)

    def close(self) -> None:
        """Nobody wants it any more, or it is made."""
        self.viewer.close()


def file_of(panel: Figure | SvgPanel | TextPanel, form: str) -> tuple[str, str] | None:
    """Content and media type of a file; None where a panel has no such form."""
    from rnn_explorer.figures.base import Figure
    from rnn_explorer.figures.svg_panel import SvgPanel

    if form == "csv":
        return panel.to_csv(), "text/csv"
    if form == "html" and isinstance(panel, Figure):
        return panel.to_plotly().to_html(include_plotlyjs=True, full_html=True), "text/html"
    if form == "svg" and isinstance(panel, SvgPanel):
        return panel.svg, "image/svg+xml"
    return None


class FilmMaker:
    """A film on its way to who asked for it; see `FileMaker`.

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
