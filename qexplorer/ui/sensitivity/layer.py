"""One layer of the report: its numbers, its weight on its grid, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_label
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.report.sensitivity_charts.sensitivity_table import loss_text, measures_rows
from qexplorer.search.sensitivity.sensitivity_types import SensitivityReport
from qexplorer.ui.charts import draw_whole_table
from qexplorer.ui.own_recipes import set_recipe
from qexplorer.ui.quantize.recipe_changes import add_rule
from qexplorer.ui.sensitivity.weight_picture import draw_weight
from qexplorer.ui.session import as_plain, current_recipe, keep, remembered, show_error, state

__all__ = ["CHOSEN", "chosen_layer", "draw_layer", "pick", "with_layer_at"]

CHOSEN = "sensitivity_layer"
_WAYS = {"8 bits": ("int8", "uint8"), "16 bits": ("int16", "uint16"), "float": None}


def chosen_layer(report: SensitivityReport, rounded: str) -> str:
    """The layer that is looked at: the worst at first."""
    names = [layer.name for layer in report.worst(rounded)] or [layer.name for layer in report.layers]
    value = state().choices.get(CHOSEN)
    return value if isinstance(value, str) and value in names else names[0]


def pick(chart: str, name: str) -> None:
    """A click in a chart chooses a layer."""
    picked = (st.session_state[chart].get("selection") or {}).get(name) or []
    if picked:
        value = str(picked[0]["layer"])
        st.session_state[remembered(CHOSEN, value)["key"]] = value
        now = state()
        now.choices[CHOSEN] = value
        keep(now)


def draw_layer(model: Model, report: SensitivityReport, chosen: str, rounded: str) -> None:
    """The layer's numbers and the ways to go on."""
    names = [layer.name for layer in report.layers]
    name = str(st.selectbox("Layer", names, format_func=in_label, **remembered(CHOSEN, chosen, names)))
    layer = report.layer(name)
    assert layer is not None, "it was chosen among them"
    said = [f"its weight is that of {', '.join(layer.shares)} too: one choice"] if layer.shares else []
    said += [f"{layer.op}, with {', '.join(layer.members[1:])}" if layer.members[1:] else layer.op]
    if layer.formats:
        said.append("its weights, foretold: " + ", ".join(f"{k} {loss_text(v)}" for k, v in layer.formats.items()))
    rule = current_recipe().for_layer(layer.name, layer.op).rule
    said.append(f"rule '{rule}'" if rule else "no rule of its own")
    said += _since(layer.name, layer.op, Recipe.parse(report.recipe))
    missing = layer.reasons.get(rounded)
    st.caption(as_plain("; ".join([*said, *([missing] if missing else [])])) + ".")
    draw_whole_table(measures_rows(report, layer, rounded))
    draw_weight(model, report, name)
    with st.container(horizontal=True, key="sensitivity_ways"):
        for words in _WAYS:
            st.button(
                f"To {words}",
                key=f"sensitivity_to_{words}",
                help="A rule for this layer in the session's recipe",
                on_click=_take,
                args=((layer.name, *layer.shares), words),
            )
        if st.button("Look at its weight", icon=":material/bar_chart:", disabled=not model.layer(name).weight):
            _look_at(model, name)
        if st.button("What is wrong with it", icon=":material/healing:", help="Page Repair"):
            st.switch_page("pages/repair.py")


def _since(name: str, op: str, measured: Recipe) -> list[str]:
    """What the session's recipe asks of a layer, where that is not what was measured."""
    try:
        asked, was = current_recipe().for_layer(name, op), measured.for_layer(name, op)
    except QExplorerError:  # the page says it
        return []
    parts = [part.format for part in (asked.weights, asked.activations) if part is not None]
    same = (asked.weights, asked.activations) == (was.weights, was.activations)
    return [] if same else [f"in the recipe now {' and '.join(parts) or 'float'}"]


def with_layer_at(recipe: Recipe, layer: str, words: str) -> Recipe:
    """The recipe with a rule that puts one layer at ``8 bits``, ``16 bits`` or ``float``.

    Raises:
        RecipeError: the recipe cannot take it.
    """
    formats, match = _WAYS[words], "".join(f"[{c}]" if c in "*?[" else c for c in layer)
    rule: dict[str, Any] = {"match": match}
    if formats is None:
        return add_rule(recipe, rule | {"float": True})
    weights, activations = formats
    if recipe.weights is not None:
        rule["weights"] = {"format": weights, "granularity": "channel"}
    if recipe.activations is not None and recipe.activations.mode == "static":
        rule["activations"] = {"format": activations}
    return add_rule(recipe, rule)


def _take(layers: Sequence[str], words: str) -> None:
    """For a layer, and for those that read the same weight."""
    try:
        recipe = current_recipe()
        for layer in layers:
            recipe = with_layer_at(recipe, layer, words)
        set_recipe(recipe)
    except QExplorerError as error:
        show_error(error)


def _look_at(model: Model, name: str) -> None:
    """Page Distributions with this layer's weight."""
    now = state()
    now.choices |= {"tensor_kind": "weight", "tensor_weight": model.layer(name).weight}
    keep(now)
    st.switch_page("pages/distributions.py")
