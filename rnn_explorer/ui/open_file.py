"""Open a run file (.rnnx) that a visitor brings, and tell of a newer state in a file that grows."""

from __future__ import annotations

import io

import streamlit as st

from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.errors import UserError
from rnn_explorer.ui import navigation, page_state, run_files, session
from rnn_explorer.ui.plain import plain

MAX_BYTES = 32 * 2**20  # of an upload, which is held in memory; a run of the default size takes at most 20 MB
EVERY = 3.0  # seconds between two looks at a file that may grow
_DONE, _ERROR = "open:done", "open:error"


def show(expanded: bool = False) -> None:
    """The section that opens a run file.

    Args:
        expanded: whether it is open at first.
    """
    with st.expander("Open a run file", expanded=expanded):
        st.markdown(
            "A whole run with its settings, its learning curves and its past, in a file that ends in .rnnx. Share on "
            "any page exports one, and `rnn-explorer train --save` writes one. It becomes a run of your own, at its "
            f"newest step, and Play goes on from there. At most {MAX_BYTES // 2**20} MB."
        )
        file = st.file_uploader("Run file", key="open:file", max_upload_size=MAX_BYTES // 2**20, width=420)
        if file is None:
            st.session_state.pop(_DONE, None)
            st.session_state.pop(_ERROR, None)
            return
        if st.session_state.get(_DONE) != file.file_id:
            _open(file.file_id, file.name, file)
        if error := st.session_state.get(_ERROR):
            st.error(plain(error))


def _open(file_id: str, name: str, file: io.BytesIO) -> None:
    """Open an upload, once; a browser's check of size and name may have been passed by."""
    st.session_state[_DONE] = file_id
    st.session_state.pop(_ERROR, None)
    try:
        if (size := len(file.getbuffer())) > MAX_BYTES:
            raise UserError(
                f"{name} has {size / 2**20:.1f} MB, and {MAX_BYTES // 2**20} MB can be opened here. "
                "Open it with rnn-explorer open on your own machine."
            )
        run_id = run_files.open_run(file, name)
    except UserError as error:
        st.session_state[_ERROR] = str(error)
        return
    page_state.enter_run(run_id)
    st.toast(plain(f"{name} is open, at step {session.engine().view(run_id).step:,}."))
    st.switch_page(f"{navigation.found()[0].name}.py")


@st.fragment(run_every=EVERY)
def follow(run_id: str) -> None:
    """Tell of a newer state in the file that a run was opened from, now and later, and offer it.

    Args:
        run_id: a run that `run_files.is_followed`.
    """
    if st.session_state.pop("whole_page", False):
        st.rerun()
    try:
        found = run_files.newer(run_id)
    except UserError as error:
        st.caption(plain(str(error)))
        return
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="newer"):
        st.info(plain(f"{found.path.name} has grown: its newest state is of step {found.step:,}."), width="stretch")
        st.button("Show it", key="newer:show", on_click=_show_newer, args=(run_id,))


def _show_newer(run_id: str) -> None:
    try:
        page_state.show_run(run_files.open_newer(run_id))
    except (UserError, UnknownRun) as error:
        page_state.tell(str(error))
        st.session_state["whole_page"] = True
