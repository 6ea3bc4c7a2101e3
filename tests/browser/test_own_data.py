"""Data of one's own in a real browser: upload, sentences, training, and whose the data are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
WEATHER = "\n".join(
    ["day;temp;wind", *(f"{day};{10 + 5 * math.sin(day / 6):.2f};{3 + math.cos(day / 4):.2f}" for day in range(400))]
)
BOOK = "It was the best of times, it was the worst of times, it was the age of wisdom. " * 60


def bring(page: Visitor, name: str, content: bytes) -> None:
    page.page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": content}
    )


def data_page(visit: Visit) -> Visitor:
    page = visit().open("task=own_series", "data")
    expect(page.page.locator("input[type=file]").first).to_be_attached()
    return page


def test_a_csv_is_looked_at_and_trained_on_and_stays_with_its_owner(visit: Visit) -> None:
    page = data_page(visit)
    bring(page, "weather.csv", WEATHER.encode())
    expect(page.page.get_by_text("400 rows, 3 columns")).to_be_visible()
    expect(page.page.get_by_text(re.compile("separated by semicolons|semicolon")).first).to_be_visible()
    expect(page.page.get_by_text(re.compile(r"Sequences: [\d,]+ for training"))).to_be_visible()
    page.page.get_by_role("button", name="Train on these data").click()
    expect(page.page).to_have_url(re.compile("data="))
    page.go("Lab", "lab")
    page.ready()
    page.press("play")
    page.status("finished")
    expect(page.view).to_have_attribute("data-drawn", "600")
    link = page.page.url
    other = visit()
    other.page.goto(re.sub(r"&?run=[^&]+", "", link))
    expect(other.page.get_by_text("it stays with its owner")).to_be_visible()
    other.ready()


def test_a_text_becomes_a_character_model(visit: Visit) -> None:
    page = data_page(visit)
    bring(page, "book.txt", BOOK.encode())
    expect(page.page.get_by_text(re.compile(r"characters, \d+ different ones"))).to_be_visible()
    page.page.get_by_role("button", name="Train on these data").click()
    expect(page.page).to_have_url(re.compile("task=own_text"))
    page.go("Lab", "lab")
    page.ready()
    page.press("step")
    expect(page.view).to_have_attribute("data-drawn", "1")


def test_a_file_that_cannot_be_used_is_told_and_the_next_one_may_come(visit: Visit) -> None:
    page = data_page(visit)
    for content, words in [
        (b"a,b\n", "nothing below it"),
        (b"\x1f\x8b\x08" + bytes(50), "gzip|compressed"),
        (b"a,b\nx,<img src=x onerror=alert(1)>\ny,z\n" * 5, "numeric|number"),
    ]:
        bring(page, "bad.csv", content)
        expect(page.page.locator("[data-testid=stAlert]").filter(has_text=re.compile(words)).first).to_be_visible()
        expect(page.page.get_by_role("button", name="Train on these data")).to_have_count(0)
    assert page.page.locator("img[src=x]").count() == 0
    bring(page, "good.csv", WEATHER.encode())
    expect(page.page.get_by_role("button", name="Train on these data")).to_be_visible()
