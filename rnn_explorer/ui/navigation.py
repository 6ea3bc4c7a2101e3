"""The navigation: each page is found by itself; its file says its title and its place.

A file is read, not run: `TITLE` (its name with a capital letter where that is missing), `ORDER` (last where it is
missing; the first page is the one without a path of its own) and `GROUP` stand in it as constants. Pages of a group
with a name fold into a menu, which is one press more; so a page that would be alone there, such as the list of runs,
has none.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

import rnn_explorer

_PACKAGE = Path(rnn_explorer.__file__).resolve().parent
# In a checkout the pages stand beside the package, in an installation within it (see setup.py).
FRAME = next(path for folder in (_PACKAGE, _PACKAGE.parent) if (path := folder / "pages" / "_frame.py").is_file())
LAST = 1_000  # the place of a page that names none


@dataclass(frozen=True)
class Page:
    """A page as its file describes it.

    Attributes:
        name: of the file, and in the page's address.
        title: in the navigation.
        order: where it stands there.
        group: under which it stands there; "" for none.
    """

    name: str
    title: str
    order: int
    group: str


@functools.cache
def found() -> tuple[Page, ...]:
    """Every page, in the order of the navigation."""
    pages = (_described(path) for path in FRAME.parent.glob("[!_]*.py"))
    return tuple(sorted(pages, key=lambda page: (page.order, page.name)))


def address(page: Page) -> str:
    """The path of a page below the app's: the first has none."""
    return "" if page == found()[0] else page.name


def _described(path: Path) -> Page:
    constants: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.targets[0], ast.Name)
        ):
            constants[node.targets[0].id] = node.value.value
    return Page(
        path.stem,
        constants.get("TITLE", path.stem.capitalize()),
        constants.get("ORDER", LAST),
        constants.get("GROUP", ""),
    )


def run() -> None:
    """Draw the navigation and run the page that the address names."""
    groups: dict[str, list[Any]] = {}
    for page in found():
        entry = st.Page(f"{page.name}.py", title=page.title, default=not address(page))
        groups.setdefault(page.group, []).append(entry)
    st.navigation(groups, position="top").run()
