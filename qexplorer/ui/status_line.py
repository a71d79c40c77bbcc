"""The line on top of every page: model, recipe, backend, and what the last comparison found; each part a link."""

from __future__ import annotations

import streamlit as st

from qexplorer.ui.session import State, state
from qexplorer.ui.sidebar import model_label, recipe_label

__all__ = ["draw"]


def draw() -> None:
    """Draws the line; without a model it says how to get one."""
    now = state()
    with st.container(key="status_line", horizontal=True, gap="small", vertical_alignment="center"):
        if now.model is None:
            st.caption("No model yet. Pick a sample below or bring an ONNX file.")
            return
        st.page_link("pages/model.py", label=f"**{model_label(now.model)}**", help="The model, its layers and data")
        st.page_link("pages/quantize.py", label=recipe_label(now.recipe), help="The recipe being edited")
        result = last_result(now)
        st.page_link("pages/compare.py", label=result or "not compared yet", help="Results on this machine")


def last_result(now: State) -> str | None:  # noqa: ARG001
    """What the last comparison of this model found for this recipe, in a few words."""
    return None
