"""Page Joint search: what may be chosen, by what it is judged, and the search as a job that can go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from qexplorer.core.plugin_kinds.calibrator_choice import short_calibrators
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.precision.joint import JOINT, JointOrder
from qexplorer.search.joint.study import ENABLE, is_installed
from qexplorer.search.mixing.recipes import unmixed
from qexplorer.ui.calibrator_controls import title_of
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_memory import start_job
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.joint.outcome import draw_outcome
from qexplorer.ui.recipe_ways import draw_train_each, recipe_with_weights
from qexplorer.ui.session import (
    WIDGET,
    as_plain,
    current_model,
    data_reference,
    keep,
    model_reference,
    remembered,
    state,
)

__all__ = ["draw_joint_page"]

_FORMATS = ("int8", "int4", "int3", "int2")
_ACTIVATIONS = ("uint8", "uint16")
_GRANULARITIES = {"channel": "per channel", "tensor": "per tensor", "b32": "blocks of 32"}
_QUALITIES = {"loss": "loss", "metric": "drop of the task's metric"}
_COSTS = {"weight_bytes": "weight bytes", "bit_operations": "bit operations"}
_MORE = 40  # trials, when a search goes on
_MOST = 2000  # recipes of one study


def draw_joint_page() -> None:
    """Draws the page."""
    st.title("Joint search", help="Formats of layers, granularity, calibrators and algorithms, chosen together")
    model = current_model()
    if model is None:
        draw_no_model("It chooses formats, calibrators and algorithms together, and draws the front of loss and size.")
        return
    if not is_installed():
        st.info(f"This page needs Optuna, which is not installed here: {ENABLE}.", icon=":material/extension:")
        return
    recipe = recipe_with_weights("nothing to choose")
    if recipe is None:
        return
    base = unmixed(recipe, _FORMATS[0])
    asked = _asked(base)
    _search(base, asked | {"train_each": draw_train_each(recipe, asked["trials"])})


def _asked(base: Recipe) -> dict[str, Any]:
    """The controls, as fields of the order."""
    asked: dict[str, Any] = {}
    calibrators = {name: title_of(name) for name in short_calibrators()}
    with st.container(key="joint_space"):
        left, right = st.columns(2, gap="medium")
        with left:
            asked["formats"] = _pills("Formats of weights", "formats", {name: name for name in _FORMATS}, _FORMATS[:2])
            asked["granularities"] = _pills("Weights that share a scale", "granularities", _GRANULARITIES, ("channel",))
            asked["per_layer"] = st.toggle("A choice for each layer", **remembered("joint_per_layer", True))
            if _is_static(base):
                formats = {name: name for name in _ACTIVATIONS}
                asked["activations"] = _pills("Formats of activations", "activations", formats, _ACTIVATIONS[:1])
        with right:
            some = ["minmax", "mse"]
            asked["weight_calibrators"] = _several("Calibrators of weights", "weight_cal", calibrators, some)
            if _is_static(base):
                words, some = "Calibrators of activations", ["minmax", "percentile", "mse"]
                asked["activation_calibrators"] = _several(words, "activation_cal", calibrators, some)
            names = {each.name: each.title for each in ALGORITHMS if not each.decides & Decides.TRAINED}
            words, some = "Algorithms, each on or off", ["equalize", "bias_correction"]
            asked["algorithms"] = _several(words, "algorithms", names, some)
        return asked | _aims()


def _is_static(base: Recipe) -> bool:
    return base.activations is not None and base.activations.mode == "static"


def _aims() -> dict[str, Any]:
    """Objectives, and how long."""
    places = st.columns(4, gap="medium")
    qualities, costs = list(_QUALITIES), list(_COSTS)
    kept = remembered("joint_quality", "loss", qualities)
    quality = places[0].selectbox("Minimize", qualities, format_func=_QUALITIES.__getitem__, **kept)
    kept = remembered("joint_cost", costs[0], costs)
    cost = places[1].selectbox("and minimize", costs, format_func=_COSTS.__getitem__, **kept)
    trials = places[2].number_input("Recipes to try", 5, _MOST, step=5, **remembered("joint_trials", 60))
    minutes = places[3].number_input("Minutes, at most", 1, 1440, step=1, **remembered("joint_minutes", 10))
    return {"quality": quality, "cost": cost, "trials": int(trials), "seconds": 60.0 * minutes}


def _pills(label: str, name: str, titles: Mapping[str, str], usual: Iterable[str]) -> tuple[str, ...]:
    kept = remembered(f"joint_{name}", list(usual))
    shown = st.pills(label, list(titles), selection_mode="multi", format_func=titles.__getitem__, **kept)
    return tuple(each for each in titles if each in (shown or []))


def _several(label: str, name: str, titles: Mapping[str, str], usual: Iterable[str]) -> tuple[str, ...]:
    kept = remembered(f"joint_{name}", list(usual))
    shown = st.multiselect(
        label, list(titles), format_func=titles.__getitem__, placeholder="As the recipe has it", **kept
    )
    return tuple(each for each in titles if each in shown)


def _search(base: Recipe, asked: dict[str, Any]) -> None:
    lacks = lacks_data("what recipes lose is measured on samples")
    if not asked["formats"]:
        lacks = "Choose a format."
    reference, data = model_reference(), None if lacks else data_reference()
    order = None
    if reference is not None and data is not None:
        order = JointOrder(model=reference, data=data, recipe=base, **asked)
    section = JobSection(
        JOINT, order, _button(lacks), intro=lambda: _intro(base), partial=lambda found: draw_outcome(found, live=True)
    )
    report, job = section.result(), section.job()
    if report is None or order is None:
        section.draw()
        if job is not None and not job.is_running and (found := JOINT.partial_of(job)):
            st.caption("What was found is kept; started again, the search goes on from it.")
            draw_outcome(found)
        return
    draw_outcome(report)
    _go_on(order)


def _go_on(order: JointOrder) -> None:
    more_of_them = min(_MORE, _MOST - order.trials)
    if more_of_them <= 0:
        return

    def more() -> None:
        now, trials = state(), order.trials + more_of_them
        now.choices["joint_trials"] = st.session_state[f"{WIDGET}joint_trials"] = trials
        keep(now)
        start_job(JOINT, order.model_copy(update={"trials": trials}))

    st.button(f"Go on with {more_of_them} more recipes", icon=":material/resume:", key="joint_more", on_click=more)


def _button(lacks: str | None) -> StartButton:
    return StartButton(
        "Search jointly",
        ":material/join_inner:",
        help="Starts from plain recipes and solved mixes, then tries recipes near the best; a second each for a small "
        "network. It can be cancelled and goes on where it was",
        lacks=lacks,
        primary=True,
    )


def _intro(base: Recipe) -> None:
    st.markdown(
        f"What is off above stays as **{as_plain(base.name)}** has it. The search starts from plain recipes and from "
        "mixes that are solved exactly, and goes on near the best; each recipe is quantized and run on samples kept "
        "apart, and stopped early where a cheaper one is surely better. In the end the front is verified on samples "
        "that the search did not look at."
    )
