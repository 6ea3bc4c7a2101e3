"""What can be done with the chosen runs: one at a time or many at once, and taken back where it deletes."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence

import streamlit as st

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.readable import counted
from rnn_explorer.recording.store.limits import UNDO
from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.ui import navigation, page_state, session, visitor
from rnn_explorer.ui.plain import plain
from rnn_explorer.ui.runs import table
from rnn_explorer.ui.runs.rows import LONGEST, Row, line, name_of, runs_of

MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 12, 40, 2_000
PATIENCE = 1.0  # seconds for which the list waits until a change is on the disk
_DELETED, _WHY, _GO, _UNFOLDED = "runs_deleted", "runs_why", "runs_go", "runs_unfolded"


def unfolded() -> list[str]:
    """The groups whose runs are listed below them."""
    return st.session_state.setdefault(_UNFOLDED, [])


def press(row: Row) -> None:
    """The button in a row was pressed: a run opens, a group unfolds or folds."""
    if row.group is None:
        open_run(row.key)
    elif row.key in unfolded():
        unfolded().remove(row.key)
    else:
        unfolded().append(row.key)


def open_run(run_id: str) -> None:
    """Open a run in the lab with the next run of the script, or have the page say why that cannot be."""
    why = page_state.open_kept(run_id)
    st.session_state[_WHY], st.session_state[_GO] = why, not why


def has_news() -> bool:
    """Whether the whole page is to be drawn anew for a run that was opened, or could not be."""
    return bool(st.session_state.get(_GO) or st.session_state.get(_WHY))


def follow() -> None:
    """Go to the lab where a run was opened. Streamlit does not go to another page from within a callback."""
    if st.session_state.pop(_GO, False):
        st.switch_page(f"{navigation.found()[0].name}.py")


def say_why() -> None:
    """Draw why a run could not be opened, where that is so."""
    if why := st.session_state.pop(_WHY, ""):
        st.warning(plain(why))


def show(store: RunStore, chosen: Sequence[Row], listed: int, tags: Sequence[str]) -> None:
    """Draw the buttons for the chosen rows.

    Args:
        store: where the runs are.
        chosen: the chosen rows.
        listed: how many runs are listed.
        tags: all that the visitor has given.
    """
    runs = runs_of(chosen)
    none = not runs
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="runs-actions"):
        st.markdown(f"**{len(runs):,}** of {counted(listed, 'run')} chosen", width="content")
        if runs and all(run.deleted is not None for run in runs):
            _button("Restore", "Put them back into the list", False, _restore, store, runs)
            return _offer_undo(store)
        one = runs[0] if len(runs) == 1 and chosen[0].group is None else None
        _button("Open", "Open this run in the lab", one is None, open_run, one.run_id if one else "")
        with st.popover("Name and tags", disabled=none, help="Rename, note, tag"):
            if not none:
                _words(store, chosen, runs, tags)
        starred = bool(runs) and all(run.starred for run in runs)
        _button(
            "Unstar" if starred else "Star", "Starred runs are never cleared to make room", none, _change, store, runs,
            {"starred": not starred},
        )  # fmt: skip
        archived = bool(runs) and all(run.archived for run in runs)
        _button(
            "Back to the list" if archived else "Archive", "Archived runs are kept, and left out of the list", none,
            _change, store, runs, {"archived": not archived},
        )  # fmt: skip
        hours = round(UNDO / 3600)
        _button("Delete", f"You can have deleted runs back for {hours} hours", none, _delete, store, runs)
        _offer_undo(store)


def _offer_undo(store: RunStore) -> None:
    """The way back of what was deleted last."""
    if gone := st.session_state.get(_DELETED):
        st.markdown(f"Deleted {counted(len(gone), 'run')}.", width="content")
        st.button("Undo", key="runs:undo", on_click=_restore, args=(store, gone))
        st.button("✕", key="runs:undo:hide", type="tertiary", help="Hide this", on_click=_forget_deleted)


def _button(label: str, about: str, disabled: bool, do: Callable[..., None], *args: object) -> None:
    st.button(label, key=f"runs:do:{label}", help=about, disabled=disabled, on_click=do, args=args)


def _words(store: RunStore, chosen: Sequence[Row], runs: Sequence[StoredRun], tags: Sequence[str]) -> None:
    """Name and note of one run, the name of one group, the tags that all chosen runs have."""
    which = chosen[0].key if len(chosen) == 1 else ",".join(row.key for row in chosen)
    if len(chosen) == 1:
        group = chosen[0].group
        name, key = (runs[0] if group is None else group).name, f"runs:name:{which}"
        st.text_input(
            "Name", name[:LONGEST], key=key, max_chars=LONGEST, on_change=_rename, args=(store, chosen[0], key),
            placeholder=name_of(runs[0]) if group is None else group.kind,
        )  # fmt: skip
        if group is None:
            note = f"runs:note:{which}"
            st.text_area(
                "Note", runs[0].note[:LONGEST_NOTE], key=note, max_chars=LONGEST_NOTE, on_change=_annotate,
                args=(store, runs[0], note),
            )  # fmt: skip
    common = [tag for tag in map(line, runs[0].tags) if all(tag in map(line, run.tags) for run in runs)]
    key = f"runs:tags:{which}"
    st.multiselect(
        "Tags" if len(runs) == 1 else f"Tags of all {len(runs)} runs", sorted({*tags, *common}), common, key=key,
        accept_new_options=True, max_selections=MOST_TAGS, on_change=_tag, args=(store, runs, common, key),
        placeholder="Choose or type",
    )  # fmt: skip


def _change(store: RunStore, runs: Sequence[StoredRun], fields: dict[str, object]) -> None:
    store.change([run.run_id for run in runs], **fields)
    store.flush(PATIENCE)


def _rename(store: RunStore, row: Row, key: str) -> None:
    name = line(st.session_state[key])
    if row.group is None:
        store.change([row.key], name=name)
    else:
        store.add_group(dataclasses.replace(row.group, name=name))
    store.flush(PATIENCE)


def _annotate(store: RunStore, run: StoredRun, key: str) -> None:
    _change(store, [run], {"note": st.session_state[key][:LONGEST_NOTE]})


def _tag(store: RunStore, runs: Sequence[StoredRun], before: Sequence[str], key: str) -> None:
    wanted = [tag for text in st.session_state[key] if (tag := line(text)[:LONGEST_TAG])]
    for run in runs:
        kept = [tag for tag in run.tags if line(tag) in wanted or line(tag) not in before]
        store.change([run.run_id], tags=tuple(dict.fromkeys([*kept, *wanted]))[:MOST_TAGS])
    store.flush(PATIENCE)


def _delete(store: RunStore, runs: Sequence[StoredRun]) -> None:
    _change(store, runs, {"deleted": time.time()})  # first, since a page that shows a living one would bring it back
    for run in runs:
        with contextlib.suppress(UnknownRun):
            session.engine().command(run.run_id, "stop", by=visitor.current())
    st.session_state[_DELETED] = list(runs)
    table.forget_chosen()


def _restore(store: RunStore, runs: Sequence[StoredRun]) -> None:
    _change(store, runs, {"deleted": None})
    _forget_deleted()


def _forget_deleted() -> None:
    st.session_state.pop(_DELETED, None)
