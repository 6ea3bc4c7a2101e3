"""Settings: frozen dataclasses whose fields carry their own range, unit and help text.

A setting is declared once, beside its default::

    hidden_size: int = setting(32, low=1, high=256, label="Hidden size", help="Units in each recurrent layer.")

and everything that shows, parses, checks or documents it reads that declaration.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, get_type_hints

from rnn_explorer.errors import UserError

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class SettingError(UserError):
    """A setting with a value it cannot have. The message is a sentence for the person who set it.

    Attributes:
        field: the setting's name, as in the URL.
        value: the value that was refused, as it was given.
        allowed: what would be accepted, in words ("a whole number from 1 to 256").
        message: the sentence, where it is not the usual one of these three.
    """

    def __init__(self, field: str, value: object, allowed: str, message: str = "") -> None:
        self.field, self.value, self.allowed, self.message = field, value, allowed, message
        super().__init__(message or f"{field} is {shown(value)}, but must be {allowed}.")

    def __reduce__(self) -> tuple[Any, ...]:  # keeps its parts when it crosses a process boundary
        return (type(self), (self.field, self.value, self.allowed, self.message))


@dataclass(frozen=True)
class Spec:
    """What is known of one setting.

    Attributes:
        name: the field's name and its key in a URL.
        kind: int, float, bool, str, or tuple (a list of whole numbers).
        default: the value when nothing is said.
        label: what the control is called.
        help: one or two sentences for the person at the control.
        low, high: smallest and largest value (for a tuple: of each item); None where there is no limit.
        names: gives the values a str may take, those too that are registered later; none for a free text, and where
            the kind is not str.
        longest: the most items a tuple may have, or characters a free text.
        unit: the unit in words, or "".
        log: whether a control should move by factors rather than by steps.
        live: whether it can be changed while a model trains, without building it anew.
    """

    name: str
    kind: type
    default: Any
    label: str
    help: str
    low: float | None = None
    high: float | None = None
    names: Callable[[], Sequence[str]] = tuple
    longest: int = 4
    unit: str = ""
    log: bool = False
    live: bool = False

    @property
    def choices(self) -> tuple[str, ...]:
        """The values a str may take; empty for a free text, and where the kind is not str."""
        return tuple(self.names())

    @property
    def is_free_text(self) -> bool:
        """Whether any text of one line will do, such as a name from the user's file."""
        return self.kind is str and not self.choices

    @property
    def allowed(self) -> str:
        """What is accepted, in words."""
        span = f"from {_plain(self.low)} to {_plain(self.high)}" if self.low is not None else ""
        if self.kind is bool:
            return "true or false"
        if self.is_free_text:
            return f"a text of one line and at most {self.longest} characters, or nothing"
        if self.kind is str:
            return "one of " + ", ".join(self.choices)
        if self.kind is tuple:
            return f"'none' or up to {self.longest} whole numbers {span}, separated by commas"
        return f"a {'whole ' if self.kind is int else ''}number {span}".rstrip()

    def check(self, value: Any) -> Any:
        """Return `value` in the setting's own type.

        Raises:
            SettingError: for a value of another type or outside the range.
        """
        checked = self._typed(value)
        items = checked if isinstance(checked, tuple) else (checked,)
        if self.kind in (int, float, tuple) and self.low is not None and self.high is not None:
            if not all(self.low <= item <= self.high for item in items):
                raise SettingError(self.name, value, self.allowed)
        if self.kind is tuple and len(items) > self.longest:
            raise SettingError(self.name, value, self.allowed)
        if self.is_free_text:
            checked = checked.strip()
            if len(checked) > self.longest or not checked.isprintable():
                raise SettingError(self.name, value, self.allowed)
        elif self.kind is str and checked not in self.choices:
            raise SettingError(self.name, value, self.allowed)
        return checked

    def _typed(self, value: Any) -> Any:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if self.kind is bool and isinstance(value, bool):
            return value
        if self.kind is int and whole:
            return value
        if self.kind is float and (whole or isinstance(value, float)):
            number = _float(value)
            if math.isfinite(number):
                return number
        if self.kind is str and isinstance(value, str):
            return value
        if self.kind is tuple and isinstance(value, (list, tuple)):
            if all(isinstance(item, int) and not isinstance(item, bool) for item in value):
                return tuple(value)
        raise SettingError(self.name, value, self.allowed)

    def parse(self, text: str) -> Any:
        """Read the value from the text of a URL or a command line.

        Raises:
            SettingError: for text that is no such value.
        """
        text = text.strip()
        try:
            if self.kind is bool:
                if text.lower() not in _TRUE + _FALSE:
                    raise ValueError
                return text.lower() in _TRUE
            if self.kind is int:
                return self.check(_whole(text))
            if self.kind is float:
                return self.check(_number(text))
            if self.kind is tuple:
                words = [] if text in ("", "none") else text.split(",")
                return self.check(tuple(_whole(word.strip()) for word in words))
        except SettingError:
            raise SettingError(self.name, text, self.allowed) from None
        except ValueError:
            raise SettingError(self.name, text, self.allowed) from None
        return self.check(text)

    def text(self, value: Any) -> str:
        """Write the value so that `parse` reads it back exactly."""
        if self.kind is bool:
            return "true" if value else "false"
        if self.kind is tuple:
            return ",".join(str(item) for item in value) or "none"
        return repr(value) if self.kind is float else str(value)


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):  # float() alone would also read 1_000 and the digits of other scripts
        raise ValueError(text)
    return float(text)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond the largest float
        return math.inf


def shown(value: object) -> str:
    """A foreign value inside a sentence: on one line, at most 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write whole numbers of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(number: float | None) -> str:
    return "no limit" if number is None else f"{number:.15g}"


def setting(
    default: Any,
    *,
    help: str,
    label: str,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] | Callable[[], Sequence[str]] = (),
    longest: int = 4,
    unit: str = "",
    log: bool = False,
    live: bool = False,
) -> Any:
    """Declare a field of a `Settings` class; the arguments are those of `Spec`, with `choices` or what gives them."""
    declared = {
        "label": label, "help": help, "low": low, "high": high, "longest": longest,
        "names": choices if callable(choices) else functools.partial(tuple, choices),
        "unit": unit, "log": log, "live": live,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata={"setting": declared})


@dataclass(frozen=True)
class Settings:
    """Base of all groups of settings: checked when made, comparable, to and from plain values."""

    def __post_init__(self) -> None:
        for spec in self.specs():
            object.__setattr__(self, spec.name, spec.check(getattr(self, spec.name)))

    @classmethod
    def specs(cls) -> tuple[Spec, ...]:
        """The declared settings, in order."""
        cached = cls.__dict__.get("_specs")
        if cached is None:
            hints = get_type_hints(cls)
            cached = tuple(
                Spec(
                    name=field.name,
                    kind=getattr(hints[field.name], "__origin__", hints[field.name]),
                    default=field.default,
                    **field.metadata["setting"],
                )
                for field in dataclasses.fields(cls)
                if "setting" in field.metadata
            )
            cls._specs = cached  # type: ignore[attr-defined]
        return cached

    @classmethod
    def spec(cls, name: str) -> Spec:
        """The declaration of one setting; KeyError where there is none of this name."""
        for spec in cls.specs():
            if spec.name == name:
                return spec
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values (numbers, text, lists), fit for JSON."""
        values = {spec.name: getattr(self, spec.name) for spec in self.specs()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, checked like any other."""
        return dataclasses.replace(self, **changes)


def keep_known(specs: Sequence[Spec], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that one of `specs` names."""
    names = {spec.name for spec in specs}
    return {name: value for name, value in values.items() if name in names}
