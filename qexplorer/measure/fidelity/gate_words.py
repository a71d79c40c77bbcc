"""Why a gap may be shown, and what it costs: the gate's words about answers that it lets through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qexplorer.core.plugins import METRICS
from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.fidelity.gate import ENOUGH_WITHIN, Difference

__all__ = ["compared_text", "cost_of", "why_right"]


def why_right(alone: Alone, share: float | None) -> str:
    """Why answers that no reference explains may be shown.

    Args:
        alone: each piece by itself.
        share: of the outputs that are within one step; None if no output is on a grid.
    """
    first = alone.grows or alone.parts or alone.last
    where = f" from '{first}' on" if first else ""
    few = ""
    if share is not None and share < ENOUGH_WITHIN:
        few = f", {percent_text(share, 2)} of the outputs are within 1 step"
    on = f" ({_looked_at(alone)})"
    if not alone.points and not alone.blind:
        return f"float arithmetic of this graph explains the difference{on}"
    each = "1 step" if alone.allowed == 1 else f"{alone.allowed} steps"
    if alone.blind:
        all_of_them = alone.points + alone.blind
        return (
            f"no piece of it is wrong by itself as far as can be seen{where}{few}: {alone.points} of {all_of_them} "
            f"rounding points are within {each}, {alone.blind} cannot be read without changing the answers{on}"
        )
    return f"single steps add up{where}{few}: each of its {alone.points} rounding points alone is within {each}{on}"


def _looked_at(alone: Alone) -> str:
    text = f"n = {alone.n}"
    return f"{text}, at batch {_list([str(size) for size in alone.sizes])}" if alone.sizes else text


def compared_text(samples_by_batch: Mapping[int, int]) -> str:
    """``597 samples at batch 32, 16 at batch 1 and 32 at batch 8``."""
    parts = [f"{n} at batch {batch}" for batch, n in samples_by_batch.items()]
    if parts:
        first = next(iter(samples_by_batch.items()))
        parts[0] = f"{first[1]} sample{'' if first[1] == 1 else 's'} at batch {first[0]}"
    return _list(parts)


def _list(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def cost_of(compared: Sequence[Difference], against: str, primary: Mapping[str, Any] | None) -> str | None:
    """What a gap costs in the task's own terms; None where the task has none.

    Args:
        compared: at each batch size, the evaluation batch first.
        against: what was compared with.
        primary: the task's first metric over both (``scoring.primary_values``).
    """
    if not compared:
        return None
    every = compared[0]
    if every.same_classes is not None:
        other = every.n - every.same_classes
        text = f"{other or 'none'} of {every.n} samples get{'s' if other <= 1 else ''} another class"
        return f"{text} than {'in the simulation' if against == 'simulation' else f'with {against}'}"
    if primary is None:
        return None
    metric = METRICS.get(primary["name"])
    factor, unit = (100.0, " %") if metric.unit == "%" else (1.0, f" {metric.unit}" if metric.unit else "")
    ours, theirs = (f"{factor * primary[side]:{metric.form}}{unit}" for side in ("ours", "theirs"))
    return f"{metric.title} {ours}, {'in the simulation' if against == 'simulation' else f'with {against}'} {theirs}"
