"""What is worth repairing, and when a remedy is worth keeping."""

from __future__ import annotations

from dataclasses import replace

from qexplorer.search.repair.repair_types import RepairReport
from qexplorer.search.repair.sums import SumsFound
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

__all__ = ["WORTH", "is_sound", "nothing_to_win", "pays", "told_why_it_stopped"]

WORTH = 0.05
"""Share of the loss at the beginning that a remedy must win to be kept."""

_SOUND = 0.002  # loss (nats, or error over signal) below which a metric that does not drop is taken at its word
_SOUND_ALONE = 2e-4  # of losses where no metric speaks: an error of 37 dB


def pays(before: SumsFound, after: SumsFound) -> bool:
    """Whether saturating sums win enough by a change, and more than exact sums lose."""
    won = before.saturating.loss - after.saturating.loss
    drops = [each.saturating.metric_drop for each in (before, after)]
    falls = drops[0] is not None and drops[1] is not None and drops[1] > drops[0]
    return not falls and won > max(WORTH * before.saturating.loss, after.exact.loss - before.exact.loss)


def nothing_to_win(found: RepairReport, begin: float) -> bool:
    """Whether not even a remedy that leaves no loss could be kept."""
    return found.after.loss < WORTH * begin


def told_why_it_stopped(found: RepairReport, begin: float) -> RepairReport:
    """The report with a note that nothing more was tried, and why."""
    said = (
        f"what follows was not tried: the loss that is left, {found.after.loss:.3g}, is less than the twentieth of "
        f"{begin:.3g} that a remedy must win to be kept"
    )
    return replace(found, notes=(*found.notes, said))


def is_sound(before: Evaluated) -> bool:
    """Whether there is nothing to win: the metric is float's, and answers hardly differ."""
    if before.metric_drop is None:
        return before.loss < _SOUND_ALONE
    return before.metric_drop <= 0 and before.loss < _SOUND
