"""What a comparison comes to, in plain words: every verdict with its reason and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qexplorer.core.plugin_kinds.metric import FLOATS_OWN
from qexplorer.core.results import Accuracy, Run, Status
from qexplorer.core.speed import MUCH, Change
from qexplorer.core.words.numbers import number_text
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.report.metric_words import bound_text, change_text, clause_of, unsure_text
from qexplorer.report.statements.claims import change_of, hidden_loss, looked_at
from qexplorer.report.words import carried_text

__all__ = ["Change", "Verdict", "headline", "verdict_of"]

_FEW = 3  # runs that are named


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run comes to against float on the same backend.

    Attributes:
        label: the run.
        answers: what can be said of its answers, by the primary metric.
        speed: what can be said of its speed.
        sentences: answers, size, speed and energy, each a clause with its reason.
        hidden: the largest loss that the samples leave possible, as text with its unit; None where a difference is
            told, or there is none to float.
        alike: in a headline, runs as good whose speed cannot be told from this one's.
    """

    label: str
    answers: Change
    speed: Change
    sentences: tuple[str, ...]
    hidden: str | None = None
    alike: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All in one sentence."""
        named = ", ".join(self.alike) if len(self.alike) <= _FEW else f"{len(self.alike)} others as good"
        behind = f"; its speed cannot be told from that of {named}" if self.alike else ""
        return f"{self.label}: {', '.join(self.sentences)}{behind}."


def verdict_of(run: Run, runs: Sequence[Run]) -> Verdict:
    """The verdict on ``run``; refused and failed runs say why they have no numbers."""
    label = label_of(run, runs)
    if run.status is Status.REFUSED:
        return Verdict(label, Change.UNKNOWN, Change.UNKNOWN, (f"its numbers are not shown: {run.reason}",))
    if run.status is Status.FAILED:
        return Verdict(label, Change.UNKNOWN, Change.UNKNOWN, (f"failed: {run.reason}",))
    base = next((r for r in runs if r.recipe == "float" and r.backend == run.backend), None)
    looked = looked_at(runs)
    answers, first = _answers(run, looked)
    speed, third = _speed(run)
    clauses = (first, _size(run, base), third, _energy(run, base))
    return Verdict(label, answers, speed, tuple(clause for clause in clauses if clause), _hidden(run, looked))


def _hidden(run: Run, looked: int) -> str | None:
    found = run.accuracy
    if found is None or found.enough is not None or found.delta is None or found.delta_ci95 is None:
        return None
    if change_of(found, looked) not in (Change.NONE, Change.UNSURE):
        return None
    return bound_text(found, hidden_loss(found, looked))


def _answers(run: Run, looked: int) -> tuple[Change, str]:
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
    change = change_of(found, looked)
    if change in (Change.BETTER, Change.WORSE):
        return change, change_text(found)
    hidden = hidden_loss(found, looked)
    return change, unsure_text(found, hidden, small=change is Change.NONE, looked=looked)


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
    packed = f"{_share(share)} the weight bytes" if abs(share - 1) > 0.005 else "weights of the same size"
    return packed + carried_text(run.size, base.size)


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
    """The energy beside float's, as the paired ratio of the same rounds; by records without one, of the two values."""
    if run.energy_mj is None or base is None or base.energy_mj is None:
        return ""
    mine, whole = run.energy_mj, base.energy_mj
    if mine.value is None or not whole.value or mine.source != whole.source:
        return ""
    kind = "measured" if mine.source.startswith("measured") else "estimated"
    if mine.ratio_ci95 is None:
        return f"{_share(mine.value / whole.value)} the energy ({kind})" if mine.valid and whole.valid else ""
    low, high = mine.ratio_ci95
    if mine.ratio is None or low <= 1 <= high:
        return f"no difference in energy that could be seen ({low:.2f} to {high:.2f} of float's, {kind})"
    return f"{_share(mine.ratio)} the energy ({low:.2f} to {high:.2f}, {kind})"


def headline(runs: Sequence[Run]) -> Verdict | None:
    """The verdict on the run that one would take: of those whose answers are as good as float's, the fastest.

    A run is passed over only for one that is surely faster; of those that cannot be told apart the first in the order
    of the runs is taken, so that two measurements of the same come to the same. Runs in whose answers a loss that
    matters could hide are taken only where there are no others; where all lose, the one that loses least; without any
    quantized run that has numbers, None.
    """
    usable = [r for r in runs if r.recipe != "float" and r.status is Status.OK]
    if not usable:
        return None
    found = {id(run): verdict_of(run, runs) for run in usable}
    kept = [r for r in usable if found[id(r)].answers is not Change.WORSE]
    if not kept:
        return found[id(max(usable, key=_closeness))]
    kept = [r for r in kept if found[id(r)].answers is not Change.UNSURE] or kept
    first, *others = [r for r in kept if not any(_quicker(other, r) for other in kept)]
    alike = tuple(label_of(r, runs) for r in others if r.latency_ms is not None and r.latency_ms.p50 is not None)
    return replace(found[id(first)], alike=alike)


def _quicker(one: Run, other: Run) -> bool:
    """Whether ``one`` is surely faster than ``other``: their paired ratios to float part, or on two backends, which
    are timed one after the other, their latencies; while the machine was busy these must part by far."""
    mine, its = one.latency_ms, other.latency_ms
    if mine is None or mine.p50 is None:
        return False
    if its is None or its.p50 is None:
        return True
    if one.backend == other.backend:
        return mine.speed.over(its.speed)
    if mine.ci95 is None or its.ci95 is None:
        return False
    return mine.ci95[1] * (1.0 if mine.valid and its.valid else MUCH) < its.ci95[0]


def _closeness(run: Run) -> float:
    """How near the answers are to float's: what they gain, or their likeness to float where there are no labels."""
    found = run.accuracy
    if found is None or found.value is None:
        return -math.inf
    if found.gain is not None:
        return found.gain
    return found.value if found.direction == "higher" else -found.value


def _share(value: float) -> str:
    return f"{value:.2f} of" if value <= 1 else f"{number_text(value)} times"
