"""What the sections on arithmetic share: which quantized file is looked at, and the job that finds out about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from qexplorer.core.results import Status
from qexplorer.core.workspace import digest_json
from qexplorer.jobs.history import History
from qexplorer.measure.comparison import Comparison
from qexplorer.ui.job_panel import draw_job, job_state
from qexplorer.ui.session import as_plain, keep, remembered, state

__all__ = ["ArithmeticSubject", "draw_start", "pick_subject"]


@dataclass(frozen=True, slots=True)
class ArithmeticSubject:
    """One quantized file of a comparison, and how it was made.

    Attributes:
        label: the recipe's name.
        digest: of the quantized file.
        yaml: the recipe.
        data_digest: of the data.
        samples: evaluation samples at most; None: all.
        order: model, data and preprocessing as a job takes them; None if the comparison was not made by a job.
    """

    label: str
    digest: str
    yaml: str
    data_digest: str
    samples: int | None
    order: dict[str, Any] | None

    def arguments(self, **more: Any) -> dict[str, Any]:
        """Arguments of a job about it."""
        assert self.order is not None
        shared = {key: self.order.get(key) for key in ("model", "data", "preprocessing", "task")}
        return {**shared, "recipe": self.yaml, "samples": self.samples, **more}


def pick_subject(comparison: Comparison, name: str) -> ArithmeticSubject | None:
    """Draws the choice among the quantized files of ``comparison``; None, with the reason drawn, if there is none."""
    found = {
        run.digest: run.recipe
        for run in comparison.runs
        if run.recipe != "float" and run.digest in comparison.recipes and run.digest in comparison.quantized
    }
    if not found:
        failed = any(run.status is Status.FAILED for run in comparison.runs)
        st.caption("No recipe of this comparison could be applied." if failed else "Nothing here is quantized.")
        return None
    digests = list(found)
    twins = {digest for digest in digests if list(found.values()).count(found[digest]) > 1}

    def label(digest: str) -> str:
        return as_plain(found[digest] + (f" ({digest[:4]})" if digest in twins else ""))

    kept = remembered(f"{name}_recipe", digests[0], digests)
    digest = st.segmented_control("Recipe", digests, format_func=label, required=True, **kept) or digests[0]
    order = _order(comparison.id)
    return ArithmeticSubject(
        label=found[digest],
        digest=digest,
        yaml=comparison.recipes[digest],
        data_digest=str(comparison.data.get("digest")),
        samples=None if order is None else order.get("samples"),
        order=order,
    )


def _order(comparison_id: str) -> dict[str, Any] | None:
    return next((record.order for record in History().list() if record.id == comparison_id), None)


def draw_start(
    kind: str, label: str, subject: ArithmeticSubject, *, again: bool, help: str, icon: str, **more: Any
) -> None:
    """A button that starts the job ``kind``, or the job while it runs, or why it failed."""
    if subject.order is None:
        st.caption("This comparison was not made on this page, so its model and data are not known; compare again.")
        return
    now = state()
    arguments = subject.arguments(**more)
    wanted = digest_json(arguments)
    job = job_state(now.jobs.get(kind)) if now.choices.get(f"{kind}_for") == wanted else None
    if job is not None:
        draw_job(job.id, place=f"page_{kind}")
        if job.is_running:
            return
    pressed = st.button(
        f"{label} again" if again else label,
        type="secondary" if again else "primary",
        icon=icon,
        key=f"{kind}_start",
        help=help,
    )
    if pressed:
        from qexplorer.jobs.manager import submit

        now.jobs[kind], now.choices[f"{kind}_for"] = submit(kind, arguments), wanted
        keep(now)
        st.rerun()
