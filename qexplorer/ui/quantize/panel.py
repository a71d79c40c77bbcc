"""Page Quantize, top to bottom: presets, controls beside the picture, the plan, YAML, and what to do next."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from qexplorer.core.errors import QExplorerError, RecipeError
from qexplorer.core.files import file_name
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.quantize import QUANTIZE, QuantizeOrder, QuantizeResult
from qexplorer.quantize.plan_types import Plan
from qexplorer.quantize.quantize import kept_quantized
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_memory import latest_job
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.own_recipes import add_to_comparison, is_compared, set_recipe
from qexplorer.ui.quantize.algorithms import draw_algorithms
from qexplorer.ui.quantize.controls import draw_controls, draw_presets
from qexplorer.ui.quantize.plan import draw_picture, draw_table, plan_of, refusal
from qexplorer.ui.quantize.rules import draw_rules
from qexplorer.ui.quantize.yaml_text import draw_yaml
from qexplorer.ui.session import (
    as_plain,
    current_model,
    current_recipe,
    data_reference,
    model_reference,
    show_error,
    state,
)

__all__ = ["draw_quantize_page"]


def draw_quantize_page() -> None:
    """Draws the page."""
    st.title("Quantize")
    if state().model is None:
        draw_no_model("A recipe says how its weights and activations become integers.")
        return
    st.markdown("Choose how weights and activations become integers, and see what that does to every layer.")
    recipe = _recipe()
    model = current_model()
    if recipe is None or model is None:
        return
    draw_presets()
    with st.container(key="explore"):  # style.css stacks the columns in a narrow window
        picture, controls = st.columns([2.4, 1], gap="large")
    with picture:
        plan = plan_of(model, recipe)
        refused = refusal(plan, recipe)
        section = _section(recipe, refused)
        if refused is None:
            made = section.result()
            draw_picture(model, plan, recipe, None if made is None else made.weight_bytes)
        else:
            show_error(refused)  # the plan would be another recipe's
    with controls:
        draw_controls(model)
        draw_algorithms()
    _next(section, model, recipe, refused)
    if refused is None:
        st.header("What happens to each layer, and why")
        draw_table(_as_made(section, plan, recipe))
    count = len(recipe.layers)
    exceptions = f"Exceptions for single layers ({count or 'none'})"
    with st.expander(exceptions, icon=":material/rule:", expanded=count > 0, key="recipe_exceptions"):
        draw_rules(model)
    with st.expander(f"YAML ({as_plain(recipe.name)})", icon=":material/data_object:", key="recipe_yaml"):
        draw_yaml()


def _recipe() -> Recipe | None:
    """The session's recipe; where its text is no recipe (any more), the sentence and a way out."""
    try:
        return current_recipe()
    except QExplorerError as error:
        show_error(error)
        if st.button("Start again from w8a8", type="primary"):
            set_recipe(Recipe.parse("w8a8"))
            st.rerun()
        return None


def _as_made(section: JobSection[QuantizeOrder, QuantizeResult, None], plan: Plan, recipe: Recipe) -> Plan:
    """The plan with what its algorithms really changed, once the file is made; before that, what they will."""
    made = section.result()
    return plan if made is None or not recipe.algorithms else replace(plan, layers=made.layers)


def _next(
    section: JobSection[QuantizeOrder, QuantizeResult, None], model: Model, recipe: Recipe, refused: RecipeError | None
) -> None:
    """Add to the comparison, go there, download the quantized file."""
    added = is_compared(recipe)
    with st.container(horizontal=True, vertical_alignment="center", key="quantize_next"):
        label = "In the comparison" if added else "Add to comparison"
        icon = ":material/check:" if added else ":material/playlist_add:"
        off = added or recipe.is_float or refused is not None
        st.button(label, type="primary", icon=icon, disabled=off, on_click=add_to_comparison, args=(recipe,))
        _download(section, model, recipe)
        st.page_link("pages/compare.py", label="Next: compare", icon=":material/arrow_forward:")
    made = section.result()
    if made is not None and made.calibration is not None:
        st.caption(as_plain(f"The file's ranges are from {made.calibration}."))
    job = latest_job(QUANTIZE)
    shown = job if job is not None and job.is_running else section.job()  # how another recipe's ended is no news here
    if shown is not None:
        section.draw_job(shown)


def _download(section: JobSection[QuantizeOrder, QuantizeResult, None], model: Model, recipe: Recipe) -> None:
    """The quantized file if it has been made; before that, the button that makes it."""
    made = section.result()
    path = None if made is None else kept_quantized(made.digest)
    if path is None:
        section.draw_button()
        return
    name = file_name(model.name, recipe.name, ".onnx")
    st.download_button("Download ONNX", path.read_bytes, name, icon=":material/download:", key="quantize_onnx")


def _section(recipe: Recipe, refused: RecipeError | None) -> JobSection[QuantizeOrder, QuantizeResult, None]:
    lacks = lacks_data(_why_data(recipe)) if recipe.needs_calibration else None
    job = latest_job(QUANTIZE)
    button = StartButton(
        "Quantize to ONNX",
        ":material/build:",
        help="Observes ranges if the recipe needs them, runs its algorithms, and writes the quantized file",
        lacks=lacks,
        off=recipe.is_float or refused is not None or (job is not None and job.is_running),
    )
    return JobSection(QUANTIZE, None if lacks else _order(recipe), button)


def _why_data(recipe: Recipe) -> str:
    return "its ranges come from samples" if recipe.needs_statistics else "its algorithms measure on samples"


def _order(recipe: Recipe) -> QuantizeOrder | None:
    model = model_reference()
    data = data_reference() if recipe.needs_calibration else None
    return None if model is None else QuantizeOrder(model=model, recipe=recipe, data=data)
