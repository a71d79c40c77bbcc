"""What a kind of job is, and all that there are.

How to add a kind: one small file in ``qexplorer/jobs/kinds/`` with

1. the order, a subclass of :class:`~qexplorer.jobs.orders.Order`: everything the work needs, inputs by digest;
2. what it returns (a frozen dataclass or pydantic model of plain values) and, where results come before the end, the
   type of those;
3. the work, ``def work(order, report) -> result``, which tells ``report`` what it is at. It runs in a process of its
   own, and may be on another machine that has the same workspace. Heavy imports belong inside it: the app reads this
   file too;
4. ``ENTRIES = (JobKind(...),)``.

It can then be submitted, found, followed, cancelled and remembered; ``ui.job_section.JobSection`` draws it on a page.
``jobs.orders`` has orders about a model, and about a model and data; ``ui.session.model_reference()`` and
``data_reference()`` are what the page puts into them (None before anything is chosen), and ``jobs.loading`` opens them
in the work. Fields that an order has beside those and without a default stand in ``FIELDS`` of
``tests/contract/test_job_kinds.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from qexplorer.core.errors import QExplorerError
from qexplorer.core.registry import Registry
from qexplorer.jobs.coding import decode, digest_of, encode
from qexplorer.jobs.ids import check_kind_name
from qexplorer.jobs.orders import Order
from qexplorer.jobs.records import JobState, JobStatus

if TYPE_CHECKING:
    from qexplorer.jobs.report import Report

__all__ = ["JOB_KINDS", "AnyKind", "JobKind", "OrderT", "PartialT", "ResultT"]

OrderT = TypeVar("OrderT", bound=Order)
ResultT = TypeVar("ResultT")
PartialT = TypeVar("PartialT", default=None)


@dataclass(frozen=True, slots=True)
class JobKind(Generic[OrderT, ResultT, PartialT]):
    """A kind of job.

    Attributes:
        name: the beginning of its jobs' ids.
        title: what it is doing, for a person: ``Comparing``.
        page: title of the page that starts it, which shows how it ended.
        order: type of what is asked for.
        result: type of what comes of it.
        work: does it, in the child.
        partial: type of what it may report before the end; None: nothing.
        nice: added to its scheduling priority. Work that takes timings has 0, because niceness is inherited; what takes
            none makes way for the pages.
        sweeps: whether it has tasks that go to a cluster, where one was chosen.

    Raises:
        ValueError: the name would make ids that nobody can look up.
    """

    name: str
    title: str
    page: str
    order: type[OrderT]
    result: type[ResultT]
    work: Callable[[OrderT, Report[PartialT]], ResultT]
    partial: Any = None
    nice: int = 5
    sweeps: bool = False

    def __post_init__(self) -> None:
        check_kind_name(self.name)
        if not self.title or not self.page:
            raise ValueError(f"the kind of job '{self.name}' needs a title and a page")

    @property
    def target(self) -> str:
        """Where the work is: ``module:function``."""
        return f"{self.work.__module__}:{self.work.__qualname__}"

    def digest(self, order: OrderT) -> str:
        """Identifies the order among all."""
        return digest_of(self.name, encode(self.order, order))

    def order_of(self, state: JobState) -> OrderT | None:
        """What was asked of a job; None if it is of another kind, or of a version that asked otherwise."""
        found: OrderT | None = self._read(self.order, state, state.order)
        return found

    def result_of(self, state: JobState) -> ResultT | None:
        """What came of a job; None unless it is done and of this kind."""
        found: ResultT | None = self._read(self.result, state, state.result)
        return found if state.status is JobStatus.DONE else None

    def partial_of(self, state: JobState) -> PartialT | None:
        """What a job has reported before its end; None if nothing yet."""
        found: PartialT | None = self._read(self.partial, state, state.partial)
        return found

    def _read(self, kind: Any, state: JobState, value: Any) -> Any:
        if state.kind != self.name or value is None or kind is None:
            return None
        try:
            return decode(kind, value)
        except (ValueError, TypeError, KeyError, AttributeError, QExplorerError):  # of another version
            return None


AnyKind = JobKind[Any, Any, Any]

JOB_KINDS: Registry[AnyKind] = Registry("kind of job", home="qexplorer.jobs.kinds")
