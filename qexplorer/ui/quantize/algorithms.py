"""Controls of the recipe's post-training algorithms, drawn from what each says of itself."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.plugin_kinds.algorithm import needs_words
from qexplorer.core.plugin_kinds.algorithm_choice import AskedAlgorithm
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.ui.calibrator_controls import draw_option
from qexplorer.ui.quantize.controls import draw_refused_change, try_change
from qexplorer.ui.quantize.recipe_changes import algorithm_option, algorithms_chosen
from qexplorer.ui.session import current_recipe

__all__ = ["draw_algorithms"]

_PLACE = "algorithms"
_CHOSEN = "quantize_algorithms"
_HELP = "Change weights, codes or biases beyond rounding to nearest, in the order in which they are chosen."


def draw_algorithms() -> None:
    """Which algorithms work, and their options; nothing where nothing is quantized."""
    recipe = current_recipe()
    if recipe.is_float:
        return
    st.markdown("**Algorithms**")
    st.session_state[_CHOSEN] = [each.name for each in recipe.algorithms]
    st.multiselect(
        "Improve it by",
        ALGORITHMS.names(),
        key=_CHOSEN,
        format_func=lambda name: ALGORITHMS.get(name).title,
        placeholder="rounding to nearest alone",
        help=_HELP,
        on_change=_picked,
    )
    draw_refused_change(_PLACE)
    for asked in recipe.algorithms:
        _draw_one(asked)


def _draw_one(asked: AskedAlgorithm) -> None:
    """What it does and needs, and a control for each option."""
    algorithm = asked.algorithm
    st.caption(f"**{algorithm.title}.** {algorithm.description} Needs {needs_words(algorithm.needs)}.")
    for name, field in algorithm.options.model_fields.items():
        key = f"quantize_algorithm_{asked.name}_{name}"
        st.session_state[key] = asked.options[name]
        draw_option(name, field, key=key, on_change=_changed, args=(asked.name, name, key))


def _picked() -> None:
    names = list(st.session_state[_CHOSEN])
    try_change(lambda recipe: algorithms_chosen(recipe, names), _PLACE)


def _changed(algorithm: str, option: str, key: str) -> None:
    value = st.session_state[key]
    if value is not None:
        try_change(lambda recipe: algorithm_option(recipe, algorithm, option, value), _PLACE)
