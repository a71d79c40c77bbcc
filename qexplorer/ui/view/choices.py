"""Values of controls that are remembered, read and set where the control itself is not drawn."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.ui.session import WIDGET, remembered, state

__all__ = ["choice", "chosen"]


def choice(name: str, default: Any) -> Any:
    """The value that a ``session.remembered`` control has or will have."""
    key = WIDGET + name
    return st.session_state[key] if key in st.session_state else state().choices.get(name, default)


def chosen(name: str, value: Any) -> None:
    """Gives such a control a value, in a callback or before the control is drawn."""
    kept = remembered(name, value)
    st.session_state[kept["key"]] = value
    kept["on_change"](name)
