"""Page Mixed precision: a choice for each layer, found under budgets and chosen by a measurement."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.precision.mix import MIX, MixOrder
from qexplorer.jobs.references import DataRef, ModelRef
from qexplorer.search.costs.cost_kinds import COSTS
from qexplorer.search.costs.kept_times import forget_times
from qexplorer.search.mixing.mix_types import MixQuestion, MixReport, trainings
from qexplorer.search.mixing.recipes import unmixed
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_memory import start_job
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.mixing.asked import AskedMix, draw_asked
from qexplorer.ui.mixing.found import draw_found
from qexplorer.ui.recipe_ways import draw_train_each, recipe_with_weights
from qexplorer.ui.session import (
    as_plain,
    current_model,
    data_reference,
    model_reference,
)

__all__ = ["draw_mix_page"]


def draw_mix_page() -> None:
    """Draws the page."""
    st.title("Mixed precision", help="A precision for each layer: wide where it hurts, narrow where it does not")
    model = current_model()
    if model is None:
        draw_no_model("It finds which layers can do with fewer bits, and the best mix of precisions under a budget.")
        return
    recipe = recipe_with_weights("nothing to mix")
    if recipe is None:
        return
    _search(model, recipe)


def _search(model: Model, recipe: Recipe) -> None:
    """What is asked, and what came of it."""
    base = unmixed(recipe, "int8")
    asked = draw_asked(base)
    train_each = draw_train_each(recipe, trainings(MixQuestion(base)))
    lacks = lacks_data("what mixes lose is measured on samples") or asked.lacks
    reference, data = model_reference(), None if lacks else data_reference()
    order = None
    if reference is not None and data is not None:
        order = _order(asked, reference, data, base, train_each=train_each)
    section = JobSection(
        MIX,
        order,
        _button(lacks),
        intro=lambda: _intro(recipe),
        partial=lambda r: draw_found(model, r, base, live=True),
        left=lambda r: draw_found(model, r, base, live=True),
    )
    report = section.result()
    if report is None:
        section.draw()
    else:
        draw_found(model, report, base, again=None if order is None else lambda: _again(order, report))


def _again(order: MixOrder, report: MixReport) -> None:
    if report.clock is not None:
        forget_times(report.clock.kept)
    start_job(MIX, order)


def _order(asked: AskedMix, model: ModelRef, data: DataRef, base: Recipe, *, train_each: bool) -> MixOrder:
    return MixOrder(
        model=model,
        data=data,
        recipe=base,
        choices=asked.choices,
        budgets={COSTS[name].budget: share for name, share in asked.budgets.items()},
        most_drop=asked.most_drop,
        as_float=asked.as_float,
        axis=asked.axis,
        backend=asked.backend,
        hardware_aware=asked.hardware_aware,
        train_each=train_each,
    )


def _button(lacks: str | None) -> StartButton:
    return StartButton(
        "Find the best mix",
        ":material/search:",
        help="Foretells what each layer loses and costs with each choice, solves for the best mix, and measures it: "
        "seconds for a small network, a minute where latency is measured",
        lacks=lacks,
        primary=True,
    )


def _intro(recipe: Recipe) -> None:
    st.markdown(
        f"All layers share what **{as_plain(recipe.name)}** says of algorithms and calibrators; each gets a format of "
        "its own for its weights, or a pair of weights and activations, or stays in float. What a layer loses is "
        "foretold from gradients and checked by running it, what it costs is counted or measured; the best mix is "
        "solved exactly, and the one that is chosen is chosen by a measurement on samples kept apart."
    )
