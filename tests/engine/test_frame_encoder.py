"""Frames as differences: no more is sent than what is new."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.engine.frame_encoder import FrameEncoder, Panel
from rnn_explorer.engine.frames import Grown, unpack


def sent(encoder: FrameEncoder, *panels: Panel, parts: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return unpack(encoder.encode({"status": {}}, parts or {}, panels, **more))


def figure(*traces: dict[str, Any], name: str = "states", **parts: Any) -> Panel:
    return Panel(name, parts, traces)


def test_an_object_that_is_the_one_sent_last_is_not_even_looked_at() -> None:
    class Counted(dict):
        looks = 0

        def __ne__(self, other: object) -> bool:
            Counted.looks += 1
            return dict.__ne__(self, other)

    layout, z = Counted(width=1), np.zeros((2, 2))
    encoder = FrameEncoder()
    assert sent(encoder, figure({"z": z}, layout=layout))["figures"]["states"].keys() == {"layout", "count", "data"}
    assert sent(encoder, figure({"z": z}, layout=layout))["figures"] == {}
    assert Counted.looks == 0
    assert sent(encoder, figure({"z": z}, layout=Counted(width=1)))["figures"] == {}
    assert Counted.looks == 1


def test_equal_arrays_are_not_sent_again_and_of_a_trace_only_what_changed() -> None:
    encoder = FrameEncoder()
    values = np.array([[0.1, np.nan]])
    sent(encoder, figure({"z": values, "type": "heatmap", "marker": {"color": np.arange(2), "size": 3}}))
    same = {"z": values.copy(), "type": "heatmap", "marker": {"color": np.arange(2), "size": 3}}
    assert sent(encoder, figure(same))["figures"] == {}
    assert sent(encoder, figure({**same, "z": values + 1e-9}))["figures"] == {}, "the same in what is sent"
    change = sent(encoder, figure({**same, "z": values + 1}))["figures"]["states"]
    assert list(change) == ["change"] and list(change["change"]["0"]) == ["z"]
    change = sent(encoder, figure({**same, "z": values + 1, "marker": {"color": np.arange(2), "size": 4}}))["figures"]
    assert list(change["states"]["change"]["0"]) == ["marker"]


@pytest.mark.parametrize(
    "before, after",
    [
        (True, 1), (0, False), ([1], [2]), ({"a": 1}, {"a": 1, "b": 2}), (np.zeros(2), np.zeros(3)), (None, 0),
        (np.zeros(2), [0.0, 0.0]), ({"a": [np.zeros(2)]}, {"a": [np.ones(2)]}),
        (np.zeros(2, np.float32), np.zeros(2, int)), ([1.0], np.array([1.0, 2.0])),
        (np.zeros((1, 2)), np.zeros((2, 1))),
    ],
)  # fmt: skip
def test_what_differs_is_new(before: Any, after: Any) -> None:
    encoder = FrameEncoder()
    sent(encoder, parts={"part": before})
    assert "part" in sent(encoder, parts={"part": after})
    assert "part" not in sent(encoder, parts={"part": after})


def test_a_trace_with_other_properties_is_sent_whole_and_one_that_went_is_forgotten() -> None:
    encoder = FrameEncoder()
    first, second = {"x": np.arange(3)}, {"y": np.arange(3)}
    sent(encoder, figure(first, second))
    gone = sent(encoder, figure(first))["figures"]["states"]
    assert gone == {"count": 1}
    back = sent(encoder, figure(first, second))["figures"]["states"]
    assert back["count"] == 2 and list(back["data"]) == ["1"]
    other = sent(encoder, figure({"x": np.arange(3), "name": "a"}, second))["figures"]["states"]
    assert list(other) == ["data"] and list(other["data"]["0"]) == ["x", "name"]
    assert sent(encoder, figure())["figures"]["states"] == {"count": 0}


def test_who_joins_gets_all_of_it() -> None:
    encoder = FrameEncoder()
    panel = figure({"z": np.zeros((2, 2))}, title="t")
    first = sent(encoder, panel, parts={"grid": 1})
    assert sent(encoder, panel, parts={"grid": 1}) == {"status": {}, "figures": {}}
    np.testing.assert_equal(sent(encoder, panel, parts={"grid": 1}, whole=True), first)


def test_of_panels_out_of_sight_nothing_is_sent_but_once_in_sight_all_that_changed() -> None:
    encoder = FrameEncoder()
    before, after = figure({"z": np.zeros((1, 1))}), figure({"z": np.ones((1, 1))})
    assert "states" in sent(encoder, before, only=())["figures"], "never sent yet"
    found = sent(encoder, after, only={"other"})
    assert found["figures"] == {}
    assert sent(encoder, after, only={"states"})["figures"]["states"]["change"]["0"]["z"].tolist() == [[1.0]]


def test_the_names_of_the_panels_are_sent_where_they_changed() -> None:
    encoder = FrameEncoder()
    words = Panel("words", {"lines": [{"kind": "fact", "text": "a"}]})
    assert sent(encoder, figure(), words)["panels"] == ["states", "words"]
    assert "panels" not in sent(encoder, figure(), words)
    assert sent(encoder, words)["panels"] == ["words"]


def kept(traces: dict[str, dict[str, Any]], frame: dict[str, Any], name: str = "states") -> dict[str, dict[str, Any]]:
    """What a browser that had these traces has after a frame."""
    news = frame["figures"].get(name, {})
    for number, change in news.get("change", {}).items():
        assert change, "a trace without a change is not sent"
        before = traces[number]
        traces[number] = {**before, **{part: grown(before.get(part), value) for part, value in change.items()}}
    return {**traces, **news.get("data", {})}


def grown(before: Any, value: Any) -> Any:
    return value.after(before) if isinstance(value, Grown) else value


def test_a_line_that_grows_is_sent_from_where_it_is_new() -> None:
    encoder, line = FrameEncoder(), np.arange(300, dtype=np.float32)
    traces = kept({}, sent(encoder, figure({"y": line[:200]})))
    second = sent(encoder, figure({"y": line[:203]}))
    assert second["figures"]["states"]["change"]["0"]["y"].keep == 200
    traces = kept(traces, second)
    np.testing.assert_array_equal(traces["0"]["y"], line[:203])
    newest = line[:250].copy()
    newest[202:210] = np.nan
    third = sent(encoder, figure({"y": newest}))
    assert third["figures"]["states"]["change"]["0"]["y"].keep == 202, "the newest number was replaced"
    traces = kept(traces, third)
    np.testing.assert_array_equal(traces["0"]["y"], newest)
    shorter = sent(encoder, figure({"y": newest[:240]}))
    np.testing.assert_array_equal(kept(traces, shorter)["0"]["y"], newest[:240])
    assert len(encoder.again({"status": {}})) > 4 * 240, "who joins gets all of it"


def test_another_line_is_sent_whole() -> None:
    encoder = FrameEncoder()
    sent(encoder, figure({"y": np.zeros(8, np.float32)}))
    for other in (
        np.float32([0, 0, 0, 1, 1, 1, 1, 1]),
        np.zeros(8, np.int32),
        np.float64([1e15, 1e15 + 1]),
        np.zeros(0),
    ):
        change = sent(encoder, figure({"y": other}))["figures"]["states"]["change"]["0"]["y"]
        assert not isinstance(change, Grown)
        np.testing.assert_array_equal(change, other)


def a_map(values: np.ndarray, low: float = -1.0, high: float = 1.0, **more: Any) -> Panel:
    return figure({"type": "heatmap", "z": values, "zmin": low, "zmax": high, **more})


def test_a_moving_map_has_a_byte_a_cell_and_is_fine_once_it_rests() -> None:
    encoder, random = FrameEncoder(), np.random.default_rng(0)
    first, second = random.uniform(-1, 1, (2, 20, 30)).astype(np.float32)
    second[3, 4] = np.nan
    traces = kept({}, sent(encoder, a_map(first), coarse=True))
    size = len(encoder.encode({"status": {}}, {}, [a_map(second)], coarse=True))
    assert 600 < size < 800, "a byte a cell, and a header"
    encoder.forget()
    traces = kept({}, sent(encoder, a_map(first), coarse=True))
    traces = kept(traces, sent(encoder, a_map(second), coarse=True))
    np.testing.assert_allclose(traces["0"]["z"], second, atol=1.1 / 254)
    assert not sent(encoder, a_map(second), coarse=True)["figures"], "the same map is not sent twice while it moves"
    traces = kept(traces, sent(encoder, a_map(second)))
    np.testing.assert_array_equal(traces["0"]["z"], second.astype(np.float16))
    assert not sent(encoder, a_map(second))["figures"], "it is fine now"
    assert not sent(encoder, a_map(second), coarse=True)["figures"], "and stays so"


@pytest.mark.parametrize(
    "values, scale, more",
    [
        ([[0.0, 4.5]], (-1, 1), {}),  # far beyond the scale
        ([[0.0, np.inf]], (-1, 1), {}),
        ([[0.0, 0.5]], (0, 0), {}),
        ([[0.0, 0.5]], (0, 1), {"texttemplate": "%{z}"}),
        ([[]], (0, 1), {}),
    ],
)
def test_a_map_whose_numbers_a_byte_cannot_hold_stays_fine(values: Any, scale: Any, more: Any) -> None:
    given = np.float32(values)
    frame = sent(FrameEncoder(), a_map(given, *scale, **more), coarse=True)
    np.testing.assert_array_equal(frame["figures"]["states"]["data"]["0"]["z"], given)


def test_a_map_somewhat_beyond_its_scale_shows_how_far() -> None:
    given = np.float32([[-1.5, 0.0, 1.0]])
    frame = sent(FrameEncoder(), a_map(given), coarse=True)
    np.testing.assert_allclose(frame["figures"]["states"]["data"]["0"]["z"], given, atol=2.5 / 254)


def test_a_map_that_is_no_picture_stays_fine() -> None:
    given = np.float32([[0.123, 0.456]])
    panel = figure({"type": "heatmap", "z": given, "customdata": given, "zmin": 0, "zmax": 1})
    trace = sent(FrameEncoder(), panel, coarse=True)["figures"]["states"]["data"]["0"]
    np.testing.assert_array_equal(trace["customdata"], given.astype(np.float16))


def test_a_moving_line_has_half_precision_where_nobody_sees_it() -> None:
    encoder = FrameEncoder()
    sent(encoder, figure({"y": np.float32([1, 2, 3])}))
    moved = np.float32([1.1, 2.2, 3.3])
    change = sent(encoder, figure({"y": moved}), coarse=True)["figures"]["states"]["change"]["0"]["y"]
    assert change.dtype == np.float16
    np.testing.assert_allclose(change, moved, atol=2e-3)
    fine = sent(encoder, figure({"y": moved}))["figures"]["states"]["change"]["0"]["y"]
    np.testing.assert_array_equal(fine, moved)
    for narrow in (np.float32([100.01, 100.02, 100.03]), np.float32([5, 5, 5.001]), np.float64([1e15, 1e15 + 1])):
        change = sent(encoder, figure({"y": narrow}), coarse=True)["figures"]["states"]["change"]["0"]["y"]
        np.testing.assert_array_equal(change, narrow)


def test_who_joins_a_moving_picture_gets_it_fine_with_the_others() -> None:
    encoder = FrameEncoder()
    values = np.random.default_rng(1).uniform(-1, 1, (20, 30)).astype(np.float32)
    sent(encoder, a_map(values))
    joined = kept({}, unpack(encoder.again({"status": {}}, coarse=True)))
    assert np.abs(joined["0"]["z"] - values).max() > 1e-3, "coarse, as the picture moves"
    joined = kept(joined, sent(encoder, a_map(values)))
    np.testing.assert_array_equal(joined["0"]["z"], values.astype(np.float16))


lines = st.lists(st.sampled_from([0.0, 0.5, 1.25, -3.0, 1e6, math.nan]), max_size=12).map(np.float32)


@given(st.lists(st.tuples(lines, st.booleans(), st.integers(0, 3)), min_size=1, max_size=8))
def test_whatever_came_before_what_is_kept_is_what_is_shown(moments: list[tuple[np.ndarray, bool, int]]) -> None:
    encoder, traces = FrameEncoder(), {}
    for line, coarse, rows in moments:
        values = np.resize(line, (rows, 4)) if line.size else np.zeros((rows, 4), np.float32)
        trace = {"type": "heatmap", "y": line, "z": values, "zmin": -3.0, "zmax": 3.0}
        traces = kept(traces, sent(encoder, figure(trace), coarse=coarse))
        fresh = kept({}, unpack(encoder.again({"status": {}})))
        for found, exact in ((traces["0"], not coarse), (fresh["0"], True)):
            assert found["z"].shape == values.shape and found["y"].shape == line.shape
            tolerance = 0 if exact else 0.03
            np.testing.assert_allclose(found["y"], line, rtol=0, atol=tolerance * np.nanmax(np.abs(line), initial=1))
            wired = values.astype(np.float16) if not (np.abs(values) > 6e4).any() else values
            np.testing.assert_allclose(found["z"], wired, rtol=0, atol=tolerance)
