"""What the Live page draws: windows of half a second in which two variants ran the same samples one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from qexplorer.core.results import Interval
from qexplorer.core.speed import Speedup
from qexplorer.core.wire import Wire
from qexplorer.measure.timing.paired import paired_speedup

__all__ = ["RECENT_S", "SIDES", "WINDOW_S", "LiveSide", "LiveWindow", "since", "speed", "totals"]

RECENT_S = 10.0
"""Seconds that the numbers of the moment are taken over."""

SIDES = ("a", "b")
"""The two places on the page; a variant is known by its place while the stream runs."""

WINDOW_S = 0.5
"""Seconds of one window, both variants together."""


@dataclass(frozen=True, slots=True)
class LiveSide:
    """One variant in one window.

    Attributes:
        label: what it is, such as ``w8a8, onnxruntime``.
        n: samples that it ran.
        p50_ms: median of one call.
        p90_ms: 90th percentile of one call; None of fewer than ten calls.
        per_s: samples a second while it had its turn.
        busy: share of the window in which it computed.
        watts: power while it computed.
        watts_source: ``measured:<meter>``, idle included, or ``estimated``, above idle.
        seen: samples since the variant was chosen.
        judged: of these, how many different ones its answers were scored on; 0 where answers are not judged.
        value: the task's primary metric over those; None where there is none.
        ci95: its interval.
    """

    label: str
    n: int
    p50_ms: float
    p90_ms: float | None
    per_s: float
    busy: float
    watts: float | None
    watts_source: str
    seen: int
    judged: int = 0
    value: float | None = None
    ci95: Interval | None = None


@dataclass(frozen=True, slots=True)
class LiveWindow(Wire):
    """One window.

    Attributes:
        t_s: seconds since the stream began, at the window's end.
        sides: by place; a variant that was refused is not there.
        cpu_percent: load of each processor of the machine.
        rss_bytes: memory of the process that runs both variants.
        gpu_percent: load of each GPU.
        position: place of the window's last sample in the evaluation split.
        said: the class each variant named for it.
        both: different samples that both variants named a class for since either was chosen.
        agree: of these, how many they named the same class for; None where no class is named.
        metric: name of the task's primary metric, where answers are judged.
    """

    t_s: float
    sides: dict[str, LiveSide]
    cpu_percent: tuple[float, ...]
    rss_bytes: int | None
    gpu_percent: tuple[float, ...] = ()
    position: int | None = None
    said: dict[str, int] = field(default_factory=dict)
    both: int = 0
    agree: int | None = None
    metric: str | None = None


def since(windows: Sequence[LiveWindow], seconds: float) -> list[LiveWindow]:
    """The windows of the last ``seconds``."""
    return [w for w in windows if w.t_s >= windows[-1].t_s - seconds] if windows else []


def totals(windows: Sequence[LiveWindow], place: str) -> tuple[float, float] | None:
    """Median latency (ms) and throughput (per second) of the present variant at ``place``, over the last ``RECENT_S``.

    None while it has not run yet.
    """
    if not windows or place not in windows[-1].sides:
        return None
    label = windows[-1].sides[place].label
    recent = [w.sides[place] for w in since(windows, RECENT_S) if place in w.sides and w.sides[place].label == label]
    middles = sorted(side.p50_ms for side in recent)
    rates = sorted(side.per_s for side in recent)
    return middles[len(middles) // 2], rates[len(rates) // 2]


def speed(windows: Sequence[LiveWindow]) -> Speedup | None:
    """How many times faster ``b`` is than ``a``: the paired ratio of the recent windows, with its 95 % interval.

    In each window both ran the same samples one after the other; each variant is loaded once (``timing/paired.py``).
    None before there are six windows of both.
    """
    if not windows or len(windows[-1].sides) < len(SIDES):
        return None
    now = {place: side.label for place, side in windows[-1].sides.items()}
    recent = [w.sides for w in since(windows, RECENT_S) if {p: s.label for p, s in w.sides.items()} == now]
    found = paired_speedup([sides["a"].p50_ms for sides in recent], [sides["b"].p50_ms for sides in recent])
    return None if found.ci95 is None else found
