"""What every page about a run begins with."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.tasks.user_data import store
from rnn_explorer.ui import controls, network_view, open_file, page_state, run_files, uploads
from rnn_explorer.ui.plain import plain

_CLOSED = "closed"  # uploads of which it was read that they are gone
_DATA_GONE = (
    "The uploaded data of this run are gone from the server. The run goes on with the data that it has read; "
    "upload the file again for a new one."
)


def begin() -> str:
    """Open the page's run; draw its settings and its network in the sidebar, and what could not be used above all else.

    Returns:
        The id of the run.
    """
    run_id = page_state.open_run()
    with st.sidebar:
        _settings(run_id)
        network_view.show(page_state.experiment())
    _show_problems()
    if run_files.is_followed(run_id) and page_state.is_mine(run_id):
        open_file.follow(run_id)
    return run_id


def _settings(run_id: str) -> None:
    """The settings in the sidebar; folded, with a sentence, where they are those of another user's run."""
    mine = page_state.is_mine(run_id)
    if not mine:
        st.markdown("**You are watching.** These settings belong to somebody else's run.")
    with st.container() if mine else st.expander("Settings, to start a run of your own", expanded=False):
        controls.show(page_state.experiment(), page_state.edition(), page_state.change, page_state.refused())


def _show_problems() -> None:
    """What could not be used, in sentences, above the figures."""
    closed = st.session_state.setdefault(_CLOSED, set())
    problems = list(page_state.problems())
    token = uploads.token_of(page_state.experiment())
    if token and not store.holds(token) and token not in closed:
        problems.append(_DATA_GONE)
    for number, problem in enumerate(problems):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"problem-{number}"):
            st.warning(plain(problem), width="stretch")
            st.button(
                "✕",
                key=f"close-problem-{number}",
                type="tertiary",
                help="Close this message",
                on_click=_close,
                args=(problem, token),
            )


def _close(problem: str, token: str) -> None:
    """A message was read, and is not shown again."""
    if problem == _DATA_GONE:
        st.session_state[_CLOSED].add(token)
    elif problem in page_state.problems():
        page_state.problems().remove(problem)
