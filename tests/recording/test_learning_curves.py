from __future__ import annotations

import math

import numpy as np
import pytest

from rnn_explorer.errors import UserError
from rnn_explorer.recording.learning_curves import LearningCurves
from rnn_explorer.training import StepReport


def grown(steps: int) -> LearningCurves:
    curves, random = LearningCurves(), np.random.default_rng(0)
    curves.add(StepReport(0, 0.0, math.nan, math.nan, math.nan, math.nan, 1 / 3, 0.5))
    for step in range(1, steps + 1):
        train = random.random(4).tolist()
        curves.add(StepReport(step, step / 10, *train, *((0.25, 0.75) if step % 2 else (None, None))))
    return curves


def test_a_report_without_training_is_a_validation_alone():
    curves = grown(3)
    assert curves.train.arrays()["step"].tolist() == [1, 2, 3]
    assert curves.validation.arrays()["step"].tolist() == [0, 1, 3]


@pytest.mark.parametrize("steps", [0, 1, 9000])
def test_they_come_back_as_json_of_bounded_size(steps):
    curves = grown(steps)
    text = curves.to_json()
    assert len(text) < 300_000  # the header of a checkpoint has room for a million
    again = LearningCurves.from_json(text)
    for old, new in ((curves.train, again.train), (curves.validation, again.validation)):
        for name, values in old.arrays().items():
            np.testing.assert_allclose(new.arrays()[name], values, rtol=1e-5)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"train": {}}', '{"train": {"step": [1]}, "validation": {}}'])
def test_a_text_that_holds_none_is_refused(text):
    with pytest.raises(UserError, match="its learning curves are not readable"):
        LearningCurves.from_json(text)
    assert LearningCurves.from_json(None).train.last() is None
