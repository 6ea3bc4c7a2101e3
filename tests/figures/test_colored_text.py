"""A text in the colors of one unit: each character has the value of its own step."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.figures import samples
from rnn_explorer.figures.style import GATE_SCALE, SIGNED_SCALE
from rnn_explorer.figures.try_it.colored_text import colored_text
from rnn_explorer.figures.try_it.samples import TEXT


@pytest.mark.parametrize("count", [0, 1, 9, 48, len(TEXT)])
@pytest.mark.parametrize(
    "cell, quantity",
    [("lstm", "hidden"), ("lstm", "cell"), ("lstm", "forget"), ("gru", "candidate"), ("rnn", "hidden")],
)
def test_every_character_has_its_own_value(cell: str, quantity: str, count: int) -> None:
    layer = samples.layer(cell, 7, 100)
    figure = colored_text(layer, 1, TEXT[:count], unit=3, quantity=quantity)
    trace, *letters = figure.data
    if letters:  # on signed values, whose faint colors are the page's own, letters have the page's ink
        assert "".join(letters[0]["text"]) == "".join("".join(row) for row in trace["text"])
        assert [trace["text"][y - 1][x - 1] for x, y in zip(letters[0]["x"], letters[0]["y"], strict=True)] == (
            letters[0]["text"]
        )
    assert ("texttemplate" in trace) is (not letters) is (quantity == "forget")
    values = {**layer.states, **layer.gates}[quantity][1, :count, 3]
    (mark,) = figure.marks
    steps = np.array(mark.steps)
    assert sorted(steps[steps > 0].tolist()) == list(range(1, count + 1))
    assert np.array_equal(steps, trace["customdata"]) and steps.shape == trace["z"].shape
    for row, column in np.argwhere(steps > 0):
        step = steps[row, column]
        assert trace["z"][row, column] == values[step - 1]
        sign = {" ": "␣", "\n": "⏎", "<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(TEXT[step - 1], TEXT[step - 1])
        assert trace["text"][row][column] == sign
    assert np.isnan(trace["z"][steps == 0]).all() and trace["z"].dtype == np.float32
    flat = steps[steps > 0]
    assert (np.diff(flat) == 1).all(), "it is read line by line"
    first = [str(row[0]) for row in steps if row[0]]
    assert figure.layout["yaxis"]["ticktext"] == first
    assert figure.table["step"].tolist() == list(range(1, count + 1))
    assert "".join(figure.table["symbol"]) == TEXT[:count]
    np.testing.assert_array_equal(list(figure.table.values())[2], values)


def test_scales_are_those_of_gates_and_states() -> None:
    layer = samples.layer("lstm", 4, 60)
    gate, cell = (colored_text(layer, 0, TEXT[:60], 1, name).data[0] for name in ("forget", "cell"))
    assert gate["colorscale"] == GATE_SCALE and (gate["zmin"], gate["zmax"]) == (0, 1)
    assert cell["colorscale"] == SIGNED_SCALE and cell["zmax"] == -cell["zmin"] == 3
    assert colored_text(layer, 0, TEXT[:60], 1, "candidate").data[0]["colorscale"] == SIGNED_SCALE


def test_words() -> None:
    layer = samples.layer("gru", 4, 9)
    assert colored_text(layer, 0, "Nakamura", 2, "update").title == (
        "Text in the colors of unit 2: update gate, GRU layer 2, backward"
    )
    assert colored_text(layer, 0, "Nakamura", 2).title.startswith("Text in the colors of unit 2: hidden state, GRU")
    for name in ("update", "hidden"):
        told = colored_text(layer, 0, "Nakamura", 2, name).how_to_read
        assert told.endswith(".") and "\n" not in told
    rnn = samples.layer("rnn", 4, 9)
    assert "pre-activation, RNN" in colored_text(rnn, 0, "Nakamura", 2, "pre_activation").title


def test_a_short_word_stands_in_one_line_with_large_letters() -> None:
    texts = (TEXT[:9], TEXT[:80], TEXT * 5)
    short, usual, long = (colored_text(samples.layer("lstm", 3, 500), 0, text, 0, "forget").data[0] for text in texts)
    assert short["z"].shape == (1, 9) and len(usual["z"]) == 5
    sizes = [trace["textfont"]["size"] for trace in (short, usual, long)]
    assert sizes[0] >= sizes[1] > 20 > sizes[2] >= 9


def test_the_layout_stays_while_values_change() -> None:
    one, other = (colored_text(samples.layer("lstm", hidden, 60), 0, TEXT[:60]) for hidden in (3, 4))
    assert one.layout == other.layout and not np.array_equal(one.data[0]["z"], other.data[0]["z"], equal_nan=True)


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="quantity is 'reset', but this cell has hidden, cell, input"):
        colored_text(samples.layer("lstm", 3, 5), 0, "abc", 0, "reset")
