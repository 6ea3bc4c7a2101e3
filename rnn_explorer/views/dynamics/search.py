"""A search for fixed points as an address and a button hold it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import FixedPointOptions

PRESENT = -1  # as the step of a search: the living model
_STARTS = "|".join(map(str, FixedPointOptions.spec("inits").offered))
_SEARCH = re.compile(rf"([0-9]{{1,9}});(-1|[0-9]{{1,9}});([0-9]{{1,3}});(forward|backward);({_STARTS});(.{{0,4000}})")


@dataclass(frozen=True)
class SearchRequest:
    """What a search was asked for: so another input, layer or step is searched only when the user asks again.

    Attributes:
        number: counts the searches, so that the same can be asked for again.
        past: the step of the past that is searched; -1 for the present.
        layer, direction, inits: as in the selection.
        input: as the analysis takes it.
    """

    number: int
    past: int
    layer: int
    direction: str
    inits: int
    input: tuple[float, ...] | None

    def write(self) -> str:
        """As a text that `read` reads."""
        held = "" if self.input is None else ",".join(map(repr, self.input))
        return f"{self.number};{self.past};{self.layer};{self.direction};{self.inits};{held}"

    @classmethod
    def read(cls, text: str) -> SearchRequest | None:
        """None for a text that is none of `write`'s."""
        found = _SEARCH.fullmatch(text)
        if found is None:
            return None
        number, past, layer, direction, inits, held = found.groups()
        try:
            values = tuple(float(word) for word in held.split(",")) if held else None
        except ValueError:
            return None
        if values is not None and not all(map(math.isfinite, values)):
            return None
        return cls(int(number), int(past), int(layer), direction, int(inits), values)

    def options(self) -> dict[str, Any]:
        """Of the analysis `fixed_points`."""
        held = None if self.input is None else list(self.input)
        return {"layer": self.layer, "direction": self.direction, "input": held, "inits": self.inits}

    def answered_by(self, points: FixedPoints) -> bool:
        """Whether these points are what was asked for."""
        place = points.place
        mine = (self.layer, self.direction, self.inits, self.input)
        return mine == (place.layer, place.direction, points.inits, points.held.values)
