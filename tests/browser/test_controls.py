"""Where controls stand and what they do: nothing pushes the figures down, covers them or makes them jump."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_labels import nameless

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=gru&seq_len=12&hidden_size=8&learning_rate=0.02"
HIGHEST = 150  # pixels from the top of the window at which the first figure begins, at 1440 x 900
# A page -> the address, a way that is chosen there, and what is there then.
PAGES = {
    "lab": (SMALL, "", ""),
    "Cell": (SMALL, "", ""),
    "Memory": (f"{SMALL}&num_layers=2&bidirectional=true", "", ""),
    "Dynamics": (SMALL, "custom", ".st-key-panel-row .stSlider"),
    "Try it": ("task=digits&hidden_size=8", "Type it", "[data-testid=stDataFrame]"),
    "Try it, a series": ("task=forecast&cell=rnn&hidden_size=8", "Your own series", ".rx-gates"),
    "Try it, a text": ("task=anbn&cell=lstm&hidden_size=4", "Your own string", ".rx-gates"),
}
QUICK = ("lab", "Dynamics", "Try it")  # with no controls of their own, with sliders, with a table
TOP = "Math.min(...[...document.querySelectorAll('.rx-panel, .stPlotlyChart')].filter((node) => node.offsetHeight)"
TOP += ".map((node) => node.getBoundingClientRect().top))"


def opened(visit: Visit, place: str, query: str, **window: int) -> Visitor:
    name = place.partition(",")[0]
    visitor = visit(**window).open(query, {"lab": "", "Try it": "try"}.get(name, name.lower()))
    expect(visitor.view.locator(".rx-panel:visible").first).to_be_visible()
    return visitor


def choose(visitor: Visitor, way: str, there: str) -> None:
    """Choose one of the page's ways, if there is one, and wait for what comes with it."""
    if way:
        visitor.page.get_by_role("radio", name=way).click()
        expect(visitor.page.locator(f"{there}:visible").first).to_be_visible()


@pytest.mark.parametrize("place", PAGES)
def test_controls_have_names_and_the_first_figure_begins_near_the_top(visit: Visit, place: str) -> None:
    query, way, there = PAGES[place]
    visitor = opened(visit, place, query)
    choose(visitor, way, there)
    visitor.still()
    assert visitor.page.evaluate(TOP) <= HIGHEST
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 1440
    folded = visitor.page.locator("[data-testid=stSidebar] [data-testid=stExpander] summary").all()
    for box in folded:
        box.click()
    visitor.still()
    assert nameless(visitor) == []
    for box in folded:
        box.click()


@pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=() if place in QUICK else pytest.mark.long) for place in PAGES],
)
def test_no_figure_ever_jumps(visit: Visit, place: str) -> None:
    query, way, there = PAGES[place]
    visitor = opened(visit, place, f"{query}&steps=100")
    choose(visitor, way, there)
    first = visitor.still()
    jumps: list[str] = []

    def same(when: str, moving: bool = False) -> None:
        if (now := visitor.still(moving=moving)) != first:
            jumps.append(f"{when}: {first} became {now}")

    visitor.press("play")
    visitor.past(1)
    same("while it trains", moving=True)
    visitor.status("finished")
    same("at the end")
    visitor.page.locator("select[name=film]").select_option("2")  # slow enough to be stopped
    visitor.page.get_by_text("▶ Replay").click()
    expect(visitor.play).to_contain_text("Play from here")
    same("in a replay", moving=True)
    visitor.page.get_by_text("■ Stop").click()
    expect(visitor.play).to_contain_text(re.compile(r"Play from step \d+"))
    same("in the past")
    visitor.press("play")
    expect(visitor.keyed("branch").get_by_role("combobox")).to_have_value(re.compile("branch 2"))
    visitor.status("finished")
    choose(visitor, way, there)  # a branch begins with the page's own controls as they are at first
    same("in a branch")
    assert not jumps, "\n".join(jumps)


