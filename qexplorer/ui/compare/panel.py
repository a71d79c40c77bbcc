"""Page Compare, top to bottom: what is compared, the work while it runs, the result, and what was compared before."""

from __future__ import annotations

import contextlib

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.measure.comparison import Comparison
from qexplorer.ui.compare.controls import draw_picks, opened
from qexplorer.ui.compare.history import draw_history
from qexplorer.ui.compare.present import draw_present, is_presented, is_presenting
from qexplorer.ui.compare.results import draw_results
from qexplorer.ui.compare.run_table import draw_runs
from qexplorer.ui.empty_page import draw_no_model
from qexplorer.ui.job_memory import latest_job
from qexplorer.ui.job_section import draw_job
from qexplorer.ui.own_recipes import names_now
from qexplorer.ui.session import as_plain, current_model, model_reference, show_error, state

__all__ = ["draw_compare_page", "shown_comparison"]


def draw_compare_page() -> None:
    """Draws the page."""
    if _presented():
        return
    st.title("Compare")
    if state().model is None:
        draw_no_model("With one, a click runs it in float and quantized, and shows what changed.")
        draw_history(None)
        return
    st.markdown("Float and quantized side by side: what is lost, what is gained, and how sure that is.")
    model = current_model()
    if model is None:
        return
    if model.untrained:
        st.info("Untrained: size, latency, memory and energy mean something; accuracy does not and is not shown.")
    draw_picks()
    job = _job()
    if job is not None and opened() is None:
        draw_job(job, place="page_compare", partial=_partial)
    if job is None or not job.is_running or opened() is not None:
        _result(job)
    draw_history(model.sha256)


def _presented() -> bool:
    """Draws the comparison that fills the window, if one does."""
    if state().model is None or not is_presenting():
        return False
    with contextlib.suppress(QExplorerError):  # what is gone is said by the page itself
        comparison = shown_comparison(_job())
        if comparison is not None and is_presented(comparison):
            draw_present(comparison)
            return True
    return False


def _job() -> JobState | None:
    """The last comparison of this session, if it is about its model; the sidebar shows one of another model too."""
    job = latest_job(COMPARE)
    order, model = (None if job is None else COMPARE.order_of(job)), model_reference()
    return job if order is not None and model is not None and order.model.source == model.source else None


def _partial(job: JobState) -> None:
    """What is known so far, while the work goes on."""
    runs = COMPARE.partial_of(job)
    if runs:
        draw_runs(runs, key="runs_partial", finished=False)


def _result(job: JobState | None) -> None:
    try:
        comparison = shown_comparison(job)
    except QExplorerError as error:
        show_error(error)
        return
    result = None if job is None else COMPARE.result_of(job)
    if result is not None and result.unkept is not None and opened() is None:
        lost = f"This comparison is not in the list of those compared before ({result.unkept}): download it below."
        st.warning(as_plain(lost), icon=":material/save:")
    if comparison is not None:
        draw_results(comparison)
    elif job is None or job.status is JobStatus.DONE:
        st.caption("Press Compare to measure what is picked above." + _before())


def _before() -> str:
    """That this model was compared before, where it was: the list below has it."""
    model = current_model()
    known = model is not None and bool(History().list(model.sha256))
    return " What this model was compared with before stands below: choose a row to open it." if known else ""


def shown_comparison(job: JobState | None) -> Comparison | None:
    """The kept comparison that was opened, or else the one that the job made; recipes are called what they are today.

    Raises:
        UnknownName: the one that was opened is not kept any more.
    """
    found = _found(job)
    return None if found is None else found.called(names_now())


def _found(job: JobState | None) -> Comparison | None:
    asked = opened()
    if asked is not None:
        return _kept(record=str(History().path), comparison_id=asked)
    result = None if job is None else COMPARE.result_of(job)
    if result is not None and result.body is not None:
        return Comparison.from_json(result.body)
    if result is None or not History().holds(result.comparison):
        return None
    return _kept(record=str(History().path), comparison_id=result.comparison)


@st.cache_resource(max_entries=16, show_spinner=False)
def _kept(record: str, comparison_id: str) -> Comparison:  # noqa: ARG001 - the record is part of the cache's key
    return History().get(comparison_id)
