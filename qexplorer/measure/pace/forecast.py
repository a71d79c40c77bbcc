"""How long a comparison will take, step by step: as long as the step took here the last time, or else an estimate.

The estimate is for a processor that multiplies and adds 15 billion times a second, which a busy laptop core does in
float32; the board corrects it as the work goes on (``progress.py``). What a step really took is kept in the workspace,
for each model, and is the best that can be said of the next time: conversions and statistics are kept by then.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.errors import InputError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.effort import BATCHES, PLANS, UNTRAINED_SAMPLES, Effort
from qexplorer.measure.kept import kept_path, read_kept, write_kept
from qexplorer.run.registry import BACKENDS

__all__ = ["FLOAT", "Forecast", "expected_seconds", "workers"]

FLOAT = "float"
"""Stands for the float model where a recipe's digest tells variants apart."""

_MACS_PER_S, _LEAST_CALL_S, _UNKNOWN_CALL_S = 15e9, 2e-4, 5e-3
_START_S = 1.2  # a child with its runtime, memory and kernels
_CHECKED = 48  # samples that are answered once more, at the smaller batch sizes
_LOADING_S = 0.05  # of a model, each time
_OBSERVE_S, _QUANTIZE_S, _ALGORITHM_S = 1.0, 0.4, 4.0
_CALIBRATION = 512


def workers() -> int:
    """Children that judge at a time: one for each processor that this process may use, at most four."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, allowed))


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds of each step of one comparison, from what it is about.

    Attributes:
        model: the float model.
        n: samples that are judged.
        effort: how much is timed.
        took: seconds that steps took here the last time, by step; new ones are added by :meth:`note`.
    """

    model: Model
    n: int
    effort: Effort
    took: dict[str, float]

    @classmethod
    def of(cls, model: Model, n: int, effort: Effort) -> Forecast:
        """With what is kept of ``model`` on this machine."""
        found = read_kept(_path(model)) or {}
        return cls(model, n, effort, {step: float(s) for step, s in found.items() if isinstance(s, (int, float))})

    def observing(self, calibration: int) -> float:
        """Collecting the statistics of ``calibration`` samples."""
        samples = min(calibration, _CALIBRATION)
        return self.took.get(f"observe {samples}", _OBSERVE_S + 1.5 * samples * self._call_s)

    def quantizing(self, recipes: Sequence[Recipe]) -> float:
        """Making the files of all ``recipes``."""
        working = sum(len(recipe.algorithms) for recipe in recipes if recipe.needs_samples)
        return _QUANTIZE_S * max(len(recipes), 1) + _ALGORITHM_S * working

    def preparing(self, recipes: Sequence[Recipe], calibration: int, observed: float) -> float:
        """Until there are files of all ``recipes``, of which a share of observing is done."""
        return self.observing(calibration) * (1.0 - observed) + self.quantizing(recipes)

    def judging(self, backend: str, recipe: str) -> float:
        """Judging the file of ``recipe`` (a digest, or :data:`FLOAT`) on ``backend``, preparation included."""
        known = self.took.get(self.judge_step(backend, recipe))
        if known is not None:
            return known
        prepares = BACKENDS.get(backend).capabilities.prepares
        times = 0 if prepares is None else len(self._batches) if prepares.each_shape else 1
        usual = 0.0 if prepares is None else sum(prepares.usual_s) / 2
        return _START_S + 2 * (self.n + _CHECKED) * self._call_s + times * usual

    def timing(self, backend: str, variants: int) -> float:
        """Timing ``variants`` side by side on ``backend``."""
        known = self.took.get(self.time_step(backend, variants))
        if known is not None:
            return known
        plan = PLANS[self.effort]
        calls_s = 2 * plan.min_calls * variants * self._call_s
        latency = min(max(plan.budget_s, calls_s), plan.patience * plan.budget_s)
        return _START_S + latency + plan.throughput_s + plan.loads * variants * _LOADING_S

    def judge_step(self, backend: str, recipe: str) -> str:
        """Name of the step of :meth:`judging`."""
        return f"judge {backend} {recipe} {self.n}"

    def time_step(self, backend: str, variants: int) -> str:
        """Name of the step of :meth:`timing`."""
        return f"time {backend} {variants} {self.effort}"

    def note(self, step: str, seconds: float) -> None:
        """Notes what a step took without what is kept for the next time. Any thread may call it."""
        self.took[step] = round(max(seconds, 0.0), 2)

    def keep(self) -> None:
        """Keeps what was noted; a workspace that cannot be written costs the next forecast, not this comparison."""
        with contextlib.suppress(InputError, OSError), _KEEPING:
            write_kept(_path(self.model), (read_kept(_path(self.model)) or {}) | self.took)

    @property
    def _batches(self) -> tuple[int, ...]:
        return BATCHES if self.model.fixed_batch is None else (self.model.fixed_batch,)

    @property
    def _call_s(self) -> float:
        """Seconds of float32 for one sample."""
        macs = self.model.macs
        return _UNKNOWN_CALL_S if macs is None else max(_LEAST_CALL_S, macs / _MACS_PER_S)


_KEEPING = threading.Lock()


def _path(model: Model) -> Path:
    return kept_path("durations", model.sha256)


def expected_seconds(
    model: Model,
    recipes: Sequence[Recipe],
    backends: Sequence[str],
    effort: Effort,
    *,
    calibration: int,
    evaluation: int,
    samples: int | None = None,
) -> float:
    """About how long comparing ``recipes`` with the float model will take, in seconds.

    Args:
        model: the float model.
        recipes: beside it.
        backends: names of backends.
        effort: how much is timed.
        calibration: samples of the calibration part.
        evaluation: samples of the evaluation part.
        samples: of those, at most so many are judged; None: all.
    """
    n = evaluation if samples is None else min(samples, evaluation)
    n = min(n, UNTRAINED_SAMPLES) if model.untrained else n
    forecast = Forecast.of(model, n, effort)
    digests = {recipe.digest: recipe for recipe in recipes if not recipe.is_float}
    prepared = forecast.quantizing(list(digests.values()))
    if any(recipe.needs_statistics for recipe in digests.values()):
        prepared += forecast.observing(calibration)
    judged = sum(forecast.judging(backend, key) for backend in backends for key in (FLOAT, *digests))
    timed = sum(forecast.timing(backend, 1 + len(digests)) for backend in backends)
    return prepared + judged / workers() + timed
