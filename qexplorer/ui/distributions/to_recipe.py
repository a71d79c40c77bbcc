"""From the grid on the page to the recipe: for all weights or activations, or for this layer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import LayerRule, Recipe, WeightSpec
from qexplorer.core.recipe_words.names import is_automatic, own_name
from qexplorer.ui.distributions.controls import Settings
from qexplorer.ui.distributions.tensor import layer_of
from qexplorer.ui.own_recipes import set_recipe
from qexplorer.ui.session import as_plain, current_recipe, show_error, state

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = ["draw_use_in_recipe", "is_decoded", "with_rule", "with_spec"]


def draw_use_in_recipe(model: Model, stats: TensorStats, settings: Settings) -> None:
    """A button that opens the two ways to take the settings over."""
    fields = settings.weights if stats.kind == "weight" else settings.activations
    with st.popover("Use this in the recipe", icon=":material/playlist_add:", width="stretch"):
        if fields is None:
            st.markdown(
                "Clip lines drawn by hand belong to this one tensor. Choose another range to put it in a recipe."
            )
            return
        layer = layer_of(model, stats.name)
        plural = "weights" if stats.kind == "weight" else "activations"
        st.caption(as_plain(settings.text))
        if st.button(f"For all {plural}", key="use_for_all", width="stretch"):
            _take(lambda recipe: with_spec(recipe, plural, fields))
        if layer is not None and st.button(f"Only for {as_plain(layer.name)}", key="use_for_layer", width="stretch"):
            _take(lambda recipe: with_rule(recipe, layer.name, plural, fields))


def is_decoded(model: Model, stats: TensorStats) -> bool:
    """Whether integers of this weight would be decoded before anything is computed, if the session's recipe asked for
    them: then their scales may have either sign."""
    layer = layer_of(model, stats.name) if stats.kind == "weight" else None
    return layer is not None and _is_decoded(model.sha256, state().recipe, layer.name, model)


@st.cache_data(max_entries=64, show_spinner=False)
def _is_decoded(sha256: str, recipe: str, layer: str, _model: Model) -> bool:  # noqa: ARG001 - the digest is a key
    from qexplorer.quantize.constants import has_signed_scales

    try:
        asked = with_rule(Recipe.parse(recipe), layer, "weights", WeightSpec(format="int4"))
        return has_signed_scales(_model, asked, layer)
    except (QExplorerError, ValueError):  # a recipe that is no recipe, or cannot have integer weights here
        return False


def with_spec(recipe: Recipe, part: str, spec: Any) -> Recipe:
    """The recipe with ``spec`` for all weights or activations, called by what it asks for unless a person named it."""
    return _named(Recipe.model_validate(recipe.model_dump(by_alias=True) | {part: spec.model_dump()}), recipe)


def with_rule(recipe: Recipe, layer: str, part: str, spec: Any) -> Recipe:
    """The recipe with a last rule that gives ``layer`` the fields of ``spec``; an older rule of that kind gives way."""
    name = "".join(f"[{c}]" if c in "*?[" else c for c in layer)
    kept = [rule for rule in recipe.layers if not (rule.match == name and getattr(rule, part) is not None)]
    rule = LayerRule.model_validate({"match": name, part: _fields(spec)})
    return _named(recipe.model_copy(update={"layers": (*kept, rule)}), recipe)


def _named(built: Recipe, before: Recipe) -> Recipe:
    return built.model_copy(update={"name": own_name(built)}) if is_automatic(before) else built


def _fields(spec: Any) -> dict[str, Any]:
    """All fields that mean something: a rule must not inherit the recipe's where the page showed the default."""
    fields: dict[str, Any] = spec.model_dump(mode="json")
    if fields.get("granularity") not in (None, "block"):
        del fields["block"]
    return fields


def _take(change: Any) -> None:
    try:
        changed = Recipe.parse(change(current_recipe()).to_yaml())
    except QExplorerError as error:
        show_error(error)
        return
    except ValueError as error:
        st.error(as_plain(f"The recipe cannot take this: {error}"))
        return
    set_recipe(changed)
    st.rerun()
