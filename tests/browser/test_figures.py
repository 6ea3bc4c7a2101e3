"""Figures that are drawn in place look as Plotly would draw them from nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
BOARD = "[...window.__rnnExplorer.values()].find((board) => board.root.isConnected)"

# What is drawn in a figure, and the same in one that Plotly draws from nothing in a box of the same size.
DRAWN = r"""async (name) => {
  const card = BOARD.cards.get(name);
  const { width, height } = card.plot.getBoundingClientRect();
  const box = document.createElement('div');
  Object.assign(box.style, { position: 'fixed', left: 0, top: 0, width: `${width}px`, height: `${height}px` });
  document.body.append(box);
  const traces = card.state.data.map((trace) => ({ ...trace }));
  await Plotly.newPlot(box, traces, card.layout(), { responsive: false, displayModeBar: false });
  // Names of traces and clips, and the order of styles, differ from figure to figure and mean nothing.
  const own = (text) => (text || '').replace(/url\([^)]*\)/g, 'url()').replace(/cb[0-9a-f]{6}/g, 'cb');
  const about = (node) => ({
    tag: node.tagName, class: own(node.getAttribute('class')), d: node.getAttribute('d'),
    transform: node.getAttribute('transform'), x: node.getAttribute('x'), y: node.getAttribute('y'),
    style: own(node.style.cssText).split('; ').map((part) => part.replace(/;$/, '')).sort().join('; '),
    text: node.childElementCount ? '' : node.textContent,
  });
  const all = (plot, layer) => [...plot.querySelectorAll(`${layer} :is(path, text, tspan, line, rect)`)].map(about);
  const texts = (entries) => entries.map((entry) => JSON.stringify(entry)).sort();  // these do not cover each other
  const read = (plot) => [...all(plot, '.cartesianlayer'), ...texts(all(plot, '.infolayer'))];
  const found = { here: read(card.plot), fresh: read(box), repaints: Number(card.root.dataset.repaints || 0) };
  Plotly.purge(box);
  box.remove();
  return found;
}""".replace("BOARD", BOARD)


def drawn(visitor: Visitor, name: str) -> dict[str, Any]:
    return visitor.page.evaluate(DRAWN, name)


def rest(visitor: Visitor) -> None:
    """Pause, and wait until the last step is drawn."""
    visitor.pause()
    visitor.status("paused")
    visitor.wait("document.querySelector('.rx-board').dataset.drawn === document.querySelector('.rx-board').dataset.step")
    visitor.wait(f"[...{BOARD}.cards.values()].every((card) => !card.dirty)")


def note_wholes(visitor: Visitor) -> None:
    """From now on `wholes` in the page names the figures that were drawn whole."""
    visitor.page.evaluate(
        """() => {
        window.wholes = [];
        const react = Plotly.react;
        Plotly.react = (plot, ...rest) => {
            window.wholes.push(plot.closest('.rx-card').dataset.figure);
            return react(plot, ...rest);
        };
    }"""
    )


@pytest.mark.parametrize(
    "query, figures",
    [
        ("task=flip_flop&cell=lstm", ("curves", "answer", "path")),
        ("task=digits&cell=gru", ("curves", "answer", "path")),
        ("task=adding&cell=rnn", ("curves", "answer", "path")),
    ],
)
def test_lines_points_and_bars_moved_in_place_look_as_when_drawn_from_nothing(
    visit: Visit, query: str, figures: tuple[str, ...]
) -> None:
    lab = visit().open(f"{query}&steps=100000&speed_limit=30")
    lab.press("play")
    for name in figures:
        lab.wait(f"Number(document.querySelector('.rx-{name}').dataset.repaints || 0) > 5")
    rest(lab)
    lab.page.evaluate(f"{BOARD}.cards.forEach((card) => card.redraw())")  # at rest axes fit what is there
    lab.wait(f"[...{BOARD}.cards.values()].every((card) => !card.dirty)")
    note_wholes(lab)
    before = {name: drawn(lab, name) for name in figures}
    for _ in range(3):
        step = lab.drawn()
        lab.press("step")
        expect(lab.board).to_have_attribute("data-drawn", str(step + 1))
        lab.wait(f"[...{BOARD}.cards.values()].every((card) => !card.dirty)")
    moved = 0
    for name in figures:
        found = drawn(lab, name)
        assert len(found["here"]) > 20
        for mine, fresh in zip(found["here"], found["fresh"], strict=True):
            assert mine == fresh, name
        if name not in lab.page.evaluate("window.wholes"):
            assert found["here"] != before[name]["here"], f"{name} did not move"
            assert found["repaints"] >= before[name]["repaints"] + 3
            moved += 1
    assert moved, "some figure must have been drawn in place alone"
