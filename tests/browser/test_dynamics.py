"""The dynamics page in a real browser: a search, what a click does, the constant input, and the past."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
FIGURES = ("dynamics", "eigenvalues", "flow")
SMALL = "task=flip_flop&cell=gru&hidden_size=12&seq_len=20&pulse_probability=0.2&learning_rate=0.02&batch_size=32"
QUICK = f"{SMALL}&steps=250"
LONG = f"{SMALL}&steps=100000"
PLOT = "document.querySelector('.rx-dynamics .rx-plot')"
NAMES = f"{PLOT}.data.map((trace) => trace.name)"
LEGEND = f"{PLOT}.data.filter((trace) => trace.showlegend).map((trace) => trace.name)"
# Where on the screen a point of a trace is drawn.
PLACE = """([name, number]) => {
    const plot = document.querySelector('.rx-dynamics .rx-plot');
    const trace = plot.data.findIndex((trace) => trace.meta && trace.meta.choose && trace.name.startsWith(name));
    const { xaxis, yaxis } = plot._fullLayout;
    const point = plot.calcdata[trace][number];
    const box = plot.getBoundingClientRect();
    return [box.left + xaxis._offset + xaxis.l2p(point.x), box.top + yaxis._offset + yaxis.l2p(point.y)];
}"""


def opened(visit: Visit, query: str = QUICK, trained: bool = True, alone: bool = False, **window: int) -> Visitor:
    page = visit(alone=alone, **window).open(query, "dynamics", FIGURES)
    page.wait(f"{PLOT}.data.length > 0")
    if trained:
        page.press("play")
        page.status("finished")
    return page


def title(page: Visitor, name: str = "dynamics"):
    return page.page.locator(f".rx-{name}:visible .rx-title")


def found(page: Visitor, step: int | str = 250) -> None:
    """Press the button and wait for what is found."""
    page.page.get_by_role("button", name="Search for states").click()
    expect(title(page)).to_have_text(re.compile(f"^Fixed points of .* under .*, found at optimizer step {step}$"))
    page.wait(f"{LEGEND}.some((name) => name.endsWith('stable'))")


def click_point(page: Visitor, name: str, number: int, pick: str, words: str) -> None:
    """Click a point of a trace until it is chosen, and wait for the first sentence about it."""

    def place() -> tuple[float, float]:
        page.still(700)  # after training paths are asked for once more, and the axes turn to them
        return page.page.evaluate(PLACE, [name, number])

    page.pick(place, "pick", pick)
    expect(page.page.locator(".rx-found:visible li").filter(has_text=re.compile(words))).to_have_count(1)


def test_a_search_finds_the_corners_and_before_it_the_page_says_what_to_press(visit: Visit) -> None:
    page = opened(visit, trained=False)
    expect(page.page.locator(".rx-dynamics:visible .annotation-text")).to_contain_text("Find fixed points")
    expect(page.page.locator(".rx-found:visible li").first).to_contain_text("Press “Find fixed points”")
    page.wait("document.querySelector('.rx-flow .rx-plot').data.length > 2")
    boxes = {name: page.page.locator(f".rx-{name}:visible").bounding_box() for name in (*FIGURES, "found")}
    for name, box in boxes.items():
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= 900 and box["x"] + box["width"] <= 1440, name
    assert boxes["dynamics"]["width"] > 650 and boxes["dynamics"]["height"] > 450  # type: ignore[index]
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 1440
    page.press("play")
    page.status("finished")
    found(page)
    assert "8 stable" in page.page.evaluate(LEGEND)
    sentences = page.page.locator(".rx-found:visible li")
    expect(sentences.filter(has_text=re.compile("^8 stable: states nearby come back"))).to_have_count(1)
    expect(sentences.filter(has_text=re.compile("end at 8 different places"))).to_have_count(1)
    names = page.page.locator(".rx-dynamics:visible .textpoint text")
    expect(names.filter(has_text=re.compile(r"^\s*−?[\d.]+, −?[\d.]+, −?[\d.]+\s*$"))).to_have_count(8)
    expect(title(page, "eigenvalues")).to_have_text(re.compile(r"^Eigenvalues at point 1 \(stable\)"))
    page.wait("document.querySelector('.rx-eigenvalues .rx-plot').data[3].name === '12 inside'")
    box = page.page.evaluate(
        "(({ xaxis, yaxis }) => [xaxis._length / (xaxis.range[1] - xaxis.range[0]), yaxis._length / (yaxis.range[1] -"
        " yaxis.range[0])])(document.querySelector('.rx-eigenvalues .rx-plot')._fullLayout)"
    )
    assert abs(box[0] - box[1]) < 0.01 * box[0], "the unit circle is round"
    page.view.locator("select[name=dims]").select_option("3")
    page.wait(f"{PLOT}.data[0].type === 'scatter3d' && {PLOT}._fullLayout.scene !== undefined")


def test_attractors_are_seen_being_born_while_it_trains(visit: Visit) -> None:
    page = opened(visit, LONG, trained=False)
    page.view.locator("select[name=refresh]").select_option("5")
    page.press("play")
    step = (
        "Number((document.querySelector('.rx-dynamics .rx-title').textContent"
        ".match(/at optimizer step (\\d+)$/) || [0, -1])[1])"
    )
    page.wait(f"{step} >= 0")
    first = page.page.evaluate(step)
    page.wait(f"{step} > {first}")
    page.wait("Number(document.querySelector('.rx-flow').dataset.updates) > 3")
    page.pause()
    page.status("paused")


def test_a_click_chooses_a_state_or_a_point_and_kicks_it_and_another_input_makes_them_old(visit: Visit) -> None:
    page = opened(visit)
    found(page)
    sentence = page.page.locator(".rx-found:visible li").filter(has_text="kicked by")
    click_point(  # where states crowd, since it is stable
        page, "points", 0, "point 1", r"^Point 1 \(.*\) of GRU layer 1, kicked by"
    )
    click_point(page, "points", 9, "point 10", r"^Point 10 \(.*\) of GRU layer 1, kicked by")
    expect(title(page, "eigenvalues")).to_have_text(re.compile(r"^Eigenvalues at point 10 \(saddle\)"))
    page.wait(f"{NAMES}.includes('left alone') && {NAMES}.includes('chosen')")
    before = sentence.inner_text()
    page.view.locator("input[name=kick]").fill("0.1")
    expect(sentence).not_to_have_text(before)
    page.page.get_by_role("button", name="Choose nothing").click()
    page.wait(f"!{NAMES}.includes('left alone') && !{NAMES}.includes('chosen')")
    expect(page.view.locator("input[name=kick]")).to_have_count(0)
    # A state of the first trace, which is a path.
    click_point(
        page,
        "",
        5,
        r"\d+, \d+|point \d+",
        r"^(The state at t = \d+ of sequence \d+|Point \d+ \(.*\)) of GRU layer 1",
    )
    page.wait(f"{NAMES}.includes('left alone')")
    page.page.get_by_role("button", name="Choose nothing").click()

    # Of another input they are out of date until they are searched again.
    page.page.get_by_role("radio", name="custom").click()
    thumb = page.keyed("held-0").locator("input[type=range]")
    thumb.focus()
    for _ in range(3):
        page.page.keyboard.press("ArrowRight")
    expect(title(page, "flow")).to_have_text("Flow (a slice) of GRU layer 1, pulse 1 = 0.3")
    expect(title(page)).to_have_text(
        "Out of date: Fixed points of GRU layer 1 under input 0, found at optimizer step 250"
    )
    expect(page.page.locator(".rx-found:visible li")).to_have_count(1)
    expect(page.page.locator(".rx-found:visible li.rx-warning")).to_contain_text("hold no longer")
    page.page.get_by_role("button", name="Search for states").click()
    expect(title(page)).to_have_text("Fixed points of GRU layer 1 under pulse 1 = 0.3, found at optimizer step 250")


def test_a_double_click_goes_back_to_the_axes_of_now_and_no_click_is_lost_while_it_is_drawn(visit: Visit) -> None:
    page = opened(visit, alone=True)  # first drawn before it was trained, with shorter axes
    found(page)
    page.still(700)
    axes = f"{PLOT}._fullLayout.xaxis.range.concat({PLOT}._fullLayout.yaxis.range).map(Number)"
    sent = "(({ xaxis, yaxis }) => [...xaxis.range, ...yaxis.range])"
    sent += "(__rnnExplorer.get('dynamics').panels.get('dynamics').state.layout)"
    now = page.page.evaluate(axes)
    assert now == page.page.evaluate(sent)
    box = page.page.locator(".rx-dynamics:visible .nsewdrag").first.bounding_box()
    assert box
    mouse = page.page.mouse
    mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=6)
    mouse.up()
    page.wait(f"{axes}[0] > {now[0]} + 0.1")
    assert page.page.evaluate(sent) == now
    mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    # Where that also chose a state, its path may need longer axes, but not shorter ones.
    page.wait(f"{axes}.every((end, n) => end === {sent}[n]) && {axes}[1] - {axes}[0] >= {now[1] - now[0]}")
    page.still(700)
    assert page.page.evaluate(axes) == page.page.evaluate(sent)

    page.page.evaluate("__rnnExplorer.get('dynamics').send = () => {}")  # else the axes move with what is chosen
    page.page.evaluate("setInterval(() => __rnnExplorer.get('dynamics').panels.get('dynamics').redraw(), 30)")
    updates = "Number(document.querySelector('.rx-dynamics').dataset.updates)"
    before = page.page.evaluate(updates)
    for number in range(4):
        page.page.evaluate("__rnnExplorer.get('dynamics').selection.pick = 'none'")
        x, y = page.page.evaluate(PLACE, ["points", number])
        page.page.mouse.move(x, y)
        page.page.mouse.click(x, y, delay=80)  # pressed as long as a person presses
        page.wait("__rnnExplorer.get('dynamics').selection.pick !== 'none'")
        page.page.wait_for_timeout(300)  # else it is a double click
    assert page.page.evaluate(updates) > before


def test_the_past_is_searched_when_asked_for_and_taken_home(visit: Visit) -> None:
    page = opened(visit)
    page.view.locator(".rx-slider").fill("0")
    expect(page.view).to_have_attribute("data-at", "0")
    page.still(800)
    expect(title(page)).to_have_text("Hidden-state trajectories of GRU layer 1")
    page.page.get_by_role("button", name="Search for states").click()
    expect(title(page)).to_have_text(re.compile("found at optimizer step 0$"))
    panel = page.page.locator(".rx-dynamics:visible")
    shown = sum(int(name.split()[0]) for name in page.page.evaluate(LEGEND))
    panel.locator("summary.rx-icon").click()
    with page.page.expect_download() as begun:
        panel.get_by_text("CSV, the numbers").click()
    assert begun.value.suggested_filename == "flip_flop-gru-dynamics-step0.csv"
    with open(begun.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["what"] == "point" for row in rows) == shown
    assert sum(row["what"] == "state" for row in rows) == 8 * 20
    page.page.get_by_role("button", name="Back to the present").click()
    expect(title(page)).to_have_text(re.compile("^Out of date: .* found at optimizer step 0$"))


def test_layers_and_directions_can_be_chosen(visit: Visit) -> None:
    query = "task=names&cell=lstm&hidden_size=6&train_size=64&num_layers=2&bidirectional=true"
    page = opened(visit, query, trained=False)
    page.view.locator("select[name=layer]").select_option("1")
    page.view.locator("select[name=direction]").select_option("backward")
    expect(title(page)).to_have_text("Hidden-state trajectories of LSTM layer 2, backward")
