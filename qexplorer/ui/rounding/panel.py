"""Page Better rounding: what the recipe's algorithms changed, and how they work."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.ui.empty_page import draw_no_model
from qexplorer.ui.rounding.effects import draw_effects
from qexplorer.ui.session import current_model, current_recipe, show_error

__all__ = ["draw_rounding_page"]


def draw_rounding_page() -> None:
    """Draws the page."""
    st.title("Better rounding", help="What algorithms do beyond rounding every weight to its nearest level, and how")
    model = current_model()
    if model is None:
        draw_no_model("Algorithms round its weights better than to nearest: here one sees how, and what that changes.")
        return
    try:
        recipe = current_recipe()
    except QExplorerError as error:
        show_error(error)
        return
    draw_effects(model, recipe)
