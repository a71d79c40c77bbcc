"""What the sections on arithmetic share: which quantized file is looked at, and the job that finds out about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.orders import GraphResult, OneRecipeOrder
from qexplorer.measure.comparison import Comparison
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import as_plain, remembered

__all__ = ["ArithmeticSubject", "draw_section", "pick_subject"]

OneOrderT = TypeVar("OneOrderT", bound=OneRecipeOrder)


@dataclass(frozen=True, slots=True)
class ArithmeticSubject:
    """One quantized file of a comparison, and how it was made.

    Attributes:
        label: the recipe's name.
        digest: of the quantized file.
        yaml: the recipe.
        data_digest: of the data.
        samples: evaluation samples at most; None: all.
        order: of the comparison; None if it was not made by a job.
    """

    label: str
    digest: str
    yaml: str
    data_digest: str
    samples: int | None
    order: CompareOrder | None


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
        samples=None if order is None else order.samples,
        order=order,
    )


def _order(comparison_id: str) -> CompareOrder | None:
    return next((record.order for record in History().list() if record.id == comparison_id), None)


def draw_section(
    kind: JobKind[OneOrderT, GraphResult, None], button: StartButton, subject: ArithmeticSubject, **more: Any
) -> None:
    """The button that starts work of this kind about the subject, or that work while it runs, or why it failed.

    Args:
        kind: of the job.
        button: starts it.
        subject: what it is about.
        more: fields that the orders of this kind have beside model, data, recipe and samples.
    """
    if subject.order is None:
        st.caption("This comparison was not made on this page, so its model and data are not known; compare again.")
        return
    order = kind.order(
        model=subject.order.model,
        data=subject.order.data,
        recipe=Recipe.parse(subject.yaml),
        samples=subject.samples,
        **more,
    )
    JobSection(kind, order, button).draw()
