"""Frames: what arrives is what was sent, and no more than what is new."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.engine.frames import Card, FrameEncoder, pack, unpack


def sent(encoder: FrameEncoder, *cards: Card, parts: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return unpack(encoder.encode({"status": {}}, parts or {}, cards, **more))


def figure(*traces: dict[str, Any], name: str = "states", **parts: Any) -> Card:
    return Card(name, parts, traces)


# -- bytes --------------------------------------------------------------------------------------------------------


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
    class Tool:
        field: str
        low: float

    given = {
        "a": [1.0, math.inf], "b": np.float64("nan"), "c": np.float32("inf"), "d": np.array(["x", "y"]), "e": None,
        "f": Tool("unit", -math.inf), "g": np.array([1.0, None], dtype=object), "h": np.array([True]), "i": (1, 2),
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


# -- differences --------------------------------------------------------------------------------------------------


def test_an_object_that_is_the_one_sent_last_is_not_even_looked_at() -> None:
    class Counted(dict):
        looks = 0

        def __ne__(self, other: object) -> bool:
            Counted.looks += 1
            return dict.__ne__(self, other)

    layout, z = Counted(width=1), np.zeros((2, 2))
    encoder = FrameEncoder()
    assert sent(encoder, figure({"z": z}, layout=layout))["figures"]["states"].keys() == {"layout", "count", "data"}
    assert sent(encoder, figure({"z": z}, layout=layout))["figures"] == {}
    assert Counted.looks == 0
    assert sent(encoder, figure({"z": z}, layout=Counted(width=1)))["figures"] == {}
    assert Counted.looks == 1


def test_equal_arrays_are_not_sent_again_and_of_a_trace_only_what_changed() -> None:
    encoder = FrameEncoder()
    values = np.array([[0.1, np.nan]])
    sent(encoder, figure({"z": values, "type": "heatmap", "marker": {"color": np.arange(2), "size": 3}}))
    same = {"z": values.copy(), "type": "heatmap", "marker": {"color": np.arange(2), "size": 3}}
    assert sent(encoder, figure(same))["figures"] == {}
    assert sent(encoder, figure({**same, "z": values + 1e-9}))["figures"] == {}, "the same in what is sent"
    change = sent(encoder, figure({**same, "z": values + 1}))["figures"]["states"]
    assert list(change) == ["change"] and list(change["change"]["0"]) == ["z"]
    change = sent(encoder, figure({**same, "z": values + 1, "marker": {"color": np.arange(2), "size": 4}}))["figures"]
    assert list(change["states"]["change"]["0"]) == ["marker"]


@pytest.mark.parametrize(
    "before, after",
    [
        (True, 1), (0, False), ([1], [2]), ({"a": 1}, {"a": 1, "b": 2}), (np.zeros(2), np.zeros(3)), (None, 0),
        (np.zeros(2), [0.0, 0.0]), ({"a": [np.zeros(2)]}, {"a": [np.ones(2)]}),
        (np.zeros(2, np.float32), np.zeros(2, int)), ([1.0], np.array([1.0, 2.0])),
        (np.zeros((1, 2)), np.zeros((2, 1))),
    ],
)  # fmt: skip
def test_what_differs_is_new(before: Any, after: Any) -> None:
    encoder = FrameEncoder()
    sent(encoder, parts={"part": before})
    assert "part" in sent(encoder, parts={"part": after})
    assert "part" not in sent(encoder, parts={"part": after})


def test_a_trace_with_other_properties_is_sent_whole_and_one_that_went_is_forgotten() -> None:
    encoder = FrameEncoder()
    first, second = {"x": np.arange(3)}, {"y": np.arange(3)}
    sent(encoder, figure(first, second))
    gone = sent(encoder, figure(first))["figures"]["states"]
    assert gone == {"count": 1}
    back = sent(encoder, figure(first, second))["figures"]["states"]
    assert back["count"] == 2 and list(back["data"]) == ["1"]
    other = sent(encoder, figure({"x": np.arange(3), "name": "a"}, second))["figures"]["states"]
    assert list(other) == ["data"] and list(other["data"]["0"]) == ["x", "name"]
    assert sent(encoder, figure())["figures"]["states"] == {"count": 0}


def test_who_joins_gets_all_of_it() -> None:
    encoder = FrameEncoder()
    card = figure({"z": np.zeros((2, 2))}, title="t")
    first = sent(encoder, card, parts={"grid": 1})
    assert sent(encoder, card, parts={"grid": 1}) == {"status": {}, "figures": {}}
    np.testing.assert_equal(sent(encoder, card, parts={"grid": 1}, whole=True), first)


def test_of_cards_out_of_sight_nothing_is_sent_but_once_in_sight_all_that_changed() -> None:
    encoder = FrameEncoder()
    before, after = figure({"z": np.zeros((1, 1))}), figure({"z": np.ones((1, 1))})
    assert "states" in sent(encoder, before, only=())["figures"], "never sent yet"
    found = sent(encoder, after, only={"other"})
    assert found["figures"] == {}
    assert sent(encoder, after, only={"states"})["figures"]["states"]["change"]["0"]["z"].tolist() == [[1.0]]


def test_the_names_of_the_cards_are_sent_where_they_changed() -> None:
    encoder = FrameEncoder()
    words = Card("words", {"lines": [{"kind": "fact", "text": "a"}]})
    assert sent(encoder, figure(), words)["cards"] == ["states", "words"]
    assert "cards" not in sent(encoder, figure(), words)
    assert sent(encoder, words)["cards"] == ["words"]
