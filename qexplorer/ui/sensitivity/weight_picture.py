"""A layer's weight as a histogram with the grid that the report's recipe gives it."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.search.sensitivity.sensitivity_types import SensitivityReport
from qexplorer.ui.rounding.drawing import draw_picture

__all__ = ["draw_weight", "weight_spec"]


def draw_weight(model: Model, report: SensitivityReport, name: str) -> None:
    """The picture; nothing for a layer whose weight the recipe leaves in float, or that has none."""
    spec = _spec(model.sha256, report.recipe, name, model)
    if spec is not None:
        settings = f"{report.model}, {report.recipe_name}, {name}"
        draw_picture(spec, key="sensitivity_weight", settings=settings)


@st.cache_data(max_entries=32, show_spinner=False)
def _spec(sha256: str, recipe: str, name: str, _model: Model) -> dict[str, Any] | None:  # noqa: ARG001 - a key
    return weight_spec(_model, Recipe.parse(recipe), name)


def weight_spec(model: Model, recipe: Recipe, name: str) -> dict[str, Any] | None:
    """The weight's values in 120 bars, and its levels; where scales differ, the ends of all of them together."""
    from qexplorer.graph.index import index_of
    from qexplorer.observe.weight_grids import weight_grid
    from qexplorer.quantize.constants import fitting, has_signed_scales
    from qexplorer.quantize.decide import decide
    from qexplorer.report.tensor_charts.histogram import bar_edges, histogram_info
    from qexplorer.report.tensor_charts.histogram_plot import histogram_spec

    view = index_of(model)
    decision = decide(model, recipe, view)[name]
    if decision.weight is None or decision.spec.weights is None:
        return None
    values = view.array(view.nodes[name].input[decision.weight])
    spec, axis, block_axis, _ = fitting(decision, decision.spec.weights, view)
    grid = weight_grid(values, spec, axis, block_axis, either_sign=has_signed_scales(model, recipe, name))
    edges = bar_edges(float(values.min()), float(values.max()), 120)
    counts = np.histogram(values, edges)[0]
    one = grid if grid.axis is None else None
    span = (float(grid.low.min()), float(grid.high.max()))
    title = f"Weight of {name} on {spec.format} per {spec.granularity}"
    return histogram_spec(histogram_info(title, counts, edges, one, span=span))
