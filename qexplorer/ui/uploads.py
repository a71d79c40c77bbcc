"""Taking an uploaded file once: a widget hands the same file over again in every run of its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.ui.session import show_error

__all__ = ["take", "take_upload"]


def take(work: Callable[[], None], wait: str) -> QExplorerError | None:
    """Does ``work`` under a spinner that says what it waits for; returns why it could not be done, if so."""
    try:
        with st.spinner(wait, show_time=True):
            work()
    except QExplorerError as error:
        return error
    return None


def take_upload(kind: str, file: Any, work: Callable[[str, bytes], None], wait: str) -> bool:
    """Hands a newly uploaded file to ``work`` as name and bytes; True if it was taken now.

    A file that was refused keeps its sentence on the page as long as it lies in the widget, and is not tried again.
    """
    if file is None:
        return False
    key = f"upload_{kind}_seen"
    seen, error = st.session_state.get(key, (None, None))
    fresh = seen != file.file_id
    if fresh:
        error = take(lambda: work(file.name, file.getvalue()), wait.format(name=file.name))
        st.session_state[key] = (file.file_id, error)
    if error is not None:
        show_error(error)
    return fresh and error is None
