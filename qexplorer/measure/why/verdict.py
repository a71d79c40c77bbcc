"""The one sentence that an explanation comes to."""

from __future__ import annotations

from qexplorer.core.speed import Change
from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.why.explanation import Calls, Cause, LayerTime, Parts
from qexplorer.measure.why.words import listed

__all__ = ["verdict_sentence"]

_LEAST = 0.1  # share of the time from which on a part is named
_DEAR = 0.25  # share of the time from which on a cause is named although the run is faster


def verdict_sentence(
    calls: Calls | None, parts: Parts | None, causes: tuple[Cause, ...], rows: tuple[LayerTime, ...]
) -> str:
    """``1.2 times slower, because 6 of 9 convolutions run in float: signed activations``.

    A run that is faster says where the rest of its time goes; one that was not timed says what is known without.
    """
    because = f"because {causes[0].title}" if causes else ""
    if calls is None:
        return because[8:9].upper() + because[9:] if because else "nothing is known that would make it slow"
    speed = calls.speed
    head = speed.text(seen=f"{calls.n} calls could show") or f"no speed that {calls.n} calls could tell"
    if speed.change is Change.BETTER:
        return f"{head}, and not more {because}" if _is_dear(causes, parts) else f"{head}{_rest(parts, rows)}"
    return f"{head}, {because}" if because else f"{head}{_rest(parts, rows)}"


def _is_dear(causes: tuple[Cause, ...], parts: Parts | None) -> bool:
    """Whether the dearest cause takes so much of the time that without it the run would be much faster."""
    return bool(causes) and parts is not None and (causes[0].cost_ms or 0.0) >= _DEAR * parts.whole_ms


def _rest(parts: Parts | None, rows: tuple[LayerTime, ...]) -> str:
    """What the time that is left goes into, the largest parts first, and into which layers."""
    if parts is None:
        return ""
    shares = sorted(((ms / parts.whole_ms, part) for part, ms in parts.ms.items()), reverse=True)
    named = [f"{percent_text(share)} {part}" for share, part in shares if share >= _LEAST]
    dearest = sorted((row for row in rows if row.whole_ms), key=lambda row: -(row.whole_ms or 0.0))[:3]
    where = f"; most in {listed([row.name for row in dearest])}" if dearest else ""
    return f"; what is left goes into {listed(named)}{where}"
