"""The film: taken home from a real page, and opened from the disk without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_past import VALUES, slide, trained

Visit = Callable[..., Visitor]
# What needs a server: a file of a figure, a link, another film.
DEAD = "document.querySelectorAll('.rx-film:not([hidden]), .rx-list a, a[href]').length"


def shown(page: Page) -> tuple[str, np.ndarray]:
    """The words above the prediction, and the map of states."""
    return page.locator(".rx-prediction .rx-title").inner_text(), np.array(json.loads(page.evaluate(VALUES)))


def test_a_film_opened_from_the_disk_shows_what_the_page_showed(visit: Visit, tmp_path: Path) -> None:
    lab = trained(visit)
    expect(lab.page.locator(".rx-film button")).to_be_enabled()
    with lab.page.expect_download(timeout=120_000) as begun:
        lab.page.locator(".rx-film button").click()
    file = tmp_path / begun.value.suggested_filename
    begun.value.save_as(file)
    assert file.name == "adding-gru-film-step40.html"
    lab.page.locator("select[name=sequence]").select_option("3")
    slide(lab, 7)
    expect(lab.page.locator(".rx-numbers")).to_contain_text("step 7 /")  # which the server says
    lab.still()
    words, values = shown(lab.page)

    assert lab.page.context.browser
    context = lab.page.context.browser.new_context(offline=True, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator(".rx-view")).to_have_attribute("data-drawn", "40")
    expect(page.locator(".rx-when")).to_have_text("the end, step 40")
    expect(page.locator("#note")).to_contain_text("with every choice that you see")
    at_the_end, _ = shown(page)
    assert page.evaluate(DEAD) == 0
    page.locator("select[name=sequence]").select_option("3")
    page.locator(".rx-slider").evaluate("(node) => { node.value = 7; node.dispatchEvent(new Event('input')); }")
    expect(page.locator(".rx-numbers")).to_contain_text("step 7 /")
    expect(page.locator(".rx-prediction .rx-title")).to_have_text(words)
    assert words != at_the_end
    expect(page.locator(".rx-view")).to_have_attribute("data-frames", re.compile("[2-9]"))
    page.wait_for_timeout(500)  # the other figures are drawn after the words have come
    np.testing.assert_allclose(shown(page)[1], values, atol=0.01)
    assert np.ptp(values) > 0.1
    page.keyboard.press("ArrowRight")
    expect(page.locator(".rx-view")).to_have_attribute("data-at", "8")
    page.locator(".rx-states .rx-plot .nsewdrag").first.hover()
    expect(page.locator(".rx-view")).to_have_attribute("data-time", re.compile("[0-9]"))  # the cursor, in all figures
    expect(page.locator(".rx-gates .rx-overlay i").first).to_be_visible()
    page.locator("select[name=film]").select_option("10")
    page.get_by_text("▶ Replay").click()
    expect(page.locator(".rx-view")).to_have_attribute("data-at", "")  # it ends at the end
    assert not complaints, complaints
    assert not [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    context.close()
