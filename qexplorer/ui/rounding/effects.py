"""What the recipe's algorithms changed: errors layer by layer, and one layer's weight on its grid before and after."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.foreign.media import in_label, in_table
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.algorithm import Stage
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.effects import EFFECTS, EffectsOrder
from qexplorer.measure.effects.effect_types import AlgorithmEffect, EffectReport
from qexplorer.measure.effects.effects import kept_effects
from qexplorer.report.effect_charts.effect_table import effect_rows, effect_sentence, layer_sentence, sorted_layers
from qexplorer.report.effect_charts.gains import gain_spec
from qexplorer.report.effect_charts.on_the_grid import grid_panels, grid_spec, reach_spec
from qexplorer.ui.empty_page import lacks_data
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.own_recipes import set_recipe
from qexplorer.ui.quantize.recipe_changes import algorithms_chosen
from qexplorer.ui.rounding.drawing import clickable_key, draw_picture
from qexplorer.ui.session import as_plain, data_reference, fitted_data, keep, model_reference, remembered, state

__all__ = ["draw_effects"]

_LAYER = "tensor_effect_layer"
_OFFERED = ("adaround", "equalize")
_DECIBEL = (
    "SQNR: the power of a signal over the power of its error, in decibel; 6 dB more is half the error. Of a layer's "
    "output, with everything before it quantized too."
)
_COLUMNS = {
    **{
        name: st.column_config.NumberColumn(format="%.1f")
        for name in ("output before (dB)", "output after (dB)", "weight before (dB)", "weight after (dB)")
    },
    "gain (dB)": st.column_config.NumberColumn(format="%+.1f", help=_DECIBEL),
    "codes moved": st.column_config.NumberColumn(format="percent", help="Weights that have another code."),
    **{
        name: st.column_config.NumberColumn(format="%.2e")
        for name in ("output MSE before", "output MSE after", "weight MSE before", "weight MSE after")
    },
    "seconds": st.column_config.NumberColumn(format="%.2f", help="Where the algorithm goes layer by layer."),
    "what it says": st.column_config.TextColumn(width="large"),
}


def draw_effects(model: Model, recipe: Recipe) -> None:
    """The view."""
    if not recipe.algorithms:
        _offer(recipe)
        return
    lacks = lacks_data("what layers make is compared on samples")
    section = _section(recipe, lacks)
    report = _report(section)
    if report is None:
        section.draw()
        return
    _draw_report(model, report)


def _offer(recipe: Recipe) -> None:
    """The recipe rounds to nearest: what else there is, one click each."""
    if recipe.is_float:
        st.markdown("The recipe keeps everything in float, so nothing is rounded.")
        st.button("Take w4a8", type="primary", on_click=lambda: set_recipe(Recipe.parse("w4a8")), key="take_w4a8")
        return
    st.markdown(
        f"The recipe **{as_plain(recipe.name)}** rounds every weight to its nearest level. That is best for each "
        "weight by itself, and not for what the layer makes of them. Add an algorithm and see what it changes:"
    )
    with st.container(horizontal=True):
        for place, name in enumerate(_OFFERED):
            st.button(
                f"Add {ALGORITHMS.get(name).title}",
                icon=":material/add:",
                type="primary" if not place else "secondary",
                key=f"add_{name}",
                help=ALGORITHMS.get(name).description,
                on_click=_add,
                args=(recipe, name),
            )
        st.page_link("pages/quantize.py", label="All algorithms, on page Quantize", icon=":material/tune:")
    st.caption("How each works is shown above for any layer, whatever the recipe.")


def _add(recipe: Recipe, name: str) -> None:
    set_recipe(algorithms_chosen(recipe, [name]))


def _section(recipe: Recipe, lacks: str | None) -> JobSection[EffectsOrder, object, None]:
    model, data = model_reference(), None if lacks else data_reference()
    known = model is not None and data is not None
    order = EffectsOrder(model=model, data=data, recipe=recipe) if known else None
    titles = ", ".join(each.algorithm.title for each in recipe.algorithms)
    button = StartButton(
        "Find what changed",
        ":material/compare_arrows:",
        help="Quantizes with and without each algorithm; as long as the algorithms take, or seconds if that was done.",
        lacks=lacks,
        primary=True,
    )

    def intro() -> None:
        st.markdown(
            f"Quantizes by **{as_plain(recipe.name)}** and by the same recipe without each of its algorithms "
            f"({as_plain(titles)}), and lays weights and outputs of every layer side by side."
        )

    return JobSection(EFFECTS, order, button, intro=intro)  # type: ignore[arg-type]


def _report(section: JobSection[EffectsOrder, object, None]) -> EffectReport | None:
    found, data = section.result(), fitted_data()
    digest = getattr(found, "digest", None)
    return None if digest is None or data is None else kept_effects(str(digest), data.digest)


def _draw_report(model: Model, report: EffectReport) -> None:
    names = [each.algorithm for each in report.algorithms]
    with st.container(key="effect_choice"):
        left, right = st.columns([1, 1], vertical_alignment="bottom")
    with left:
        chosen = _algorithm(report, names)
    effect = report.of(chosen)
    assert effect is not None, "it is one of them"
    if not effect.layers:
        st.info("No layer has a weight on a grid, so there is nothing to lay side by side.")
        return
    layers = [each.layer for each in sorted_layers(effect)]
    with right:
        layer = st.selectbox("Layer", layers, format_func=in_label, **remembered(_LAYER, layers[0], layers))
    st.markdown(as_plain(effect_sentence(effect)) + ".", help=_DECIBEL)
    _pictures(effect, str(layer), f"{model.name}, {report.recipe}")
    with st.expander("All layers as a table", icon=":material/table:", key="effect_table"):
        st.dataframe(in_table(effect_rows(effect)), hide_index=True, placeholder="", column_config=_COLUMNS)
        st.caption(
            f"Before: {as_plain(effect.without)}. Outputs on {report.n} calibration samples. Seconds as it worked on "
            "this machine."
        )


def _algorithm(report: EffectReport, names: list[str]) -> str:
    titles = {each.algorithm: each.title for each in report.algorithms}
    kept = remembered("effect_algorithm", names[0], names)
    if len(names) == 1:
        st.markdown(f"**{as_plain(titles[names[0]])}**")
        return names[0]
    return str(st.segmented_control("Algorithm", names, format_func=titles.__getitem__, required=True, **kept))


def _pictures(effect: AlgorithmEffect, name: str, settings: str) -> None:
    layer = effect.layer(name)
    assert layer is not None, "it was chosen among them"
    scales = ALGORITHMS.get(effect.algorithm).stage is Stage.GRAPH
    left, right = st.columns([1, 1], gap="medium")
    with left, st.container(height=390, border=False):
        gains = clickable_key("effect_gains", "layer", name)
        draw_picture(gain_spec(effect, "", name), key=gains, settings=settings, on_select=lambda: _pick(gains))
    with right:
        one, other = grid_panels(layer, effect.without, effect.title)
        about = f"{settings}, {layer.layer}"
        with st.container(gap="xsmall" if scales else "small"):
            draw_picture(grid_spec(one, "", low=scales, named=not scales), key="effect_before", settings=about)
            draw_picture(grid_spec(other, "", low=scales), key="effect_after", settings=about)
            if scales:
                draw_picture(reach_spec(layer, ""), key="effect_reach", settings=about)
    remark = f" {layer.remark[:1].upper()}{layer.remark[1:]}." if layer.remark else ""
    st.caption(as_plain(f"{layer.layer}: {layer_sentence(layer)}.{remark}") + " Grey: the weights in float.")


def _pick(chart: str) -> None:
    """A click on a layer's dot chooses it."""
    picked = (st.session_state[chart].get("selection") or {}).get("layer") or []
    if picked:
        value = str(picked[0]["layer"])
        st.session_state[remembered(_LAYER, value)["key"]] = value
        now = state()
        now.choices[_LAYER] = value
        keep(now)
