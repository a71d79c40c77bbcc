"""The fidelity ladder of one recipe: float, simulated, exact integers, each backend; how near, and where they part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.core.foreign.media import in_table
from qexplorer.core.results import Status
from qexplorer.jobs.kinds.ladder import LADDER
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.ladder.ladder import kept_ladder
from qexplorer.measure.ladder.ladder_types import BackendRung, Ladder
from qexplorer.report.comparison_charts.values import made_on
from qexplorer.report.ladder_words import badge, exact_sentence, percent, rung_sentence, simulated_sentence
from qexplorer.report.layer_charts.ladder import ladder_csv, layer_spec, rung_spec, sqnr_spec
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.compare.arithmetic import draw_section, pick_subject
from qexplorer.ui.job_section import StartButton
from qexplorer.ui.session import as_plain, remembered

__all__ = ["draw_ladder"]

_BADGES = {
    "bit-exact": (":material/verified:", "green"),
    "within 1 step": (":material/check_circle:", "green"),
    "within tolerance": (":material/check_circle:", "green"),
    "explained gap": (":material/stairs:", "blue"),
    "refused": (":material/block:", "red"),
    "failed": (":material/error:", "red"),
}
_HELP = "Runs float, simulated, exact integers and each backend on the same samples; usually 5 to 30 seconds."


def draw_ladder(comparison: Comparison) -> None:
    """The section."""
    st.markdown(
        "Does the simulation answer what float does, and a backend what exact integers do? Each rung is compared "
        "with the one before it: a backend with exact integers, or with the simulation where integers "
        "cannot compute the graph."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="ladder_picks"):
        subject = pick_subject(comparison, "ladder")
        backends = _backends(comparison)
    if subject is None:
        return
    if not backends:
        st.caption("Pick at least one backend.")
        return
    ladder = kept_ladder(subject.digest, subject.data_digest, subject.samples, backends)
    if ladder is not None:
        _ladder(replace(ladder, recipe=subject.label), made_on(comparison), comparison.id)
    again = ladder is not None
    label = "Climb the ladder again" if again else "Climb the ladder"
    button = StartButton(label, ":material/stairs:", help=_HELP, primary=not again)
    draw_section(LADDER, button, subject, backends=tuple(backends))


def _backends(comparison: Comparison) -> list[str]:
    """The backends to climb to: by default those of the comparison that can be used here, in the registry's order."""
    from qexplorer.run.registry import BACKENDS

    labels = {b.name: b.label for b in BACKENDS if b.availability().available}
    used = {run.backend for run in comparison.runs}
    default = [name for name in labels if name in used]
    wanted = remembered("ladder_backends", default)
    key = wanted["key"]
    st.session_state[key] = [name for name in st.session_state[key] if name in labels]
    st.pills("Backends", list(labels), selection_mode="multi", format_func=labels.__getitem__, **wanted)
    return [name for name in labels if name in st.session_state[key]]


def _ladder(ladder: Ladder, subtitle: str, key: str) -> None:
    if ladder.simulated.agreement is not None:  # bars are shares of the same class, where answers have one
        draw_chart(rung_spec(ladder, subtitle), key=f"rungs_{key}")
    st.markdown(as_plain(f"Float to simulated: {simulated_sentence(ladder.simulated)}."))
    if ladder.exact is not None:
        st.markdown(as_plain(f"Simulated to exact integers: {exact_sentence(ladder.exact)}."))
    for rung in ladder.rungs:
        icon, colour = _BADGES[badge(rung)]
        text = as_plain(f"{rung.label}: {rung_sentence(rung)}.")
        st.markdown(f":{colour}-badge[{icon} {badge(rung)}] {text}")
    if any(rung.points for rung in ladder.rungs):
        draw_chart(layer_spec(ladder, subtitle), key=f"parting_{key}")
        st.caption(
            "Line: codes against the simulation's, with all that came before. Rings: each layer by itself, fed the "
            "backend's own codes; a right one is within 1 step and leans to no side, a cross is wrong." + _seen(ladder)
        )
    if any(layer.sqnr_db is not None for layer in ladder.simulated.layers):
        draw_chart(sqnr_spec(ladder, subtitle), key=f"sqnr_{key}")
        st.caption("Power of a layer's float output over power of its error, with everything before it quantized too.")
    _numbers(ladder, key)


def _seen(ladder: Ladder) -> str:
    """What could not be seen, and what was only seen with other answers."""
    notes = []
    for rung in ladder.rungs:
        hidden = rung.points_in_all - len(rung.points)
        if rung.status is not Status.FAILED and hidden:
            what = f"{hidden} of {rung.points_in_all} roundings of {rung.label}"
            notes.append(f"{what} cannot be read without changing its answers, because it fuses or drops them")
        if rung.disturbed:
            notes.append(f"the answers of {rung.label} moved within single steps while its codes were read")
    return as_plain(" " + "; ".join(notes) + ".") if notes else ""


def _numbers(ladder: Ladder, key: str) -> None:
    rows = [row for rung in ladder.rungs for row in _rows(rung)]
    if rows:
        st.dataframe(in_table(rows), hide_index=True, key=f"ladder_rows_{key}", placeholder="")
    st.download_button(
        "Layers as CSV",
        ladder_csv(ladder),
        file_name(ladder.model, ladder.recipe, "ladder", ".csv"),
        icon=":material/download:",
        on_click="ignore",
        key=f"ladder_csv_{key}",
    )


def _rows(rung: BackendRung) -> list[dict[str, Any]]:
    return [
        {
            "backend": rung.label,
            "against": rung.against,
            "batch": gap.batch,
            "samples": gap.n,
            "same class": percent(gap.agreement),
            "worst step": gap.worst_steps,
            "equal values": percent(gap.equal),
            "within 1 step": percent(gap.within_one),
            "bit-exact": gap.exact,
        }
        for gap in rung.batches
    ]
