"""Sentences about answers."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.tasks.verdicts import class_verdict


def test_a_right_and_a_wrong_class() -> None:
    said = np.array([0.02, 0.98])
    assert class_verdict(said, 1, ("no", "yes"), "it is yes") == ("says yes (98 %), it is yes", True)
    assert class_verdict(said, 0, ("no", "yes"), "it is no") == ("says yes (98 %), it is no", False)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_finite_answer_is_never_right(bad: float) -> None:
    assert class_verdict(np.array([bad, 0.0]), 0, ("no", "yes"), "it is no") == (
        "has no finite answer, it is no",
        False,
    )
