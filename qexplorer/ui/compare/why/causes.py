"""Causes as cards: what happens, what it costs, why, and the fix, applied with one click where it is a setting."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import short_name
from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.why.explanation import Cause, Why
from qexplorer.measure.why.fixes import changed_recipe
from qexplorer.measure.why.words import listed, milliseconds
from qexplorer.ui.compare.controls import order_now, start
from qexplorer.ui.own_recipes import add_to_comparison, is_compared
from qexplorer.ui.session import as_plain, state

__all__ = ["draw_causes", "fixed_recipe"]

_NAMED = 6  # layers named in a card


def draw_causes(why: Why, recipe: Recipe) -> None:
    """A card for each cause, the dearest first."""
    if not why.causes and why.profiled:
        st.caption("No cause was found that takes more than a hundredth of the time: every layer gains.")
    for cause in why.causes:
        _card(cause, why, recipe)


def _card(cause: Cause, why: Why, recipe: Recipe) -> None:
    with st.container(border=True, key=f"cause_{cause.key}"):
        st.markdown(f"**{as_plain(_capital(cause.title))}**{_cost(cause, why)}")
        st.markdown(as_plain(cause.sentence))
        if cause.layers:
            st.caption(as_plain(f"Layers: {listed(cause.layers, _NAMED)}"))
        st.markdown(f":material/build: {as_plain(cause.fix)}")
        if cause.change:
            _fix(cause, recipe)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cost(cause: Cause, why: Why) -> str:
    """What the cause takes of the quantized call."""
    if cause.cost_ms is None or why.quantized_parts is None:
        return ""
    share = cause.cost_ms / why.quantized_parts.whole_ms
    return f" · {milliseconds(cause.cost_ms)}, {percent_text(min(share, 1.0))} of the profiled run"


def fixed_recipe(recipe: Recipe, cause: Cause) -> Recipe:
    """The recipe with the cause's change, called by its short name, or by what is changed. Raises RecipeError."""
    change = cause.change or {}
    built = changed_recipe(recipe, change)
    what = cause.layers[0] if len(cause.layers) == 1 else f"{len(cause.layers)} layers"
    added = "without rules" if "drop_rules" in change else f"with {what} in float" if "float" in change else "changed"
    return built.model_copy(update={"name": short_name(built) or f"{recipe.name} {added}"})


def _fix(cause: Cause, recipe: Recipe) -> None:
    """The button that adds the changed recipe to what is compared; once it is there, one that compares."""
    try:
        fixed = fixed_recipe(recipe, cause)
    except RecipeError as error:
        st.caption(as_plain(f"Not possible with this recipe: {error.sentence}"))
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"fix_{cause.key}"):
        if is_compared(fixed):
            st.caption(f":material/check: {as_plain(fixed.name)} is among what is compared.")
            if st.button("Compare now", key=f"compare_{cause.key}", icon=":material/play_arrow:", disabled=_lacks()):
                start(order_now())
                st.rerun()
        else:
            st.button(
                f"Add {as_plain(fixed.name)} to the comparison",
                key=f"apply_{cause.key}",
                icon=":material/add:",
                on_click=add_to_comparison,
                args=(recipe, fixed),
            )
        st.caption("Predicted from the cause, not measured: comparing tells speed and accuracy.")


def _lacks() -> bool:
    return state().data is None
