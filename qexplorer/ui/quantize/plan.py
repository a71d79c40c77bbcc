"""What the recipe does to the model: two pictures, the sum, and a table with a reason for every layer."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.core.errors import RecipeError
from qexplorer.core.foreign.media import in_table
from qexplorer.core.formats import get_format
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR, chosen
from qexplorer.core.recipe import Recipe, WeightSpec
from qexplorer.quantize.plan_types import LayerPlan, Plan
from qexplorer.report.layer_charts.plan import TREATMENTS, PlanInfo, layers_spec, plan_info, whole_spec
from qexplorer.report.words import bytes_text
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.quantize.controls import draw_refused_change, try_change
from qexplorer.ui.quantize.recipe_changes import add_rule
from qexplorer.ui.session import as_plain, remembered

__all__ = ["draw_picture", "draw_table", "plan_of", "plan_rows", "refusal"]

_FILTERS = ("All layers", "Why float?", "Quantized")
_NODES = "All nodes"  # with those that only move data
_SELECTED = "quantize_layers"
_PLACE = "plan"


@st.cache_resource(max_entries=32, show_spinner="Planning: up to a few seconds for large models.")
def _plan(key: tuple[str, str], _model: Model, _recipe: Recipe) -> Plan:  # noqa: ARG001 - the key is the cache's
    from qexplorer.quantize.changes.apply import preview_plan

    return preview_plan(_model, _recipe)


def plan_of(model: Model, recipe: Recipe) -> Plan:
    """The plan without calibration: treatments, sizes and reasons, which no choice of ranges changes."""
    plain = _uncalibrated(recipe)
    return _plan((model.sha256, plain.digest), model, plain)


def refusal(plan: Plan, recipe: Recipe) -> RecipeError | None:
    """Why a calibrator of ``recipe`` has no range for a grid of its plan, which :func:`plan_of` made; None: all have.

    Such a recipe has no plan, and nothing can be made of it.
    """
    for layer in plan.layers:
        spec = recipe.for_layer(layer.name, layer.op).weights
        if layer.weights is None or spec is None:
            continue
        for key in plan.constants.get(layer.name, {}).values():
            tensor = plan.tensors[key]
            try:
                if tensor.kind == "weight":
                    chosen(spec.calibrator, get_format(spec.format), tensor.grid.granularity, "weight")
            except RecipeError as error:
                return RecipeError(error.what, where=f"layer '{layer.name}'", allowed=error.allowed, do=error.do)
    return None


def _uncalibrated(recipe: Recipe) -> Recipe:
    """The recipe with the default calibrator for weights: others may take seconds, and the plan here is the same."""
    weights = recipe.weights and recipe.weights.with_calibrator(DEFAULT_CALIBRATOR)
    rules = [rule.model_copy(update={"weights": rule.weights and _plain(rule.weights)}) for rule in recipe.layers]
    return recipe.model_copy(update={"weights": weights, "layers": tuple(rules)})


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in WeightSpec.model_fields and name != "calibrator"}


def draw_picture(model: Model, plan: Plan, recipe: Recipe, made: int | None = None) -> None:
    """The sum in numbers, then the pictures; ``made`` are the bytes of the file's weights, packed, if there is one."""
    info = plan_info(model, plan, recipe.name, made)
    _numbers(info)
    draw_chart(whole_spec(info), key="plan_whole")
    if info.bars:
        draw_chart(layers_spec(info), key="plan_layers")
    if info.left_out:
        st.caption(f"Not drawn: smaller layers ({info.left_out}); the table has them all.")
    for note in plan.notes:
        st.caption(f":material/info: {as_plain(note)}")


def _numbers(info: PlanInfo) -> None:
    ratio = info.bytes / info.float_bytes if info.float_bytes else 1.0
    able = sum(count for name, count in info.counts.items() if name != "float")
    with st.container(horizontal=True, gap="medium", key="plan_numbers"):
        st.metric("Weights in float", bytes_text(info.float_bytes), width="content")
        meaning = "Packed codes with their scales and zero points, and what stays in float"
        st.metric("Weights after", bytes_text(info.bytes), help=meaning, width="content")
        st.metric("Ratio", f"{ratio:.2f}", help="Weights after, as a share of float", width="content")
        st.metric("Layers not in float", f"{able} of {sum(info.counts.values())}", width="content")


def draw_table(plan: Plan) -> None:
    """The filter, the table, and buttons that make a rule of the rows that are chosen."""
    key, kinds = "plan_filter", _FILTERS if all(layer.computes for layer in plan.layers) else (*_FILTERS, _NODES)
    kind = st.segmented_control(
        "Show", kinds, label_visibility="collapsed", required=True, **remembered(key, kinds[0], kinds)
    )
    rows = plan_rows(plan, kind or _FILTERS[0])
    if not rows:
        st.caption("No such layer under this recipe.")
        return
    event: Any = st.dataframe(
        in_table(rows),
        key=_SELECTED,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        height=min(38 + 35 * len(rows), 420),
        placeholder="",
        column_config={
            "bytes": st.column_config.NumberColumn(format="localized"),
            "why": st.column_config.TextColumn(width="large"),
        },
    )
    chosen = [rows[i]["layer"] for i in event.selection.rows if i < len(rows)]
    _act_on(chosen)
    draw_refused_change(_PLACE)


def _act_on(chosen: list[str]) -> None:
    if not chosen:
        st.caption("Choose rows to give their layers another format.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(chosen)} chosen:")
        for label, rule in (
            ("Keep in float", {"float": True}),
            ("int8 weights", {"weights": {"format": "int8"}}),
            ("int4 weights", {"weights": {"format": "int4"}}),
        ):
            st.button(label, key=f"quantize_rule_{label}", on_click=_add, args=(chosen, rule))


def _add(layers: list[str], rule: dict[str, Any]) -> None:
    def make(recipe: Recipe) -> Recipe:
        for layer in layers:
            recipe = add_rule(recipe, {"match": layer} | rule)
        return recipe

    try_change(make, _PLACE)


def plan_rows(plan: Plan, kind: str) -> list[dict[str, Any]]:
    """One row for each layer that the filter ``kind`` keeps, in execution order."""
    if kind == _NODES:
        return [_row(place, layer) for place, layer in enumerate(plan.layers, 1)]
    return [
        _row(place, layer)
        for place, layer in enumerate(plan.layers, 1)
        if layer.computes and (kind == _FILTERS[0] or (kind == _FILTERS[1]) == (layer.treatment == "float"))
    ]


def _row(place: int, layer: LayerPlan) -> dict[str, Any]:
    return {
        "#": place,
        "layer": layer.name,
        "operator": layer.op,
        "treatment": TREATMENTS[layer.treatment][0],
        "weights": layer.weights or "",
        "activations": layer.activations or "",
        "bytes": layer.weight_bytes or None,
        "why": layer.reason,
    }
