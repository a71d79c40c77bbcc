"""What a comparison comes to, in plain words: every verdict with its reason and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qexplorer.core.plugin_kinds.metric import FLOATS_OWN
from qexplorer.core.results import Accuracy, Run, Status
from qexplorer.core.speed import Change
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.report.metric_words import change_text, clause_of, unsure_text

__all__ = ["Change", "Verdict", "headline", "verdict_of"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run comes to against float on the same backend.

    Attributes:
        label: the run.
        answers: what can be said of its answers, by the primary metric.
        speed: what can be said of its speed.
        sentences: answers, size, speed and energy, each a clause with its reason.
    """

    label: str
    answers: Change
    speed: Change
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """All in one sentence."""
        return f"{self.label}: {', '.join(self.sentences)}."


def verdict_of(run: Run, runs: Sequence[Run]) -> Verdict:
    """The verdict on ``run``; refused and failed runs say why they have no numbers."""
    label = label_of(run, runs)
    if run.status is Status.REFUSED:
        return Verdict(label, Change.UNKNOWN, Change.UNKNOWN, (f"its numbers are not shown: {run.reason}",))
    if run.status is Status.FAILED:
        return Verdict(label, Change.UNKNOWN, Change.UNKNOWN, (f"failed: {run.reason}",))
    base = next((r for r in runs if r.recipe == "float" and r.backend == run.backend), None)
    answers, first = _answers(run)
    speed, third = _speed(run)
    clauses = (first, _size(run, base), third, _energy(run, base))
    return Verdict(label, answers, speed, tuple(clause for clause in clauses if clause))


def _answers(run: Run) -> tuple[Change, str]:
    found = run.accuracy
    if found is None:
        return Change.UNKNOWN, "its answers were not judged"
    if found.value is None and found.reason == FLOATS_OWN:
        return Change.NONE, FLOATS_OWN
    if found.value is None:
        return Change.UNKNOWN, f"no {found.label} ({found.reason})" if found.reason else f"no {found.label}"
    if found.enough is not None:
        return _alone(found, found.value, found.enough), clause_of(found)
    if found.gain is None or found.delta_ci95 is None:
        return Change.UNKNOWN, clause_of(found)
    low, high = found.delta_ci95
    if low <= 0 <= high:
        return Change.NONE, unsure_text(found)
    return Change.BETTER if found.gain > 0 else Change.WORSE, change_text(found)


def _alone(found: Accuracy, value: float, enough: float) -> Change:
    """Of a value that itself compares with float: worse if it is surely beyond ``enough``."""
    ends = found.ci95 or (value, value)
    lacking = ends[1] < enough if found.direction == "higher" else ends[0] > enough
    best = found.bounds[1 if found.direction == "higher" else 0]
    same = Change.NONE if best is not None and value == best else Change.UNKNOWN
    return Change.WORSE if lacking else same


def _size(run: Run, base: Run | None) -> str:
    if run.size is None or base is None or base.size is None or not base.size.weight_bytes:
        return ""
    share = run.size.weight_bytes / base.size.weight_bytes
    return f"{_share(share)} the weight bytes" if abs(share - 1) > 0.005 else "weights of the same size"


def _speed(run: Run) -> tuple[Change, str]:
    found = run.latency_ms
    if found is None or found.p50 is None:
        return Change.UNKNOWN, f"no latency ({found.reason})" if found and found.reason else ""
    speed, counted = found.speed, f"{found.n} calls" + (f" on {found.loads} loadings" if found.loads > 1 else "")
    text = speed.text(seen=f"{counted} could show")
    return speed.change, text + (_why_slow(run) if speed.change is Change.WORSE else "")


def _why_slow(run: Run) -> str:
    """The kernels that ran say why: float ones that were meant to be integer, or conversions in between."""
    kernels = run.kernels
    if kernels is None:
        return ""
    whole, floats = sum(kernels.integer.values()), sum(kernels.float.values())
    if floats:
        most = sorted(kernels.float, key=lambda op: -kernels.float[op])[:2]
        return f", because {floats} of {whole + floats} kernels run in float: {', '.join(most)}"
    return ", although every kernel runs in integers: 'Why not faster' measures where the time goes"


def _energy(run: Run, base: Run | None) -> str:
    if run.energy_mj is None or base is None or base.energy_mj is None:
        return ""
    mine, whole = run.energy_mj, base.energy_mj
    if mine.value is None or not whole.value or mine.source != whole.source:
        return ""
    kind = "measured" if mine.source.startswith("measured") else "estimated"
    return f"{_share(mine.value / whole.value)} the energy ({kind})"


def headline(runs: Sequence[Run]) -> Verdict | None:
    """The verdict on the run that one would take: the fastest of those whose answers no sample tells from float's.

    Without such a run, the one that loses least; without any quantized run that has numbers, None.
    """
    usable = [r for r in runs if r.recipe != "float" and r.status is Status.OK]
    if not usable:
        return None
    kept = [r for r in usable if verdict_of(r, runs).answers is not Change.WORSE]
    if kept:
        return verdict_of(max(kept, key=_gain), runs)
    return verdict_of(max(usable, key=_closeness), runs)


def _closeness(run: Run) -> float:
    """How near the answers are to float's: what they gain, or their likeness to float where there are no labels."""
    found = run.accuracy
    if found is None or found.value is None:
        return -math.inf
    if found.gain is not None:
        return found.gain
    return found.value if found.direction == "higher" else -found.value


def _gain(run: Run) -> tuple[float, float]:
    """Quickest first, on whatever backend, then smallest; noisy latencies still tell which one to look at."""
    p50 = None if run.latency_ms is None else run.latency_ms.p50
    return -float("inf") if p50 is None else -p50, -float(run.size.weight_bytes) if run.size else 0.0


def _share(value: float) -> str:
    return f"{value:.2f} of" if value <= 1 else f"{value:.3g} times"
