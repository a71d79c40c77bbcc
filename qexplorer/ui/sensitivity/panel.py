"""Page Sensitivity, top to bottom: what is asked, the job, the layers by cost, the network in order, one layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_table
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.sensitivity import SENSITIVITY, SensitivityOrder
from qexplorer.report.sensitivity_charts.accumulated import accumulated_info, accumulated_spec
from qexplorer.report.sensitivity_charts.bars import bars_spec
from qexplorer.report.sensitivity_charts.in_order import COLOURED_BY, order_info, order_spec
from qexplorer.report.sensitivity_charts.sensitivity_table import (
    SENSITIVITY_HEADER,
    accord_words,
    sensitivity_cells,
    whole_words,
    worst_words,
)
from qexplorer.report.sensitivity_charts.to_tools import annotated_onnx, node_data
from qexplorer.search.sensitivity.sensitivity_types import SensitivityReport
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_memory import earlier_result
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.own_recipes import set_recipe
from qexplorer.ui.rounding.drawing import clickable_key, draw_picture
from qexplorer.ui.sensitivity.layer import chosen_layer, draw_layer, pick
from qexplorer.ui.session import (
    as_plain,
    current_model,
    current_recipe,
    data_reference,
    model_reference,
    remembered,
    show_error,
)

__all__ = ["draw_sensitivity_page"]

_HELP = "What rounding one layer costs, foretold from gradients for all layers, then evaluated one by one"
_ROUNDED = {"both": "both", "weights": "weights", "activations": "activations"}
_SETUPS = {"alone": "one alone", "all_but_one": "all but one", "cumulative": "all up to one"}
_COUNTS = (32, 64, 128, 256, 512)
_WHOLE, _SCROLLED = 40, 720  # layers whose bars are all in sight; pixels in which more are scrolled


def draw_sensitivity_page() -> None:
    """Draws the page."""
    st.title("Sensitivity", help=_HELP)
    model = current_model()
    if model is None:
        draw_no_model("With one, this page finds which of its layers rounding hurts.")
        return
    try:
        recipe = current_recipe()
    except QExplorerError as error:
        show_error(error)
        return
    if recipe.is_float:
        st.markdown("The recipe keeps everything in float, so nothing is rounded.")
        st.button("Take w4a8", type="primary", on_click=lambda: set_recipe(Recipe.parse("w4a8")), key="take_w4a8")
        return
    section = _section(recipe)
    report = section.result()
    if report is not None:
        _draw_report(model, report)
        return
    before = None if section.job() is not None else _before(section.order)
    if before is not None:
        _draw_since(section, recipe, before)
        _draw_report(model, before)
    else:
        section.draw()


def _before(order: SensitivityOrder | None) -> SensitivityReport | None:
    """What was found last of the same model and data, by another recipe or other settings."""
    if order is None:
        return None
    return earlier_result(SENSITIVITY, lambda asked: (asked.model, asked.data) == (order.model, order.data))


def _draw_since(section: JobSection[SensitivityOrder, Any, Any], recipe: Recipe, before: SensitivityReport) -> None:
    """Says what the report below belongs to, with the button that measures as things are asked now."""
    was = Recipe.parse(before.recipe)
    if was.digest != recipe.digest:
        told = f"The recipe is now **{as_plain(recipe.name)}**. Below stands what was measured with the one before"
        told += "." if was.name == recipe.name else f", **{as_plain(was.name)}**."
    else:
        told = "Below stands what was measured as it was asked before."
    with st.container(border=True, key="sensitivity_since"):
        st.markdown(f":material/history: {told}")
        again = replace(section.button, label="Measure again", icon=":material/replay:")
        replace(section, button=again).draw_button()


def _section(recipe: Recipe) -> JobSection[SensitivityOrder, SensitivityReport, SensitivityReport]:
    lacks = lacks_data("answers are compared on its calibration samples")
    with st.container(key="sensitivity_asks"):
        left, middle, right = st.columns([2, 3, 3], vertical_alignment="bottom")
    with left:
        samples = int(st.selectbox("Samples", _COUNTS, **remembered("sensitivity_samples", 128, _COUNTS)))
    with middle:
        kept = remembered("sensitivity_rounded", ["both"])
        rounded = st.pills("Rounded", list(_ROUNDED), selection_mode="multi", format_func=_ROUNDED.__getitem__, **kept)
    with right:
        kept = remembered("sensitivity_setups", ["alone"])
        setups = st.pills("Evaluated", list(_SETUPS), selection_mode="multi", format_func=_SETUPS.__getitem__, **kept)
    model, data = model_reference(), None if lacks else data_reference()
    order = None
    if model is not None and data is not None:
        order = SensitivityOrder(
            model=model,
            data=data,
            recipe=recipe,
            samples=samples,
            rounded=tuple(each for each in _ROUNDED if each in rounded) or ("both",),
            setups=tuple(each for each in _SETUPS if each in setups) or ("alone",),
        )
    button = StartButton(
        "Find which layers hurt",
        ":material/network_node:",
        help="Seconds for a small model; for a large one about as long as ten passes over the samples.",
        lacks=lacks,
        primary=True,
    )

    def intro() -> None:
        st.markdown(f"Rounds one layer at a time by **{as_plain(recipe.name)}** and leaves the others in float.")

    def so_far(report: SensitivityReport) -> None:
        found = current_model()
        if found is not None:
            _draw_report(found, report)

    return JobSection(SENSITIVITY, order, button, intro=intro, partial=_draw_partial, left=so_far)


def _draw_partial(report: SensitivityReport) -> None:
    """What is known before the end: foretold first, then evaluated on the samples so far."""
    if report.layers:
        draw_picture(bars_spec(report, "both", ""), key="sensitivity_so_far", settings=_settings(report))


def _settings(report: SensitivityReport) -> str:
    return f"{report.model}, {report.recipe_name}, {report.n} calibration samples of {report.data}"


def _draw_report(model: Model, report: SensitivityReport) -> None:
    for note in report.notes:
        st.caption(f":material/info: {as_plain(note)}")
    if not report.layers:
        return
    parts = [each for each in _ROUNDED if any(layer.exact(each) or layer.gradient(each) for layer in report.layers)]
    if not parts:
        return
    said = st.empty()
    with st.container(key="sensitivity_views"):
        left, right = st.columns([1, 1], vertical_alignment="bottom")
    with left:
        kept = remembered("sensitivity_part", parts[0], parts)
        rounded = str(st.segmented_control("Shown of each layer", parts, required=True, **kept))
    ways = [by for by in COLOURED_BY if any(cell.value is not None for cell in order_info(report, rounded, by))]
    with right:
        kept = remembered("sensitivity_colour", ways[0], ways)
        by = str(st.selectbox("Colour", ways, format_func=lambda way: COLOURED_BY[way].title, **kept))
    said.markdown(_said(report, rounded))
    chosen = chosen_layer(report, rounded)
    left, right = st.columns([1, 1], gap="medium")
    settings = _settings(report)
    many = len(report.layers) > _WHOLE
    with left, st.container(height=_SCROLLED if many else "content", border=False):
        spec = bars_spec(report, rounded, "", chosen)
        bars = clickable_key("sensitivity_bars", "layer", chosen)
        draw_picture(spec, key=bars, settings=settings, on_select=lambda: pick(bars, "layer"))
    if accumulated_info(report):
        with left:
            draw_picture(accumulated_spec(report), key="sensitivity_accumulated", settings=settings)
    with right:
        spec = order_spec(report, rounded, by, chosen, "")
        cells = clickable_key("sensitivity_order", "cell", chosen)
        draw_picture(spec, key=cells, settings=settings, on_select=lambda: pick(cells, "cell"))
        draw_layer(model, report, chosen, rounded)
    _draw_table(model, report, rounded)


def _said(report: SensitivityReport, rounded: str) -> str:
    said = [f"{worst}."] if (worst := worst_words(report, rounded)) else []
    if report.whole is not None:
        said.append(f"All layers together: {whole_words(report)}.")
    if report.no_gradient:
        said.append(f"Nothing was foretold: {report.no_gradient}.")
    elif report.accord is not None:
        said.append(f"Foretold against evaluated: {accord_words(report)}.")
    return as_plain(" ".join(said))


def _draw_table(model: Model, report: SensitivityReport, rounded: str) -> None:
    with st.expander("All layers as a table, and files for graph viewers", icon=":material/table:"):
        cells = sensitivity_cells(report, rounded)
        st.dataframe(in_table([dict(zip(SENSITIVITY_HEADER, row, strict=True)) for row in cells]), hide_index=True)
        with st.container(horizontal=True):
            for words in ("evaluated", "foretold"):
                text = node_data(model, report, rounded, foretold=words == "foretold")
                st.download_button(
                    f"Node data, {words} (Model Explorer)",
                    text or "",
                    f"{model.name}-{words}.json",
                    "application/json",
                    on_click="ignore",
                    disabled=text is None,
                    key=f"sensitivity_node_data_{words}",
                )
            st.download_button(
                "ONNX with notes (Netron)",
                lambda: annotated_onnx(model, report),
                f"{model.name}-sensitivity.onnx",
                "application/octet-stream",
                on_click="ignore",
                key="sensitivity_netron",
            )
