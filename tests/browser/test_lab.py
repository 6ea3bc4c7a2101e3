"""The lab in a real browser: what a person presses, and what moves."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
LONG = "task=flip_flop&cell=lstm&steps=100000"
FIGURES = ("curves", "prediction", "states", "state_trajectory", "gates")


def updates(visitor: Visitor) -> dict[str, int]:
    panels = "[...document.querySelectorAll('.rx-panel')]"
    return visitor.page.evaluate(f"Object.fromEntries({panels}.map((c) => [c.dataset.figure, +c.dataset.updates]))")


def set_slider(visitor: Visitor, setting: str, key: str, times: int = 1) -> None:
    thumb = visitor.keyed(f"set-{setting}").locator("input[type=range]")
    thumb.focus()
    for _ in range(times):
        visitor.page.keyboard.press(key)
    visitor.page.keyboard.press("Tab")


def test_after_a_lost_connection_the_page_comes_back_with_what_is_chosen_and_says_so(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru&seq_len=12&hidden_size=6")
    lab.view.locator("input[name=unit]").fill("4")
    lab.view.locator("input[name=unit]").press("Enter")
    view = "[...window.__rnnExplorer.values()].find((view) => view.root.isConnected)"
    lab.wait(f"Number({view}.chosen.unit) === 4")
    lab.page.evaluate(f"{view}.chosen = {{}}; {view}.connection.socket.close()")
    expect(lab.page.locator(".rx-chip-line")).to_contain_text("Not connected; trying again in 1 s")
    expect(lab.page.locator(".rx-chip-line")).to_contain_text("Connected again")
    lab.wait(f"Number({view}.chosen.unit) === 4")
    expect(lab.page.locator(".rx-note")).to_be_hidden()
    lab.press("step")
    expect(lab.view).to_have_attribute("data-drawn", "1")


def test_a_newcomer_sees_a_living_page_on_one_screen_and_one_thing_to_press(visit: Visit) -> None:
    lab = visit(alone=True).open()
    for name in FIGURES:
        box = lab.page.locator(f".rx-{name}").bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= 900 and box["x"] + box["width"] <= 1440, name
        assert box["height"] > 180 and box["width"] > 400, name
    assert lab.page.evaluate("document.documentElement.scrollWidth") <= 1440
    lab.status("ready")
    expect(lab.page.locator(".rx-words")).to_have_text("Press Play (or the key p) and watch it learn")
    for name in FIGURES:
        panel = lab.page.locator(f".rx-{name}")
        assert panel.locator(".rx-title").inner_text() and panel.locator(".rx-how").inner_text()
    lab.press("play")
    lab.past(0)
    lab.status("finished")
    expect(lab.page.locator(".rx-numbers")).to_contain_text(re.compile(r"test loss .*accuracy 9\d\.\d %"))
    expect(lab.play).to_contain_text("Play")


def test_a_slow_speed_shows_every_step_and_full_speed_comes_back(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru&hidden_size=8&steps=100000&speed_limit=1")
    drawn = "Number(document.querySelector('.rx-view').dataset.drawn)"
    lab.press("play")
    for step in (1, 2, 3):
        lab.wait(f"{drawn} === {step}")
    lab.choose(lab.keyed("set-pace").get_by_role("combobox"), "Fast")
    expect(lab.page).not_to_have_url(re.compile("speed_limit"))
    lab.past(500)
    lab.status("training")
    lab.choose(lab.page.locator("[class*=st-key-set-pace]:visible").get_by_role("combobox"), "1 step/s")
    expect(lab.page).to_have_url(re.compile("speed_limit=1"))
    lab.pause()
    lab.status("paused")


def test_figures_change_in_place_while_it_trains_and_maps_look_as_when_drawn_whole(visit: Visit) -> None:
    lab = visit().open(LONG)
    lab.page.evaluate("window.before = [...document.querySelectorAll('.rx-plot, .rx-plot .main-svg')]")
    before = updates(lab)
    lab.press("play")
    for name in FIGURES:
        lab.wait(f"Number(document.querySelector('.rx-{name}').dataset.updates) > {before[name] + 3}")
    lab.wait("Number(document.querySelector('.rx-gates').dataset.repaints) > 5")
    lab.wait("Number(document.querySelector('.rx-states').dataset.repaints) > 5")
    lab.pause()
    lab.status("paused")
    lab.wait("document.querySelector('.rx-view').dataset.drawn === document.querySelector('.rx-view').dataset.step")
    assert lab.page.evaluate("window.before.length >= 10 && window.before.every((node) => node.isConnected)")
    pixels = """async (page) => {
        const read = async (image) => {
            const picture = new Image();
            picture.src = image.getAttribute('href') || image.getAttribute('xlink:href');
            await picture.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [picture.width, picture.height];
            const context = canvas.getContext('2d');
            // On a page, as they are seen: what is nearly transparent has no color of its own worth comparing.
            context.fillStyle = page;
            context.fillRect(0, 0, picture.width, picture.height);
            context.drawImage(picture, 0, 0);
            return [...context.getImageData(0, 0, picture.width, picture.height).data];
        };
        const images = [...document.querySelectorAll('.rx-states .hm image, .rx-gates .hm image')];
        return Promise.all(images.map(read));
    }"""
    pixels = f"async () => (await Promise.all(['#ffffff', '#0e1117'].map((page) => ({pixels})(page)))).flat()"
    repainted = lab.page.evaluate(pixels)
    hover = "document.querySelector('.rx-states .rx-plot').calcdata[0][0].z[3][7]"
    value = lab.page.evaluate(hover)
    redraw = "__rnnExplorer.get('lab').panels.forEach((panel) => panel.redraw())"
    counts = updates(lab)
    lab.page.evaluate(redraw)
    lab.wait(f"Number(document.querySelector('.rx-gates').dataset.updates) > {counts['gates']}")
    whole = lab.page.evaluate(pixels)
    assert len(repainted) == len(whole) == 2 * 11
    for mine, plotlys in zip(repainted, whole, strict=True):
        assert len(mine) == len(plotlys) > 0
        assert max(abs(a - b) for a, b in zip(mine, plotlys, strict=True)) <= 3  # of 255
    assert len({tuple(image) for image in repainted}) > 5, "they are not all blank"
    assert lab.page.evaluate(hover) == pytest.approx(value)


def test_pause_step_epoch_and_reset(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru&steps=100000")
    lab.press("play")
    lab.past(5)
    expect(lab.play).to_contain_text("Pause")
    lab.page.keyboard.press("p")
    lab.status("paused")
    lab.wait("document.querySelector('.rx-view').dataset.drawn === document.querySelector('.rx-view').dataset.step")
    step = lab.drawn()
    lab.still()
    assert lab.drawn() == step, "paused is paused"
    lab.press("step")
    expect(lab.view).to_have_attribute("data-drawn", str(step + 1))
    lab.status("paused")
    lab.press("epoch")
    expect(lab.view).to_have_attribute("data-drawn", str((step + 1) // 50 * 50 + 50))
    lab.status("paused")
    lab.press("reset")
    expect(lab.view).to_have_attribute("data-drawn", "0")
    lab.status("ready")


def test_zoom_survives_updates_and_a_double_click_ends_it(visit: Visit) -> None:
    lab = visit().open(LONG)
    lab.press("play")
    lab.past(10)
    box = lab.page.locator(".rx-states .nsewdrag").first.bounding_box()
    assert box
    mouse = lab.page.mouse
    mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=6)
    mouse.up()
    read = "document.querySelector('.rx-states .rx-plot')._fullLayout.xaxis.range.map((x) => Math.round(x * 100) / 100)"
    lab.wait(f"({read})[0] > 5")
    zoomed = lab.page.evaluate(read)
    shown = lab.drawn()
    lab.past(shown + 30)
    assert lab.page.evaluate(read) == zoomed
    mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    lab.wait(f"({read})[0] < 1.1 && ({read})[1] > 49.9")


def test_pointing_at_a_time_step_marks_it_everywhere(visit: Visit) -> None:
    lab = visit().open("task=digits")
    box = lab.page.locator(".rx-states .nsewdrag").first.bounding_box()
    assert box
    lab.page.mouse.move(box["x"] + 0.56 * box["width"], box["y"] + 0.5 * box["height"])
    expect(lab.view).to_have_attribute("data-time", "5")
    for name, kind in {"prediction": "cells", "states": "line", "state_trajectory": "dot", "gates": "line"}.items():
        expect(lab.page.locator(f".rx-{name} .rx-overlay .rx-{kind}").first).to_be_attached()
    # the frame lies on the fifth of the image's eight rows
    frame = lab.page.locator(".rx-prediction .rx-cells").first.bounding_box()
    image = lab.page.locator(".rx-prediction .nsewdrag").first.bounding_box()
    assert frame and image
    assert frame["y"] == pytest.approx(image["y"] + image["height"] * 4 / 8, abs=3)
    assert frame["width"] == pytest.approx(image["width"], abs=4)
    lab.page.mouse.move(5, 5)
    expect(lab.view).to_have_attribute("data-time", "")
    assert lab.page.locator(".rx-overlay i:not(.rx-unit)").count() == 0


def test_many_quick_changes_end_with_the_last(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=lstm")
    task = lab.page.locator("[class*=st-key-set-task-]:visible").get_by_role("combobox")
    for cell, title in [("GRU", "Handwritten digits"), ("LSTM", "3-bit flip-flop"), ("RNN", "Adding problem")]:
        button = lab.keyed("set-cell").locator("button", has_text=cell)
        expect(button).to_have_count(1)  # for a moment, controls of the last task may still be there
        button.click()
        lab.choose(task, title)
    lab.ready()
    expect(lab.page).to_have_url(re.compile(r"\?task=adding&run="))  # nothing but the task's defaults
    expect(lab.page.locator(".rx-gates .rx-title")).to_have_text("Gates, LSTM layer 1")
    assert lab.page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0
    lab.press("step")
    expect(lab.view).to_have_attribute("data-drawn", "1")


def test_a_setting_that_needs_no_new_model_changes_while_it_trains(visit: Visit) -> None:
    lab = visit().open(LONG)
    lab.press("play")
    lab.past(5)
    run = lab.run_id()
    lab.page.locator("[data-testid=stExpander] summary", has_text="rightTraining").click()
    set_slider(lab, "learning_rate", "ArrowRight")
    expect(lab.page).to_have_url(re.compile("learning_rate=0.01"))
    step = lab.drawn()
    lab.past(step + 5)
    assert lab.run_id() == run
    lab.status("training")


def cookie_of(visitor: Visitor) -> dict[str, object]:
    (found,) = [one for one in visitor.page.context.cookies() if str(one.get("name")).startswith("rnn_explorer_")]
    return {**found}


def test_a_refresh_finds_the_run_again(visit: Visit) -> None:
    lab = visit().open(LONG)
    lab.press("play")
    lab.past(10)
    run, step, cookie = lab.run_id(), lab.drawn(), cookie_of(lab)
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
    assert cookie["value"] not in lab.page.evaluate("document.cookie")
    lab.page.reload()
    lab.ready()
    lab.past(step)
    assert lab.run_id() == run and cookie_of(lab)["value"] == cookie["value"]
    lab.status("training")
    expect(lab.play).to_contain_text("Pause")


def test_what_a_page_has_to_say_while_it_is_left_does_not_blank_the_next_one(visit: Visit) -> None:
    lab = visit().open(LONG)
    leave = """(title) => {
      [...document.querySelectorAll('a[href]')].find((link) => link.textContent.trim() === title).click();
      setTimeout(() => __rnnExplorer.get('lab').script.tell('news'), 20);
    }"""
    for title, view in [("Memory", "memory"), ("Cell", "cell")]:
        lab.page.evaluate(leave, title)
        expect(lab.page.locator(f'.rx-view[data-view="{view}"]')).to_be_visible()
        lab.still(700)  # what comes late would take it away again
        expect(lab.page.locator(f'.rx-view[data-view="{view}"]')).to_be_visible()
        lab.go("Lab", "lab")
    lab.ready()
    lab.press("play")
    expect(lab.play).to_contain_text("Pause")
    lab.page.go_back()
    expect(lab.page.locator('.rx-view[data-view="cell"]')).to_be_visible()
    expect(lab.play).to_contain_text("Pause")


def test_another_browser_watches_a_run_and_makes_a_copy_of_its_own(visit: Visit) -> None:
    teacher = visit().open(LONG)
    teacher.press("play")
    teacher.past(5)
    pupil = visit(1000, 800, "dark").open(f"run={teacher.run_id()}")
    pupil.past(5)
    assert pupil.run_id() == teacher.run_id() and cookie_of(pupil)["value"] != cookie_of(teacher)["value"]
    expect(pupil.page.get_by_role("button", name="Make it mine")).to_be_visible()
    expect(pupil.page.locator("[class*=st-key-do-]:visible")).to_have_count(1)  # nothing else steers
    for key in "pnex":
        pupil.page.keyboard.press(key)
    step = teacher.drawn()
    teacher.past(step + 5)
    teacher.status("training")
    teacher.pause()  # who watches sees it
    pupil.status("paused")
    step = int(teacher.view.get_attribute("data-step") or -1)
    expect(pupil.view).to_have_attribute("data-drawn", str(step))
    pupil.press("copy")
    pupil.wait(f"new URL(location.href).searchParams.get('run') !== '{teacher.run_id()}'")
    expect(pupil.play).to_contain_text("Play")
    begin = int(pupil.view.get_attribute("data-step") or -1)
    assert 0 < begin <= step
    pupil.press("play")
    pupil.past(step + 5)
    teacher.status("paused")
    assert teacher.drawn() == step, "a copy leaves the first as it is"
    expect(teacher.play).to_contain_text("Play")


def test_two_tabs_of_one_browser_steer_one_run(visit: Visit) -> None:
    first = visit().open(LONG)
    second = visit(1000, 800, beside=first).open(f"run={first.run_id()}")
    assert second.run_id() == first.run_id()
    first.page.bring_to_front()
    first.press("play")
    second.page.bring_to_front()
    second.past(5)
    second.pause()  # whichever is pressed, both see it
    for tab in (second, first):
        tab.page.bring_to_front()
        tab.status("paused")
        expect(tab.play).to_contain_text("Play")
    expect(first.view).to_have_attribute("data-drawn", second.view.get_attribute("data-step") or "")


def test_a_shared_link_opens_the_same_experiment_with_the_same_curve(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru&hidden_size=16&seed=7")
    lab.page.evaluate("__rnnExplorer.get('lab').share()")
    link = lab.page.get_by_role("dialog").get_by_role("textbox", name="The same experiment").input_value()
    assert "run=" not in link and "hidden_size=16" in link
    lab.page.keyboard.press("Escape")
    other = visit()
    other.page.goto(link)
    other.ready()
    assert other.run_id() != lab.run_id()
    for visitor in (lab, other):
        visitor.press("epoch")
        expect(visitor.view).to_have_attribute("data-drawn", "50")
    assert curve(lab) == curve(other)
    assert len(curve(lab)) > 50


def curve(visitor: Visitor) -> list[dict[str, str]]:
    address = f"{visitor.server.url}explorer/figure/{visitor.run_id()}/curves.csv"
    return list(csv.DictReader(io.StringIO(visitor.page.request.get(address).text())))


def test_what_is_shown_can_be_chosen_while_it_trains(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru&num_layers=2&bidirectional=true&steps=100000")
    lab.press("play")
    lab.past(3)
    select = lambda name, value: lab.page.locator(f"select[name={name}]").first.select_option(value)  # noqa: E731
    select("layer", "1")
    expect(lab.page.locator(".rx-states .rx-title")).to_contain_text("layer 2")
    select("direction", "backward")
    expect(lab.page.locator(".rx-states .rx-title")).to_contain_text("backward")
    verdict = lab.page.locator(".rx-prediction .rx-title").inner_text()
    select("sequence", "3")
    expect(lab.page.locator(".rx-prediction .rx-title")).not_to_have_text(verdict)
    select("gates", "unit")
    expect(lab.page.locator(".rx-gates .rx-title")).to_contain_text("Unit 0")
    unit = lab.page.locator("input[name=unit]")
    unit.fill("5")
    unit.press("Enter")
    expect(lab.page.locator(".rx-gates .rx-title")).to_contain_text("Unit 5")
    unit.fill("9999")
    unit.press("Enter")
    expect(lab.page.locator(".rx-gates .rx-title")).to_contain_text("Unit 31")
    select("gates", "saturation")
    expect(lab.page.locator(".rx-gates .rx-title")).to_contain_text("shut or open")
    select("dims", "3")
    expect(lab.page.locator(".rx-state_trajectory canvas").first).to_be_attached()
    lab.page.locator("input[name=log]").check()
    lab.wait("document.querySelector('.rx-curves .rx-plot')._fullLayout.yaxis.type === 'log'")
    step = lab.drawn()
    lab.past(step)
    lab.status("training")


def test_a_click_on_a_row_chooses_its_unit(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru")
    lab.page.locator("select[name=gates]").select_option("unit")
    expect(lab.page.locator(".rx-gates .rx-title")).to_contain_text("Unit 0")

    def place() -> tuple[float, float]:
        box = lab.page.locator(".rx-states .nsewdrag").first.bounding_box()
        assert box
        return box["x"] + 0.5 * box["width"], box["y"] + box["height"] * (1 - 20.5 / 32)

    lab.pick(place, "unit", "20")
    expect(lab.page.locator(".rx-gates .rx-title")).to_contain_text("Unit 20")
    expect(lab.page.locator("input[name=unit]")).to_have_value("20")


def test_every_figure_can_be_taken_home(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru")
    lab.press("step")
    expect(lab.view).to_have_attribute("data-drawn", "1")
    for name in ("curves", "states"):  # of all of them, tests/ui asks the server
        saved = {}
        for words in ("PNG picture", "HTML, interactive", "CSV, the numbers"):
            panel = lab.page.locator(f".rx-{name}")
            panel.locator(".rx-menu summary").click()
            with lab.page.expect_download() as download:
                panel.get_by_text(words).click()
            saved[words] = download.value.path().read_bytes()
        assert saved["PNG picture"].startswith(b"\x89PNG") and len(saved["PNG picture"]) > 5000, name
        assert b"Plotly.newPlot" in saved["HTML, interactive"], name
        rows = list(csv.DictReader(io.StringIO(saved["CSV, the numbers"].decode())))
        assert rows and len(rows[0]) >= 2, name


def test_bad_values_in_the_address_are_told_as_text(visit: Visit) -> None:
    lab = visit().open("task=adding&hidden_size=%3Cimg%20src=x%20onerror=alert(1)%3E&cell=gru")
    expect(lab.page.get_by_text("hidden_size is '<img src=x onerror=alert(1)>'")).to_be_visible()
    assert lab.page.locator("img[src=x]").count() == 0
    lab.press("step")
    expect(lab.view).to_have_attribute("data-drawn", "1")


def test_divergence_is_told_until_the_message_is_closed_and_reset_helps(visit: Visit) -> None:
    query = (
        "task=adding&cell=rnn&nonlinearity=relu&init=identity&optimizer=sgd&learning_rate=5.0&clip_norm=0&seq_len=100"
    )
    lab = visit().open(query)
    lab.press("play")
    lab.status("diverged")
    note = lab.page.locator(".rx-note")
    expect(note).to_contain_text("Diverged at step")
    expect(note).to_contain_text("learning rate")
    note.get_by_role("button", name="Close this message").click()
    expect(note).to_be_hidden()
    lab.press("test")  # something else that the page has to draw
    lab.still()
    expect(note).to_be_hidden()
    lab.press("reset")
    lab.status("ready")
    expect(note).to_be_hidden()


def test_the_drawing_of_the_network_follows_the_controls_and_the_layer_summary_opens(visit: Visit) -> None:
    lab = visit().open("task=digits")
    drawing = lab.page.locator(".st-key-network svg")
    expect(drawing).to_have_attribute("aria-label", re.compile("RNN 128 .* dense 64 .* dense 32 .* 10"))
    page = lab.page
    page.get_by_role("button", name="Layer summary").click()
    expect(page.get_by_text("28,330").first).to_be_visible()
    expect(page.get_by_text("28,202").first).to_be_visible()
    page.get_by_role("button", name="Layer summary").click()
    expect(page.get_by_text("28,202")).to_have_count(0)
    lab.keyed("set-cell").locator("button", has_text="LSTM").click()
    expect(drawing).to_have_attribute("aria-label", re.compile("LSTM 128"))
