"""The page to try a model out in a real browser: text, free runs, legal symbols and what a person draws or types."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
WRITTEN = "document.querySelector('.rx-generated_text svg')?.getAttribute('aria-label')"

FAINTEST = """async () => {
  const image = new Image();
  const drawn = document.querySelector('.rx-legal_symbols .hm image');
  image.src = drawn.getAttribute('href') || drawn.getAttribute('xlink:href');
  await image.decode();
  const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height).data;
  return Math.min(...pixels.filter((_, n) => n % 4 === 3));
}"""  # the least opacity of the map, up to 255


def opened(visit: Visit, query: str, *figures: str, **window: int) -> Visitor:
    return visit(**window).open(query, "try", figures)


def title(page: Visitor, panel: str, text: str) -> None:
    expect(page.page.locator(f".rx-{panel}:visible .rx-title")).to_contain_text(text)


def choose_mode(page: Visitor, name: str) -> None:
    page.page.get_by_role("radio", name=name).or_(page.page.get_by_role("button", name=name)).first.click()


def test_text_is_written_while_it_trains_and_as_the_person_wants_it(visit: Visit) -> None:
    page = opened(
        visit,
        "task=char_lm&cell=gru&hidden_size=16&steps=100000",
        "generated_text",
        "colored_text",
        "unit_correlations",
    )
    page.wait(f"({WRITTEN} || '').length > 100")
    for name in ("generated_text", "colored_text", "unit_correlations"):
        box = page.page.locator(f".rx-{name}:visible").bounding_box()
        assert box and box["y"] + box["height"] <= 900 and box["x"] + box["width"] <= 1440, name
    before = page.page.evaluate(WRITTEN)
    page.press("play")
    page.wait(f"{WRITTEN} !== {before!r}")
    page.pause()
    page.status("paused")
    page.page.get_by_placeholder("Type how the text begins").fill("Call me €")
    page.page.keyboard.press("Enter")
    page.wait(f"({WRITTEN} || '').startsWith('Call me ')")
    expect(page.page.locator(".rx-generated_text .rx-remark")).to_contain_text("was left out")
    before = page.page.evaluate(WRITTEN)
    page.page.get_by_role("button", name="Draw anew").click()
    page.wait(f"{WRITTEN} !== {before!r}")
    slider = page.page.locator(".rx-pick-temperature input")
    slider.focus()
    page.page.keyboard.press("Home")
    title(page, "generated_text", "always the likeliest")
    # a unit by what it follows, and by a click on its bar
    page.page.locator("select[name=feature]").select_option("is a space")
    title(page, "unit_correlations", "is a space")
    page.page.locator("select[name=quantity]").select_option("update")
    title(page, "colored_text", "update gate")
    page.wait("document.querySelectorAll('.rx-unit_correlations .bars .point').length > 4")
    unit = page.page.evaluate("document.querySelector('.rx-unit_correlations .rx-plot').data[0].customdata[2][0]")

    def place() -> tuple[float, float]:
        """Anywhere in its row."""
        box = page.page.locator(".rx-unit_correlations .bars .point").nth(2).bounding_box()
        row = page.page.locator(".rx-unit_correlations .nsewdrag").first.bounding_box()
        assert box and row
        return row["x"] + row["width"] / 2, box["y"] + box["height"] / 2

    page.pick(place, "unit", str(unit))
    title(page, "colored_text", f"unit {unit}: update gate")


def test_a_free_run_has_the_length_that_is_asked_for_and_follows_the_past(visit: Visit) -> None:
    page = opened(visit, "task=forecast&cell=gru&hidden_size=8&steps=40", "closed_loop")
    free = "document.querySelector('.rx-closed_loop .rx-plot').data[4]"
    page.wait(f"{free} && document.querySelector('.rx-closed_loop .rx-plot').calcdata[4].length === 100")
    page.page.locator(".rx-pick-steps input").focus()
    page.page.keyboard.press("Home")
    for _ in range(4):
        page.page.keyboard.press("ArrowRight")
    page.wait("document.querySelector('.rx-closed_loop .rx-plot').calcdata[4].length === 5")
    now = "JSON.stringify(document.querySelector('.rx-closed_loop .rx-plot').calcdata[4].map((point) => point.y))"
    untrained = page.page.evaluate(now)
    page.press("play")
    page.status("finished")
    page.wait(f"{now} !== {untrained!r}")
    page.page.mouse.move(5, 5)
    page.page.locator(".rx-slider:visible").focus()
    page.page.keyboard.press("Home")
    page.wait(f"document.querySelector('.rx-view').dataset.at === '0' && {now} === {untrained!r}")


def test_a_digit_is_drawn_and_answered_at_once(visit: Visit) -> None:
    page = opened(visit, "task=digits&epochs=3", "prediction", "states", "gates")
    page.press("play")
    page.status("finished")
    rows = "document.querySelector('.rx-prediction .rx-plot').data[0].z"
    image = f"JSON.stringify(Array.from({rows}, (row) => Array.from(row)))"
    page.page.get_by_role("button", name="Clear").click()
    blank = str([[0] * 8] * 8).replace(" ", "")
    page.wait(f"{image} === {blank!r}")
    page.page.evaluate("window.canvas = document.querySelector('.rx-sketch canvas')")
    box = page.page.locator(".rx-sketch canvas").bounding_box()
    assert box
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 6)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 6, steps=12)
    page.page.mouse.up()
    page.wait(
        f"{image} !== {blank!r} && JSON.parse({image}).every((row) => row[3] > 0.4 && row[4] > 0.4 && row[0] === 0)"
    )
    title(page, "prediction", "says 1")
    assert page.page.evaluate("window.canvas === document.querySelector('.rx-sketch canvas')"), "the canvas stays"
    choose_mode(page, "Type it")
    expect(page.page.locator("[data-testid=stDataFrame]:visible")).to_be_visible()


def test_a_curve_is_drawn_and_its_forecast_follows(visit: Visit) -> None:
    page = opened(visit, "task=forecast&series=sunspots&cell=rnn&hidden_size=8", "closed_loop")
    choose_mode(page, "Your own series")
    page.ready(("prediction", "states", "gates"))
    line = "document.querySelector('.rx-prediction .rx-plot').calcdata[0].map((point) => point.y)"
    page.wait("document.querySelector('.rx-prediction .rx-plot').calcdata[0].length === 50")
    box = page.page.locator(".rx-sketch canvas").bounding_box()
    assert box
    page.page.mouse.move(box["x"] + 50, box["y"] + 9)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] - 9, box["y"] + 9, steps=20)
    page.page.mouse.up()
    page.wait(f"(() => {{ const y = {line}; return Math.min(...y.slice(2)) > 100; }})()")
    page.page.get_by_role("button", name="As it was").click()
    page.wait(f"Math.min(...{line}) < 20")


def test_a_typed_string_is_held_against_the_grammar_and_a_wrong_symbol_is_told(visit: Visit) -> None:
    page = opened(
        visit, "task=anbn&cell=lstm&hidden_size=4&steps=100000", "legal_symbols", "colored_text", "unit_correlations"
    )
    title(page, "legal_symbols", "of the probability is on legal symbols")
    page.press("play")
    page.wait("Number(document.querySelector('.rx-legal_symbols').dataset.repaints) > 3")
    page.pause()
    page.status("paused")
    least = page.page.evaluate(FAINTEST)
    assert 0 < least < 100, "what is unlikely stays faint when its picture is made anew"
    choose_mode(page, "Your own string")
    text = page.page.get_by_role("textbox", name="Your own sequence")
    text.fill("|aabb")
    page.page.keyboard.press("Enter")
    title(page, "legal_symbols", "|aabb:")
    page.wait("document.querySelector('.rx-legal_symbols .rx-plot').calcdata[1].length === 7")
    page.ready(("states", "gates"))
    text.fill("|abc")
    page.page.keyboard.press("Enter")
    expect(page.page.locator(".rx-note:visible")).to_contain_text("'c', symbol 4, is not known to this task")
    text.fill("|ab")
    page.page.keyboard.press("Enter")
    title(page, "legal_symbols", "|ab:")
    expect(page.page.locator(".rx-view:visible .rx-note")).to_be_hidden()
