from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.settings import SettingError, Settings, keep_known, setting


@dataclass(frozen=True)
class Sample(Settings):
    """One setting of every kind."""

    whole: int = setting(3, low=1, high=10, label="Whole", help="A whole number.", unit="things")
    real: float = setting(0.5, low=0.0, high=2.0, label="Real", help="A number.", live=True)
    yes: bool = setting(False, label="Yes", help="A switch.")
    word: str = setting("a", choices=("a", "b"), label="Word", help="A choice.")
    sizes: tuple[int, ...] = setting((), low=1, high=9, longest=2, label="Sizes", help="A list.")
    free: float = setting(0.0, label="Free", help="Any finite number.")
    name: str = setting("", longest=5, label="Name", help="Any text.")


@dataclass(frozen=True)
class Options(Settings):
    """What only options of analyses use."""

    unit: int | None = setting(None, low=0, high=3, label="Unit", help="One of them, or none.")
    way: Literal["forward", "backward"] = setting("forward", label="Way", help="A choice that the type names.")
    input: tuple[float, ...] | None = setting(None, longest=3, absent="zeros", label="Input", help="Numbers, or none.")
    kick: float = setting(0.5, low=0, high=10, offered=(0, 2), step=0.1, label="Kick", help="Less is offered.")
    inits: int = setting(512, low=1, high=4096, offered=(128, 512, 1024), label="Inits", help="A few are offered.")
    prefix: str = setting("", longest=5, verbatim=True, label="Prefix", help="Lines and blanks count.")
    edits: Any = setting((), label="Edits", help="What is checked elsewhere.")


def test_the_type_of_a_field_says_what_is_accepted():
    unit, way, held, kick, inits, prefix, edits = Options.specs()
    assert (unit.kind, unit.optional, unit.allowed) == (int, True, "a whole number from 0 to 3, or none")
    assert (way.kind, way.choices, way.allowed) == (str, ("forward", "backward"), "one of forward, backward")
    assert (held.kind, held.items, held.optional) == (tuple, float, True)
    assert held.allowed == "up to 3 finite numbers, separated by commas, or none for zeros"
    assert (kick.ends, inits.ends) == ((0, 2), (128, 1024)) and Sample.spec("whole").ends == (1, 10)
    assert prefix.is_free_text and prefix.allowed == "a text of at most 5 characters"
    assert edits.kind is object
    with pytest.raises(ValueError, match="free has no limits"):
        _ = Sample.spec("free").ends


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("unit", "none", None), ("unit", "", None), ("unit", "2", 2), ("way", "backward", "backward"),
        ("input", "none", None), ("input", "-1, 0,.5", (-1.0, 0.0, 0.5)), ("kick", "9", 9.0), ("inits", "300", 300),
        ("prefix", " a\n", " a\n"),
    ],
)  # fmt: skip
def test_options_are_read_and_written(name, text, value):
    spec = Options.spec(name)
    assert spec.parse(text) == value and spec.parse(spec.text(value)) == value
    assert getattr(Options(**{name: value}), name) == value


@pytest.mark.parametrize(
    "name, value",
    [
        ("unit", 4), ("unit", -1), ("unit", "none"), ("unit", True), ("way", "up"), ("way", None), ("input", [1, "x"]),
        ("input", [math.nan]), ("input", [True]), ("input", [10**400]), ("input", [1, 2, 3, 4]), ("input", 1.0),
        ("kick", 10.1), ("inits", 4097), ("prefix", "abcdef"), ("prefix", None),
    ],
)  # fmt: skip
def test_options_are_refused(name, value):
    with pytest.raises(SettingError, match=f"^{name} is .*, but must be {Options.spec(name).allowed}[.]$"):
        Options(**{name: value})


def test_numbers_and_arrays_of_numpy_are_numbers_and_lists():
    made = Options(unit=np.int64(2), kick=np.float32(0.25), input=np.array([1, 2]), inits=np.uint8(7))
    assert (made.unit, made.kick, made.input, made.inits) == (2, 0.25, (1.0, 2.0), 7)
    assert type(made.unit) is int and type(made.kick) is float and set(map(type, made.input)) == {float}
    for value in (np.float64(2.0), np.bool_(True), np.array([1])):
        with pytest.raises(SettingError):
            Options(unit=value)


def test_specs_come_from_the_declarations():
    whole, real, yes, word, sizes, free, name = Sample.specs()
    assert (whole.name, whole.kind, whole.default, whole.low, whole.high) == ("whole", int, 3, 1, 10)
    assert (real.kind, real.live, yes.kind, word.choices, sizes.kind, sizes.longest) == (
        float, True, bool, ("a", "b"), tuple, 2,
    )  # fmt: skip
    assert free.allowed == "a number"
    assert name.is_free_text and not any(spec.is_free_text for spec in (whole, real, yes, word, sizes, free))
    assert name.allowed == "a text of one line and at most 5 characters, or nothing"
    assert Sample.spec("word") is word
    with pytest.raises(KeyError):
        Sample.spec("other")


def test_a_subclass_has_specs_of_its_own():
    @dataclass(frozen=True)
    class More(Sample):
        extra: int = setting(1, low=0, high=1, label="Extra", help="One more.")

    assert len(Sample.specs()) + 1 == len(More.specs())
    assert More.specs()[-1].name == "extra"


