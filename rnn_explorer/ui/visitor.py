"""Who a visitor is (a stand-in until the cookie is there)."""

from __future__ import annotations

import secrets
from typing import Any

import streamlit as st


def current() -> str:
    return st.session_state.setdefault("visitor", secrets.token_urlsafe(16))


def of(scope: Any) -> str | None:
    return None
