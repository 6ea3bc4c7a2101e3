"""The format of a frame: what arrives is what was sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.engine.frames import pack, unpack


@pytest.mark.parametrize(
    "array, kind",
    [
        (np.arange(6.0).reshape(2, 3), np.float16),
        (np.full((2, 2), 1e5), np.float32),
        (np.array([[np.inf, 1.0]]), np.float32),
        (np.array([[np.nan, 1.0]]), np.float16),
        (np.array([1.0, np.nan, -np.inf]), np.float32),
        (np.array([1, 2**31 - 1, -(2**31)]), np.int32),
        (np.array([2**40]), np.float32),
        (np.array([1, 2], dtype=np.uint8), np.uint8),
        (np.zeros((0, 3)), np.float32),
        (np.zeros(0), np.float32),
        (np.zeros((2, 3, 4)), np.float32),
        (np.arange(6.0, dtype=">f4").reshape(2, 3).T, np.float16),
    ],
)
def test_an_array_arrives_as_it_was_in_a_type_that_browsers_have(array: np.ndarray, kind: type) -> None:
    found = unpack(pack({"odd": "x", "array": array, "next": np.arange(3)}))
    assert found["array"].dtype == kind and found["array"].shape == array.shape
    np.testing.assert_array_equal(found["array"], array.astype(kind))
    np.testing.assert_array_equal(found["next"], [0, 1, 2])


def test_arrays_lie_at_multiples_of_eight_bytes() -> None:
    for word in ("", "a", "ab", "ä", "abcdefg"):
        frame = pack({"word": word, "one": np.uint8([7]), "two": np.float32([1.5, 2.5])})
        length = int.from_bytes(frame[:4], "little")
        assert (4 + length) % 8 == 0 and len(frame) % 8 == 0
        assert unpack(frame)["word"] == word and unpack(frame)["two"].tolist() == [1.5, 2.5]


def test_what_json_does_not_know_becomes_null_and_words_become_lists() -> None:
    @dataclass(frozen=True)
    class Control:
        field: str
        low: float

    given = {
        "a": [1.0, math.inf], "b": np.float64("nan"), "c": np.float32("inf"), "d": np.array(["x", "y"]), "e": None,
        "f": Control("unit", -math.inf), "g": np.array([1.0, None], dtype=object), "h": np.array([True]), "i": (1, 2),
        "j": np.array([np.nan]),
    }  # fmt: skip
    found = unpack(pack(given))
    np.testing.assert_array_equal(found.pop("j"), np.float32([np.nan]))
    assert found == {"a": [1.0, None], "b": None, "c": None, "d": ["x", "y"], "e": None,
                     "f": {"field": "unit", "low": None}, "g": [1.0, None], "h": [True], "i": [1, 2]}  # fmt: skip


def test_what_is_no_plain_data_cannot_be_sent() -> None:
    with pytest.raises(TypeError, match="object"):
        pack({"a": object()})


@pytest.mark.parametrize("frame", [b"", b"\xff\xff\xff\xff{}", pack({"a": np.zeros(9)})[:-8]])
def test_what_is_cut_off_is_no_frame(frame: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(frame)


KEYS = st.text().filter(lambda key: key != "$")


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)


PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, PLAIN, max_size=4))
def test_plain_data_arrives_as_it_was(data: dict[str, Any]) -> None:
    assert unpack(pack(data)) == data
