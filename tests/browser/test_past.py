"""The time machine in a real browser: back to any kept step, the replay, and branches."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
SHORT = "task=adding&cell=gru&seq_len=12&hidden_size=8&learning_rate=0.02&steps=40"
VALUES = "JSON.stringify([...document.querySelector('.rx-states .rx-plot').data[0].z].map((row) => [...row]))"


def trained(visit: Visit) -> Visitor:
    lab = visit().open(SHORT)
    lab.press("play")
    lab.status("finished")
    expect(lab.view).to_have_attribute("data-drawn", "40")
    return lab


def slide(lab: Visitor, place: int) -> None:
    """Move the slider of the past to its position number `place`."""
    lab.page.locator(".rx-slider").evaluate(
        "(node, place) => { node.value = place; node.dispatchEvent(new Event('input', { bubbles: true })); }", place
    )


def at(lab: Visitor, step: int | str) -> None:
    expect(lab.view).to_have_attribute("data-at", str(step))


def test_every_figure_goes_back_and_nothing_is_trained_again(visit: Visit) -> None:
    lab = trained(visit)
    now = lab.page.evaluate(VALUES)
    words = lab.page.locator(".rx-prediction .rx-title").inner_text()
    slide(lab, 0)
    at(lab, 0)
    lab.wait(f"{VALUES} !== {now!r}")
    expect(lab.page.locator(".rx-when")).to_have_text("looking back at step 0")
    expect(lab.page.locator(".rx-prediction .rx-title")).not_to_have_text(words)
    expect(lab.play).to_contain_text("Play from step 0")
    untrained = lab.page.evaluate(VALUES)
    lab.page.locator(".rx-curves .rx-title").click()  # anywhere but on a control
    for _ in range(3):
        lab.page.keyboard.press("ArrowRight")
    at(lab, 3)
    lab.wait(f"{VALUES} !== {untrained!r}")
    lab.page.keyboard.press("ArrowLeft")
    at(lab, 2)
    lab.page.get_by_role("button", name="Back to the present").click()
    at(lab, "")
    lab.wait(f"{VALUES} === {now!r}")
    lab.status("finished")
    expect(lab.view).to_have_attribute("data-step", "40")
    lab.press("reset")
    expect(lab.view).to_have_attribute("data-drawn", "0")
    lab.wait(f"{VALUES} === {untrained!r}")


def test_the_replay_shows_how_it_learned_and_ends_in_the_present(visit: Visit) -> None:
    lab = trained(visit)
    now = lab.page.evaluate(VALUES)
    lab.page.locator("select[name=film]").select_option("10")
    lab.page.get_by_text("▶ Replay").click()
    expect(lab.page.get_by_text("■ Stop")).to_be_visible()
    lab.wait("Number(document.querySelector('.rx-view').dataset.at) > 5")
    lab.page.get_by_text("■ Stop").click()
    expect(lab.page.get_by_text("▶ Replay")).to_be_visible()
    stopped = lab.view.get_attribute("data-at")
    assert stopped and int(stopped) > 5
    lab.still()
    at(lab, stopped)
    lab.page.locator("select[name=film]").select_option("20")
    lab.page.get_by_text("▶ Replay").click()
    at(lab, "")  # it goes on from there to the end
    lab.wait(f"{VALUES} === {now!r}")
    expect(lab.view).to_have_attribute("data-step", "40")
    lab.status("finished")


def test_play_from_an_old_step_goes_on_as_a_branch(visit: Visit) -> None:
    lab = trained(visit)
    first = lab.run_id()
    slide(lab, 10)
    at(lab, 10)
    expect(lab.play).to_contain_text("Play from step 10")
    lab.press("play")
    lab.wait(f"new URL(location.href).searchParams.get('run') !== '{first}'")
    at(lab, "")
    lab.status("finished")
    expect(lab.view).to_have_attribute("data-drawn", "40")
    branches = lab.keyed("branch").get_by_role("combobox")
    expect(branches).to_have_value("branch 2: from step 10")
    expect(lab.page.locator(".rx-curves .rx-how")).to_contain_text("other branches")
    lab.choose(branches, re.compile("branch 1"))
    lab.wait(f"new URL(location.href).searchParams.get('run') === '{first}'")
    expect(lab.keyed("branch").get_by_role("combobox")).to_have_value("branch 1: from the beginning")
    lab.status("finished")
    assert lab.page.locator("[class*=st-key-branch-]").count() == 1
