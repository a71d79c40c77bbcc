"""What a search found: the front with a slider, the format of each layer, what was measured, and the ways on."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_table
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.report.mix_charts.front import front_spec
from qexplorer.report.mix_charts.layers import layers_spec, pairs_spec
from qexplorer.report.mix_charts.mix_words import MIX_HEADER, chosen_sentence, mix_cells, prediction_sentence
from qexplorer.report.words import bytes_text
from qexplorer.search.allocation.exact import solve
from qexplorer.search.mixing.mix_types import MixPoint, MixReport
from qexplorer.search.mixing.recipes import recipe_in
from qexplorer.search.mixing.tables import WEIGHT_BYTES, problem_of
from qexplorer.ui.own_recipes import add_to_comparison, set_recipe
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.session import as_plain, show_error

__all__ = ["draw_found"]


def draw_found(model: Model, report: MixReport, *, live: bool = False) -> None:
    """Everything that is known; ``live`` while the search goes on: nothing can be chosen yet."""
    st.markdown(as_plain(chosen_sentence(report)))
    if live:
        draw_picture(front_spec(report), key="mix_front_live", settings=f"{model.name}, {report.data}")
        return
    if report.best is not None:
        _ways_on(Recipe.parse(report.best.recipe))
    _explore(model, report)
    st.header("What was measured")
    st.dataframe(in_table([dict(zip(MIX_HEADER, row, strict=True)) for row in mix_cells(report)]), hide_index=True)
    if prediction := prediction_sentence(report):
        st.caption(prediction)
    if report.pairs:
        draw_picture(pairs_spec(report), key="mix_pairs", settings=f"{model.name}, {report.data}")
        st.caption(
            "What two layers lose together beyond what each loses alone: orange, their errors add up to more; blue, "
            "they cancel. Measured, and part of what is solved."
        )


def _ways_on(recipe: Recipe) -> None:
    with st.container(horizontal=True, key="mix_ways"):
        if st.button("Take it as the recipe", type="primary", icon=":material/tune:", key="mix_take"):
            set_recipe(recipe)
            st.switch_page("pages/quantize.py")
        if st.button("Add it to Compare", icon=":material/balance:", key="mix_compare"):
            add_to_comparison(recipe)
            st.switch_page("pages/compare.py")
        if st.button("Train it", icon=":material/model_training:", key="mix_train"):
            set_recipe(recipe)
            st.switch_page("pages/train.py")
        st.download_button("Recipe (YAML)", recipe.to_yaml(), "mix.yaml", "application/yaml", on_click="ignore")


@st.fragment
def _explore(model: Model, report: MixReport) -> None:
    """The front under a slider: solved exactly where it rests."""
    whole = max(report.int8_bytes, 1)
    low, high = (round(100 * f(p.weight_bytes for p in report.front) / whole, 1) for f in (min, max))
    picture, layers = st.columns([3, 2], gap="medium")
    with picture:
        chosen = report.best.weight_bytes if report.best else report.front[0].weight_bytes
        start = min(max(round(100 * chosen / whole, 1), low), high)
        asked = start
        if high > low:
            words = "What if the budget were (% of int8's weights)"
            asked = st.slider(words, low, high, step=0.1, value=start, format="%.1f")
        point = _solved(report, asked)
        draw_picture(front_spec(report, point, budget=asked), key="mix_front", settings=f"{model.name}, {report.data}")
        if point is not None:
            share = 100 * point.weight_bytes / whole
            st.markdown(
                f"Solved exactly at {asked:.1f} %: **{bytes_text(point.weight_bytes)}** ({share:.1f} %), a predicted "
                f"loss of {point.predicted_loss:.3g}. Predicted, not measured."
            )
            if report.best is None or point.choice != report.best.point.choice:
                st.button(
                    "Take this one as the recipe",
                    key="mix_take_other",
                    on_click=set_recipe,
                    args=(recipe_in(report, point.choice),),
                )
    with layers:
        if point is not None:
            draw_picture(layers_spec(report, point), key="mix_layers", settings=f"{model.name}, {report.data}")


def _solved(report: MixReport, percent: float) -> MixPoint | None:
    smallest = min(point.weight_bytes for point in report.front)  # the slider's end is rounded
    budget = max(percent / 100 * report.int8_bytes, smallest) - report.other_bytes
    try:
        found = solve(problem_of(report.groups, report.pairs), {WEIGHT_BYTES: budget}, seconds=2.0)
    except QExplorerError as error:
        show_error(error)
        return None
    return MixPoint(found.chosen, found.loss, round(found.costs[WEIGHT_BYTES]) + report.other_bytes)
