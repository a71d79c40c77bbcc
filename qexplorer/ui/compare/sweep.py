"""Batch and threads on page Compare: the grid is measured on demand and kept; the limit moves the sweet spot."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Run, Status
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.kinds.sweep import SWEEP, SweepOrder, SweepPartial, SweepResult, kept_sweep
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.effort import Effort
from qexplorer.measure.timing.sweep import CELL_S, SWEPT_BATCHES
from qexplorer.measure.timing.sweep_types import Sweep
from qexplorer.report.comparison_charts.sweep import limits_of, map_spec, spot_text, sweep_info, sweep_spec
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.job_memory import latest_job
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import (
    as_plain,
    current_model,
    data_reference,
    model_reference,
    remembered,
    show_error,
    state,
)

__all__ = ["draw_sweep", "sweep_order"]


def draw_sweep(comparison: Comparison) -> None:
    """The section: what to sweep, the work while it runs, the pictures with the limit."""
    runs = {label_of(run, comparison.runs): run for run in comparison.runs if _sweepable(run, comparison)}
    if not _same_model(comparison):
        return
    if not runs:
        st.caption("No run of this comparison can be swept: each was refused or failed, or its recipe is not known.")
        return
    order = _picks(comparison, runs)
    if order is None:
        return
    found = kept_sweep(order)
    _section(order, again=found is not None).draw()
    if found is not None:
        _pictures(found, SWEEP.digest(order)[:12])


def sweep_order(comparison: Comparison, runs: list[Run], effort: str) -> SweepOrder | None:
    """What is to be swept: these runs, which are of one backend; None without a model or data."""
    model, data = model_reference(), data_reference()
    if model is None or data is None:
        return None
    recipes = tuple(Recipe.parse(comparison.recipes[run.digest]) for run in runs)
    return SweepOrder(model=model, data=data, recipes=recipes, backend=runs[0].backend, effort=effort)


def _sweepable(run: Run, comparison: Comparison) -> bool:
    return run.recipe != "float" and run.status is Status.OK and run.digest in comparison.recipes


def _same_model(comparison: Comparison) -> bool:
    """Whether the session's model is the one that was compared; says what to do if it is not."""
    try:
        model = current_model()
    except QExplorerError as error:
        show_error(error)
        return False
    if model is None or model.sha256 != comparison.model.get("sha256") or state().data is None:
        name = as_plain(str(comparison.model.get("name")))
        st.caption(f"Choose the model {name} and its data in the sidebar: a sweep runs it again.")
        return False
    return True


def _picks(comparison: Comparison, runs: dict[str, Run]) -> SweepOrder | None:
    """Which runs beside float, and for how long."""
    labels, efforts = list(runs), [str(each) for each in Effort]
    with st.container(horizontal=True, vertical_alignment="bottom", key="sweep_picks"):
        label = st.segmented_control(
            "Beside float", labels, format_func=as_plain, required=True, **remembered("sweep_run", labels[0], labels)
        )
        effort = st.segmented_control(
            "Effort of the sweep",
            efforts,
            format_func=lambda name: f"{name.capitalize()}, {CELL_S[Effort(name)]:g} s a cell",
            help="Every cell is a batch size on a number of threads. More time: fewer cells too noisy, or left out.",
            required=True,
            **remembered("sweep_effort", efforts[0], efforts),
        )
    return sweep_order(comparison, [runs[label or labels[0]]], effort or efforts[0])


def _section(order: SweepOrder, *, again: bool) -> JobSection[SweepOrder, SweepResult, SweepPartial]:
    """The button that starts the sweep, or the sweep at work, or why it failed."""
    label = "Sweep again" if again else "Sweep batch and threads"
    button = StartButton(label, ":material/grid_on:", lacks=_other_work())
    return JobSection(SWEEP, order, button, intro=None if again else _intro, partial=_partial)


def _intro() -> None:
    batches = ", ".join(str(batch) for batch in SWEPT_BATCHES)
    st.caption(
        f"How many samples in a call, on how many threads? Times float and this run at batches {batches} on every "
        "number of threads that this machine has, after checking the answers of each. Usually half a minute."
    )


def _other_work() -> str | None:
    """A comparison at work would disturb a sweep, and the reverse."""
    job = latest_job(COMPARE)
    return (
        "Wait until the comparison is done: both at once would disturb each other." if job and job.is_running else None
    )


def _partial(known: SweepPartial) -> None:
    st.caption(f"{known.cells} cells are known.")


@st.fragment
def _pictures(sweep: Sweep, key: str) -> None:
    """The limit, the sweet spots in words, and the pictures; moving the limit measures nothing."""
    limits = limits_of(sweep)
    if limits:
        middle = limits[len(limits) // 2]
        limit = st.select_slider(
            "Latency limit of a call (ms)",
            limits,
            format_func=lambda value: f"{value:g}",
            help="The sweet spot is the cell with the most samples a second that keeps this limit in 90 of 100 calls.",
            **remembered(f"sweep_limit_{key}", middle, limits),
        )
        _spots(sweep, limit)
        info = sweep_info(sweep, limit)
        draw_chart(sweep_spec(info), key=f"sweep_{key}")
        with st.container(key="sweep_maps"):
            for name in info.names:
                if any(point.name == name for point in info.points):
                    draw_chart(map_spec(info, name), key=f"sweep_map_{key}_{name}")
    for what, reason in sweep_info(sweep, 1.0).left_out:
        st.caption(as_plain(f"No numbers, {what}: {reason}"))
    noisy = sum(not cell.valid and cell.p50_ms is not None for cell in sweep.cells)
    if noisy:
        told = "sweet spots only where no other cell keeps the limit"
        st.caption(f"{noisy} of {len(sweep.cells)} cells were noisy (hollow): {told}.")
    if sweep.load:
        st.caption(as_plain(f"While it was measured, {sweep.load}."))
    st.caption(
        "Numbers at the points are batch sizes. Answers were checked at every batch size on every number of threads "
        "before anything was timed. Latency is of a whole call: every sample of a batch waits for it."
    )


def _spots(sweep: Sweep, limit_ms: float) -> None:
    """The sweet spot of each variant; one that is surely ahead of the others stands out."""
    best = sweep.winner(limit_ms)
    with st.container(border=True, key="sweet_spot"):
        for digest, _ in sweep.variants:
            text = as_plain(spot_text(sweep, limit_ms, digest))
            if best is not None and best.digest == digest:
                st.markdown(f"#### :material/my_location: {text}")
            else:
                st.markdown(text)
