"""What a visitor reads when a page, a part of it or a button fails: one sentence of ours, with what to do."""

from __future__ import annotations

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rnn_explorer.errors import UserError
from rnn_explorer.ui.plain import plain

OURS = (
    "Something went wrong on our side; the server's log has the details. Reload the page; if it happens again, open it "
    "without what stands behind the question mark in its address."
)


def show(fault: Exception) -> bool:
    """Show the sentence for an uncaught exception, in place of Streamlit's own words.

    Streamlit has logged it with its traceback.
    """
    st.error(plain(sentence(fault)))  # it may quote what the user typed
    return True


def sentence(fault: BaseException) -> str:
    """What to say about an exception: the message of a `UserError`, and of nothing else."""
    return str(fault) if isinstance(fault, UserError) and str(fault) else OURS


async def answered(_request: Request, _fault: Exception) -> Response:
    """The answer to a request that failed; the web server logs the traceback."""
    return PlainTextResponse(f"{OURS}\n", status_code=500)
