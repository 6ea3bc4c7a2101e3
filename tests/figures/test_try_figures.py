"""What is legal against what is expected, and the units that follow a feature."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.analysis.own_sequence.record import OwnSequence
from rnn_explorer.figures.try_it.legal_symbols import legal_symbols
from rnn_explorer.figures.try_it.samples import EXPECTED, correlates, string
from rnn_explorer.figures.try_it.unit_correlations import MOST, unit_correlations


def test_legal_symbols_are_framed_where_they_are_legal() -> None:
    figure = legal_symbols(string(), "lstm")
    shown, legal, came = figure.data
    np.testing.assert_allclose(shown["z"], EXPECTED.T, rtol=1e-6)
    assert sorted(zip(legal["x"].tolist(), legal["y"].tolist(), strict=True)) == [(1, 1), (2, 1), (2, 2), (3, 2)]
    assert list(zip(came["x"], came["y"], strict=True)) == [(1, 1), (2, 2), (3, 1)]
    # (0.8 + (0.3 + 0.5) + 0.4) / 3
    assert "66.7 % of the probability is on legal symbols; from t = 4 on nothing is legal" in figure.title
    assert len(figure.table["step"]) == 12 and sum(figure.table["legal"]) == 4


def test_nothing_legal_is_known_before_an_answer_and_of_a_task_without_a_grammar() -> None:
    other = OwnSequence(string().trace, string().explanation)
    for found in (None, other):
        figure = legal_symbols(found, "rnn")
        assert figure.table["step"].size == 0 and "%" not in figure.title


def test_an_exploded_model_has_no_share() -> None:
    figure = legal_symbols(string(np.full((4, 3), np.nan)), "gru")
    assert "%" not in figure.title


def test_the_strongest_units_come_first_and_can_be_clicked() -> None:
    found = correlates()
    figure = unit_correlations(found, "position", "hidden", 12, "gru")
    (bars,) = figure.data
    assert len(bars["x"]) == MOST and len(figure.table["unit"]) == 13, "the unit without r is left out"
    assert (np.diff(np.abs(bars["x"])) <= 0).all() and figure.table["unit"][:3] == [13, 12, 11]
    assert bars["customdata"][0][0] == 13 and bars["meta"]["choose"] == "unit"
    assert bars["customdata"][0][1] == "is &lt;b&gt; (0.95), position (-0.90)"
    colors = bars["marker"]["color"]
    assert colors[1] == "#009E73" and len(set(colors)) == 2
    assert "position" in figure.title


def test_nothing_is_followed_before_an_answer() -> None:
    assert unit_correlations(correlates(), "").table["unit"] == []
    assert len(unit_correlations(correlates(), "position", "reset").data[0]["x"]) == 0, "a gate that never changes"
    with pytest.raises(ValueError):
        unit_correlations(correlates(), "the weather")
