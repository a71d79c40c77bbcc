"""Which calibrator, and how much data: the measurement of one activation, started and drawn on page Distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe, WeightSpec
from qexplorer.core.recipe_words.names import own_name
from qexplorer.core.words.numbers import number_text
from qexplorer.jobs.kinds.calibration import NEEDED, NeededOrder
from qexplorer.report.provenance import made_by
from qexplorer.report.tensor_charts.data_needed import data_needed_info, data_needed_spec
from qexplorer.ui.calibrator_controls import title_of
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.distributions.controls import Settings
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import as_plain, data_reference, model_reference

if TYPE_CHECKING:
    from qexplorer.measure.data_needed.needed_types import DataNeeded
    from qexplorer.observe.stats import TensorStats

__all__ = ["HOW_MUCH", "draw_how_much", "draw_needed", "needed_sentence"]

HOW_MUCH = "How much data"
"""The choice of "Look closer" that draws this."""

_DRAWN = ("error", "high", "metric")


def draw_how_much(model: Model, stats: TensorStats, settings: Settings) -> None:
    """The button or the job, and what came of it; for weights a sentence why there is nothing to ask."""
    st.subheader("Which calibrator, how much data", anchor=False)
    spec = settings.activations if stats.kind == "activation" else None
    if stats.kind != "activation":
        st.caption("A weight is there as a whole: calibration samples are for activations. Choose one above.")
        return
    if spec is None:
        st.caption("A range by hand needs no samples. Choose how the range is found.")
        return
    recipe = Recipe(weights=WeightSpec(), activations=spec)
    recipe = recipe.model_copy(update={"name": own_name(recipe)})
    about = {"model": model_reference(), "data": data_reference()}
    known = all(each is not None for each in about.values())
    order = NeededOrder.model_validate({**about, "recipe": recipe, "tensor": stats.name}) if known else None
    button = StartButton("Measure", ":material/query_stats:", help="Three draws of 4 to 512 samples, every calibrator.")
    section = JobSection(NEEDED, order, button, intro=_intro, partial=lambda known: draw_needed(model, known))
    section.draw()
    found = section.result()
    if found is not None:
        draw_needed(model, found)


def _intro() -> None:
    st.caption(
        "Calibrates with 4, 8, 16, ... samples by every calibrator, three times, and judges on other samples: one to "
        "three minutes for a sample model on two cores. The first pictures come after a third of that."
    )


def draw_needed(model: Model, found: DataNeeded) -> None:
    """What was found in words, and the pictures that have values."""
    st.markdown(as_plain(needed_sentence(found)))
    titles = {name: title_of(name) for name in found.enough}
    draws = f"{found.draws} draw{'s' if found.draws > 1 else ''}"
    subtitle = f"{model.name}, {found.recipe}, {draws}, {found.judged} samples judge, {made_by()}"
    for what in _DRAWN:
        if data_needed_info(found, what):
            draw_chart(data_needed_spec(found, what, titles=titles, subtitle=subtitle), key=f"needed_{what}")


def needed_sentence(found: DataNeeded) -> str:
    """The calibrator with the least error where it had the most samples, and from how many on more did not help."""
    last = {name: found.of(name)[-1] for name in found.enough}
    best = min(last, key=lambda name: last[name].error.mean)
    alike = [title_of(name) for name in last if last[name].error.mean <= 1.05 * last[best].error.mean and name != best]
    error = number_text(last[best].error.mean)
    also = f" ({', '.join(alike)} within 5 %)" if alike else ""
    enough = [f"{title_of(name)}: {found.enough.get(name) or 'not reached'}" for name in last]
    return (
        f"Least error with {last[best].samples} samples: {title_of(best)}, {error}{also}. "
        f"Samples from which on more did not help: {'; '.join(enough)}."
    )
