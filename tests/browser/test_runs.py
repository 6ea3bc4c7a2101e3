"""The list of runs in a real browser: what is drawn on its canvas and what its figure hears."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=gru&seq_len=8&hidden_size=4&steps=20"
ROW, BOX = 30, 14  # pixels: the height of a row and of the head, the middle of the boxes by which rows are chosen


def table(visitor: Visitor) -> Locator:
    return visitor.page.get_by_test_id("stDataFrame").first


def click_cell(visitor: Visitor, row: int, x: float) -> None:
    expect(table(visitor).locator("canvas").first).to_be_visible()
    table(visitor).click(position={"x": x, "y": ROW * (row + 1.5)})


def chosen(visitor: Visitor, count: int) -> Locator:
    return visitor.page.get_by_text(f"{count} of", exact=False).filter(has_text="chosen")


def test_a_run_is_deleted_had_back_and_opened_by_its_curve_and_by_its_row(visit: Visit) -> None:
    lab = visit(alone=True).open(SMALL)
    lab.press("play")
    lab.status("finished")
    first = lab.run_id()
    lab.page.get_by_role("button", name="New seed").click()
    lab.wait(f"new URL(location.href).searchParams.get('run') !== '{first}'")
    lab.ready()
    lab.press("play")
    lab.status("finished")
    second = lab.run_id()
    lab.page.get_by_role("link", name="Runs", exact=True).click()

    click_cell(lab, 1, BOX)  # the newest stands first
    expect(chosen(lab, 1)).to_be_visible()
    lab.page.get_by_role("button", name="Delete", exact=True).click()
    expect(lab.page.get_by_text("Deleted 1 run.")).to_be_visible()
    lab.page.get_by_role("button", name="Undo", exact=True).click()
    expect(lab.page.get_by_text("Deleted 1 run.")).to_have_count(0)
    expect(chosen(lab, 0)).to_be_visible()

    click_cell(lab, 1, BOX)
    expect(chosen(lab, 1)).to_be_visible()
    point = lab.page.locator(".stPlotlyChart .scatterlayer .points path").first
    place = point.bounding_box()
    assert place is not None
    middle = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    lab.page.mouse.move(*middle, steps=3)
    expect(lab.page.locator(".stPlotlyChart .hoverlayer .hovertext").first).to_be_visible()
    lab.page.mouse.click(*middle)
    lab.ready()
    assert lab.run_id() == first

    lab.page.get_by_role("link", name="Runs", exact=True).click()
    expect(lab.page.locator(".rx-view:visible")).to_have_count(0)
    click_cell(lab, 0, 2 * ROW + BOX)  # the button in the row
    lab.ready()
    assert lab.run_id() == second
