"""Figures that are drawn in place look as Plotly would draw them from nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor

Visit = Callable[..., Visitor]
VIEW = "[...window.__rnnExplorer.values()].find((view) => view.root.isConnected)"

# What is drawn in a figure, and the same in one that Plotly draws from nothing in a box of the same size.
DRAWN = r"""async (name) => {
  const panel = VIEW.panels.get(name);
  const { width, height } = panel.plot.getBoundingClientRect();
  const box = document.createElement('div');
  Object.assign(box.style, { position: 'fixed', left: 0, top: 0, width: `${width}px`, height: `${height}px` });
  document.body.append(box);
  const traces = panel.state.data.map((trace) => ({ ...trace }));
  await Plotly.newPlot(box, traces, panel.layout(), { responsive: false, displayModeBar: false });
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
  const found = { here: read(panel.plot), fresh: read(box), repaints: Number(panel.root.dataset.repaints || 0) };
  Plotly.purge(box);
  box.remove();
  return found;
}""".replace("VIEW", VIEW)


def drawn(visitor: Visitor, name: str) -> dict[str, Any]:
    return visitor.page.evaluate(DRAWN, name)


def rest(visitor: Visitor) -> None:
    """Pause, and wait until the last step is drawn."""
    visitor.pause()
    visitor.status("paused")
    visitor.wait("document.querySelector('.rx-view').dataset.drawn === document.querySelector('.rx-view').dataset.step")
    visitor.wait(f"[...{VIEW}.panels.values()].every((panel) => !panel.dirty)")


def note_wholes(visitor: Visitor) -> None:
    """From now on `wholes` in the page names the figures that were drawn whole."""
    visitor.page.evaluate(
        """() => {
        window.wholes = [];
        const react = Plotly.react;
        Plotly.react = (plot, ...rest) => {
            window.wholes.push(plot.closest('.rx-panel').dataset.figure);
            return react(plot, ...rest);
        };
    }"""
    )


@pytest.mark.parametrize(
    "query, figures",
    [
        ("task=flip_flop&cell=lstm", ("curves", "prediction", "state_trajectory")),
        ("task=digits&cell=gru", ("curves", "prediction", "state_trajectory")),
        ("task=adding&cell=rnn", ("curves", "prediction", "state_trajectory")),
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
    lab.page.evaluate(f"{VIEW}.panels.forEach((panel) => panel.redraw())")  # at rest axes fit what is there
    lab.wait(f"[...{VIEW}.panels.values()].every((panel) => !panel.dirty)")
    note_wholes(lab)
    before = {name: drawn(lab, name) for name in figures}
    for _ in range(3):
        step = lab.drawn()
        lab.press("step")
        expect(lab.view).to_have_attribute("data-drawn", str(step + 1))
        lab.wait(f"[...{VIEW}.panels.values()].every((panel) => !panel.dirty)")
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


def test_a_figure_that_moves_in_place_can_be_zoomed_pointed_at_and_parts_of_it_hidden(visit: Visit) -> None:
    lab = visit(alone=True).open("task=adding&cell=gru&steps=100000&speed_limit=20")
    plot = "document.querySelector('.rx-prediction .rx-plot')"
    repaints = "Number(document.querySelector('.rx-prediction').dataset.repaints || 0)"
    lab.press("play")
    lab.wait(f"{repaints} > 3")
    box = lab.page.locator(".rx-prediction .nsewdrag").first.bounding_box()
    assert box
    mouse = lab.page.mouse
    mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.8 * box["height"], steps=6)
    mouse.up()
    ends = f"{plot}._fullLayout.xaxis.range.map((x) => Math.round(100 * x) / 100)"
    lab.wait(f"({ends})[0] > 3")
    zoomed, drawn_before = lab.page.evaluate(ends), lab.page.evaluate(repaints)
    lab.wait(f"{repaints} > {drawn_before + 5}")
    rest(lab)
    assert lab.page.evaluate(ends) == zoomed
    found = drawn(lab, "prediction")
    assert found["here"] == found["fresh"], "what lies outside the zoom is cut off as by Plotly"

    # what is pointed at is told with its newest value
    place = """() => {
        const { plot, state } = VIEW.panels.get('prediction');
        const frame = plot.getBoundingClientRect();
        const inside = ({ range }, value) => value > Math.min(...range) && value < Math.max(...range);
        for (const { xaxis = 'x', yaxis = 'y', hoverinfo, x, y } of state.data) {
            const [across, up] = [xaxis, yaxis].map((id) => plot._fullLayout[`${id[0]}axis${id.slice(1)}`]);
            const n = Array.from(y).findIndex((value, at) => inside(across, x[at]) && inside(up, value));
            const at = (side, axis, value) => frame[side] + axis._offset + axis.l2p(value);
            if (n >= 0 && hoverinfo !== 'skip') return [at('x', across, x[n]), at('y', up, y[n])];
        }
        return null;
    }""".replace("VIEW", VIEW)
    point = lab.page.evaluate(place)
    assert point
    mouse.move(point[0] + 40, point[1] + 20)
    mouse.move(*point, steps=4)
    lab.wait(f"({plot}._hoverdata || []).length > 0")
    held = f"(({{ curveNumber: curve, pointNumber: n }}) => {VIEW}.panels.get('prediction').state.data[curve].y[n])"
    told = f"[{plot}._hoverdata[0].y, {held}({plot}._hoverdata[0])]"
    shown, newest = lab.page.evaluate(told)
    assert shown == newest
    step = lab.drawn()
    lab.page.keyboard.press("n")
    expect(lab.view).to_have_attribute("data-drawn", str(step + 1))
    shown, newest = lab.page.evaluate(told)
    assert shown == newest

    # a trace that the person hid stays hidden
    mouse.move(5, 5)
    target = lab.page.locator(".rx-curves .legendtoggle").first
    target.click()
    hidden = "document.querySelector('.rx-curves .rx-plot')._fullData.filter((t) => t.visible === 'legendonly').length"
    lab.wait(f"{hidden} > 0")
    count, step = lab.page.evaluate(hidden), lab.drawn()
    lab.press("play")
    lab.past(step + 10)
    rest(lab)
    assert lab.page.evaluate(hidden) == count


def test_what_is_marked_follows_a_path_that_moves_in_place(visit: Visit) -> None:
    lab = visit().open("task=adding&cell=gru&steps=100000&speed_limit=20")
    lab.press("play")
    lab.wait("Number(document.querySelector('.rx-state_trajectory').dataset.repaints || 0) > 3")
    lab.page.evaluate(f"{VIEW}.setTime(4)")
    dot = "(({ left, top }) => [left, top])(document.querySelector('.rx-state_trajectory .rx-dot').style)"
    first = lab.page.evaluate(dot)
    lab.wait(f"({dot}).join() !== '{','.join(first)}'")
    rest(lab)
    panel = f"{VIEW}.panels.get('state_trajectory')"
    place = lab.page.evaluate(
        f"""() => {{
        const panel = {panel}, number = panel.state.marks[0].trace, trace = panel.state.data[number];
        const {{ xaxis, yaxis }} = panel.plot._fullLayout;
        return [xaxis._offset + xaxis.l2p(trace.x[3]), yaxis._offset + yaxis.l2p(trace.y[3])];
    }}"""
    )
    assert [float(length.removesuffix("px")) for length in lab.page.evaluate(dot)] == pytest.approx(place, abs=0.01)
