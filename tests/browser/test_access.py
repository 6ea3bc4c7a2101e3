"""For who uses a keyboard, hears the page, sees little contrast or asked for less motion."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from rnn_explorer.ui import navigation
from rnn_explorer.views import VIEWS
from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
SMALL = "task=adding&cell=lstm&seq_len=12&hidden_size=6&steps=300"
PAGES = {page.title: page.name for page in navigation.found() if page.name in VIEWS}
VIEW = "[...window.__rnnExplorer.values()].find((view) => view.root.isConnected)"
# Texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, 1.4.3; 3 where they are large). What is
# disabled is exempt. In a picture, shapes that are painted before a text and hold its middle lie behind it.
CONTRAST = """() => {
    const numbers = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
    const rgb = (color) => [...numbers(color).slice(0, 3), color === 'none' ? 0 : numbers(color)[3] ?? 1];
    const over = (top, below) => [0, 1, 2].map((n) => top[n] * top[3] + below[n] * (1 - top[3]));
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const weights = [0.2126, 0.7152, 0.0722];
    const light = (color) => weights.reduce((sum, weight, n) => sum + linear(color[n] / 255) * weight, 0);
    const page = rgb(getComputedStyle(document.querySelector('.stApp')).backgroundColor);
    const exempt = 'script, style, option, [hidden], :disabled, [aria-disabled=true], .rx-aloud, '
        + '[data-testid=stIconMaterial], [data-testid=stSliderThumbValue]'; // drawn arrows; words beside their parent
    const opacity = (node) => (node ? Number(getComputedStyle(node).opacity) * opacity(node.parentElement) : 1);
    const filled = (node) => {
        const style = getComputedStyle(node);
        const color = rgb(style.fill);
        color[3] *= opacity(node) * Number(style.fillOpacity);
        return color;
    };
    const pictures = new Map();
    const shapes = (picture) => {
        if (!pictures.has(picture)) {
            const all = [...picture.querySelectorAll('rect, path, circle, image')];
            const drawn = all.filter((node) => !node.closest('defs, clipPath'));
            pictures.set(picture, drawn.map((node) => ({ node, box: node.getBoundingClientRect() })));
        }
        return pictures.get(picture);
    };
    const painted = (node, below) => { // null on an image, whose pixels are not read here
        const box = node.getBoundingClientRect();
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        for (const { node: shape, box: edge } of shapes(node.closest('.rx-picture, .js-plotly-plot, svg'))) {
            if (!(shape.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING)) break;
            if (x < edge.left || x > edge.right || y < edge.top || y > edge.bottom) continue;
            if (shape.localName === 'image') return null;
            const point = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse());
            if (shape.localName !== 'path' || shape.isPointInFill(point)) below = over(filled(shape), below);
        }
        return below;
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        const words = walker.currentNode.textContent.trim();
        if (!words || node.closest(exempt) || !node.getBoundingClientRect().width) continue;
        if (!node.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
        const style = getComputedStyle(node);
        const inFigure = node instanceof SVGElement;
        let below = null;
        for (let at = node; at && !below; at = at.parentElement) {
            const back = rgb(getComputedStyle(at).backgroundColor);
            if (back[3] > 0.5 && !(at instanceof SVGElement)) below = back;
        }
        const behind = inFigure ? painted(node, below || page) : below || page;
        if (!behind) continue;
        const color = inFigure ? filled(node) : rgb(style.color);
        if (!inFigure) color[3] *= opacity(node);
        const [a, b] = [light(over(color, behind)), light(behind)].sort((x, y) => y - x);
        const size = parseFloat(style.fontSize);
        const ratio = (a + 0.05) / (b + 0.05);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${words.slice(0, 40)}`);
    }
    return [...new Set(found)];
}"""


CUT = (
    "[...document.querySelectorAll('.rx-panel :is(.rx-how, .rx-title)')].filter((n) => n.offsetWidth && "
    "(n.scrollWidth > n.clientWidth + 1 || n.scrollHeight > n.clientHeight + 1)).map((n) => n.textContent)"
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_lies_behind_it_and_is_never_cut_off(visit: Visit, scheme: str) -> None:
    """Contrast of a small experiment in the dark; in the light, of one with pictures and many curves."""
    query = {"light": "task=digits&cell=lstm&hidden_size=8&epochs=1", "dark": SMALL}[scheme]
    lab = visit(scheme=scheme).open(query)
    lab.press("epoch")
    lab.past(0)
    wrong: list[str] = []
    for title, view in PAGES.items():
        if title != "Lab":
            lab.go(title, view)
        expect(lab.page.locator(".rx-panel:visible").first).to_be_visible()
        if title == "Data":
            expect(lab.page.locator(".stPlotlyChart .main-svg:first-child")).to_have_count(4)
        for width, height in ((1440, 900), (1280, 720)) if scheme == "light" else ((1440, 900),):
            lab.page.set_viewport_size({"width": width, "height": height})
            lab.still(500)
            wrong += [f"{title}, {width} px wide, is cut off: {text}" for text in lab.page.evaluate(CUT)]
        wrong += [f"{title}, {scheme}: {text}" for text in lab.page.evaluate(CONTRAST)]
        if title == "Memory":  # the test sees what it should: gray words in every figure
            gray = "document.querySelectorAll('.rx-view text').forEach((node) => { node.style.fill = '#7a7a7a'; })"
            lab.page.evaluate(gray)
            assert len(lab.page.evaluate(CONTRAST)) > 20
    assert not wrong, "\n".join(wrong)


def test_the_chosen_unit_is_framed_in_its_maps(visit: Visit) -> None:
    lab = visit().open(SMALL)
    lab.view.locator("input[name=unit]").fill("4")
    lab.view.locator("input[name=unit]").press("Enter")
    lab.wait(f"Number({VIEW}.chosen.unit) === 4")
    frame = lab.page.locator(".rx-states .rx-unit")
    expect(frame).to_have_count(1)
    plot = "document.querySelector('.rx-states .rx-plot')"
    middle = lab.page.evaluate(f"(() => {{ const y = {plot}._fullLayout.yaxis; return y._offset + y.l2p(4) }})()")
    box = lab.page.evaluate(
        "['top', 'height'].map((side) => parseFloat(document.querySelector('.rx-states .rx-unit').style[side]))"
    )
    assert box[0] <= middle <= box[0] + box[1]
    assert lab.page.locator(".rx-gates .rx-unit").count() >= 4, "in every gate's map"


def test_a_figure_is_walked_through_with_the_arrows_and_says_what_it_holds(visit: Visit) -> None:
    lab = visit().open(SMALL)
    lab.press("epoch")
    lab.past(0)
    lab.status("paused")
    states = lab.page.get_by_role("figure", name="Hidden state", exact=False).first
    states.focus()
    for _ in range(3):
        lab.page.keyboard.press("ArrowRight")
    expect(lab.view).to_have_attribute("data-time", "3")
    assert lab.view.get_attribute("data-at") == "", "the past is left alone"
    before = lab.page.evaluate(f"Number({VIEW}.chosen.unit)")
    lab.page.keyboard.press("ArrowUp")
    lab.wait(f"Number({VIEW}.chosen.unit) === {before + 1}")
    expect(lab.page.locator(".rx-aloud")).to_contain_text(f"t = 3, unit {before + 1}: ")
    said = float(lab.page.locator(".rx-aloud").inner_text().rsplit(": ", 1)[1])
    held = lab.page.evaluate(f"{VIEW}.panels.get('states').state.data.find((t) => t.meta?.units).z[{before + 1}][2]")
    assert abs(said - held) < 0.001
    name = states.get_attribute("aria-labelledby")
    assert lab.page.locator(f"#{name}").inner_text().startswith("Hidden state")
    for what in ("Enlarge", "Download"):
        expect(lab.page.locator(f'.rx-states [aria-label^="{what}: Hidden state"]')).to_have_count(1)


@pytest.mark.parametrize("title", ["Lab", "Cell", "Memory", "Dynamics"])
def test_arrows_walk_through_every_figure_and_leave_the_past_alone(visit: Visit, title: str) -> None:
    lab = visit().open(SMALL, PAGES[title].replace("lab", ""))
    lab.press("epoch")
    lab.past(0)
    lab.status("paused")
    lab.still(800)  # what is asked for is computed
    full = "(panel) => panel.plot?.calcdata?.length || panel.root.querySelector('svg [data-step], svg[aria-label]')"
    names = lab.page.evaluate(f"[...{VIEW}.panels].filter(([_, panel]) => ({full})(panel)).map(([name]) => name)")
    walked = 0
    for name in names:
        frame = lab.page.locator(f".rx-{name} .rx-frame")
        if name == "eigenvalues" or not frame.count() or not frame.is_visible():
            continue  # empty, until a state is chosen
        frame.focus()
        lab.page.evaluate("document.querySelector('.rx-view .rx-aloud').textContent = ''")
        lab.page.keyboard.press("ArrowRight")
        lab.wait("document.querySelector('.rx-view .rx-aloud').textContent")
        assert lab.view.get_attribute("data-at") == "", f"{name} goes to the past"
        walked += 1
    assert walked >= 2, names


def test_enter_clicks_what_the_arrows_have_come_to(visit: Visit) -> None:
    lab = visit().open(SMALL, "dynamics", ("dynamics",))
    lab.still()
    lab.page.locator(".rx-dynamics .rx-frame").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        lab.page.keyboard.press(key)
    lab.wait(f"/^\\d+, \\d+$/.test({VIEW}.selection.pick)")


def test_figures_at_rest_have_a_name(visit: Visit) -> None:
    lab = visit().open(SMALL, "data")
    expect(lab.page.locator(".stPlotlyChart").first).to_be_visible()
    charts = "[...document.querySelectorAll('.stPlotlyChart')]"
    lab.wait(f"{charts}.length >= 4 && {charts}.every((chart) => chart.getAttribute('aria-label')?.length > 20)")


def test_what_is_spoken_is_no_stream_of_numbers(visit: Visit) -> None:
    lab = visit(alone=True).open("task=adding&cell=gru&seq_len=12&hidden_size=6&steps=100000")
    lab.page.evaluate(
        "window.spoken = []; window.aloud = document.querySelector('.rx-aloud'); "
        "const hear = () => window.spoken.push(window.aloud.textContent); "
        "new MutationObserver(hear).observe(window.aloud, { childList: true })"
    )
    lab.press("play")
    lab.past(200)
    lab.wait("Number(document.querySelector('.rx-view').dataset.frames) > 30")  # of which few are spoken of
    lab.pause()
    lab.status("paused")
    expect(lab.page.locator(".rx-aloud")).to_contain_text("Paused at step")
    spoken = lab.page.evaluate("window.spoken")
    assert 1 <= len(spoken) <= 8, spoken
    live = lab.page.locator(".rx-view [role=status], .rx-view [aria-live]")
    expect(live).to_have_count(1)


def test_who_asked_for_less_motion_sees_less(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru&seq_len=12&hidden_size=6&steps=100000")
    lab.page.emulate_media(reduced_motion="reduce")
    lab.press("play")
    lab.past(0)
    count = "Number(document.querySelector('.rx-view').dataset.frames)"
    first, begun = lab.page.evaluate(f"[{count}, performance.now()]")
    lab.wait(f"{count} >= {first + 3}")
    assert lab.page.evaluate("performance.now()") - begun > 1900, "about a drawing a second"
    moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
    assert lab.page.evaluate(moving) == 0