def test_the_data_page_begins_with_a_figure(visit: Visit) -> None:
    visitor = opened(visit, "Data", SMALL)
    expect(visitor.page.locator(".stPlotlyChart .main-svg").first).to_be_visible()
    visitor.still()
    assert visitor.page.evaluate(TOP) <= HIGHEST
    assert nameless(visitor) == []


def test_what_if_stands_in_the_panel_of_the_cell_and_covers_nothing(visit: Visit) -> None:
    visitor = opened(visit, "Cell", "task=names&cell=lstm&hidden_size=8", width=1280, height=720)
    page = visitor.page
    controls, panel = page.locator(".st-key-panel-row"), page.locator(".rx-cell")
    low = controls.bounding_box()
    page.get_by_role("radio", name="Clamp a gate").click()
    visitor.choose(page.get_by_role("combobox", name="Gate"), "forget gate")
    expect(page.get_by_role("slider", name="Value")).to_be_visible()
    expect(page.locator(".rx-picture .rx-padlock").first).to_be_attached()

    def fits() -> bool:
        over, inside, picture = (node.bounding_box() for node in (controls, panel, page.locator(".rx-cell .rx-frame")))
        assert over and inside and picture and low
        grew = over["height"] > low["height"]
        beside = over["y"] >= inside["y"] and over["y"] + over["height"] <= picture["y"] + 1
        return grew and beside and inside["x"] <= over["x"] and over["width"] <= inside["width"]

    for _ in range(50):
        if fits():
            break
        page.wait_for_timeout(100)
    assert fits()
    assert nameless(visitor) == []
    for edit in ("Edit input", "Edit weight"):
        page.get_by_role("radio", name=edit).click()
        expect(page.get_by_role("combobox", name="Gate")).not_to_be_visible()
        visitor.still()
        assert nameless(visitor) == []
    page.get_by_role("radio", name="Ablate units").click()
    expect(page.get_by_role("textbox", name="Units, separated by commas")).to_be_visible()
    assert nameless(visitor) == []
    expect(page.get_by_role("combobox", name="Gate")).not_to_be_visible()
    expect(page.locator(".rx-picture .rx-padlock").first).to_be_attached()
    panel.get_by_role("button", name="Enlarge").click()
    expect(page.locator(".rx-cell .rx-slot")).not_to_be_visible()


def test_sliders_of_the_held_input_leave_the_findings_in_the_window(visit: Visit) -> None:
    visitor = opened(visit, "Dynamics", "task=flip_flop&cell=gru&hidden_size=8", width=1280, height=720)
    visitor.page.get_by_role("radio", name="custom").click()
    expect(visitor.page.get_by_role("slider", name="pulse 3")).to_be_visible()
    visitor.still()
    box = visitor.page.locator(".rx-found").bounding_box()
    assert box and box["y"] + box["height"] <= 720


def test_nothing_is_searched_unasked(visit: Visit) -> None:
    visitor = opened(visit, "Dynamics", f"{SMALL}&steps=20")
    visitor.page.get_by_role("button", name="Search for states").click()
    expect(visitor.page.locator(".rx-dynamics .rx-title")).to_contain_text("found at optimizer step 0")
    visitor.page.get_by_role("button", name="New seed").click()
    expect(visitor.page.locator(".rx-found li").first).to_contain_text("Press “Find fixed points”")
    visitor.still(800)
    expect(visitor.page.locator(".rx-found li").first).to_contain_text("Press “Find fixed points”")


@pytest.mark.parametrize("way", ["button", "key"])
def test_play_in_a_replay_goes_on_from_the_step_that_is_shown(visit: Visit, way: str) -> None:
    lab = visit().open(f"{SMALL}&steps=300")
    lab.press("play")
    lab.status("finished")
    first = lab.run_id()
    lab.page.locator("select[name=film]").select_option("20")
    lab.page.get_by_text("▶ Replay").click()
    expect(lab.play).to_contain_text("Play from here")
    lab.wait("Number(document.querySelector('.rx-view').dataset.at) > 20")
    if way == "key":
        lab.page.keyboard.press("p")
        lab.page.keyboard.down("Shift")  # nothing moves before the press is seen
        lab.page.keyboard.up("Shift")
        shown = lab.page.evaluate("document.querySelector('.rx-view').dataset.at")
    else:
        lab.play.hover()
        lab.page.mouse.down()
        shown = lab.page.evaluate("document.querySelector('.rx-view').dataset.at")
        lab.page.wait_for_timeout(300)
        lab.page.mouse.up()
    lab.wait(f"new URL(location.href).searchParams.get('run') !== '{first}'")
    expect(lab.keyed("branch").get_by_role("combobox")).to_have_value(f"branch 2: from step {shown}")


