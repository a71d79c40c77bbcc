"""The Live page's job: prepares what the page asks for, streams it in a child, and starts again when that changes."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.live import Side
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report

__all__ = ["LIVE", "LiveOrder", "LiveResult"]


class LiveOrder(DataOrder):
    """What to stream.

    Attributes:
        sides: what runs at each place to begin with; ``jobs.live.steer`` changes it later.
        rate: samples a second to begin with; None: as fast as it goes.
        threads: threads of one operator.
        session: whose stream it is, so that two people never steer one.
    """

    sides: dict[str, Side]
    rate: float | None = None
    threads: int = 1
    session: str = ""


@dataclass(frozen=True, slots=True)
class LiveResult:
    """How many windows were told; they are in the job's folder."""

    windows: int


def stream(order: LiveOrder, report: Report) -> LiveResult:
    """Streams until the page is closed."""
    from qexplorer.jobs.live import begin
    from qexplorer.jobs.streaming import Streamer
    from qexplorer.measure.scratch import scratch

    model, data = load_both(order, report)
    begin(report.job, order.sides, order.rate)
    with scratch() as folder:
        streamer = Streamer(model, data, folder, order.threads, report)
        streamer.run()
    return LiveResult(streamer.count)


LIVE = JobKind("live", "Live", "Live", LiveOrder, LiveResult, stream, nice=0)
ENTRIES = (LIVE,)