@pytest.mark.parametrize(
    "name, value",
    [
        ("whole", 0), ("whole", 11), ("whole", 3.0), ("whole", True), ("whole", "3"), ("whole", None),
        ("whole", 10**400), pytest.param("whole", 10**5000, id="whole-thousands of digits"),
        ("real", -0.001), ("real", 2.001), ("real", math.nan), ("real", math.inf), ("real", -math.inf),
        ("real", False), ("real", "1"), ("real", 10**400), ("real", None), ("free", 10**400), ("free", math.nan),
        ("yes", 1), ("yes", 0), ("yes", "true"), ("yes", None),
        ("word", "c"), ("word", ""), ("word", 1), ("word", None),
        ("sizes", (0,)), ("sizes", (10,)), ("sizes", (1, 2, 3)), ("sizes", (True,)), ("sizes", (1.0,)),
        ("sizes", "12"), ("sizes", 3), ("sizes", None),
        ("name", "123456"), ("name", "a\nb"), ("name", "\x00"), ("name", "\u202e"), ("name", "\ud800"), ("name", 3),
    ],
)  # fmt: skip
def test_a_refusal_names_field_value_and_range(name, value):
    with pytest.raises(SettingError) as caught:
        Sample(**{name: value})
    error = caught.value
    assert (error.field, error.value) == (name, value)
    message = str(error)
    assert message.startswith(f"{name} is ") and Sample.spec(name).allowed in message
    assert len(message) < 300


def test_messages_are_sentences():
    with pytest.raises(SettingError, match=r"^whole is 11, but must be a whole number from 1 to 10\.$"):
        Sample(whole=11)
    with pytest.raises(SettingError, match=r"^word is 'c', but must be one of a, b\.$"):
        Sample(word="c")
    with pytest.raises(SettingError, match=r"^yes is 2, but must be true or false\.$"):
        Sample(yes=2)
    with pytest.raises(SettingError, match=r"'none' or up to 2 whole numbers from 1 to 9, separated by commas\.$"):
        Sample(sizes=[0])
    with pytest.raises(SettingError, match=r"^real is 5.0, but must be a number from 0 to 2\.$"):
        Sample(real=5.0)


@pytest.mark.parametrize("error", [SettingError("a", 1, "b"), SettingError("a", [2], "b", "a sentence of its own")])
def test_an_error_survives_pickling(error):
    again = pickle.loads(pickle.dumps(error))
    assert (again.field, again.value, again.allowed, str(again)) == (
        error.field,
        error.value,
        error.allowed,
        str(error),
    )


def test_values_take_the_type_of_the_setting():
    made = Sample(real=1, sizes=[4, 5])
    assert isinstance(made.real, float) and made.sizes == (4, 5)
    assert hash(made) == hash(Sample(real=1.0, sizes=(4, 5)))
    plain = {"whole": 3, "real": 1.0, "yes": False, "word": "a", "sizes": [4, 5], "free": 0.0, "name": ""}
    assert made.to_dict() == plain


def test_replace_checks_too():
    assert Sample().replace(whole=4).whole == 4
    with pytest.raises(SettingError):
        Sample().replace(whole=0)


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("whole", " 7 ", 7), ("whole", "+7", 7), ("real", "1e-1", 0.1), ("real", ".5", 0.5), ("real", "1.", 1.0),
        ("free", "-2E+3", -2000.0), ("yes", "True", True), ("yes", "on", True), ("yes", "0", False),
        ("word", " b ", "b"),
        ("sizes", "none", ()), ("sizes", "", ()), ("sizes", "3, 4", (3, 4)),
        ("name", "", ""), ("name", " ä b ", "ä b"), ("name", "none", "none"),
    ],
)  # fmt: skip
def test_parse_reads(name, text, value):
    assert Sample.spec(name).parse(text) == value


@pytest.mark.parametrize(
    "name, text",
    [
        ("whole", ""), ("whole", "3.0"), ("whole", "0x3"), ("whole", "1_0"), ("whole", "٣"), ("whole", "9" * 5000),
        ("whole", "11"), ("real", ""), ("real", "nan"), ("real", "inf"), ("real", "-inf"), ("real", "1e999"),
        ("real", "1_0"), ("real", "0x1p0"), ("real", "3"), ("yes", ""), ("yes", "2"), ("yes", "maybe"), ("word", "c"),
        ("word", "A"), ("sizes", "3,"), ("sizes", "3,,4"), ("sizes", "3;4"), ("sizes", "1,2,3"), ("sizes", "0"),
    ],
)  # fmt: skip
def test_parse_refuses(name, text):
    with pytest.raises(SettingError) as caught:
        Sample.spec(name).parse(text)
    assert (caught.value.field, caught.value.value) == (name, text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_written_so_that_they_are_read_back_exactly(value):
    spec = Sample.spec("free")
    assert spec.parse(spec.text(value)) == value


@given(st.text(max_size=30))
def test_any_text_is_either_read_or_refused(text):
    for spec in Sample.specs():
        try:
            value = spec.parse(text)
        except SettingError as error:
            assert error.field == spec.name
        else:
            assert spec.check(value) == value


def test_keep_known():
    assert keep_known(Sample.specs(), {"whole": 1, "other": 2}) == {"whole": 1}
