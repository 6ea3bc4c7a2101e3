"""The figures of the data page: several sequences at once, and how they are distributed."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.analysis.data.record import Example, by_name
from rnn_explorer.figures.data.distributions import distributions, training_counts
from rnn_explorer.figures.data.example_names import color_of
from rnn_explorer.figures.data.example_series import OWN_AXES
from rnn_explorer.figures.data.examples import examples, height
from rnn_explorer.figures.data.samples import LABELS, classes, image, report, series, word
from rnn_explorer.figures.style import CLASS_COLORS
from rnn_explorer.trace import Strip


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("items", [[], [image()], [word(300)], [series(20)] * 8])
def test_there_is_room_for_every_kind(items: list[Example], wide: bool) -> None:
    assert height(items, wide) >= 100


def test_an_image_is_drawn_as_it_is_with_the_order_of_reading_in_half_a_page() -> None:
    wide, narrow = examples([image()], LABELS), examples([image(pixels=True)], LABELS, wide=False)
    (drawn,) = wide.data
    np.testing.assert_array_equal(drawn["z"], np.arange(12.0).reshape(4, 3))
    order = narrow.data[1]
    assert order["x"].tolist() == [1, 2, 3] * 4 and order["y"].tolist() == sorted([1, 2, 3, 4] * 3)
    rows = examples([image()], LABELS, wide=False).data[1]
    assert rows["x"].tolist() == [2, 2, 2, 2] and rows["y"].tolist() == [1, 2, 3, 4]


def test_text_is_text_in_the_color_of_its_class() -> None:
    figure = examples([word(4, 2), word(3, 1)], LABELS)
    first, second = figure.data
    assert first["text"] == ["a", "b", "␣", "&lt;"] and first["textfont"]["color"] == [color_of(2)] * 4
    assert second["x"].tolist() == [1, 2, 3] and set(second["y"].tolist()) == {1}
    label = figure.layout["yaxis"]["ticktext"][0]
    assert "&lt;i&gt;word" in label and CLASS_COLORS[2] in label
    assert figure.table["class"][0] == "three" and figure.table["symbol"][2] == " "


def test_a_symbol_has_the_color_of_the_answer_after_it_where_one_is_asked_per_step() -> None:
    (trace,) = examples([word(5, -1, step_classes=True)], (), ("x", "y", "z")).data
    assert trace["textfont"]["color"] == [color_of(n) for n in (-1, 0, 1, 2, -1)]
    assert trace["customdata"][:2] == ["<br>not asked here", "<br>right answer: x"]
    (many,) = examples([word(5, 1, step_classes=True)], (), [str(n) for n in range(40)]).data
    assert len(set(many["textfont"]["color"])) == 1, "too many classes for colors"


def test_a_long_text_is_cut_and_says_so_but_not_in_the_table() -> None:
    figure = examples([word(300)], LABELS)
    shown = len(figure.data[0]["text"])
    assert 60 < shown < 300 and f"(of 300; the first {shown} are drawn)" in figure.layout["xaxis"]["title"]["text"]
    assert len(figure.table["symbol"]) == 300


def test_rows_of_a_series_share_a_scale_also_with_the_figure_beside_it() -> None:
    small, large = series(10, groups=1), series(10, groups=3)
    alone = examples([small, small], wide=False)
    beside = examples([small, small], wide=False, scale_of=[large])
    assert alone.layout["yaxis"]["range"] == alone.layout["yaxis2"]["range"]
    low, high = alone.layout["yaxis"]["range"]
    assert low < -1 and high > 2.5
    assert beside.layout["yaxis"]["range"] == alone.layout["yaxis"]["range"], "that group is alike"
    louder = Example("series", "", -1, 10, strips=(Strip("in 0", np.full(10, 9.0), "input", "g0"),))
    assert examples([small], wide=False, scale_of=[louder]).layout["yaxis"]["range"][1] > 9
    far = Example("series", "", -1, 10, strips=(Strip("in 0", np.linspace(0, 190, 10), "input", "g0"),))
    here, there = (examples([item], wide=False, scale_of=[small, far]) for item in (small, far))
    assert here.layout["yaxis"]["range"] == alone.layout["yaxis"]["range"] and there.layout["yaxis"]["range"][1] > 190
    assert here.how_to_read.endswith(OWN_AXES) and there.how_to_read.endswith(OWN_AXES)
    assert OWN_AXES not in beside.how_to_read
    dashes = {trace["name"]: trace["line"].get("dash") for trace in alone.data}
    assert dashes == {"in 0": None, "wanted": "dash"}


def test_more_groups_than_there_is_room_for_are_named() -> None:
    figure = examples([series(12, groups=9)])
    assert any("(and 3 more)" in note["text"] for note in figure.layout["annotations"])
    assert sum(name.startswith("g") for name in figure.table) == 18


def test_columns_of_a_file_may_have_any_name() -> None:
    strips = tuple(Strip(name, np.ones(3), "input", "") for name in ("class", "title", "step", "class"))
    table = examples([Example("series", "one", 1, 3, strips=strips)], LABELS).table
    assert table["class"] == ["two"] * 3 and table["title"] == ["one"] * 3 and table["step"] == [1, 2, 3]
    assert sum(name.startswith(("class", "title", "step")) for name in table) == 7


# -- distributions ----------------------------------------------------------------------------------------------


def test_bars_are_shares_in_the_colors_of_the_classes() -> None:
    figure = distributions(report(classes()))
    bars, validation = figure.data  # nothing was tested, so there is no mark for it
    assert bars["y"].tolist() == [0.75, 0, 0.25] and validation["y"].tolist() == [0, 0.5, 0.5]
    assert bars["marker"]["color"] == [color_of(n) for n in range(3)]
    assert bars["customdata"][0] == ["&lt;b&gt;one", 3]
    assert figure.layout["xaxis"]["ticktext"][0] == "&lt;b&gt;one"
    assert "every sequence has 3 time steps" in figure.title
    assert figure.table["count"] == [3, 0, 1, 0, 1, 1, 0, 0, 0]


def test_of_many_bars_the_most_frequent_are_drawn_and_the_axis_says_so() -> None:
    counts = np.repeat(np.arange(40), np.arange(40))  # name n comes n times
    spread = by_name("symbol", {"train": counts}, [f"s{n}" for n in range(40)])
    figure = training_counts(report(spread), report(spread))
    assert figure.data[0]["y"].tolist() == list(range(39, 9, -1))
    assert figure.layout["xaxis"]["title"]["text"] == "symbol (the 30 most frequent of 40)"
    assert len(figure.table["value"]) == 40


def test_two_training_sets_are_drawn_on_one_scale() -> None:
    few, more = report(classes()), report(by_name("class", {"train": np.repeat([0, 1, 2], [9, 5, 5])}, LABELS))
    one, other = training_counts(few, more), training_counts(more, few)
    assert one.layout["yaxis"]["range"] == other.layout["yaxis"]["range"] and one.layout["yaxis"]["range"][1] >= 9
    assert one.data[0]["y"].tolist() == [3, 0, 1] and OWN_AXES not in one.how_to_read + other.how_to_read


def test_a_small_training_set_is_not_flattened_by_a_large_one_and_that_is_said() -> None:
    few, many = report(classes()), report(by_name("class", {"train": np.repeat([0, 1, 2], [900, 500, 500])}, LABELS))
    one, other = training_counts(few, many), training_counts(many, few)
    assert one.layout["yaxis"]["range"][1] < 6 and other.layout["yaxis"]["range"][1] >= 900
    assert one.how_to_read.endswith(OWN_AXES) and other.how_to_read.endswith(OWN_AXES)
