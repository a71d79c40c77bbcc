"""What a rung of the fidelity ladder says, in one sentence, and its badge."""

from __future__ import annotations

from qexplorer.core.results import Status
from qexplorer.measure.fidelity.ladder_types import BackendRung, SimulatedRung

__all__ = ["badge", "percent", "rung_sentence", "simulated_sentence"]


def percent(share: float | None) -> str:
    """``99.9 %`` with as many digits as it takes to tell it from all and from nothing."""
    if share is None:
        return "unknown"
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    for digits in (1, 2, 3, 4):
        text = f"{100 * share:.{digits}f}"
        if 0 < float(text) < 100:
            return f"{text} %"
    return "less than 100 %" if share > 0.5 else "more than 0 %"


def badge(rung: BackendRung) -> str:
    """``bit-exact``, ``within 1 step``, ``explained gap``, ``refused`` or ``failed``."""
    if rung.status is not Status.OK:
        return str(rung.status)
    if rung.exact:
        return "bit-exact"
    steps = rung.worst_steps
    if steps is None:
        return "within tolerance"
    return "within 1 step" if steps <= 1 else "explained gap"


def simulated_sentence(rung: SimulatedRung) -> str:
    """Float -> simulated: what quantization itself costs."""
    if rung.failed is not None:
        return f"the simulation failed: {rung.failed}"
    parts = []
    if rung.agreement is not None:
        parts.append(f"the same class for {percent(rung.agreement)} of {rung.n} samples")
    if rung.sqnr_db is not None and rung.relative is not None:
        parts.append(f"the output's SQNR is {rung.sqnr_db:.1f} dB (relative error {rung.relative:.2%})")
    low, drop = rung.first_low, rung.largest_drop
    if low is not None:
        parts.append(f"'{low.layer}' is the first layer below 10 dB ({low.sqnr_db:.1f} dB)")
    elif drop is not None:
        parts.append(f"SQNR falls most at '{drop[0].layer}', by {drop[1]:.1f} dB")
    return "; ".join(parts) or "nothing differs"


def rung_sentence(rung: BackendRung) -> str:
    """Simulated -> backend: how near, and where they part."""
    if rung.status is Status.FAILED:
        return f"failed: {rung.reason}"
    if rung.exact:
        sizes = ", ".join(str(gap.batch) for gap in sorted(rung.batches, key=lambda gap: gap.batch))
        return f"every output equals the simulation's in every bit, at batch {sizes}"
    parts = []
    if rung.agreement is not None:
        parts.append(f"the same class for {percent(rung.agreement)}")
    if rung.status is Status.REFUSED:
        return "; ".join([*parts, *_parting(rung), f"refused: {rung.reason}"])
    if rung.worst_steps is not None:
        steps = f"{rung.worst_steps:.3g} step{'' if rung.worst_steps == 1 else 's'}"
        parts.append(f"outputs differ by at most {steps}, {percent(_within(rung))} of them by at most 1")
    else:
        worst = max((gap.worst_relative for gap in rung.batches if gap.worst_relative is not None), default=None)
        parts += [] if worst is None else [f"outputs differ by at most {worst:.2g} of their range"]
    return "; ".join([*parts, *_parting(rung), *([rung.reason] if rung.reason else [])])


def _parting(rung: BackendRung) -> list[str]:
    """Where codes part, and, unless the reason tells it, from where on they differ by more than a step."""
    parts = [] if rung.parts is None else [f"codes part at '{rung.parts.layer}'"]
    if rung.grows is not None and not rung.reason:
        parts.append(f"and differ by more than one step from '{rung.grows.layer}' on ({rung.grows.steps:.3g} steps)")
    return parts


def _within(rung: BackendRung) -> float | None:
    """Share of outputs within one step, over all batch sizes."""
    known = [gap for gap in rung.batches if gap.within_one is not None]
    n = sum(gap.n for gap in known)
    return sum((gap.within_one or 0.0) * gap.n for gap in known) / n if n else None
