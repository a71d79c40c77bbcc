"""From a page that looks for a recipe: the recipe it starts from, and where one that was found goes."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.train import FORETELL, ForetellOrder
from qexplorer.process.places.waiting import duration
from qexplorer.quantize.training.recipes import asked_of
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.own_recipes import add_to_comparison, set_recipe
from qexplorer.ui.session import as_plain, current_recipe, data_reference, model_reference, remembered, show_error

__all__ = ["draw_recipe_ways", "draw_train_each", "recipe_with_weights"]


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


def draw_train_each(recipe: Recipe, trainings: int) -> bool:
    """Of a recipe that trains: whether every recipe that is measured is to be trained, how many that are, and about how
    long it takes; False, and nothing is drawn, of one that does not.

    Args:
        recipe: that a search starts from.
        trainings: recipes that are measured, about.
    """
    training = asked_of(recipe)
    if training is None:
        return False
    words = "Off: recipes are measured without training, and what is found is trained. On: each is trained first"
    each = bool(st.toggle("Train every recipe that is measured", help=words, **remembered("train_each", False)))
    if not each:
        st.caption(":material/info: The recipe trains. It is searched without that, and what is found has it again.")
        return False
    epochs = training.options["epochs"]
    st.caption(f":material/info: About {trainings} trainings of {epochs} epochs, one after the other.")
    source, data = model_reference(), data_reference()
    if source is not None and data is not None:
        button = StartButton("Estimate one training", ":material/timer:", help="Makes a few steps and tells the time")
        section = JobSection(FORETELL, ForetellOrder(model=source, data=data, recipe=recipe), button)
        found = section.result()
        if found is None:
            section.draw()
        else:
            one, all_of_them = duration(found.seconds), duration(trainings * found.seconds)
            st.caption(f":material/timer: One takes about {one}, so all of them about {all_of_them}.")
    return True


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
