"""What can be chosen in a film: every figure with every choice that changes it, and no more."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from rnn_explorer.views import View
from rnn_explorer.views.base import Control
from rnn_explorer.views.selection import Selection

Keys = dict[str, list[dict[str, Any]]]  # panel -> all that it can show, as parts of the selection


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


def offered(tools: Sequence[Control]) -> list[Control]:
    """The controls that a film can have: those with few values."""
    return [tool for tool in tools if tool.kind in ("select", "toggle", "number")]


def with_units(tools: Sequence[Control], units: int) -> list[Control]:
    """The same, with no more units than so many."""
    return [
        dataclasses.replace(tool, high=min(tool.high, units - 1)) if tool.field == "unit" else tool for tool in tools
    ]


def keys_of(kind: type[View], fitted: Selection, choices: Mapping[str, Sequence[Any]]) -> Keys:
    """All that each panel can show: the parts of the selection on which it depends, in the order of their rule.

    Args:
        kind: the view.
        fitted: the selection, for parts that cannot be chosen.
        choices: the values of the others.
    """
    found: Keys = {}
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


def count(keys: Keys) -> int:
    """How many figures that are."""
    return sum(map(len, keys.values()))
