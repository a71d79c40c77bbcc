"""Page Repair: one button, the faults with their evidence, and a log of what was tried and gained."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_label, in_table
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.precision.repair import REPAIR, RepairOrder
from qexplorer.report.repair_charts.evidence import evidence_spec
from qexplorer.report.repair_charts.repair_words import (
    STEP_HEADER,
    diagnosis_cells,
    diagnosis_header,
    diagnosis_title,
    repair_sentence,
    step_cells,
)
from qexplorer.report.repair_charts.steps import repair_spec
from qexplorer.search.repair.finding import MOST_TRIED
from qexplorer.search.repair.repair_types import RepairReport
from qexplorer.search.training_apart import trained_as
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.own_recipes import add_to_comparison, set_recipe
from qexplorer.ui.recipe_ways import draw_train_each
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.session import (
    as_plain,
    current_model,
    current_recipe,
    data_reference,
    model_reference,
    remembered,
    show_error,
)

__all__ = ["draw_repair_page"]


def draw_repair_page() -> None:
    """Draws the page."""
    st.title("Repair", help="Which layers are bad, why, and what helps them")
    model = current_model()
    if model is None:
        draw_no_model(
            "It finds what is wrong with the layers of a quantized model, tries what may help, and keeps what does."
        )
        return
    try:
        recipe = current_recipe()
    except QExplorerError as error:
        show_error(error)
        return
    if recipe.is_float:
        st.info("The recipe keeps everything in float, so there is nothing to repair.")
        st.page_link("pages/quantize.py", label="Choose a recipe", icon=":material/tune:")
        return
    lacks = lacks_data("remedies are judged on samples")
    train_each = draw_train_each(recipe, MOST_TRIED)
    reference, data = model_reference(), None if lacks else data_reference()
    known = reference is not None and data is not None
    order = RepairOrder(model=reference, data=data, recipe=recipe, train_each=train_each) if known else None
    button = StartButton(
        "Repair this model",
        ":material/healing:",
        help="Looks for faults, and tries what may help one after the other: seconds to minutes for a small network",
        lacks=lacks,
        primary=True,
    )
    section = JobSection(
        REPAIR,
        order,
        button,
        intro=lambda: _intro(recipe),
        partial=lambda found: _draw(model, found, recipe, live=True),
        left=lambda found: _draw(model, found, recipe, ended=False),
    )
    report = section.result()
    if report is None:
        section.draw()
    else:
        _draw(model, report, recipe)


def _intro(recipe: Recipe) -> None:
    st.markdown(
        f"Looks at every layer as **{as_plain(recipe.name)}** quantizes it: outlier channels, unequal channels under "
        "one scale, values far out, ranges of which few codes are taken, inputs that do not go together, sums that "
        "saturate, calibration samples unlike others. What may help is tried, the cheapest first, and kept only where "
        "samples that neither calibration nor a verdict uses get better."
    )


def _draw(model: Model, report: RepairReport, asked: Recipe, *, live: bool = False, ended: bool = True) -> None:
    """What is known; ``live`` while the work goes on, ``ended`` unless it was cancelled. What is taken trains as
    ``asked`` does."""
    if not live:
        if ended or any(step.kept for step in report.steps):
            st.markdown(as_plain(repair_sentence(report)))
        _ways_on(report, asked)
    if report.steps:
        draw_picture(repair_spec(report), key=f"repair_steps{live}", settings=f"{model.name}, {report.recipe_name}")
    if report.diagnoses:
        st.header(diagnosis_title(report))
        _table(diagnosis_header(report), diagnosis_cells(report))
        _evidence(model, report, live=live)
    if report.steps:
        st.header("What was tried")
        _table(STEP_HEADER, step_cells(report))
    for note in report.notes:
        st.caption(as_plain(note[:1].upper() + note[1:]) + ".")


def _evidence(model: Model, report: RepairReport, *, live: bool) -> None:
    """The picture of one fault, the worst at first."""
    drawn = [each for each in report.diagnoses if each.shown is not None]
    if not drawn or live:
        return
    names = [f"{each.layer or 'the whole model'}: {each.fault.value}" for each in drawn]
    names = [name if name not in names[:i] else f"{name} ({drawn[i].tensor})" for i, name in enumerate(names)]
    kept = remembered("repair_evidence", names[0], names)
    chosen = drawn[names.index(str(st.selectbox("Evidence", names, format_func=in_label, **kept)))]
    st.caption(as_plain(chosen.sentence[:1].upper() + chosen.sentence[1:]) + ".")
    draw_picture(evidence_spec(chosen), key="repair_evidence_chart", settings=f"{model.name}, {report.recipe_name}")


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    st.dataframe(in_table([dict(zip(header, row, strict=True)) for row in rows]), hide_index=True, width="stretch")


def _ways_on(report: RepairReport, asked: Recipe) -> None:
    if not any(step.kept for step in report.steps):
        return
    repaired = trained_as(Recipe.parse(report.repaired), asked)
    with st.container(horizontal=True, key="repair_ways"):
        if st.button("Take the repaired recipe", type="primary", icon=":material/tune:", key="repair_take"):
            set_recipe(repaired)
            st.switch_page("pages/quantize.py")
        if st.button("Compare both", icon=":material/balance:", key="repair_compare"):
            add_to_comparison(asked, repaired)
            st.switch_page("pages/compare.py")
        st.download_button("Recipe (YAML)", repaired.to_yaml(), "repaired.yaml", "application/yaml", on_click="ignore")
