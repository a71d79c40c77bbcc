"""Long work on a page, the one way for all of them: a button that starts it; its step, share done, time left and cancel
while it runs; why it failed, or that it was cancelled. A section polls only while its job runs, and after a reload it
finds the job again by what was ordered. ``draw()`` draws all of that, and :meth:`JobSection.result` is what came of it,
for the page to draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.workspace import is_someones
from qexplorer.jobs.kind import JOB_KINDS, JobKind, OrderT, PartialT, ResultT
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.process.places.waiting import duration
from qexplorer.scheduling.chosen import chosen_cluster
from qexplorer.ui.job_memory import cancel_job, job_for, job_page, job_state, job_title, start_job, too_many_jobs
from qexplorer.ui.session import as_plain, keep, state

__all__ = ["JobSection", "StartButton", "draw_job", "draw_job_in_sidebar", "draw_start", "time_left"]

Draw = Callable[[JobState], None] | None
"""Draws something of a job; None draws nothing."""

POLL_S, WAITING_POLL_S = 0.5, 2.0
_SIDEBAR = "side"


@dataclass(frozen=True, slots=True)
class StartButton:
    """The button that starts the work.

    Attributes:
        label: what it says.
        icon: beside that.
        help: what it will do and how long that takes.
        lacks: what must be there first, as a sentence; None: nothing.
        primary: whether it is the thing to do here.
        off: whether it cannot be pressed now for a reason that stands on the page.
    """

    label: str
    icon: str
    help: str | None = None
    lacks: str | None = None
    primary: bool = False
    off: bool = False


@dataclass(frozen=True, slots=True)
class JobSection(Generic[OrderT, ResultT, PartialT]):
    """One piece of long work on a page.

    Attributes:
        kind: of the job.
        order: what would be asked for now; None while something is lacking.
        button: starts it.
        intro: draws what stands above the button.
        partial: draws what is known before the end.
        left: draws what was known when a job was cancelled or failed; None draws nothing.
    """

    kind: JobKind[OrderT, ResultT, PartialT]
    order: OrderT | None
    button: StartButton
    intro: Callable[[], object] | None = None
    partial: Callable[[PartialT], None] | None = None
    left: Callable[[PartialT], None] | None = None

    @property
    def place(self) -> str:
        """Where it is drawn, for the keys of its widgets."""
        return f"page_{self.kind.name}"

    def job(self) -> JobState | None:
        """This session's job with this very order."""
        return None if self.order is None else job_for(self.kind, self.order)

    def result(self) -> ResultT | None:
        """What came of this very order; None until it is done."""
        job = self.job()
        return None if job is None else self.kind.result_of(job)

    def draw(self) -> None:
        """The job while it runs; else the button, and how the last try ended if it did not end well."""
        job = self.job()
        if job is not None and job.is_running:
            self.draw_job(job)
            return
        if self.intro is not None:
            self.intro()
        self.draw_button()
        if job is not None:
            self.draw_job(job)
            found = None if self.left is None else self.kind.partial_of(job)
            if self.left is not None and found is not None:
                st.caption("What was found until then:")
                self.left(found)

    def draw_button(self) -> None:
        """The button, and what is lacking; pressed, it starts the work and draws the page anew."""
        if draw_start(self.kind.name, self.button, off=self.order is None) and self.order is not None:
            start_job(self.kind, self.order)
            st.rerun()
        if self.button.lacks is not None:  # a screen that is touched shows no help
            st.caption(self.button.lacks)
        _say_where(self.kind.name)

    def draw_job(self, job: JobState) -> None:
        """A job of this kind alone."""
        draw_job(job, place=self.place, partial=None if self.partial is None else self._partial)

    def _partial(self, job: JobState) -> None:
        found = self.kind.partial_of(job)
        if found is not None and self.partial is not None:
            self.partial(found)


def draw_start(name: str, button: StartButton, *, off: bool = False) -> bool:
    """Draws the button that starts work of the kind ``name``; True if it was pressed."""
    lacks = button.lacks or too_many_jobs()
    return st.button(
        button.label,
        type="primary" if button.primary else "secondary",
        icon=button.icon,
        key=f"{name}_start",
        help=lacks or button.help,
        disabled=off or button.off or lacks is not None,
    )


