"""The cell page in a real browser: the drawing, its equations, its steps, and what would happen if."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
SVG = "document.querySelector('.rx-cell .rx-picture').innerHTML"


def open_cell(visitor: Visitor, query: str) -> Visitor:
    visitor.open(query, "cell", ("cell",))
    expect(visitor.page.locator(".rx-cell .rx-picture svg [data-term=h]").first).to_be_attached()
    visitor.page.mouse.move(5, 5)
    return visitor


def title(visitor: Visitor, text: str) -> None:
    expect(visitor.page.locator(".rx-cell .rx-title")).to_contain_text(text)


def go_to_step(visitor: Visitor, step: int) -> None:
    slider = visitor.page.locator(".rx-pick-time input")
    slider.focus()
    visitor.page.keyboard.press("Home")
    for _ in range(step - 1):
        visitor.page.keyboard.press("ArrowRight")


def test_the_drawing_and_the_figures_fit_on_one_screen_and_step_through_time(visit: Visit) -> None:
    cell = open_cell(visit(1440, 900), "task=names&cell=lstm&hidden_size=16")
    expect(cell.page.locator(".rx-cell .rx-title")).to_have_text(re.compile(r"LSTM layer 1 at t = \d+, unit \d+$"))
    expect(cell.view).to_have_attribute("data-time", re.compile("[2-9]"))  # where something happens
    cell.page.locator("select[name=unit]").select_option("-1")
    title(cell, "mean over 16 units")
    go_to_step(cell, 1)
    title(cell, "LSTM layer 1 at t = 1, mean over 16 units")
    boxes = {name: cell.page.locator(f".rx-{name}").bounding_box() for name in ("cell", "prediction", "states")}
    for name, box in boxes.items():
        assert box and box["y"] + box["height"] <= 900 and box["x"] + box["width"] <= 1440, name
    assert boxes["cell"]["height"] > 1.4 * boxes["prediction"]["height"]  # type: ignore[index]
    expect(cell.page.locator(".rx-cell .rx-equation")).to_have_count(6)
    go_to_step(cell, 4)
    title(cell, "at t = 4")
    expect(cell.view).to_have_attribute("data-time", "4")
    expect(cell.page.locator(".rx-states .rx-line").first).to_be_attached()
    # a click on a unit's row chooses that unit and the step

    def place() -> tuple[float, float]:
        box = cell.page.locator(".rx-states .nsewdrag").first.bounding_box()
        assert box
        return box["x"] + 0.19 * box["width"], box["y"] + 0.53 * box["height"]

    cell.pick(place, "unit", "7")
    title(cell, "at t = 2, unit 7")
    expect(cell.page.locator(".rx-over_time .main-svg").first).to_be_visible()
    assert not cell.page.locator(".rx-states").is_visible()
    cell.page.locator("select[name=unit]").select_option("0")
    title(cell, "at t = 2, unit 0")


def test_a_letter_lights_up_its_wire_and_a_wire_its_letters(visit: Visit) -> None:
    cell = open_cell(visit(), "task=adding&cell=gru&hidden_size=4")
    cell.page.locator("select[name=unit]").select_option("1")
    title(cell, "unit 1")
    cell.page.locator(".rx-values [data-term=update]").first.hover()
    expect(cell.page.locator(".rx-picture .rx-lit[data-term=update]").first).to_be_attached()
    assert cell.page.locator(".rx-lit:not([data-term=update])").count() == 0
    cell.page.locator(".rx-picture [data-term='candidate.gated'] text").first.hover()
    expect(cell.page.locator(".rx-text-side .rx-lit[data-term='candidate.gated']").first).to_be_attached()
    cell.page.mouse.move(5, 5)
    expect(cell.page.locator(".rx-lit")).to_have_count(0)


def test_numbers_move_while_it_trains_and_the_past_can_be_seen(visit: Visit) -> None:
    cell = open_cell(visit(), "task=flip_flop&cell=lstm&hidden_size=8&steps=100000")
    cell.page.locator("select[name=unit]").select_option("0")
    title(cell, "unit 0")
    cell.page.evaluate(f"window.first = {SVG}")
    updates = int(cell.page.locator(".rx-cell").get_attribute("data-updates") or 0)
    cell.press("play")
    cell.wait(f"Number(document.querySelector('.rx-cell').dataset.updates) > {updates + 4}")
    cell.pause()
    cell.status("paused")
    cell.wait(f"{SVG} !== window.first")
    cell.page.locator(".rx-slider").focus()
    cell.page.keyboard.press("Home")
    expect(cell.view).to_have_attribute("data-at", "0")
    cell.wait(f"{SVG} === window.first")
    cell.page.keyboard.press("End")
    expect(cell.view).to_have_attribute("data-at", "")
    cell.wait(f"{SVG} !== window.first")


def test_the_unrolled_view_goes_where_it_is_clicked(visit: Visit) -> None:
    cell = open_cell(visit(), "task=temporal_order&cell=rnn&hidden_size=8")
    go_to_step(cell, 4)
    title(cell, "at t = 4")
    cell.page.locator("select[name=view]").select_option("unrolled")
    expect(cell.page.locator(".rx-picture [data-choose=time]")).to_have_count(7)
    cell.page.locator(".rx-picture [data-choose=time][data-value='6']").click()
    title(cell, "at t = 6")
    expect(cell.page.locator(".rx-picture [data-choose=time][data-value='9']")).to_have_count(1)
    expect(cell.page.locator(".rx-pick-time output")).to_have_text("6")


def test_what_if_a_gate_is_clamped_and_back_again(visit: Visit) -> None:
    cell = open_cell(visit(), "task=names&cell=lstm&hidden_size=8")
    page = cell.page
    page.get_by_role("radio", name="Clamp a gate").click()
    cell.choose(page.get_by_label("Gate", exact=True), "forget gate")
    expect(page.locator(".rx-what_if .rx-title")).to_have_text(
        "What if: forget gate of all units clamped to 0 at every time step"
    )
    expect(page.locator(".rx-what_if_answer .rx-title")).to_contain_text("Originally")
    expect(page.locator(".rx-cell .rx-title")).to_contain_text("what if: forget gate of all units clamped to 0")
    expect(page.locator(".rx-picture .rx-padlock")).to_have_count(3)  # the gate's box, its number, and the key
    expect(page.locator(".rx-equation .rx-original").first).to_have_text(re.compile(r"^as trained: −?[0-9]"))
    assert not page.locator(".rx-prediction").is_visible()
    changed = "document.querySelector('.rx-what_if .rx-plot')._fullData.map((trace) => Array.from(trace.y))"
    was, now, distance = page.evaluate(changed)
    assert was != now and max(distance) > 0
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator(".rx-prediction .main-svg").first).to_be_visible()
    assert not page.locator(".rx-what_if").is_visible()
    expect(page.locator(".rx-picture .rx-padlock")).to_have_count(0)


def test_what_cannot_be_is_said_in_a_sentence(visit: Visit) -> None:
    cell = open_cell(visit(), "task=names&cell=rnn&hidden_size=8")
    cell.page.get_by_role("radio", name="Ablate units").click()
    field = cell.page.get_by_role("textbox", name="Units, separated by commas")
    field.fill("3, 9")
    field.press("Enter")
    expect(cell.page.get_by_text("'9' is no unit of this layer; name units from 0 to 7")).to_be_visible()
    expect(cell.page.locator(".rx-what_if .rx-title")).to_have_text("What if: unit 3 ablated (held at 0)")


def test_downloads_and_a_narrow_window(visit: Visit) -> None:
    cell = open_cell(visit(900, 900), "task=adding&cell=gru&hidden_size=4&bidirectional=true&num_layers=2")
    picture = cell.page.locator(".rx-cell .rx-picture svg").bounding_box()
    side = cell.page.locator(".rx-cell .rx-text-side").bounding_box()
    assert picture and side and side["y"] >= picture["y"] + picture["height"] - 1
    assert picture["width"] > 400
    cell.page.locator("select[name=direction]").select_option("backward")
    title(cell, "GRU layer 1, backward at t = ")
    for form, check in (
        ("SVG picture", lambda text: ElementTree.fromstring(text)),
        ("CSV, the numbers", lambda text: next(csv.DictReader(io.StringIO(text)))["candidate.gated"]),
    ):
        cell.page.locator(".rx-cell .rx-menu summary").click()
        with cell.page.expect_download() as download:
            cell.page.locator(".rx-cell .rx-list").get_by_text(form).click()
        assert check(Path(download.value.path()).read_text()) is not None
