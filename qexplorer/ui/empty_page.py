"""What a page says where there is no model or no data yet, and the ways out."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.ui.session import as_plain, choose_model, fitted_data, state
from qexplorer.ui.sidebar import samples

__all__ = ["draw_first_sample", "draw_no_model", "lacks_data"]

_FIRST = "digits_cnn"


def draw_no_model(promise: str) -> None:
    """The page before there is a model: what it will show then, and two ways to a model.

    Args:
        promise: what the page does with a model, as sentences.
    """
    st.markdown(f"No model yet. {promise}")
    draw_first_sample()
    st.page_link("pages/model.py", label="Choose another model", icon=":material/deployed_code:")


def draw_first_sample() -> None:
    """The button that makes the first sample the session's model; nothing where the samples are not installed."""
    first = samples().get(_FIRST)
    if first is not None and st.button("Start with the digits sample", type="primary", icon=":material/play_arrow:"):
        choose_model(first.name, first.data)
        st.rerun()


def lacks_data(purpose: str) -> str | None:
    """Why nothing can run on data now, as a sentence for people; None if data is chosen and fits the model.

    Args:
        purpose: what the data is for, as a clause without its full stop.
    """
    if state().data is None:
        return f"Choose data in the sidebar or on page Model: {purpose}."
    try:
        fitted_data()
    except QExplorerError as error:
        return as_plain(error.sentence) + "."
    return None
