"""The line between the server and one browser: measured by the frames themselves."""

from __future__ import annotations

from dataclasses import dataclass

POOR = 0.3  # seconds for a frame to get there and its answer back, from which on a line is poor
_WEIGHT = 0.3  # of the newest measurement


@dataclass
class Line:
    """How long frames take.

    Attributes:
        seconds: for a frame to get there and its answer back, without the browser's own time; smoothed.
        poor: whether the browser shall get fewer frames, and only of what is in sight.
    """

    seconds: float | None = None
    poor: bool = False

    def note(self, elapsed: float, drawing: float) -> None:
        """One frame went and was answered.

        Args:
            elapsed: seconds between sending it and hearing that it is drawn.
            drawing: seconds of these that the browser needed, as it says itself.
        """
        took = max(elapsed - min(max(drawing, 0.0), elapsed), 0.0)
        self.seconds = took if self.seconds is None else (1 - _WEIGHT) * self.seconds + _WEIGHT * took
        if self.seconds > POOR:
            self.poor = True
        elif self.seconds < POOR / 2:
            self.poor = False

    def pause(self) -> float:
        """Seconds for which a poor line is left to the rest of the page before the next frame."""
        return self.seconds or 0.0 if self.poor else 0.0
