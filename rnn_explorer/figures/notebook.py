"""How a figure shows itself in a notebook: its title, the figure, and the one line for the reader."""

from __future__ import annotations

import html


def block(title: str, body: str, how_to_read: str, heading: bool = True) -> str:
    """HTML of a figure.

    Args:
        title, how_to_read: plain text, which is escaped here.
        body: HTML.
        heading: whether the title stands above the body; else the body has it.
    """
    head = f'<div style="font-weight: bold">{html.escape(title)}</div>' if heading else ""
    foot = f'<div style="opacity: 0.75; font-size: 0.9em">{html.escape(how_to_read)}</div>'
    return f'<figure style="margin: 0.5em 0">{head}{body}<figcaption>{foot}</figcaption></figure>'
