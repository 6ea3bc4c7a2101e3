from __future__ import annotations

import math

import numpy as np

from rnn_explorer.analysis.jsonable import jsonable


def test_plain_values() -> None:
    assert jsonable(np.array([[1 + 2j, math.inf]])) == [[[1.0, 2.0], [None, 0.0]]]
    assert jsonable(np.zeros((0, 2))) == []
    assert jsonable(math.nan) is None
    assert jsonable(None) is None
    assert jsonable(2) == 2.0
