"""From a page that looks for a recipe: the recipe it starts from, and where one that was found goes."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.recipe import Recipe
from qexplorer.ui.own_recipes import add_to_comparison, set_recipe
from qexplorer.ui.session import as_plain, current_recipe, show_error

__all__ = ["draw_recipe_ways", "recipe_with_weights"]


def recipe_with_weights(lacking: str) -> Recipe | None:
    """The session's recipe; None after saying on the page why there is none with weights on a grid, with a way out.

    Args:
        lacking: what there is not to do in that case, such as ``nothing to mix``.
    """
    try:
        recipe = current_recipe()
    except QExplorerError as error:
        show_error(error)
        return None
    if recipe.weights is None or recipe.casts:
        st.info(f"The recipe {as_plain(recipe.name)} leaves weights in float, so there is {lacking}.")
        st.button("Take w8a8", type="primary", on_click=set_recipe, args=(Recipe.parse("w8a8"),))
        return None
    return recipe


def draw_recipe_ways(recipe: Recipe, place: str) -> None:
    """Buttons that take a found recipe to Quantize, Compare, Train, or into a file.

    Args:
        recipe: that was found.
        place: what the keys of the buttons begin with, and the file is called.
    """
    with st.container(horizontal=True, key=f"{place}_ways"):
        if st.button("Take it as the recipe", type="primary", icon=":material/tune:", key=f"{place}_take"):
            set_recipe(recipe)
            st.switch_page("pages/quantize.py")
        if st.button("Add it to Compare", icon=":material/balance:", key=f"{place}_compare"):
            add_to_comparison(recipe)
            st.switch_page("pages/compare.py")
        if st.button("Train it", icon=":material/model_training:", key=f"{place}_train"):
            set_recipe(recipe)
            st.switch_page("pages/train.py")
        st.download_button("Recipe (YAML)", recipe.to_yaml(), f"{place}.yaml", "application/yaml", on_click="ignore")
