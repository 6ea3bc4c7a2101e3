"""The film as one HTML file: what the worker made, the figures' modules, Plotly, the style, nothing from elsewhere.

The file's own policy forbids it to load or to send anything. Its modules import each other by the names of an import
map, which leads to the modules' text.
"""

from __future__ import annotations

import base64
import functools
import gzip
import html
import json
import re
from dataclasses import dataclass
from pathlib import Path

from rnn_explorer.ui import scripts, server_settings

_FOLDER = Path(__file__).parent
_IMPORT = re.compile(r'(?<=from ")\.\.?/(?:live_figures/)?([a-z_]+\.js)(?=")')
_PREFIX = "rx/"  # of the modules' names in the import map
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_HOW = (
    "Move the slider, or press Replay, to see how it learned. Choose another sequence or unit above the figures; "
    "point at a time step, and it is marked in all of them. Press ? for the keys."
)


@dataclass(frozen=True)
class About:
    """What stands above the figures.

    Attributes:
        name: of the run, as its owner called it, or "".
        sentence: what the network does.
        facts: task, cell, sizes, seed and the like, a few words each.
        made: when and by what it was made.
    """

    name: str
    sentence: str
    facts: tuple[str, ...]
    made: str


def page(content: bytes, about: About) -> bytes:
    """The file.

    Args:
        content: as `engine.film_parts` describes it.
        about: the words above the figures; shown as text.
    """
    title = html.escape(about.name or about.sentence)
    lines = [about.sentence] * bool(about.name) + [" · ".join((*about.facts, about.made))]
    head = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="content-security-policy" content="{_POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f'<title>{title}</title>\n<link rel="icon" href="data:,">\n<style>{_style()}</style>\n',
            f'<script type="importmap">{_import_map()}</script>\n</head>\n<body>\n',
            f'<header class="film-head"><h1>{title}</h1>{head}<p>{_HOW} <span id="note"></span></p></header>\n',
            '<main id="film">The film is being unpacked.</main>\n',
            f'<script type="text/plain" id="plotly">{_plotly()}</script>\n',
            f'<script type="text/plain" id="content">{base64.b64encode(content).decode()}</script>\n',
            f'<script type="module">import "{_PREFIX}film_main.js";</script>\n</body>\n</html>\n',
        )
    ).encode()


@functools.cache
def modules() -> dict[str, str]:
    """The modules that a film needs, by name; they import each other by the names of the import map."""
    texts = {name: source.decode() for name, source in scripts.modules().items()}
    texts |= {path.name: path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.js")}
    found: dict[str, str] = {}
    wanted = ["film_main.js"]
    while wanted:
        name = wanted.pop()
        if name not in found:
            wanted += _IMPORT.findall(texts[name])
            found[name] = _IMPORT.sub(rf"{_PREFIX}\1", texts[name])
    return found


@functools.cache
def _import_map() -> str:
    texts = {
        f"{_PREFIX}{name}": f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"
        for name, text in sorted(modules().items())
    }
    return json.dumps({"imports": texts})


@functools.cache
def _plotly() -> str:
    return base64.b64encode(gzip.compress(scripts.plotly_script(), 9, mtime=0)).decode()


@functools.cache
def _style() -> str:
    """The colors of the page's themes, the style of the figures, and the film's own."""
    settings = server_settings.read()
    names = {
        "primaryColor": "primary",
        "backgroundColor": "background",
        "secondaryBackgroundColor": "secondary-background",
        "textColor": "text",
        "borderColor": "border",
    }
    themes = []
    for theme in ("light", "dark"):
        colors = "".join(f"--st-{css}-color: {settings[f'theme.{theme}.{name}']}; " for name, css in names.items())
        themes.append(f':root[data-theme="{theme}"] {{ color-scheme: {theme}; {colors}}}')
    sheets = [path.read_text(encoding="utf-8") for path in (*scripts.STYLES, _FOLDER / "film.css")]
    size = f":root {{ font-size: {settings['theme.baseFontSize']}px; }}"
    return "\n".join((*themes, size, *sheets))


def file_name(task: str, cell: str, step: int) -> str:
    """What the file is called."""
    return f"{task}-{cell}-film-step{step}.html"
