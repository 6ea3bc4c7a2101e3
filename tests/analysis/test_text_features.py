"""Features of a text, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.analysis.text_features import text_features


def of(text: str, more: str = "") -> dict[str, list[float]]:
    """Every feature of one text, over an alphabet of its characters and some more."""
    alphabet = sorted(set(text + more))
    codes = np.array([[alphabet.index(symbol) for symbol in text]])
    names, values = text_features(codes, alphabet)
    assert values.shape == (1, len(text), len(names)) and len(set(names)) == len(names)
    return {name: values[0, :, number].tolist() for number, name in enumerate(names)}


def test_places_and_distances() -> None:
    found = of("ab c\nde f")
    assert found["position"] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert found["since the last space"] == [1, 2, 0, 1, 0, 1, 2, 0, 1]
    assert found["since the last line end"] == [1, 2, 3, 4, 0, 1, 2, 3, 4]


def test_kinds_of_characters() -> None:
    found = of("Éa1, bU;2")
    assert found["is upper case"] == [1, 0, 0, 0, 0, 0, 1, 0, 0]
    assert found["upper case so far"] == [1, 1, 1, 1, 1, 1, 2, 2, 2]
    assert found["is a vowel"] == [1, 1, 0, 0, 0, 0, 1, 0, 0], "with its accent it is a vowel still"
    assert found["is a digit"] == [0, 0, 1, 0, 0, 0, 0, 0, 1]
    assert found["is a space"] == [0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert found["is punctuation"] == [0, 0, 0, 1, 0, 0, 0, 1, 0]
    assert found["punctuation so far"] == [0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_what_is_open() -> None:
    assert of('a"b"c"d\ne')["inside quotes"] == [0, 1, 1, 0, 0, 1, 1, 0, 0], "the end of a line closes it"
    assert of("“a “b” c”d")["inside quotes"] == [1, 1, 1, 2, 2, 1, 1, 1, 0, 0]
    assert of("a)(b[c])(")["depth of brackets"] == [0, 0, 1, 1, 2, 2, 1, 0, 1], "one that was never opened is no matter"


def test_what_is_not_in_the_alphabet_makes_no_feature() -> None:
    assert set(of("bcb", "cdfgh" + "klmnpqrstvwxyz" + "ßñçżšđ" + "јкмн")) == {
        "position", "is 'b'", "is 'c'", *(f"is {symbol!r}" for symbol in "dfghklmnpqrstvwxyzßñçżšđјкмн"),
    }  # fmt: skip
    many = of("b", "".join(chr(0x4E00 + number) for number in range(30)))
    assert set(many) == {"position"}, "31 symbols are too many to have a feature each"


def test_a_small_alphabet_is_counted_and_compared() -> None:
    found = of("|aaabb")
    assert found["is 'a'"] == [0, 1, 1, 1, 0, 0]
    assert found["'a' so far"] == [0, 1, 2, 3, 3, 3] and found["'b' so far"] == [0, 0, 0, 0, 1, 2]
    assert found["'a' less 'b'"] == [0, 1, 2, 3, 2, 1]
    assert "'b' less 'a'" not in found and "'a' so far" not in of("|ab", "cdefgh")


def test_sequences_do_not_see_each_other_and_padding_is_no_symbol() -> None:
    alphabet = ("", "a", " ")
    names, values = text_features(np.array([[1, 2, 1, 1], [1, 1, 0, 0]]), alphabet)
    at = {name: values[..., number] for number, name in enumerate(names)}
    assert at["'a' so far"].tolist() == [[1, 1, 2, 3], [1, 2, 2, 2]]
    assert at["since the last space"].tolist() == [[1, 0, 1, 2], [1, 2, 3, 4]]
    assert not any("''" in name for name in names)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_nothing_to_read(shape: tuple[int, int]) -> None:
    names, values = text_features(np.zeros(shape, dtype=int), ("a", '"', "\n", "(", ")"))
    assert values.shape == (*shape, len(names))
