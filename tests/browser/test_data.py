"""The data page in a real browser: what a task's data are, and overfitting one press away."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]


def opened(visit: Visit, query: str, **window: int | str) -> Visitor:
    page = visit(**window).open(query, "data", ("curves",))
    expect(charts(page)).to_have_count(4)
    return page


def charts(page: Visitor) -> Locator:
    return page.page.locator(".stPlotlyChart .main-svg:first-child")


def rest(page: Visitor) -> None:
    """Until the page is built: a click while it is being replaced may meet a button that is gone."""
    page.wait("document.querySelector('[data-test-script-state]').dataset.testScriptState === 'notRunning'")


def pick(page: Visitor, label: str, option: str) -> None:
    rest(page)
    page.choose(page.page.get_by_role("combobox", name=label), option)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 900)])
def test_sequences_distributions_and_words_are_there(visit: Visit, scheme: str, width: int) -> None:
    page = opened(visit, "task=names&hidden_size=8", scheme=scheme, width=width)
    drawn = page.page.locator(".stPlotlyChart").first
    expect(drawn.get_by_text("Korhonen", exact=True)).to_be_visible()
    color = page.page.evaluate("getComputedStyle(document.querySelector('.stPlotlyChart .xtick text')).fill")
    bright = sum(map(int, re.findall(r"\d+", color)[:3])) > 380
    assert bright == (scheme == "dark"), color
    for words in ("Memoryless baseline.", "Source.", "License.", "How to read the figures of this task."):
        expect(page.page.get_by_text(words, exact=True)).to_be_visible()
    for place in page.page.locator(".stPlotlyChart").all():
        box = place.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width


def test_another_task_and_another_setting_are_looked_at_without_a_new_run(visit: Visit) -> None:
    page = opened(visit, "task=adding&hidden_size=8")
    run = page.run_id()
    expect(page.page.get_by_text("a sequence: 30 time steps → 60 time steps")).to_be_visible()
    pick(page, "Look at the data of", "Handwritten digits")
    expect(page.page.get_by_role("heading", name="Handwritten digits")).to_be_visible()
    expect(page.page.locator(".stPlotlyChart").first.locator(".heatmaplayer image")).to_have_count(8)
    expect(page.page.get_by_text("a sequence: 8 time steps → 64 time steps")).to_be_visible()
    pick(page, "Setting", "Training set size")
    expect(page.page.get_by_text("training set: 1,154 sequences → 100 sequences")).to_be_visible()
    assert page.run_id() == run and "task=adding" in page.page.url


def test_overfitting_shows_and_stopping_early_ends_it(visit: Visit) -> None:
    page = opened(visit, "task=digits&hidden_size=12&dense=8&learning_rate=0.03")
    page.page.get_by_role("button", name="small training set").click()
    expect(page.page.get_by_role("button", name="✓ small training set")).to_be_visible()
    rest(page)
    page.page.get_by_role("button", name="stop early").click()
    expect(page.page.get_by_role("button", name="✓ stop early")).to_be_visible()
    assert "patience=5" in page.page.url and "train_size=100" in page.page.url
    page.ready(("curves",))
    page.press("play")
    page.status("finished")
    note = page.view.locator(".rx-note")
    expect(note).to_contain_text("Stopped early: the validation loss has not improved since epoch ")
    expect(page.view.get_by_text("Loss and accuracy over training")).to_be_visible()
    box = page.view.locator(".rx-curves").bounding_box()
    assert box and 200 < box["height"] < 400
    page.press("play")
    page.wait("document.querySelector('.rx-view').dataset.status !== 'training'")


def test_the_sequences_can_be_taken_home(visit: Visit) -> None:
    page = opened(visit, "task=temporal_order&hidden_size=4")
    page.page.get_by_role("button", name="Save").first.click()
    with page.page.expect_download() as begun:
        page.page.get_by_role("button", name="CSV").click()
    with open(begun.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 * 40 and {row["class"] for row in rows} == {"XX", "XY", "YX", "YY"}
    assert rows[0]["symbol"] == "E"


def test_the_bar_of_a_figure_covers_no_legend(visit: Visit) -> None:
    page = opened(visit, "task=names&hidden_size=8")
    chart = page.page.locator(".stPlotlyChart:has(.legend)").first
    chart.hover()
    bar = chart.locator(".modebar").first
    expect(bar).to_be_visible()
    over, under = bar.bounding_box(), chart.locator(".legend").first.bounding_box()
    assert over and under
    apart = over["x"] >= under["x"] + under["width"] or over["y"] >= under["y"] + under["height"]
    assert apart or over["y"] + over["height"] <= under["y"], (over, under)
