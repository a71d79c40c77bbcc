"""Tells how far a comparison is, from how long its steps are expected to take and really took."""

from __future__ import annotations

import time
from collections.abc import Callable

from qexplorer.core.errors import Cancelled
from qexplorer.core.results import Run
from qexplorer.measure.comparison import Progress
from qexplorer.process.places.taking import expect, waited_s, waiting_now

__all__ = ["Board"]


class Board:
    """Steps with the seconds they are expected to take; speaks to ``progress`` from one thread only.

    Args:
        progress: told whenever something changed; None to tell nobody.
        cancelled: asked at every :meth:`tell`; None: never cancelled.
    """

    def __init__(self, progress: Callable[[Progress], None] | None, cancelled: Callable[[], bool] | None) -> None:
        self._progress, self._cancelled = progress, cancelled
        self._expected: dict[str, float] = {}
        self._share: dict[str, float] = {}
        self._runs: tuple[Run, ...] = ()
        self._begin, self._waited_s = time.monotonic(), waited_s()
        self._done = 0.0

    def plan(self, step: str, seconds: float) -> None:
        """Adds a step."""
        self._expected[step] = seconds
        self._share[step] = 0.0

    def expect_at_least(self, step: str, seconds: float) -> None:
        """Corrects what a planned step takes, upwards, and lets it begin anew."""
        self._expected[step] = max(self._expected.get(step, 0.0), seconds)
        self._share[step] = 0.0

    def advance(self, step: str, share: float) -> None:
        """Notes that ``share`` (0 to 1) of ``step`` is done; tells nobody yet, so any thread may call it."""
        if step in self._share:
            self._share[step] = max(self._share[step], min(1.0, share))

    def tell(self, text: str, runs: tuple[Run, ...] | None = None) -> None:
        """Reports the present state.

        Raises:
            Cancelled: somebody asked for the work to stop.
        """
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("the comparison was cancelled")
        self._runs = self._runs if runs is None else runs
        total = sum(self._expected.values())
        finished = sum(self._expected[step] * share for step, share in self._share.items())
        self._done = max(self._done, finished / total if total else 0.0)
        left, waiting = self._seconds_left(finished, total), waiting_now()
        expect(left)
        if self._progress is None:
            return
        self._progress(Progress(text if waiting is None else waiting.sentence, self._done, left, self._runs))

    def _seconds_left(self, finished: float, total: float) -> float | None:
        """What is left, at the pace of what was done; the plan alone until 5 % of it is done. Waiting is no work."""
        spent = time.monotonic() - self._begin - (waited_s() - self._waited_s)
        if finished <= 0.05 * total:
            return total if spent < total else None
        return (total - finished) * max(spent / finished, 0.5)
