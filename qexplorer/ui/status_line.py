"""The line on top of every page: model, recipe, backend, and what the last comparison found; each part a link."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.report.metric_words import clause_of
from qexplorer.report.words import carried_text
from qexplorer.ui.session import State, as_plain, current_model, current_recipe, state
from qexplorer.ui.sidebar import model_label, recipe_label

__all__ = ["draw", "last_result"]


def draw() -> None:
    """Draws the line; without a model it says how to get one."""
    now = state()
    with st.container(key="status_line", horizontal=True, gap="small", vertical_alignment="center"):
        if now.model is None:
            st.caption("No model yet: start with a sample, or bring an ONNX file.")
            return
        st.page_link(
            "pages/model.py", label=as_plain(model_label(now.model)), help="The model, its layers and its data"
        )
        recipe = as_plain(recipe_label(now.recipe))
        st.page_link("pages/quantize.py", label=recipe, help=f"The recipe being edited: {recipe}")
        st.page_link(
            "pages/compare.py",
            label=as_plain(last_result(now) or "not compared yet"),
            help="What was measured on this machine",
        )


def last_result(now: State) -> str | None:
    """What the last comparison of this model found for the recipe being edited, in a few words; None if nothing."""
    from qexplorer.jobs.history import History

    try:
        model, recipe = current_model(), current_recipe()
        for record in History().list("" if model is None else model.sha256):
            line = record.line_of(recipe, now.backend)
            if line is not None:
                return _summary(comparison=record.id, digest=line.digest, backend=now.backend)
    except QExplorerError:
        return None  # the page that shows the record says what is wrong with it
    return None


@st.cache_data(max_entries=64, show_spinner=False)
def _summary(comparison: str, digest: str, backend: str) -> str | None:
    """Backend, the metric with its n, size and speed of one run, as far as they were measured."""
    from qexplorer.jobs.history import History
    from qexplorer.run.registry import backend_label

    found = History().get(comparison)
    run, base = found.run_of(digest, backend), found.float_run(backend)
    if run is None:
        return None
    parts = []
    if run.accuracy is not None and run.accuracy.value is not None:
        parts.append(clause_of(replace(run.accuracy, ci95=None)))
    if run.size is not None and base is not None and base.size is not None:
        packed = " packed" if carried_text(run.size) else ""
        parts.append(f"{run.size.weight_bytes / max(base.size.weight_bytes, 1):.2f} of the weight bytes{packed}")
    if run.latency_ms is not None and (speed := run.latency_ms.speed.text()):
        parts.append(speed)
    return f"{backend_label(backend)}: " + (", ".join(parts) if parts else run.reason or str(run.status))
