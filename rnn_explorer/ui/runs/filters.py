"""Which runs are listed: search, and one control for each way in which the runs differ at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import streamlit as st

from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.ui.runs.rows import cell_of, line, name_of, task_of

Part = Literal["current", "archived", "deleted"]
_PARTS: Mapping[Part, str] = {"current": "Runs", "archived": "Archived", "deleted": "Deleted, for 24 hours"}
# By what runs are filtered: the label, and the values that a run has.
BY: Mapping[str, Callable[[StoredRun], tuple[str, ...]]] = {
    "Task": lambda run: (task_of(run),),
    "Cell": lambda run: (cell_of(run),),
    "Status": lambda run: (run.status,),
    "Tags": lambda run: tuple(map(line, run.tags)),
}


@dataclass(frozen=True)
class Filter:
    """What is to be listed.

    Attributes:
        part: current, archived or deleted runs.
        words: each must be in the name, the note or the tags of a run, in any case of letters.
        values: by the keys of `BY`, of which a run must have one; none: all.
        starred: whether only starred runs are listed.
    """

    part: Part = "current"
    words: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    starred: bool = False

    def takes(self, run: StoredRun) -> bool:
        """Whether a run is listed."""
        if part_of(run) != self.part or (self.starred and not run.starred):
            return False
        if any(wanted and not set(wanted) & set(BY[name](run)) for name, wanted in self.values.items()):
            return False
        text = " ".join((name_of(run), run.name, run.note, *run.tags)).casefold() if self.words else ""
        return all(word in text for word in self.words)


def part_of(run: StoredRun) -> Part:
    """Where a run is listed."""
    return "deleted" if run.deleted is not None else "archived" if run.archived else "current"


def show(runs: Sequence[StoredRun]) -> Filter:
    """Draw the controls for these runs; one with nothing to choose from is left out.

    Args:
        runs: all of the visitor.
    """
    parts = [part for part in get_args(Part) if part == "current" or any(part_of(run) == part for run in runs)]
    part: Part = st.session_state.get("runs:part") or "current"
    if part not in parts:
        part = "current"
    listed = [run for run in runs if part_of(run) == part]
    typed, values, starred = "", {}, False
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="runs-filters"):
        if len(listed) > 1:
            typed = st.text_input(
                "Search", key="runs:search", placeholder="Search names, notes, tags", max_chars=200, width=210,
                label_visibility="collapsed",
            )  # fmt: skip
            for name, of in BY.items():
                known = sorted({value for run in listed for value in of(run)}, key=str.casefold)
                if len(known) > 1 or (name == "Tags" and known):
                    values[name] = tuple(_choice(name, known))
            if any(run.starred for run in listed):
                starred = st.toggle("Starred", key="runs:starred")
        if len(parts) > 1:
            st.selectbox(
                "Show", parts, format_func=_PARTS.__getitem__, key="runs:part", width=160, label_visibility="collapsed"
            )
    return Filter(part, tuple(typed.casefold().split()), values, starred)


def _choice(name: str, known: list[str]) -> list[str]:
    return st.multiselect(name, known, key=f"runs:by:{name}", placeholder=name, label_visibility="collapsed", width=160)
