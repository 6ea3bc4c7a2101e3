"""A written text with its candidates: the drawing is read back as XML."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from rnn_explorer.figures.try_it.generated_text import _CELL, MOST, generated_text
from rnn_explorer.figures.try_it.samples import written

SVG = "{http://www.w3.org/2000/svg}"


def letters(root: ElementTree.Element) -> dict[tuple[int, int, int], str]:
    """(line, column, y) -> letter, from the lists of places of each row."""
    found = {}
    for number, line in enumerate(root.findall(f"{SVG}g")):
        for text in line.findall(f"{SVG}text"):
            places = [int(x) for x in text.attrib["x"].split()]
            assert len(places) == len(text.text or "")
            for x, letter in zip(places, text.text or "", strict=True):
                key = (number, x // _CELL, int(text.attrib["y"]))
                assert key not in found, "two letters in one place"
                found[key] = letter
    return found


TEXT = 'It is <a> way & I have "of" driving off the spleen\nand so on and on and on]]>.'


def test_text_and_candidates_stand_where_they_belong() -> None:
    sample = written(TEXT)
    drawing = generated_text(sample, "lstm", columns=20)
    root = ElementTree.fromstring(drawing.svg)
    found = letters(root)
    heights = sorted({y for _, _, y in found})
    assert len(heights) == 6
    order = sorted((line, column) for line, column, y in found if y == heights[0])
    assert max(column for _, column in order) < 20 and order[-1][0] >= 3
    shown = "".join(found[(*place, heights[0])] for place in order)
    assert shown == TEXT.replace("\n", "⏎").replace(" ", "\u00a0") + "?"
    for place, where in enumerate(order):
        column = [found.get((*where, y)) for y in heights[1:]]
        if place == 0:
            assert column == [None] * 5, "nothing is expected before the first"
        else:
            signs = {" ": "␣", "\n": "⏎"}
            assert column == [signs.get(symbol, symbol) for symbol in sample.candidates[place - 1]]


def test_what_was_taken_is_framed_and_likely_is_dark() -> None:
    sample = written(TEXT)
    root = ElementTree.fromstring(generated_text(sample, "gru", columns=30).svg)
    paths = root.findall(f".//{SVG}path")
    framed = sum(path.attrib["d"].count("M") for path in paths if path.attrib["fill"] == "none")
    places = range(1, len(TEXT))
    assert framed == sum(TEXT[place] in sample.candidates[place - 1] for place in places) < len(places)
    shaded = {
        path.attrib["fill-opacity"]: path.attrib["d"].count("M") for path in paths if path.attrib["fill"] != "none"
    }
    assert {path.attrib["fill"] for path in paths} == {"none", "#009E73"}
    assert max(map(float, shaded)) <= 0.6 and len(shaded) > 3


def test_numbers_where_the_mouse_rests() -> None:
    sample = written("ab<", given=1)
    titles = [title.text for title in ElementTree.fromstring(generated_text(sample, "rnn").svg).iter(f"{SVG}title")]
    first, second, last = titles
    percent = [f"{100 * float(chance):.1f} %" for chance in sample.chances[0]]
    assert (
        first == f"b, which had 0.0 %: A {percent[0]}, b {percent[1]}, C {percent[2]}, D {percent[3]}, E {percent[4]}"
    )
    assert second.startswith("<, which had 100.0 %: ") and last.startswith("what comes next: A ")


@pytest.mark.parametrize("text", ["a", "\u0301\U0001f40b\x01", "\n" * 50])
def test_odd_texts_are_sound_xml(text: str) -> None:
    sample = written(text, given=1, k=3)
    letters(ElementTree.fromstring(generated_text(sample, "rnn").svg))


def test_a_long_text_is_cut_at_its_beginning() -> None:
    text = "".join("abcdefghij"[number % 7] for number in range(MOST + 37))
    drawing = generated_text(written(text), "rnn")
    assert drawing.title == f"Written by the model, temperature 1: {MOST + 35} characters, the last {MOST}"
    found = letters(ElementTree.fromstring(drawing.svg))
    top = min(y for _, _, y in found)
    shown = "".join(found[key] for key in sorted(found) if key[2] == top)
    assert shown == text[-MOST:] + "?" and len(drawing.table["place"]) == MOST + 38


def test_words_and_table() -> None:
    drawing = generated_text(written("The whale", temperature=0.0), "rnn")
    assert drawing.title == "Written by the model, always the likeliest character: 7 characters"
    assert drawing.notes == ('"é" was left out.',) and drawing.how_to_read.endswith(".")
    table = drawing.table
    assert "".join(table["symbol"]) == "The whale" and table["given"].tolist() == [True] * 2 + [False] * 8
    assert table["candidate 1"].tolist()[:2] == ["", "A"] and np.isnan(table["its chance (1)"][0])
    assert drawing.to_csv().count("\n") == 11
    assert re.search(r'viewBox="0 0 \d+ \d+"', drawing.svg) and " height=" not in drawing.svg.split(">")[0]
