from __future__ import annotations

import math

import numpy as np

from rnn_explorer.jsonable import jsonable


def test_plain_values() -> None:
    assert jsonable(np.array([[1 + 2j, math.inf]])) == [[[1.0, 2.0], [None, 0.0]]]
    assert jsonable(np.zeros((0, 2))) == []
    assert jsonable(math.nan) is None
    assert jsonable(None) is None
    assert jsonable(2) == 2.0


def test_what_is_not_finite_is_none_at_any_depth() -> None:
    value = {"a": [1.0, math.nan, (-math.inf, {"b": np.float32(np.inf)})], "c": "x", "d": None, "e": True, "f": 3}
    assert jsonable(value) == {"a": [1.0, None, [None, {"b": None}]], "c": "x", "d": None, "e": True, "f": 3}


def test_arrays_of_numbers_stay_where_they_may() -> None:
    numbers, words = np.array([1.0, math.nan]), np.array(["a", "b"], dtype=object)
    kept = jsonable({"numbers": numbers, "words": words}, keep_arrays=True)
    assert kept["numbers"] is numbers and kept["words"] == ["a", "b"]
