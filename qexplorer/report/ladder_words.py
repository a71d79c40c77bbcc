"""What a rung of the fidelity ladder says, in one sentence, and its badge."""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.results import Status
from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.ladder.ladder_types import BackendRung, BatchGap, ExactRung, SimulatedRung

__all__ = ["badge", "exact_sentence", "percent", "rung_sentence", "simulated_sentence"]

_FLOAT_ONLY = "outputs on no grid differ by at most"


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
        parts.append(f"the answers' SQNR is {rung.sqnr_db:.1f} dB (relative error {percent_text(rung.relative, 2)})")
    low, drop = rung.first_low, rung.largest_drop
    if low is not None:
        parts.append(f"'{low.layer}' is the first layer below 10 dB ({low.sqnr_db:.1f} dB)")
    elif drop is not None:
        parts.append(f"SQNR falls most at '{drop[0].layer}', by {drop[1]:.1f} dB")
    return "; ".join(parts) or "nothing differs"


def exact_sentence(rung: ExactRung) -> str:
    """Simulated -> exact integers: what float32 arithmetic between the roundings makes otherwise."""
    if rung.why_not is not None:
        return f"there is no such rung: {rung.why_not}"
    layers = f"{rung.layers} layer{'' if rung.layers == 1 else 's'} in integers by {rung.label}"
    if rung.exact:
        return f"{layers}; every output equals the simulation's in every bit, at batch {_sizes(rung.batches)}"
    parts = [layers]
    if rung.agreement is not None:
        parts.append(f"the same class for {percent(rung.agreement)}")
    return "; ".join([*parts, *_gaps(rung)])


def rung_sentence(rung: BackendRung) -> str:
    """The rung below -> backend: how near, and where they part."""
    if rung.status is Status.FAILED:
        return f"failed: {rung.reason}"
    below = "the simulation" if rung.against == "simulation" else rung.against
    if rung.exact and rung.status is not Status.REFUSED:
        return f"every output equals that of {below} in every bit, at batch {_sizes(rung.batches)}"
    parts = [f"against {below}"]
    if rung.cost is not None:
        parts.append(rung.cost)
    elif rung.agreement is not None:
        parts.append(f"the same class for {percent(rung.agreement)}")
    if rung.status is Status.REFUSED:
        return "; ".join([*parts, *_parting(rung), f"refused: {rung.reason}"])
    return "; ".join([*parts, *_gaps(rung), *_parting(rung), *([rung.reason] if rung.reason else [])])


def _sizes(batches: Sequence[BatchGap]) -> str:
    return ", ".join(str(gap.batch) for gap in sorted(batches, key=lambda gap: gap.batch))


def _gaps(rung: BackendRung | ExactRung) -> list[str]:
    """How far outputs are apart: in steps, and as a share of the largest where they are on no grid."""
    parts = []
    if rung.worst_steps is not None:
        steps = f"{rung.worst_steps:.3g} step{'' if rung.worst_steps == 1 else 's'}"
        parts.append(f"outputs differ by at most {steps}, {percent(rung.within_one)} of them by at most 1")
    relative = max((gap.worst_relative for gap in rung.batches if gap.worst_relative is not None), default=None)
    if relative is not None:
        parts.append(f"{_FLOAT_ONLY} {relative:.2g} of the largest")
    return parts


def _parting(rung: BackendRung) -> list[str]:
    """Where codes part, and, unless the reason tells it, from where on they differ by more than a step."""
    parts = [] if rung.parts is None else [f"codes part at '{rung.parts.layer}'"]
    if rung.grows is not None and not rung.reason:
        parts.append(f"differ by more than one step from '{rung.grows.layer}' on ({rung.grows.steps:.3g} steps)")
    return [" and ".join(parts)] if parts else []
