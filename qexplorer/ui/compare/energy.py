"""Energy of a comparison: what a battery and the climate make of it, and where it would go in a chip."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_table
from qexplorer.core.model import Model
from qexplorer.core.results import Status
from qexplorer.core.words.numbers import about_text, number_text, percent_text
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.energy.silicon import PROCESSES, ModelEnergy, Process, model_energy
from qexplorer.report.comparison_charts.bars import bars_spec
from qexplorer.report.comparison_charts.silicon import silicon_info, silicon_rows
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.report.footprint import DEFAULTS, Assumptions, battery_info, carbon_info, footprints
from qexplorer.report.palette import CLIPPING, ROUNDING, TENSOR
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.session import as_plain, current_model, remembered

__all__ = ["draw_energy"]

_KEY = " &nbsp; ".join(
    f"<span style='color:{colour}'>■</span> {what}"
    for what, colour in (("arithmetic", TENSOR), ("weights from DRAM", CLIPPING), ("activations in SRAM", ROUNDING))
)


def draw_energy(comparison: Comparison) -> None:
    """Battery and CO2 from the energy of this comparison, then the same work priced by published tables."""
    found, left_out = footprints(comparison.runs, DEFAULTS)
    if not found:
        st.info("No run of this comparison has an energy.", icon=":material/info:")
        for label, reason in left_out:
            st.caption(as_plain(f"{label}: {reason}"))
        return
    if found[0].estimated:
        st.info(
            "No power meter here: everything in this section is an estimate, processor time times an assumed power. "
            "The ratio between runs is as good as their processor times; the absolute numbers can be off by a factor "
            "of three.",
            icon=":material/info:",
        )
    given = _assumptions()
    left, right = st.columns(2, gap="large")
    with left:
        draw_chart(bars_spec(battery_info(comparison, given)), key=f"battery_{comparison.id}")
    with right:
        draw_chart(bars_spec(carbon_info(comparison, given)), key=f"carbon_{comparison.id}")
    _numbers(comparison, given)
    _silicon(comparison)


def _assumptions() -> Assumptions:
    """The assumptions, editable, with their values in the label."""
    wh = remembered("wh", DEFAULTS.battery_wh)
    a_day = remembered("per_day", DEFAULTS.inferences_per_day)
    co2 = remembered("grid", DEFAULTS.grid_g_per_kwh)
    now = st.session_state
    label = (
        f"Assumptions ({now[wh['key']]:g} Wh, {now[a_day['key']]:,.0f} inferences a day, {now[co2['key']]:g} g CO2/kWh)"
    )
    with (
        st.expander(label, icon=":material/tune:", key="footprint_settings"),
        st.container(horizontal=True, key="footprint_assumptions"),
    ):
        battery = st.number_input("Battery (Wh)", 0.01, 1e6, format="%.4g", **wh)
        share = st.number_input("Share for inference (%)", 1, 100, **remembered("wh_share", 100))
        per_day = st.number_input("Inferences a day", 1.0, 1e15, format="%.4g", **a_day)
        grid = st.number_input(
            "CO2 (g/kWh)",
            0.0,
            5000.0,
            format="%.4g",
            help="473: world average of 2024 (Ember, Global Electricity Review 2025)",
            **co2,
        )
        overhead = st.number_input(
            "Overhead (PUE)",
            1.0,
            5.0,
            step=0.1,
            help="Energy of the whole installation for one of the machine; 1 for a device of its own",
            **remembered("pue", DEFAULTS.overhead),
        )
    return Assumptions(battery, share / 100, per_day, grid, overhead)


def _numbers(comparison: Comparison, given: Assumptions) -> None:
    found, left_out = footprints(comparison.runs, given)
    rows = [
        {
            "run": item.label,
            "energy (mJ)": number_text(item.energy_mj.value, 2 if item.estimated else 3),
            "": "estimated" if item.estimated else "measured",
            "inferences per charge": _known(item.per_charge, item.estimated),
            "kWh a year": _known(item.kwh_per_year, item.estimated),
            "kg CO2 a year": _known(item.kg_co2_per_year, item.estimated),
        }
        for item in found
    ]
    st.dataframe(in_table(rows), hide_index=True, placeholder="", key=f"footprint_{comparison.id}")
    st.caption(
        as_plain(
            f"{given.battery_wh:g} Wh, {percent_text(given.battery_share)} of it for inference; "
            f"{given.inferences_per_day:,.0f} inferences a day; "
            f"{given.grid_g_per_kwh:g} g CO2/kWh; overhead {given.overhead:g}. Above idle only."
        )
    )
    for label, reason in left_out:
        st.caption(as_plain(f"Not shown, {label}: {reason}"))


def _known(value: float, estimated: bool) -> str:
    """As many digits as are known: one of an estimate that can be off by a factor of three."""
    return about_text(value) if estimated else number_text(value)


def _silicon(comparison: Comparison) -> None:
    st.subheader("Where it would go in a chip")
    st.markdown(
        "The same work priced by published tables: what a multiply, an addition and a byte cost by their type. "
        "It knows nothing of this machine, and leaves out control and caches: the gain of a chip that is made for it."
    )
    names = [process.value for process in Process]
    chosen = st.segmented_control("Process", names, required=True, **remembered("process", Process.NM7.value, names))
    process = Process(chosen or Process.NM7.value)
    try:
        found = _energies(comparison, process)
    except QExplorerError as error:
        st.caption(as_plain(error.sentence))
        return
    if not found:
        st.caption("The files of this comparison are gone, or it is about another model; compare again to see this.")
        return
    draw_chart(bars_spec(silicon_info(comparison, found, process)), key=f"silicon_{comparison.id}")
    st.html(f"<div style='font-size:0.86rem'>{_KEY}</div>")
    st.dataframe(in_table(silicon_rows(found)), hide_index=True, placeholder="", key=f"silicon_rows_{comparison.id}")
    st.caption(
        as_plain(
            f"Source: {PROCESSES[process].source}. Every weight is read once from DRAM, every activation "
            "is written and read once; batch 1."
        )
    )


def _energies(comparison: Comparison, process: Process) -> dict[str, ModelEnergy]:
    """By label, for every run whose file is there; once for each recipe, as it does not depend on the backend."""
    model = current_model()
    if model is None or model.sha256 != comparison.model.get("sha256"):
        return {}
    found: dict[str, ModelEnergy] = {}
    seen: set[str] = set()
    for run in comparison.runs:
        path = model.path if run.recipe == "float" else Path(comparison.quantized.get(run.digest, ""))
        if run.digest in seen or run.size is None or run.status is Status.FAILED or not path.is_file():
            continue
        seen.add(run.digest)
        same = [other for other in comparison.runs if other.backend == run.backend]
        found[label_of(run, same)] = _priced(str(path), run.digest, run.size.weight_bytes, process, model)
    return found


@st.cache_resource(max_entries=64, show_spinner="Counting operations: a second for a large model.")
def _priced(path: str, digest: str, weight_bytes: int, process: Process, _model: Model) -> ModelEnergy:  # noqa: ARG001
    """Kept by the digest of the file, which is read and whose shapes are inferred for it."""
    return model_energy(_model, Path(path), weight_bytes, process)
