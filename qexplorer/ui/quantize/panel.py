"""Page Quantize, top to bottom: presets, controls beside the picture, the plan, YAML, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs import manager
from qexplorer.jobs.manager import JobStatus
from qexplorer.quantize.plan_types import LayerPlan, Plan
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_panel import draw_job, job_state
from qexplorer.ui.quantize.algorithms import draw_algorithms
from qexplorer.ui.quantize.controls import ERROR, draw_controls, draw_presets, set_recipe
from qexplorer.ui.quantize.plan import draw_picture, draw_table, plan_of
from qexplorer.ui.quantize.recipe_changes import text_of
from qexplorer.ui.quantize.rules import draw_rules
from qexplorer.ui.quantize.yaml_text import draw_yaml
from qexplorer.ui.session import as_plain, current_model, current_recipe, keep, show_error, state

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
    _refused()
    draw_presets()
    with st.container(key="explore"):  # style.css stacks the columns in a narrow window
        picture, controls = st.columns([2.4, 1], gap="large")
    with picture:
        plan = plan_of(model, recipe)
        draw_picture(model, plan, recipe)
    with controls:
        draw_controls()
        draw_algorithms()
    _next(model, recipe)
    st.header("What happens to each layer, and why")
    draw_table(_as_made(plan, recipe))
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


def _refused() -> None:
    """Why the last change was not taken."""
    error = st.session_state.pop(ERROR, None)
    if error is not None:
        show_error(error)


def _as_made(plan: Plan, recipe: Recipe) -> Plan:
    """The plan with what its algorithms really changed, once the file is made; before that, what they will."""
    job = job_state(state().jobs.get("quantize"))
    made = job is not None and job.arguments == _order(recipe) and job.status is JobStatus.DONE
    if job is None or not made or not recipe.algorithms:
        return plan
    return replace(plan, layers=tuple(LayerPlan(**fields) for fields in job.result["plan"]["layers"]))


def _next(model: Model, recipe: Recipe) -> None:
    """Add to the comparison, go there, download the quantized file."""
    text = text_of(recipe)
    added = text in state().compare
    with st.container(horizontal=True, vertical_alignment="center", key="quantize_next"):
        label = "In the comparison" if added else "Add to comparison"
        icon = ":material/check:" if added else ":material/playlist_add:"
        st.button(label, type="primary", icon=icon, disabled=added or recipe.is_float, on_click=_add, args=(text,))
        _download(model, recipe)
        st.page_link("pages/compare.py", label="Next: compare", icon=":material/arrow_forward:")
    job_id = state().jobs.get("quantize")
    job = job_state(job_id)
    if job is not None and job.status is not JobStatus.DONE:
        draw_job(job_id, place="quantize")


def _add(text: str) -> None:
    now = state()
    if text not in now.compare:
        now.compare = [*now.compare, text]
    keep(now)


def _download(model: Model, recipe: Recipe) -> None:
    """The quantized file if it has been made; before that, the button that makes it."""
    now = state()
    order = _order(recipe)
    job = job_state(now.jobs.get("quantize"))
    if job is not None and job.arguments == order and job.status is JobStatus.DONE:
        path = Path(job.result["path"])
        if path.is_file():
            name = f"{model.name}-{recipe.name}.onnx"
            st.download_button(
                "Download ONNX", path.read_bytes(), name, icon=":material/download:", key="quantize_onnx"
            )
            return
    busy = job is not None and job.is_running
    lacks = lacks_data(_why_data(recipe)) if recipe.needs_calibration else None
    if st.button(
        "Quantize to ONNX",
        icon=":material/build:",
        help=lacks or "Observes ranges if the recipe needs them, runs its algorithms, and writes the quantized file",
        disabled=busy or lacks is not None or recipe.is_float,
    ):
        now.jobs["quantize"] = manager.submit("quantize", order)
        keep(now)
        st.rerun()


def _why_data(recipe: Recipe) -> str:
    return "its ranges come from samples" if recipe.needs_statistics else "its algorithms measure on samples"


def _order(recipe: Recipe) -> dict[str, object]:
    now = state()
    return {
        "model": now.model,
        "data": now.data,
        "preprocessing": now.preprocessing,
        "task": now.task,
        "recipe": text_of(recipe),
        "samples": None,
    }
