from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from rnn_explorer.figures.network import network_svg
from rnn_explorer.figures.style import cell_color

SVG = "{http://www.w3.org/2000/svg}"


def draw(
    layers: int = 1, dense: tuple[int, ...] = (), both: bool = False, embedding: int = 0, **more: str
) -> ET.Element:
    label = more.get("label", "letter")
    return ET.fromstring(network_svg(label, 30, [64] * layers, dense, "language", 10, "lstm", both, embedding))


@pytest.mark.parametrize(
    ("layers", "dense", "both", "embedding"),
    list(itertools.product((1, 4), ((), (64, 32, 16, 8)), (False, True), (0, 16))),
)
def test_a_box_a_layer_an_arrow_between_and_loops_on_recurrent_ones(
    layers: int, dense: tuple[int, ...], both: bool, embedding: int
) -> None:
    root = draw(layers, dense, both, embedding)
    boxes = root.findall(f"{SVG}rect")
    assert len(boxes) == 2 + layers + len(dense) + bool(embedding)
    colored = [box for box in boxes if box.get("stroke") == cell_color("lstm")]
    assert len(colored) == layers
    curves = [curve for curve in root.findall(f"{SVG}path") if "C" in curve.get("d", "")]
    assert len(curves) == layers * (2 if both else 1)
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for box in boxes:  # nothing outside, nothing overlapping
        assert float(box.get("x", "")) >= 0 and float(box.get("x", "")) + float(box.get("width", "")) <= width
        assert float(box.get("y", "")) + float(box.get("height", "")) <= height
    tops = [float(box.get("y", "")) for box in boxes]
    assert all(later - earlier > 26 for earlier, later in itertools.pairwise(tops))


def test_sizes_are_written_and_read_out() -> None:
    root = draw(2, (12,), embedding=16)
    words = "".join(root.itertext())
    for part in ("letter 30", "embedding 16", "LSTM 64", "dense 12", "language 10"):
        assert part in words
    assert root.get("role") == "img"
    assert (
        root.get("aria-label") == "The network: letter 30 → embedding 16 → LSTM 64 → LSTM 64 → dense 12 → language 10"
    )


def test_both_directions_are_told() -> None:
    assert "both directions" in (draw(both=True).get("aria-label") or "")
    assert "both directions" not in (draw().get("aria-label") or "")


def test_text_is_text() -> None:
    root = draw(label="<b>\"&'")
    assert not root.findall(f".//{SVG}b")
    assert "<b>\"&'" in (root.get("aria-label") or "")


def test_a_long_label_is_shortened_in_the_drawing_only() -> None:
    root = draw(label="a very long name of an input that goes on")
    texts = ["".join(text.itertext()) for text in root.findall(f"{SVG}text")]
    assert texts[0].startswith("a very") and "…" in texts[0] and texts[0].endswith(" 30")
    assert "that goes on" in (root.get("aria-label") or "")


def test_no_page_colors() -> None:
    drawn = network_svg("x", 1, [8], [], "y", 1, "rnn", False)
    colors = {part.split('"')[1] for name in ("fill=", "stroke=") for part in drawn.split(name)[1:]}
    assert colors <= {"currentColor", "none", cell_color("rnn")}
