"""A job on a page: step, time left, cancel while it runs; why it failed when it did. Polls only while it runs."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from qexplorer.core.errors import UnknownName
from qexplorer.jobs import manager
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.ui.session import as_plain, keep, state

__all__ = ["TITLES", "draw_job", "job_state", "time_left"]

TITLES = {
    "compare": "Comparing",
    "observe": "Observing",
    "channels": "Looking into the channels",
    "quantize": "Quantizing",
    "load": "Loading",
    "sweep": "Sweeping batch and threads",
    "live": "Live",
    "why": "Explaining",
    "ladder": "Climbing the ladder",
    "saturation": "Emulating saturation",
    "sums": "Adding up in integers",
}
PAGES = {"compare": "Compare", "quantize": "Quantize"}  # pages that draw their own job, with its reason in full
POLL_S = 0.5


def job_state(job_id: str | None) -> JobState | None:
    """The job's state, or None if there is no such job (any more)."""
    try:
        return manager.state(job_id) if job_id else None
    except UnknownName:
        return None


def time_left(seconds: float | None) -> str:
    """``about 12 s left`` in words, or nothing while nobody can know."""
    if seconds is None:
        return ""
    if seconds < 1.5:
        return "almost done"
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"


def draw_job(job_id: str | None, *, place: str = "sidebar", partial: Callable[[JobState], None] | None = None) -> None:
    """Draws a job where it is called; reruns the page once when it ends.

    Args:
        job_id: the job; nothing is drawn for None, or for one that is gone.
        place: tells two drawings of one job apart.
        partial: draws the results that have come so far, under the progress.
    """
    job = job_state(job_id)
    if job is None:
        return
    if job.is_running:
        _running(job.id, place, partial)
    elif job.status is JobStatus.FAILED and not _dismissed(job, place):
        told = PAGES.get(job.kind) if place.startswith("side") else None
        reason = f"page {told} says why." if told else as_plain(job.error or "")
        st.error(f"{TITLES.get(job.kind, job.kind)} failed: {reason}", icon=":material/error:")
        st.button("Dismiss", key=f"dismiss_{place}_{job.id}", on_click=_dismiss, args=(job, place))
    elif job.status is JobStatus.CANCELLED and place != "sidebar" and not place.startswith("side_"):
        st.info("Cancelled. Nothing else was touched; start again when you like.", icon=":material/cancel:")


def _dismiss(job: JobState, place: str) -> None:
    now = state()
    now.choices[f"dismissed_{place}"] = job.id
    keep(now)


def _dismissed(job: JobState, place: str) -> bool:
    return bool(state().choices.get(f"dismissed_{place}") == job.id)


@st.fragment(run_every=POLL_S)
def _running(job_id: str, place: str, partial: Callable[[JobState], None] | None) -> None:
    job = job_state(job_id)
    if job is None or not job.is_running:
        st.rerun()
        return
    left = time_left(job.seconds_left)
    st.progress(job.done, text=f"**{TITLES.get(job.kind, job.kind)}**: {job.step}" + (f" ({left})" if left else ""))
    if st.button("Cancel", key=f"cancel_{place}_{job_id}", icon=":material/stop_circle:"):
        with st.spinner("Ending the work"):
            manager.cancel(job_id)
        st.rerun()
    if partial is not None:
        partial(job)
