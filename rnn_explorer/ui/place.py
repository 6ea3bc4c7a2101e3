"""The browser's part of the address: what is looked at, beside the settings and the run.

The browser writes it (`live_figures/address.js`). The page's script reads it where the user comes by an address: at the
start of a session, and when the browser goes back or forward. At other times Streamlit hands on what it has heard last,
which may be old.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

PREFIX = "see."  # before the names of these parts; no setting has such a name
PASSED = ("present",)  # names that other scripts of the browser read
_GIVEN, _OVERRIDES = "place", "place_overrides"


def settings() -> tuple[dict[str, str], list[str]]:
    """What the address says that is not the browser's, by name, and the names that it has more than once."""
    every = {name: st.query_params.get_all(name) for name in st.query_params if not _is_browsers(name)}
    return {name: values[-1] for name, values in every.items() if values}, [n for n in every if len(every[n]) > 1]


def write(address: dict[str, str]) -> None:
    """Have the address say this; what is the browser's stays as it came, and the browser brings it up to date."""
    browsers = {name: st.query_params[name] for name in st.query_params if _is_browsers(name)}
    st.query_params.from_dict({**address, **browsers})


def _is_browsers(name: str) -> bool:
    return name.startswith(PREFIX) or name in PASSED


def went_back() -> bool:
    """Whether the script runs since the browser went back or forward (Streamlit 1.67)."""
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def enter() -> None:
    """The user came by the address: what it says is what the page's controls are to show at first."""
    st.session_state[_GIVEN] = {
        name.removeprefix(PREFIX): st.query_params[name] for name in st.query_params if name.startswith(PREFIX)
    }


def take(name: str) -> str:
    """What the address says of a part, once: the control that shows it keeps it from then on; "" for nothing."""
    given: dict[str, str] = st.session_state.get(_GIVEN, {})
    return given.pop(name, "")


def settle() -> None:
    """The page's controls are drawn; what none of them took counts for none of another page."""
    st.session_state.pop(_GIVEN, None)


def step() -> int | None:
    """The step of the past that the address says; None for the present."""
    text = take("at")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def override(name: str, value: str) -> None:
    """Have the address say this of a part of the selection, in place of its value; "" for nothing."""
    st.session_state.setdefault(_OVERRIDES, {})[name] = value


def overrides() -> dict[str, str]:
    """The overrides since the last call."""
    found: dict[str, str] = st.session_state.pop(_OVERRIDES, {})
    return found
