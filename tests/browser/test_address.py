"""A place is an address: reload, Back and a copied link come to the same place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=lstm&hidden_size=8&num_layers=2&steps=100"
CHANGE = json.dumps({"clamp": [["forget", -1, 0.25]]}, separators=(",", ":"))


def address(visitor: Visitor) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(visitor.page.url).query).items()}


def says(visitor: Visitor, **parts: str) -> None:
    """Until the address says this of the place."""
    wanted = json.dumps({f"see.{name}": value for name, value in parts.items()})
    held = f"Object.entries({wanted}).every(([name, value]) => new URL(location.href).searchParams.get(name) === value)"
    try:
        visitor.wait(held)
    except AssertionError as error:
        raise AssertionError(f"{visitor.page.url} does not say {wanted}") from error


def chosen(visitor: Visitor, field: str) -> str:
    return visitor.view.locator(f".rx-pick-{field} :is(input, select)").input_value()


def choose_a_place(lab: Visitor) -> None:
    """The second layer, unit 3 as lines, two kept steps back."""
    lab.view.locator(".rx-pick-layer select").select_option("1")
    lab.view.locator(".rx-pick-unit input").fill("3")
    lab.page.keyboard.press("Enter")
    lab.view.locator(".rx-pick-gates select").select_option("unit")
    lab.press("play")
    lab.status("finished")
    expect(lab.view).to_have_attribute("data-drawn", "100")
    for _ in range(2):  # the last kept step is that of now
        lab.view.locator(".rx-slider").press("ArrowLeft")
    expect(lab.view).to_have_attribute("data-at", re.compile(r"^\d{1,2}$"))


def test_a_reload_comes_back_to_the_same_place(visit: Visit) -> None:
    lab = visit(alone=True).open(SMALL)  # a history may have fifty entries
    entries = lab.page.evaluate("history.length")
    choose_a_place(lab)
    at = lab.view.get_attribute("data-at") or ""
    says(lab, layer="1", unit="3", gates="unit", at=at)
    assert lab.page.evaluate("history.length") == entries, "a choice is no place of its own to go back to"
    run = lab.run_id()
    lab.page.evaluate("sessionStorage.clear()")  # the address alone has it
    lab.page.reload()
    lab.ready()
    expect(lab.view).to_have_attribute("data-at", at)
    expect(lab.play).to_contain_text(f"Play from step {at}")
    assert lab.run_id() == run
    assert (chosen(lab, "layer"), chosen(lab, "unit"), chosen(lab, "gates")) == ("1", "3", "unit")


def test_a_place_follows_to_other_pages_and_back_is_one_step(visit: Visit) -> None:
    lab = visit().open(SMALL)
    choose_a_place(lab)
    at = lab.view.get_attribute("data-at") or ""
    says(lab, at=at)
    lab.go("Cell", "cell")
    says(lab, layer="1", unit="3", at=at)
    assert "see.gates" not in address(lab)
    expect(lab.view).to_have_attribute("data-at", at)
    assert (chosen(lab, "layer"), chosen(lab, "unit")) == ("1", "3")
    lab.view.locator(".rx-pick-unit :is(input, select)").select_option("5")
    says(lab, unit="5")
    lab.page.go_back()
    expect(lab.page.locator('.rx-view[data-view="lab"]')).to_be_visible()
    lab.ready()
    says(lab, layer="1", unit="3", gates="unit", at=at)
    assert (chosen(lab, "unit"), chosen(lab, "gates")) == ("3", "unit")
    lab.page.go_forward()
    expect(lab.page.locator('.rx-view[data-view="cell"]')).to_be_visible()
    says(lab, unit="5", at=at)
    lab.wait("document.querySelector('.rx-view[data-view=cell] .rx-pick-unit :is(input, select)')?.value === '5'")


def test_a_copied_link_shows_somebody_else_the_same_place(visit: Visit) -> None:
    lab = visit().open(SMALL)
    choose_a_place(lab)
    at = lab.view.get_attribute("data-at") or ""
    lab.page.get_by_role("button", name="Share what you see").click()
    link = lab.page.get_by_role("dialog", name="Share").get_by_label("This run, as you see it now", exact=True)
    expect(link).to_have_value(re.compile("see.at="))
    other = visit()
    other.page.goto(link.input_value())
    other.ready()
    assert other.run_id() == lab.run_id()
    expect(other.view).to_have_attribute("data-at", at)
    assert (chosen(other, "layer"), chosen(other, "unit"), chosen(other, "gates")) == ("1", "3", "unit")
    expect(other.page.get_by_role("button", name="Make it mine")).to_be_visible()
    expect(other.page.get_by_text("Settings, to start a run of your own")).to_be_visible()
    expect(other.page.get_by_text("Hidden size", exact=True)).to_be_hidden()


def test_a_prepared_link_shows_a_changed_cell_and_its_controls(visit: Visit) -> None:
    cell = visit()
    query = urlencode({"see.change": CHANGE, "see.unit": "2", "see.time": "5"})
    cell.page.goto(f"{cell.server.url}cell?{SMALL}&pace=fast&{query}")
    expect(cell.view.locator(".rx-chip-change")).to_contain_text("forget = 0.25")
    says(cell, change=CHANGE, unit="2", time="5")
    expect(cell.view.locator(".rx-cell .rx-edited").first).to_contain_text("0.25")
    expect(cell.page.get_by_role("radio", name="Clamp a gate")).to_be_checked()
    value = cell.page.get_by_test_id("stSlider").filter(has_text="Value")
    expect(value.get_by_test_id("stSliderThumbValue")).to_have_text("0.25")
    cell.view.locator(".rx-chip-change button").click()
    expect(cell.view.locator(".rx-chip-change")).to_be_hidden()
    cell.wait("!location.search.includes('see.change')")
    cell.page.reload()
    says(cell, unit="2", time="5")
    cell.ready(("cell",))
    cell.still()
    assert "see.change" not in address(cell), "what was ended stays ended"


def test_the_browsers_back_goes_to_the_run_before(visit: Visit) -> None:
    lab = visit().open(SMALL)
    lab.press("epoch")
    lab.status("paused")
    first, step = lab.run_id(), lab.view.get_attribute("data-step")
    lab.view.locator(".rx-pick-unit input").fill("3")
    lab.page.keyboard.press("Enter")
    says(lab, unit="3")
    top = lab.view.evaluate("(node) => node.querySelector('.rx-grid').getBoundingClientRect().top")
    lab.page.get_by_role("button", name="New seed").click()
    lab.wait(f"new URL(location.href).searchParams.get('run') !== '{first}'")
    back = lab.page.get_by_role("button", name="Previous run kept: back to it")
    expect(back).to_be_visible()
    expect(lab.view).to_have_attribute("data-step", "0")
    moved = lab.view.evaluate("(node) => node.querySelector('.rx-grid').getBoundingClientRect().top")
    assert abs(moved - top) < 2, "the offer must not move the figures"
    assert chosen(lab, "unit") == "3"
    second = lab.run_id()
    lab.press("step")
    expect(lab.view).to_have_attribute("data-step", "1")
    lab.page.go_back()
    expect(lab.view).to_have_attribute("data-step", step or "")
    assert lab.run_id() == first
    expect(back).to_be_visible()  # now to the second
    lab.page.go_forward()
    expect(lab.view).to_have_attribute("data-step", "1")
    assert lab.run_id() == second
    back.click()
    expect(lab.view).to_have_attribute("data-step", step or "")
    assert lab.run_id() == first


def test_share_gives_two_links_and_says_whom_they_reach(visit: Visit) -> None:
    lab = visit().open(SMALL)
    choose_a_place(lab)
    lab.page.evaluate("__rnnExplorer.get('lab').share()")
    dialog = lab.page.get_by_role("dialog", name="Share")
    expect(dialog).to_contain_text("this computer only")
    expect(dialog).to_contain_text("make run HOST=0.0.0.0")
    run, anew = (dialog.get_by_role("textbox", name=name) for name in ("This run", "The same experiment"))
    assert f"run={lab.run_id()}" in run.input_value() and "see.at=" in run.input_value()
    assert "run=" not in anew.input_value() and "see.at=" not in anew.input_value()
    assert "see.layer=1" in anew.input_value()
    dialog.get_by_label("Open in presenter mode").check()
    assert run.input_value().endswith("&present=1") and anew.input_value().endswith("&present=1")
    dialog.get_by_role("button", name="Copy the link: The same experiment").click()
    expect(dialog.get_by_role("button", name="Copy the link: The same experiment")).to_have_text("Copied")
    lab.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
