"""Why is it not faster? One run at a time: the verdict, its causes with their fixes, and where the time goes.

What the file and the recipe tell stands there at once; times come when somebody asks for them, and are kept.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Kernels, Run, Status
from qexplorer.jobs.kinds.why import WHY, ExplainOrder
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.effort import BATCHES
from qexplorer.measure.why.explain import WhyOrder, kept_why, known_why
from qexplorer.measure.why.explanation import Why
from qexplorer.measure.why.words import milliseconds
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.ui.compare.why.causes import draw_causes
from qexplorer.ui.compare.why.times import draw_times
from qexplorer.ui.empty_page import lacks_data
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import as_plain, current_model, data_reference, model_reference, remembered, show_error

__all__ = ["draw_why", "order_of"]


def draw_why(comparison: Comparison) -> None:
    """The section."""
    model = _model(comparison)
    runs = {label_of(r, comparison.runs): r for r in comparison.runs if _explainable(comparison, r)}
    if model is None or not runs:
        if model is not None:
            st.caption(
                "No quantized file of this comparison is there that gave right answers; compare again to make one."
            )
        return
    labels = list(runs)
    with st.container(horizontal=True, vertical_alignment="bottom", key="why_picks"):
        label = (
            st.segmented_control(
                "Run", labels, format_func=as_plain, required=True, **remembered("why_run", labels[0], labels)
            )
            or labels[0]
        )
        batch = _batch(model)
    run = runs[label]
    order = order_of(comparison, run, model, batch)
    try:
        found = kept_why(order)
        shown = found or known_why(order, run.kernels)
    except QExplorerError as error:
        show_error(error)
        return
    _verdict(label, shown, run)
    _offer(order, profiled=found is not None)
    draw_causes(shown, order.recipe)
    draw_times(shown, comparison)


def order_of(comparison: Comparison, run: Run, model: Model, batch: int) -> WhyOrder:
    """What is asked: this run, with as many threads as it was timed with."""
    threads = 1 if run.latency_ms is None else run.latency_ms.threads
    recipe = Recipe.parse(comparison.recipes[run.digest])
    path = Path(comparison.quantized[run.digest])
    return WhyOrder(model, recipe, path, run.digest, run.backend, threads, batch)


def _explainable(comparison: Comparison, run: Run) -> bool:
    """Whether it is a quantized run whose answers were right, and whose recipe and file are still there."""
    if run.recipe == "float" or run.status is not Status.OK or run.digest not in comparison.recipes:
        return False
    return Path(comparison.quantized.get(run.digest, "")).is_file()


def _model(comparison: Comparison) -> Model | None:
    """The model that was compared, if the session's is that very model."""
    try:
        model = current_model()
    except QExplorerError as error:
        show_error(error)
        return None
    if model is None or model.sha256 != comparison.model.get("sha256"):
        name = as_plain(str(comparison.model.get("name")))
        st.caption(f"Choose the model {name} in the sidebar: its layers are needed to explain a run of it.")
        return None
    return model


def _batch(model: Model) -> int:
    """Samples in one call; no choice where the file insists on a number."""
    if model.fixed_batch is not None:
        return model.fixed_batch
    options = list(BATCHES)
    chosen = st.segmented_control(
        "Samples in a call",
        options,
        help="Larger batches use each weight more often, and pay for calling and starting kernels once.",
        required=True,
        **remembered("why_batch", options[0], options),
    )
    return chosen or options[0]


def _verdict(label: str, why: Why, run: Run) -> None:
    text = as_plain(f"{label}: {why.verdict}.")
    with st.container(border=True, key="why_verdict"):
        if why.calls is None:
            st.markdown(f"#### :material/quick_reference: {text}")
            st.caption("From the file, the recipe and what the backend declares: expected, not measured.")
            if run.kernels is not None:
                st.caption(as_plain(_seen(run.kernels)))
            return
        icon = ":material/trending_up:" if why.calls.speedup > 1 else ":material/trending_down:"
        st.markdown(f"#### {icon} {text}")
        took = f"{milliseconds(why.calls.float_ms)} in float, {milliseconds(why.calls.quantized_ms)} quantized"
        st.caption(
            f"One call with {why.batch} sample{'' if why.batch == 1 else 's'} on {why.threads} thread"
            f"{'' if why.threads == 1 else 's'}: {took} ({why.calls.n} calls of each, in turn); kernels from "
            f"{why.runs} profiled runs." + (f" Noisy: {as_plain(why.calls.noisy)}." if why.calls.noisy else "")
        )


def _seen(kernels: Kernels) -> str:
    """The kernels that ran when the run was judged, counted by operator type."""
    told = [
        f"{sum(counts.values())} {kind} ({', '.join(f'{op} {n}' for op, n in sorted(counts.items()))})"
        for kind, counts in (("integer", kernels.integer), ("float", kernels.float))
        if counts
    ]
    return f"Kernels in the graph that the backend optimized: {' and '.join(told) or 'none that computes'}."


def _offer(order: WhyOrder, *, profiled: bool) -> None:
    """The button that has both models profiled, or that work while it runs, or why it failed."""
    lacks = lacks_data("the models need something to run on")
    button = StartButton(
        "Measure again" if profiled else "Explain: profile both models",
        ":material/troubleshoot:",
        help="Times every kernel of both models, and this machine's limits: some seconds.",
        lacks=lacks,
        primary=not profiled,
    )
    JobSection(WHY, None if lacks else _job_order(order), button).draw()


def _job_order(order: WhyOrder) -> ExplainOrder | None:
    model, data = model_reference(), data_reference()
    if model is None or data is None:
        return None
    return ExplainOrder(
        model=model,
        data=data,
        recipe=order.recipe,
        quantized=order.digest,
        backend=order.backend,
        threads=order.threads,
        batch=order.samples,
    )
