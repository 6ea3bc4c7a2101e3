"""The memory page in a real browser: figures and sentences that live while a model trains."""

from __future__ import annotations

import csv
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
FIGURES = ("gradient", "loss_gradient", "jacobian_norms", "saliency", "gate_statistics", "gradient_norm")
LONG = "task=flip_flop&cell=lstm&hidden_size=16&seq_len=20&steps=100000"
CURVE = "document.querySelector('.rx-gradient .rx-plot').data"
POINTS = "document.querySelector('.rx-gradient .rx-plot').calcdata[0]"
HEIGHTS = f"JSON.stringify({POINTS}.map((point) => point.y))"
SHOWN = "document.querySelector('.rx-findings .rx-title').textContent.split(' ').pop()"  # the step of the sentences


def opened(visit: Visit, query: str = LONG, **window: int) -> Visitor:
    page = visit(**window).open(query, "memory", FIGURES)
    page.wait(f"{CURVE}.length >= 3 && {POINTS}.length > 1")
    return page


def updates(page: Visitor, name: str) -> int:
    return int(page.page.locator(f".rx-{name}:visible").get_attribute("data-updates") or 0)


def lines(page: Visitor) -> list[str]:
    """The names in the gradient figure."""
    return page.page.evaluate(f"{CURVE}.map((trace) => trace.name)")


def test_before_training_everything_is_there_and_fits_on_one_screen(visit: Visit) -> None:
    page = opened(visit)
    said = page.page.locator(".rx-findings:visible li")
    expect(said.first).to_be_visible()
    assert any("gradient" in text for text in said.all_inner_texts())
    expect(page.page.locator(".rx-findings:visible .rx-title")).to_have_text("Findings at optimizer step 0")
    for name in (*FIGURES, "findings"):
        box = page.page.locator(f".rx-{name}:visible").bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= 900 and box["x"] + box["width"] <= 1440, name
    largest = page.page.locator(".rx-gradient:visible").bounding_box()
    assert largest and largest["width"] > 650 and largest["height"] > 230
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_figures_and_sentences_follow_the_training(visit: Visit) -> None:
    page = opened(visit)
    before = {name: updates(page, name) for name in FIGURES}
    page.page.evaluate("window.plots = [...document.querySelectorAll('.rx-plot .main-svg')]")
    page.press("play")
    for name in FIGURES:
        page.wait(f"Number(document.querySelector('.rx-{name}').dataset.updates) > {before[name] + 2}")
    title = page.page.locator(".rx-findings:visible .rx-title")
    page.wait(f"Number({SHOWN}) > 5")
    page.pause()
    page.status("paused")
    page.wait(f"{SHOWN} === document.querySelector('.rx-view').dataset.step")
    expect(title).to_be_visible()
    assert page.page.evaluate("window.plots.every((node) => node.isConnected)"), "drawn in place"


def test_a_curve_is_pinned_and_kept_for_another_cell(visit: Visit) -> None:
    page = opened(visit)
    page.page.get_by_role("button", name="Keep this curve").click()
    page.wait(f"{CURVE}.some((trace) => trace.name === 'LSTM layer 1, step 0')")
    page.page.get_by_role("radio", name="GRU").click()
    page.wait(f"{CURVE}[0].name === 'GRU layer 1'")
    page.wait(f"{CURVE}.some((trace) => trace.name === 'LSTM layer 1, step 0')")
    page.page.get_by_role("button", name="Take all pinned curves away").click()
    page.wait(f"{CURVE}.length === 3")
    assert lines(page)[0] == "GRU layer 1"


def test_a_curve_is_pinned_while_it_learns(visit: Visit) -> None:
    page = visit().open("task=adding&cell=gru&hidden_size=8&seq_len=12&steps=100000", "memory", ("gradient",))
    page.press("play")
    page.past(50)
    # Pressed for as long as a person presses; what it sets changes meanwhile.
    page.page.get_by_role("button", name="Keep this curve").click(delay=900)
    page.wait(f"{CURVE}.some((trace) => /^GRU layer 1, step \\d+$/.test(trace.name))")
    page.pause()
    page.status("paused")


def test_another_answer_has_another_saliency(visit: Visit) -> None:
    page = opened(visit)
    title = page.page.locator(".rx-saliency:visible .rx-title")
    expect(title).to_have_text("Input saliency of “channel 1” at t = 20")
    page.view.locator("select[name=output]").select_option("2")
    expect(title).to_have_text("Input saliency of “channel 3” at t = 20")
    page.view.locator("input[name=answer_step]").fill("7")
    expect(title).to_have_text("Input saliency of “channel 3” at t = 7")
    bars = "document.querySelector('.rx-saliency .rx-plot').calcdata[0]"
    page.wait(f"{bars}.length === 20 && {bars}.every((bar, n) => (bar.s > 0) === (n < 7))")


def test_the_time_machine_moves_the_figures(visit: Visit) -> None:
    page = opened(visit)
    page.press("play")
    page.past(60)
    page.pause()
    page.status("paused")
    page.wait("document.querySelector('.rx-view').dataset.frameCount > 4")
    page.wait(f"{SHOWN} === document.querySelector('.rx-view').dataset.step")
    page.still(700)  # the words with the step may be there a moment before the curve is drawn
    now = page.page.evaluate(HEIGHTS)
    slider = page.view.locator(".rx-slider")
    slider.fill("0")
    expect(page.page.locator(".rx-findings:visible .rx-title")).to_have_text("Findings at optimizer step 0")
    page.wait(f"{HEIGHTS} !== {now!r}")
    page.page.get_by_role("button", name="Back to the present").click()
    page.wait(f"{HEIGHTS} === {now!r}")


def test_the_sentences_can_be_taken_home(visit: Visit) -> None:
    page = opened(visit)
    panel = page.page.locator(".rx-findings:visible")
    panel.locator("summary.rx-icon").click()
    with page.page.expect_download() as begun:
        panel.get_by_text("CSV, the sentences").click()
    with open(begun.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    shown = panel.locator("li").all_inner_texts()
    assert [row["text"] for row in rows] == shown
    assert {row["severity"] for row in rows} <= {"good", "warning", "fact"}
