"""The sentence above the figures, and the simple RNN unrolled, in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]


def test_a_sentence_above_the_figures_says_what_is_going_on(visit: Visit) -> None:
    lab = visit().open("task=digits&hidden_size=8")
    about = lab.page.locator(".rx-about:visible")
    expect(about).to_have_text("An RNN reads an 8 × 8 digit one row per time step, then names it.")
    line, first = about.bounding_box(), lab.page.locator(".rx-panel").first.bounding_box()
    assert line and first and line["height"] < 22 and line["y"] + line["height"] < first["y"]
    for title, view in (("Cell", "cell"), ("Memory", "memory"), ("Dynamics", "dynamics"), ("Try it", "try")):
        lab.go(title, view)
        expect(about).to_have_text("An RNN reads an 8 × 8 digit one row per time step, then names it.")


def test_with_one_pixel_a_step_sentence_and_captions_say_so_and_a_phone_wraps_it(visit: Visit) -> None:
    lab = visit(width=390, height=844).open("task=digits&pixels=true&hidden_size=8&cell=gru&num_layers=2")
    about = lab.page.locator(".rx-about:visible")
    expect(about).to_have_text("A 2-layer GRU reads an 8 × 8 digit one pixel per time step, then names it.")
    expect(lab.page.locator(".rx-prediction .rx-how")).to_contain_text("pixel by pixel")
    box = about.bounding_box()
    assert box and box["x"] + box["width"] <= 390 and box["height"] < 45


def test_the_unrolled_network_moves_in_place_and_marks_time_with_the_others(visit: Visit) -> None:
    lab = visit().open("task=digits&hidden_size=16&epochs=1000&speed_limit=30")
    expect(lab.page.locator(".rx-gates .rx-title")).to_have_text("RNN layer 1, unrolled over 8 time steps")
    lab.press("play")
    lab.wait("Number(document.querySelector('.rx-gates').dataset.repaints) > 5")
    lab.pause()
    lab.status("paused")
    lab.wait("document.querySelector('.rx-view').dataset.drawn === document.querySelector('.rx-view').dataset.step")
    read = "[...document.querySelectorAll('.rx-gates .textpoint text')].map((node) => node.textContent)"
    moved = lab.page.evaluate(read)
    assert len(moved) >= 9 and any("%" in text for text in moved)
    updates = "Number(document.querySelector('.rx-gates').dataset.updates)"
    before = lab.page.evaluate(updates)
    lab.page.evaluate("__rnnExplorer.get('lab').panels.get('gates').redraw()")
    lab.wait(f"{updates} > {before}")
    assert lab.page.evaluate(read) == moved, "drawn whole it says the same"
    # The column of the third step, in the band of the states: the strips take a third of each column.
    box = lab.page.locator(".rx-gates .nsewdrag[data-subplot=xy]").bounding_box()
    assert box
    lab.page.mouse.move(box["x"] + box["width"] * 2.5 / 8, box["y"] + 0.5 * box["height"])
    expect(lab.view).to_have_attribute("data-time", "3")
    for name, kind in {"prediction": "cells", "states": "line", "state_trajectory": "dot", "gates": "line"}.items():
        expect(lab.page.locator(f".rx-{name} .rx-overlay .rx-{kind}").first).to_be_attached()
    line = lab.page.locator(".rx-gates .rx-overlay .rx-line").first.bounding_box()
    assert line and line["x"] == pytest.approx(box["x"] + box["width"] * 2.5 / 8, abs=3)
