"""The grid editor as an element of a page, over Streamlit's components v2.

Draw it in a fragment and with the same key each time: then it stays mounted, and a drag runs the fragment alone. The
browser owns a drag and sends one state when a handle is let go.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import streamlit as st

from qexplorer.core.errors import InputError
from qexplorer.ui.grid_editor.bundle import css, javascript
from qexplorer.ui.grid_editor.payload import EditorView, editor_data
from qexplorer.ui.grid_editor.state import EditorState, read_state
from qexplorer.ui.session import show_error

__all__ = ["NAME", "draw_grid_editor", "last_seq", "take_moved"]

NAME = "qexplorer_grid_editor"


def take_moved(key: str) -> EditorState | None:
    """What was moved in an editor since it was last asked: a state that was checked; None for nothing new.

    Call it before the widgets that follow from the state are drawn. What is wrong in a state gives one sentence where
    the editor is drawn, and changes nothing.
    """
    given = dict(st.session_state.get(key) or {}).get("state")
    if given is None or given == st.session_state.get(f"{key}:taken"):
        return None
    st.session_state[f"{key}:taken"] = given
    try:
        state = read_state(given)
    except InputError as error:
        st.session_state[f"{key}:wrong"] = error
        return None
    st.session_state[f"{key}:seq"] = max(state.seq, last_seq(key))
    return state


def draw_grid_editor(key: str, view: EditorView, *, value: float | None = None, outlier: float = 1.0) -> None:
    """Draws the editor.

    Args:
        key: of the element, and of its state in ``st.session_state``: ``{"state": {...}}`` as the browser sends it.
        view: what is drawn.
        value: the value whose arithmetic is shown.
        outlier: how far out outliers are, in times of the largest magnitude; 1 for none.
    """
    wrong = st.session_state.pop(f"{key}:wrong", None)
    if wrong is not None:
        show_error(wrong)
    state = EditorState(last_seq(key), view.clip, value, outlier)
    _element()(key=key, data=editor_data(view, state), on_state_change=lambda: None)


def last_seq(key: str) -> int:
    """Number of the last state that the browser sent."""
    return int(st.session_state.get(f"{key}:seq", 0))


@lru_cache(maxsize=1)
def _element() -> Any:
    return st.components.v2.component(NAME, js=javascript(), css=css())