def test_a_slider_gives_the_keyboard_back_once_it_is_let_go(visit: Visit) -> None:
    lab = visit().open(f"{SMALL}&steps=30")
    thumb = lab.keyed("set-hidden_size").get_by_role("slider")
    box = thumb.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x + 40, y, steps=4)
    lab.page.mouse.up()
    lab.wait("!new URL(location.href).searchParams.get('hidden_size').match(/^8$/)")
    size = lab.page.evaluate("new URL(location.href).searchParams.get('hidden_size')")
    lab.ready()
    lab.page.keyboard.press("p")
    lab.status("finished")
    lab.page.keyboard.press("ArrowLeft")
    expect(lab.view).not_to_have_attribute("data-at", "")
    assert lab.page.evaluate("new URL(location.href).searchParams.get('hidden_size')") == size
    lab.page.keyboard.press("Escape")
    lab.still()
    thumb = lab.keyed("set-hidden_size").get_by_role("slider")
    lab.keyed("set-hidden_size").get_by_role("button").first.focus()  # the help before it
    lab.page.keyboard.press("Tab")
    expect(thumb).to_be_focused()
    lab.page.keyboard.press("ArrowLeft")
    lab.wait(f"new URL(location.href).searchParams.get('hidden_size') !== '{size}'")


def test_whatever_was_chosen_with_the_mouse_leaves_the_keys_to_the_page(visit: Visit) -> None:
    lab = visit().open(f"{SMALL}&steps=30")
    lab.choose(lab.keyed("set-pace").get_by_role("combobox"), "Slow")
    lab.choose(lab.keyed("set-pace").get_by_role("combobox"), "Fast")
    lab.page.locator(".rx-pick-log input").click()
    lab.page.keyboard.press("p")
    lab.status("finished")
    lab.page.locator(".rx-past .rx-slider").click(position={"x": 20, "y": 5})
    before = lab.view.get_attribute("data-at")
    assert before
    lab.page.keyboard.press("ArrowRight")
    expect(lab.view).not_to_have_attribute("data-at", before)


def test_the_past_shows_no_place_before_it_is_known(visit: Visit) -> None:
    lab = visit(alone=True)
    lab.page.goto(f"{lab.server.url}?task=names&hidden_size=64")
    expect(lab.page.locator(".rx-view")).to_be_attached()
    early = "document.querySelectorAll('.rx-view[data-waiting] .rx-past')"
    assert lab.page.evaluate(f"[...{early}].every((node) => getComputedStyle(node).visibility === 'hidden')")
    slider = lab.page.locator(".rx-slider")
    lab.ready()
    expect(slider).to_be_disabled()
    assert slider.evaluate("(node) => node.value === node.max"), "at the right end, which is now"


def test_in_a_narrow_window_a_canvas_stands_above_its_figure_and_both_have_room(visit: Visit) -> None:
    visitor = opened(visit, "Try it", "task=digits&hidden_size=8")
    for width in (900, 390):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        expect(visitor.view).to_have_class(re.compile("rx-stacked"))
        visitor.still()
        canvas = visitor.page.locator(".rx-sketch canvas").bounding_box()
        figure = visitor.page.locator(".rx-prediction .rx-frame").bounding_box()
        assert canvas and figure and canvas["y"] + canvas["height"] <= figure["y"] and figure["height"] > 150, width
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        for part in (".rx-numbers", ".rx-when"):
            box = visitor.page.locator(part).bounding_box()
            assert box and box["x"] + box["width"] <= width, (part, width)
