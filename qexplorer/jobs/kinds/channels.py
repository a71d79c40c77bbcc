"""The job that looks into the channels of one activation and keeps what it finds."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import CALIBRATION_SAMPLES, DataOrder
from qexplorer.jobs.report import Report

__all__ = ["CHANNELS", "ChannelsOrder", "ChannelsResult"]


class ChannelsOrder(DataOrder):
    """Which activation (``tensor``) to look into, on how many calibration ``samples`` at most."""

    tensor: str
    samples: int = CALIBRATION_SAMPLES


@dataclass(frozen=True, slots=True)
class ChannelsResult:
    """How many channels the activation has; what was found is kept in the workspace."""

    channels: int


def look_into_channels(order: ChannelsOrder, report: Report) -> ChannelsResult:
    """Counts every channel and keeps the counts."""
    model, data = load_both(order, report)
    from qexplorer.observe.collecting.channels_store import channels_for
    from qexplorer.observe.collecting.store import statistics_for

    stats = statistics_for(model, data, samples=order.samples, progress=report.count_samples)[order.tensor]
    detail = channels_for(model, data, stats, samples=order.samples, progress=report.count_samples)
    return ChannelsResult(len(detail.counts))


CHANNELS = JobKind(
    "channels", "Looking into the channels", "Distributions", ChannelsOrder, ChannelsResult, look_into_channels
)
ENTRIES = (CHANNELS,)