def draw_job(
    job: JobState,
    *,
    place: str,
    partial: Callable[[JobState], None] | None = None,
    beside: Callable[[JobState], None] | None = None,
) -> None:
    """Draws a job where it is called; reruns the page once when it ends. One that ended well draws nothing.

    Args:
        job: the job.
        place: tells two drawings of one job apart.
        partial: draws the results that have come so far, under the progress.
        beside: draws what can be done beside Cancel.
    """
    if job.is_running:
        (_running if job.waiting is None else _waiting)(job.id, place, partial, beside)
    elif job.status is JobStatus.FAILED and not _dismissed(job, place):
        told = job_page(job) if place == _SIDEBAR else None
        reason = f"page {told} says why." if told else as_plain(job.error or "")
        st.error(f"{as_plain(job_title(job))} failed: {reason}", icon=":material/error:")
        st.button("Dismiss", key=f"dismiss_{place}_{job.id}", on_click=_dismiss, args=(job, place))
    elif job.status is JobStatus.CANCELLED and place != _SIDEBAR:
        st.info("Cancelled. Nothing else was touched; start again when you like.", icon=":material/cancel:")


def draw_job_in_sidebar(job: JobState) -> None:
    """Draws a running job beside every page."""
    draw_job(job, place=_SIDEBAR)


def time_left(seconds: float | None) -> str:
    """``about 12 s left`` in words, or nothing while nobody can know."""
    if seconds is None:
        return ""
    if seconds < 1.5:
        return "almost done"
    return f"about {duration(seconds)} left"


def _dismiss(job: JobState, place: str) -> None:
    now = state()
    now.choices[f"dismissed_{place}"] = job.id
    keep(now)


def _dismissed(job: JobState, place: str) -> bool:
    return bool(state().choices.get(f"dismissed_{place}") == job.id)


def _doing(job: JobState) -> str:
    """Its step and the time left, or its place in the line."""
    left = time_left(job.seconds_left)
    if job.waiting is not None:
        return job.waiting.sentence
    return job.step + (f" ({left})" if left else "")


@st.fragment(run_every=POLL_S)
def _running(job_id: str, place: str, partial: Draw, beside: Draw) -> None:
    job = job_state(job_id)
    if job is None or not job.is_running:
        st.rerun()
    else:
        _draw_running(job, place, partial, beside)


@st.fragment(run_every=WAITING_POLL_S)
def _waiting(job_id: str, place: str, partial: Draw, beside: Draw) -> None:
    """Looks less often: a crowd that waits must not slow down the one whose turn it is."""
    job = job_state(job_id)
    if job is None or not job.is_running or job.waiting is None:
        st.rerun()
    else:
        _draw_running(job, place, partial, beside)


def _draw_running(job: JobState, place: str, partial: Draw, beside: Draw) -> None:
    st.progress(job.done, text=f"**{as_plain(job_title(job))}**: {as_plain(_doing(job))}")
    if beside is None:
        _draw_cancel(job, place)
    else:
        with st.container(horizontal=True, vertical_alignment="center", key=f"{place}_ways_out"):
            beside(job)
            _draw_cancel(job, place)
    if place != _SIDEBAR:
        _say_where(job.kind)
    if partial is not None:
        partial(job)


def _say_where(kind: str) -> None:
    """Says that a cluster does the tasks of a kind of job, where one does."""
    if (cluster := _cluster_of(kind)) is not None:
        st.caption(as_plain(f"Its tasks go to {cluster}."))


def _cluster_of(kind: str) -> str | None:
    """Which cluster does the tasks of a kind of job, in words; None where this machine does all of it."""
    if not JOB_KINDS.get(kind).sweeps:
        return None
    try:
        address = chosen_cluster()
    except QExplorerError:  # whoever starts the work is told
        return None
    return None if address is None else "the cluster of this host" if is_someones() else f"the cluster at {address}"


def _draw_cancel(job: JobState, place: str) -> None:
    others = len(job.owners) - 1
    shared = f"{others} other session{'s wait' if others > 1 else ' waits'} for the same: only your wait ends."
    help_text = shared if others > 0 else None
    if st.button("Cancel", key=f"cancel_{place}_{job.id}", icon=":material/stop_circle:", help=help_text):
        with st.spinner("Ending the work"):
            cancel_job(job.id)
        st.rerun()
