"""The figures of what would have been."""

from __future__ import annotations

import numpy as np

from rnn_explorer.analysis.cell_internals.record import WhatIf
from rnn_explorer.figures.cell.what_if import MOST_OUTPUTS, what_if, what_if_answer
from tests.analysis.factories import change, made


def classes() -> WhatIf:
    return change(made("lstm"), clamp=[("forget", -1, 0.0)])


def values() -> WhatIf:
    return change(made("rnn", task="flip_flop"), inputs=[(5, 0, 1.0)])


def one_value() -> WhatIf:
    return change(made("gru", task="adding"), ablate=[0])


def test_a_unit_before_and_after_and_how_far_the_whole_state_went() -> None:
    result = classes()
    was, now, distance = what_if(result, 3).data
    np.testing.assert_allclose(was["y"], result.original.states["hidden"][:, 3])
    np.testing.assert_allclose(now["y"], result.changed.states["hidden"][:, 3])
    np.testing.assert_allclose(distance["y"], result.distance(), rtol=1e-6)
    assert list(was["x"]) == list(range(1, result.length + 1))
    assert (was["line"]["dash"], now["line"]["dash"]) == ("solid", "dash")
    assert what_if(result, 3).title == "What if: forget gate of all units clamped to 0 at every time step"
    assert "unit 3" in what_if(result, 3).layout["yaxis"]["title"]["text"]


def test_the_unit_that_changed_most_is_drawn_where_none_is_chosen() -> None:
    result = change(made("lstm"), ablate=[2])
    moved = np.abs(result.changed.states["hidden"] - result.original.states["hidden"]).mean(axis=0)
    assert f"unit {int(moved.argmax())} (which changed most)" in what_if(result).how_to_read


def test_probabilities_before_and_after() -> None:
    result = classes()
    was, now = what_if_answer(result).data
    np.testing.assert_allclose(was["y"], result.original.answers[-1])
    np.testing.assert_allclose(now["y"], result.changed.answers[-1])
    assert was["marker"]["pattern"] != now["marker"]["pattern"]
    before, after = result.answer_words()
    assert what_if_answer(result).title == f"Changed: {after}. Originally: {before}."


def test_values_before_and_after_at_every_step() -> None:
    result = values()
    lines = what_if_answer(result).data
    assert len(lines) == 2 * 3 <= 2 * MOST_OUTPUTS
    np.testing.assert_allclose(lines[1]["y"], result.original.answers[:, 1])
    np.testing.assert_allclose(lines[4]["y"], result.changed.answers[:, 1])
    assert sum(trace["showlegend"] for trace in lines) == 3
    assert len(what_if_answer(one_value()).data) == 2


def test_the_table_is_complete() -> None:
    result = classes()
    table = what_if(result).table
    assert len(table["unit"]) == result.length * 5
    np.testing.assert_allclose(table["changed"][: result.length], result.changed.states["hidden"][:, 0])
    answers = what_if_answer(result).table
    assert len(answers["output"]) == result.original.answers.size


def test_what_exploded_is_drawn_as_far_as_it_can_be() -> None:
    result = classes()
    result.changed.states["hidden"][-1] = np.inf
    result.changed.states["hidden"][-2, 1] = np.nan
    for figure in (what_if(result), what_if(result, 1)):
        ends = [axis["range"] for name, axis in figure.layout.items() if "axis" in name]
        assert np.isfinite(ends).all()


def test_names_from_a_file_are_text() -> None:
    result = classes()
    object.__setattr__(result, "output_names", ("<b>bold", *result.output_names[1:]))
    assert what_if_answer(result).layout["xaxis"]["ticktext"][0] == "&lt;b&gt;bold"
