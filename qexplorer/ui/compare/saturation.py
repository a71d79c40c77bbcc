"""Integer arithmetic of one recipe: sums that saturate without VNNI, accumulators, and the remedies."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.core.foreign.media import in_table
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.saturation import SATURATION
from qexplorer.measure.arithmetic.saturation import EXACT_FEATURES, kept_saturation, saturates_here
from qexplorer.measure.arithmetic.saturation_types import ReducedRange, SaturationReport
from qexplorer.measure.comparison import Comparison
from qexplorer.report.comparison_charts.values import made_on
from qexplorer.report.layer_charts.saturation import (
    accumulator_spec,
    layer_rows,
    pair_spec,
    saturation_csv,
    saturation_sentence,
    switch_sentence,
)
from qexplorer.report.metric_words import value_text
from qexplorer.report.words import bytes_text
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.compare.accumulators import draw_sums
from qexplorer.ui.compare.arithmetic import draw_section, pick_subject
from qexplorer.ui.job_section import StartButton
from qexplorer.ui.own_recipes import add_to_comparison, is_compared
from qexplorer.ui.session import as_plain

__all__ = ["draw_saturation", "here_sentence"]

_HELP = "Runs the evaluation samples twice, with exact sums and with saturating ones; usually 5 to 20 seconds."
_COLUMNS = {
    "pairs at risk": st.column_config.NumberColumn(format="percent", help="Pairs that some input brings beyond int16."),
    "saturated on samples (%)": st.column_config.NumberColumn(format="%.3g", help="Share of all pair sums."),
    "largest pair sum": st.column_config.NumberColumn(format="localized", help="Over all input codes; 32767 fits."),
    "worst change": st.column_config.NumberColumn(format="localized", help="Of one accumulator, in its own units."),
    "note": st.column_config.TextColumn(width="large"),
}


def draw_saturation(comparison: Comparison) -> None:
    """The section."""
    st.markdown(
        "Without VNNI, x86 kernels add the products of unsigned and signed bytes in pairs in 16 bits, and sums beyond "
        "32767 are cut off: another processor, another answer. This emulates it exactly, next to exact sums."
    )
    st.info(as_plain(here_sentence(saturates_here())), icon=":material/memory:")
    subject = pick_subject(comparison, "saturation")
    if subject is None:
        return
    found = kept_saturation(subject.digest, subject.data_digest, subject.samples)
    if found is not None:
        _report(replace(found, recipe=subject.label), made_on(comparison), comparison.id)
    again = found is not None
    label = "Emulate saturating sums again" if again else "Emulate saturating sums"
    draw_section(SATURATION, StartButton(label, ":material/compress:", help=_HELP, primary=not again), subject)
    draw_sums(subject, made_on(comparison), comparison.id)


def here_sentence(saturates: bool | None) -> str:
    """Whether any of this happens on this machine."""
    if saturates is None:
        return "This system does not say what its processor can do, so whether sums saturate here is not known."
    if saturates:
        return "This processor has AVX2 and no VNNI: what is emulated here is what its u8 x s8 kernels do."
    from qexplorer.machine.cpu import cpu_features

    has = [name for name in cpu_features() or () if name in EXACT_FEATURES]
    why = f"This processor has {', '.join(has)}" if has else "This processor is no x86 one that adds pairs in 16 bits"
    return f"{why}: sums are exact here. What follows is what the same file would do on one with AVX2 alone."


def _report(found: SaturationReport, subtitle: str, key: str) -> None:
    sentence = saturation_sentence(found)
    with st.container(border=True, key="saturation_verdict"):
        safe = ":material/verified:" if found.layers else ":material/info:"
        icon = ":material/warning:" if any(layer.saturated for layer in found.layers) else safe
        st.markdown(f"#### {icon} {as_plain(sentence[:1].upper() + sentence[1:])}")
        st.caption(f"Emulated on {found.n} samples in {found.seconds:.1f} s.")
    if found.layers:
        left, right = st.columns(2, gap="large")
        with left:
            draw_chart(pair_spec(found, subtitle), key=f"pairs_{key}")
        with right:
            draw_chart(accumulator_spec(found, subtitle), key=f"accumulators_{key}")
        st.caption(
            "Dashed: what fits. Left: the largest sum that any input codes can bring about. Right: outlines are bits "
            "for any input, filled bars bits on these samples."
        )
        st.dataframe(
            in_table(layer_rows(found)),
            hide_index=True,
            placeholder="",
            column_config=_COLUMNS,
            key=f"arithmetic_{key}",
        )
        name = file_name(found.recipe, "arithmetic", ".csv")
        icon = ":material/download:"
        text = saturation_csv(found)
        st.download_button("Layers as CSV", text, name, icon=icon, on_click="ignore", key=f"arithmetic_csv_{key}")
    for name, why in found.left_out:
        st.caption(as_plain(f"Not among them, {name}: {why}"))
    _remedies(found)


def _remedies(found: SaturationReport) -> None:
    if not found.at_risk:
        return
    st.subheader("Remedies, applied and measured")
    left, right = st.columns(2, gap="large")
    with left, st.container(border=True, key="remedy_range"):
        st.markdown("**7-bit weights**")
        if found.reduced is None:
            st.markdown("Its weights have no 8-bit codes to make smaller.")
        else:
            _reduced(found.reduced)
    with right, st.container(border=True, key="remedy_switch"):
        st.markdown("**Exact kernels in ONNX Runtime** (`session.x64quantprecision`)")
        st.markdown(as_plain(switch_sentence(found)) + ".")


def _reduced(found: ReducedRange) -> None:
    if found.failed is not None:
        st.markdown(as_plain(f"{found.recipe} failed: {found.failed}"))
        return
    risk = "no layer can saturate" if not found.at_risk else f"{found.at_risk} layers can still saturate"
    parts = [f"{found.recipe}: 255 * 63 * 2 = 32130 fits, {risk}"]
    if found.accuracy is not None and found.accuracy.value is not None:
        parts.append(f"{found.accuracy.label} {value_text(found.accuracy)} on {found.accuracy.n} samples")
    if found.weight_bytes is not None:
        parts.append(f"weights {bytes_text(found.weight_bytes)}")
    st.markdown(as_plain("; ".join(parts)) + ".")
    recipe = Recipe.parse(found.yaml)
    if is_compared(recipe):
        st.caption(f":material/check: {as_plain(found.recipe)} is among what is compared; press Compare above.")
    else:
        label = f"Add {as_plain(found.recipe)} to the comparison"
        st.button(label, icon=":material/add:", key="remedy_add", on_click=add_to_comparison, args=(recipe,))
