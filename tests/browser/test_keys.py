"""Keys, and the strip of what is not as usual: each key of the table does what the table says."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=lstm&seq_len=12&hidden_size=6&steps=400"
VIEW = "[...window.__rnnExplorer.values()].find((view) => view.root.isConnected)"


def table(visitor: Visitor) -> dict[str, str]:
    """The table of keys: what each does."""
    visitor.page.keyboard.press("?")
    dialog = visitor.page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    rows = dialog.locator("tr").evaluate_all(
        "(rows) => rows.map((r) => [[...r.querySelectorAll('kbd')].map((k) => k.textContent).join(' '), "
        "r.querySelector('td').textContent])"
    )
    visitor.page.keyboard.press("?")
    expect(dialog).to_have_count(0)
    return dict(rows)


def at(visitor: Visitor) -> str:
    return visitor.view.get_attribute("data-at") or ""


def plays(lab: Visitor) -> None:
    lab.page.keyboard.press("p")
    lab.past(0)
    lab.status("finished")


def steps(lab: Visitor) -> None:
    lab.page.keyboard.press("n")
    expect(lab.view).to_have_attribute("data-drawn", "1")
    lab.status("paused")


def trains_an_epoch(lab: Visitor) -> None:
    lab.page.keyboard.press("e")
    lab.past(1)
    lab.status("paused")


def resets(lab: Visitor) -> None:
    lab.page.keyboard.press("x")
    expect(lab.view).to_have_attribute("data-step", "0")
    lab.status("ready")


def looks_back(lab: Visitor) -> None:
    before = at(lab)
    lab.page.keyboard.press("ArrowLeft")
    expect(lab.view).not_to_have_attribute("data-at", before)
    there = at(lab)
    lab.page.keyboard.press("ArrowLeft")
    expect(lab.view).not_to_have_attribute("data-at", there)
    lab.page.keyboard.press("ArrowRight")
    expect(lab.view).to_have_attribute("data-at", there)


def closes(lab: Visitor) -> None:
    """What lies on top goes first; the past, which the strip names, after it."""
    expect(lab.page.locator(".rx-chip-past")).to_contain_text("Past: step")
    lab.page.evaluate(f"{VIEW}.panels.get('states').enlarge(true)")
    lab.page.keyboard.press("Escape")
    expect(lab.page.locator(".rx-large")).to_have_count(0)
    expect(lab.page.locator(".rx-chip-past")).to_be_visible()
    lab.page.keyboard.press("Escape")
    expect(lab.page.locator(".rx-chip")).to_have_count(0)
    expect(lab.view).to_have_attribute("data-at", "")


def presents(lab: Visitor) -> None:
    lab.page.keyboard.press("f")
    expect(lab.page.locator(".rx-presenting")).to_be_visible()
    expect(lab.page.locator(".rx-prediction")).to_be_hidden()


def goes_on(lab: Visitor) -> None:
    lab.page.keyboard.press("PageDown")
    expect(lab.page.locator(".rx-prediction")).to_be_visible()
    expect(lab.page.locator(".rx-curves")).to_be_hidden()
    lab.page.keyboard.press("PageUp")
    expect(lab.page.locator(".rx-curves")).to_be_visible()
    expect(lab.page.locator(".rx-prediction")).to_be_hidden()


def shows_another(lab: Visitor) -> None:
    lab.page.keyboard.press("2")
    expect(lab.page.locator(".rx-prediction")).to_be_visible()
    expect(lab.page.locator(".rx-curves")).to_be_visible()
    lab.page.keyboard.press("2")
    expect(lab.page.locator(".rx-prediction")).to_be_hidden()


def looks_back_while_presenting(lab: Visitor) -> None:
    before = at(lab)
    lab.page.keyboard.press("Shift+ArrowLeft")
    expect(lab.view).not_to_have_attribute("data-at", before)
    lab.page.keyboard.press("Shift+ArrowRight")
    expect(lab.view).to_have_attribute("data-at", before)


def blanks(lab: Visitor) -> None:
    lab.page.keyboard.press("b")
    expect(lab.page.locator(".rx-cover")).to_be_visible()
    lab.page.keyboard.press("b")
    expect(lab.page.locator(".rx-cover")).to_be_hidden()
    lab.page.keyboard.press("f")
    expect(lab.page.locator(".rx-presenting")).to_have_count(0)


DOES = {
    "n": steps,
    "e": trains_an_epoch,
    "x": resets,
    "p": plays,
    "← →": looks_back,
    "f": presents,
    "PageUp PageDown": goes_on,
    "1 … 9": shows_another,
    "Shift+← Shift+→": looks_back_while_presenting,
    "b": blanks,
    "Esc": closes,
}


def test_every_key_of_the_table_does_what_it_says(visit: Visit) -> None:
    lab = visit().open(SMALL)
    told = table(lab)  # which tells, by coming and going, that its own key works
    assert told.pop("?")
    assert set(told) == set(DOES), "a key without a test, or a test without a key"
    for do in DOES.values():
        do(lab)


def test_keys_are_left_to_what_is_typed_and_to_the_browser(visit: Visit) -> None:
    lab = visit().open(SMALL)
    lab.page.keyboard.press("Control+p")
    unit = lab.view.locator("input[name=unit]")
    unit.focus()
    for key in ("p", "x", "?", "ArrowLeft"):
        lab.page.keyboard.press(key)
    expect(lab.page.locator(".rx-keys")).to_have_count(0)
    lab.still()
    lab.status("ready")
    assert at(lab) == ""


def test_what_is_not_as_usual_has_a_chip_that_ends_it(visit: Visit) -> None:
    cell = visit().open(f"{SMALL}&epochs=1", "cell", ("cell",))
    cell.press("step")
    expect(cell.view).to_have_attribute("data-drawn", "1")
    cell.page.get_by_role("radio", name="Ablate units").click()
    cell.page.get_by_role("textbox", name="Units, separated by commas").fill("2, 3")
    cell.page.keyboard.press("Enter")
    chip = cell.page.locator(".rx-chip-change")
    expect(chip).to_contain_text("What if: units 2, 3 ablated")
    cell.page.evaluate(f"{VIEW}.timeline.goTo(0)")
    past = cell.page.locator(".rx-chip-past")
    expect(past).to_contain_text("Past: step 0")
    past.get_by_role("button", name="Leave the past").click()
    expect(past).to_have_count(0)
    chip.get_by_role("button", name="Back to the model as it was trained").click()
    expect(chip).to_have_count(0)
    expect(cell.page.get_by_role("textbox", name="Units, separated by commas")).not_to_be_visible()
    cell.wait(f"!{VIEW}.ask.change")
