from __future__ import annotations

import dataclasses

import numpy as np

from rnn_explorer.figures import samples
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.figures.style import cell_color


def heatmaps(figure):  # type: ignore[no-untyped-def]
    return [trace for trace in figure.data if trace["type"] == "heatmap"]


def test_an_image_and_what_is_said_of_it() -> None:
    explanation = samples.image()
    figure = prediction(explanation, "rnn")
    picture, beliefs = heatmaps(figure)
    np.testing.assert_array_equal(picture["z"], explanation.image)
    assert figure.layout["yaxis"]["range"][0] > figure.layout["yaxis"]["range"][1]  # the first row is at the top
    np.testing.assert_array_equal(beliefs["z"], explanation.probabilities.T)
    assert (beliefs["zmin"], beliefs["zmax"], beliefs["x0"]) == (0, 1, 1)
    (bars,) = [trace for trace in figure.data if trace["type"] == "bar"]
    np.testing.assert_array_equal(bars["x"], explanation.probabilities[-1])
    assert bars["marker"]["color"] == cell_color("rnn")
    (frame,) = figure.layout["shapes"]
    assert (frame["y0"], frame["y1"]) == (2.5, 3.5)
    kinds = {mark.kind: mark for mark in figure.marks}
    assert kinds["cells"].steps == [[row + 1] * 8 for row in range(8)]
    assert kinds["line"].axes == (beliefs["xaxis"], beliefs["yaxis"])
    assert figure.title == "Input and prediction: says 3"


def test_padding_is_not_drawn() -> None:
    figure = prediction(samples.word(7, 12), "gru")
    (beliefs,) = heatmaps(figure)
    assert beliefs["z"].shape == (4, 7)
    axis = figure.layout["xaxis"]
    assert axis["range"] == [0.5, 7.5]
    assert axis["tickvals"] == list(range(1, 8)) and len(axis["ticktext"]) == 7
    (bars,) = [trace for trace in figure.data if trace["type"] == "bar"]
    np.testing.assert_array_equal(bars["x"], samples.word(7, 12).probabilities[6])  # the last real step
    assert len(figure.table["step"]) == 7


def test_a_label_at_every_step_is_marked_at_every_step() -> None:
    explanation = samples.series(30, 1, with_classes=True)
    (marks,) = [trace for trace in prediction(explanation, "gru").data if trace.get("name") == "right answer"]
    np.testing.assert_array_equal(marks["y"], explanation.target_classes)
    np.testing.assert_array_equal(marks["x"], np.arange(1, 31))


def test_strips_share_a_panel_by_group() -> None:
    explanation = samples.series(50)
    figure = prediction(explanation, "lstm")
    names = [note["text"] for note in figure.layout["annotations"]]
    assert names == ["bit 0", "bit 1", "bit 2"], "beside the subplots, which are too low for names that stand upright"
    heights = [note["y"] for note in figure.layout["annotations"]]
    for height, axis in zip(heights, ("yaxis", "yaxis2", "yaxis3"), strict=True):
        assert figure.layout[axis]["domain"][0] < height < figure.layout[axis]["domain"][1]
    assert len(figure.data) == 9 and len(figure.marks) == 3
    answers = [trace for trace in figure.data if trace["name"] == "answer"]
    assert [trace["yaxis"] for trace in answers] == ["y", "y2", "y3"]
    assert all(trace["line"]["color"] == cell_color("lstm") for trace in answers)
    assert sum(trace["showlegend"] for trace in figure.data) == 3  # one entry a role
    targets = [trace for trace in figure.data if trace["name"] == "target"]
    assert all(trace["line"]["dash"] == "dash" for trace in targets)
    assert targets[1]["mode"] == "lines+markers"  # a single number would not show as a line
    for strip, trace in zip(explanation.strips[:1], figure.data[:1], strict=True):
        np.testing.assert_allclose(trace["y"], strip.values)


def test_the_range_of_a_panel_stays_while_the_answer_moves_within_it() -> None:
    explanation = samples.series(50, 1)

    def ends(size: float) -> list[float]:
        strips = [
            dataclasses.replace(strip, values=np.full(50, size)) if strip.role == "answer" else strip
            for strip in explanation.strips
        ]
        return prediction(dataclasses.replace(explanation, strips=tuple(strips)), "rnn").layout["yaxis"]["range"]

    assert ends(0.0) == ends(0.5) == ends(-0.9)
    assert ends(2.0)[1] >= 2.0
    assert ends(1e9)[1] < 10  # one that ran away is cut off


def test_the_table_of_an_image_holds_its_cells_too() -> None:
    table = prediction(samples.image(), "rnn").table
    assert len(table["step"]) == 8 + 64
    np.testing.assert_array_equal(table["image"][8:], np.arange(1, 65))
    np.testing.assert_array_equal(table["step"][8:16], np.ones(8))
    assert table["p(3)"][7] == samples.image().probabilities[7, 3]


def test_an_axis_keeps_its_ends_while_they_fit_what_is_said() -> None:
    explanation = samples.series(50, 1)

    def drawn(size: float, before: Figure | None = None) -> Figure:
        strips = [
            dataclasses.replace(strip, values=np.full(50, size)) if strip.role == "answer" else strip
            for strip in explanation.strips
        ]
        return prediction(dataclasses.replace(explanation, strips=tuple(strips)), "rnn", before)

    def ends(figure: Figure) -> list[float]:
        return figure.layout["yaxis"]["range"]

    small, wide = drawn(1.3), drawn(1.9)
    assert ends(small) != ends(wide)
    assert ends(drawn(1.3, wide)) == ends(wide), "it fits, and fills most of the axis"
    assert ends(drawn(1.9, small)) == ends(wide), "what does not fit gets room"
    far = drawn(1e9)
    assert ends(drawn(0.0, far)) == ends(drawn(0.0)), "an axis that is mostly empty shrinks again"
