"""Which recipe is trained, and the options of its training. The recipe is the session's; the options are the page's."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.training.recipes import QAT, asked_of, trained, without_until
from qexplorer.ui.calibrator_controls import draw_option
from qexplorer.ui.session import keep, state

__all__ = ["draw_options", "draw_reset", "recipe_to_train"]

_CHOICE = "train_options"
_FIRST = ("epochs", "rate", "scales", "distillation")
_HIDDEN = ("until",)  # what a stop sets


def recipe_to_train(recipe: Recipe) -> Recipe:
    """The session's recipe with the training that the page asks for.

    Raises:
        RecipeError: an algorithm of the recipe excludes training.
    """
    return without_until(trained(recipe, **_chosen()))


def draw_options(recipe: Recipe, *, off: bool) -> None:
    """A control for each option: the first in a row, the others folded; all of them folded where none can be moved.

    Args:
        recipe: what :func:`recipe_to_train` gave.
        off: whether nothing can be changed now.
    """
    asked = asked_of(recipe)
    fields = ALGORITHMS.get(QAT).options.model_fields
    assert asked is not None, "a recipe to train asks for training"
    front = () if off else _FIRST  # the curves are to be in sight
    columns = st.columns(len(front), gap="small") if front else []
    for name, column in zip(front, columns, strict=True):
        with column:
            _draw(name, fields[name], asked.options[name], off=off)
    changed = sum(asked.options[name] != field.default for name, field in fields.items() if name not in front)
    with st.expander(
        f"{'More options' if front else 'Options'} ({changed or 'none'} changed)",
        icon=":material/tune:",
        key="train_more",
    ):
        rest = [name for name in fields if name not in (*front, *_HIDDEN)]
        places = st.columns(3, gap="medium")
        for number, name in enumerate(rest):
            with places[number % 3]:
                _draw(name, fields[name], asked.options[name], off=off)
        draw_reset(off=off)


def draw_reset(*, off: bool) -> None:
    """The way back to what the recipe itself says."""
    st.button("As the recipe says", icon=":material/undo:", key="train_reset", on_click=_reset, disabled=off)


def _draw(name: str, field: Any, value: Any, *, off: bool) -> None:
    key = f"train_{name}"
    st.session_state[key] = value
    draw_option(name, field, key=key, on_change=_changed, args=(name, key), disabled=off)


def _chosen() -> dict[str, Any]:
    known = ALGORITHMS.get(QAT).options.model_fields
    kept = state().choices.get(_CHOICE) or {}
    return {name: value for name, value in kept.items() if name in known}


def _changed(name: str, key: str) -> None:
    value = st.session_state[key]
    if value is None:
        return
    now = state()
    now.choices[_CHOICE] = {**_chosen(), name: value}
    keep(now)


def _reset() -> None:
    now = state()
    now.choices.pop(_CHOICE, None)
    keep(now)
