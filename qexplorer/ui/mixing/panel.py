"""Page Mixed precision: a format for each layer, found under a budget and chosen by a measurement."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.plugins import METRICS
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.jobs.kinds.precision.mix import MIX, MixOrder
from qexplorer.report.metric_words import delta_unit, stated
from qexplorer.search.mixing.recipes import unmixed
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.mixing.found import draw_found
from qexplorer.ui.own_recipes import set_recipe
from qexplorer.ui.session import (
    as_plain,
    current_model,
    current_recipe,
    data_reference,
    fitted_data,
    model_reference,
    remembered,
    show_error,
)

__all__ = ["draw_mix_page"]

_FORMATS = ("int8", "int4", "int3", "int2")
_MODES = {"budget": "a budget", "drop": "a drop"}


def draw_mix_page() -> None:
    """Draws the page."""
    st.title("Mixed precision", help="A number format for each layer: wide where it hurts, narrow where it does not")
    model = current_model()
    if model is None:
        draw_no_model("It finds which layers can do with fewer bits, and the best mix of formats under a budget.")
        return
    try:
        recipe = current_recipe()
    except QExplorerError as error:
        show_error(error)
        return
    if recipe.weights is None or recipe.casts:
        st.info(f"The recipe {as_plain(recipe.name)} leaves weights in float, so there is nothing to mix.")
        st.button("Take w8a8", type="primary", on_click=set_recipe, args=(Recipe.parse("w8a8"),))
        return
    _search(model, recipe)


def _search(model: Model, recipe: Recipe) -> None:
    """What is asked, and what came of it."""
    base = unmixed(recipe, _FORMATS[0])
    with st.container(key="mix_asked"):
        left, middle, right = st.columns([2, 2, 2], vertical_alignment="bottom", gap="medium")
    with left:
        kept = remembered("mix_formats", ["int8", "int4"])
        formats = st.pills("Formats to choose among", _FORMATS, selection_mode="multi", **kept) or []
    with middle:
        modes = list(_MODES)
        mode = st.segmented_control(
            "The best mix within",
            modes,
            format_func=_MODES.__getitem__,
            required=True,
            **remembered("mix_mode", "budget", modes),
        )
    with right:
        share, drop = _asked(str(mode))
    lacks = lacks_data("what mixes lose is measured on samples")
    if len(formats) < 2:
        lacks = "Choose two formats or more."
    reference, data = model_reference(), None if lacks else data_reference()
    order = None
    if reference is not None and data is not None:
        chosen = tuple(name for name in _FORMATS if name in formats)
        order = MixOrder(model=reference, data=data, recipe=base, formats=chosen, share=share, most_drop=drop)
    section = JobSection(
        MIX, order, _button(lacks), intro=lambda: _intro(base), partial=lambda r: draw_found(model, r, live=True)
    )
    report = section.result()
    if report is None:
        section.draw()
    else:
        draw_found(model, report)


def _asked(mode: str) -> tuple[float | None, float | None]:
    """Budget, or drop."""
    if mode == "budget":
        kept = remembered("mix_share", 60)
        return st.slider("Weights, % of int8's bytes", 10, 100, step=1, **kept) / 100, None
    unit = _unit()
    kept = remembered(f"mix_drop{unit}", 1.0)
    worse = float(st.number_input(f"Metric may get worse by{unit}", 0.0, 50.0, step=0.1, format="%.2f", **kept))
    return None, worse / 100 if unit else worse


def _unit() -> str:
    """How a drop of the task's metric is told: in points for shares, in its own scale else."""
    model, data = current_model(), None
    try:
        data = fitted_data()
    except QExplorerError:
        return ""
    if model is None or data is None:
        return ""
    metric = METRICS.get(task_of(data).primary(model.outputs))
    return " (points)" if delta_unit(stated(metric.name, 0.0, 1)) == "points" else ""


def _button(lacks: str | None) -> StartButton:
    return StartButton(
        "Find the best mix",
        ":material/search:",
        help="Foretells what each layer loses in each format, solves for the best mix, and measures it: seconds for a "
        "small network",
        lacks=lacks,
        primary=True,
    )


def _intro(base: Recipe) -> None:
    st.markdown(
        f"All layers share what **{as_plain(base.name)}** says of activations, granularity and algorithms; each gets a "
        "format of its own for its weights. What a layer loses is foretold from gradients and checked by running it; "
        "the best mix is solved exactly, and the one that is chosen is chosen by a measurement on samples kept apart."
    )
