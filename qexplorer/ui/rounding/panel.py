"""Page Better rounding: what the recipe's algorithms changed, and how they work, a view for each."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.ui.empty_page import draw_no_model
from qexplorer.ui.rounding import pushed_on, scale_learns, scaled, staircase, up_or_down
from qexplorer.ui.rounding.effects import draw_effects
from qexplorer.ui.rounding.lesson import Controls, bits_control, choose_layer, lesson_on, row_control
from qexplorer.ui.session import current_model, current_recipe, remembered, show_error

__all__ = ["VIEWS", "draw_rounding_page"]

_TITLE = "Better rounding"
_HELP = "What algorithms do beyond rounding every weight to its nearest level, and how"

VIEWS = {
    "changed": "What changed",
    "adaround": "AdaRound",
    "gptq": "GPTQ",
    "ste": "Straight-through",
    "lsq": "LSQ",
    "scaled": "Channels",
}
"""Names of the views, and what stands on their buttons."""

_SAYS = {
    "adaround": up_or_down.SAYS,
    "gptq": pushed_on.SAYS,
    "ste": staircase.SAYS,
    "lsq": scale_learns.SAYS,
    "scaled": scaled.SAYS,
}


def draw_rounding_page() -> None:
    """Draws the page."""
    model = current_model()
    if model is None:
        st.title(_TITLE, help=_HELP)
        draw_no_model("Algorithms round its weights better than to nearest: here one sees how, and what that changes.")
        return
    try:
        recipe = current_recipe()
    except QExplorerError as error:
        st.title(_TITLE, help=_HELP)
        show_error(error)
        return
    with st.container(key="rounding_views", horizontal=True, vertical_alignment="center", gap="medium"):
        st.title(_TITLE, help=_HELP, width="content")
        kept = remembered("rounding_view", "changed", list(VIEWS))
        view = str(
            st.segmented_control(
                "View", list(VIEWS), format_func=VIEWS.__getitem__, required=True, label_visibility="collapsed", **kept
            )
        )
    if view == "changed":
        draw_effects(model, recipe)
    else:
        _lesson(model, recipe, view)


@st.fragment
def _lesson(model: Model, recipe: Recipe, view: str) -> None:
    """One algorithm on one layer; only this runs again when a control moves."""
    st.markdown(_SAYS[view])
    with st.container(key="rounding_choice"):
        places = st.columns([3, 2, 1.6, 1.6, 3.2], vertical_alignment="bottom")
    with places[0]:
        layer = choose_layer(model)
    found = None if layer is None else lesson_on(model, recipe, layer)
    if found is None:
        return
    lesson, digest = found
    controls = Controls(*places[2:])
    with places[1]:
        bits = bits_control(view)
    settings = f"{model.name}, {lesson.layer}, {bits} bits {lesson.words}"
    if view == "adaround":
        up_or_down.draw_up_or_down(lesson, digest, bits, settings, controls)
    elif view in ("lsq", "scaled"):
        draw_all = scale_learns.draw_scale_learns if view == "lsq" else scaled.draw_scaled
        draw_all(lesson, digest, bits, settings, controls)
    else:
        with controls.first:
            row = row_control(lesson)
        about = f"{settings}, channel {int(lesson.channels[row])}"
        draw = pushed_on.draw_pushed_on if view == "gptq" else staircase.draw_staircase
        draw(lesson, digest, bits, row, about, controls)
