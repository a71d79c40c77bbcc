"""Finds the causes: layer by layer from the table of rules, then those that are about the run as a whole."""

from __future__ import annotations

from dataclasses import replace

from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.why.explanation import Calls, Cause, LayerTime, Part, Parts
from qexplorer.measure.why.rule_types import Case, CauseRule, Found, Words, World, needs_a_cause
from qexplorer.measure.why.rules import LAYER_RULES
from qexplorer.measure.why.words import listed, milliseconds

__all__ = ["causes_of"]

_TINY = 0.3  # share of a call that goes into calling and starting kernels, from which on the model is too small
_MUCH = 0.15  # share of a call that conversions and layout changes may take without being a cause


def causes_of(
    world: World, parts: Parts | None, calls: Calls | None
) -> tuple[tuple[LayerTime, ...], tuple[Cause, ...]]:
    """The rows of ``world``, each with the key of its cause, and the causes, the dearest first.

    Args:
        world: what is known.
        parts: where the quantized run's time goes; None if not profiled.
        calls: whole calls; None if not timed.
    """
    keys = {row.name: _key(row, world) for row in world.rows}
    rows = tuple(replace(row, cause=keys[row.name]) for row in world.rows)
    causes = []
    for rule in LAYER_RULES:
        mine = tuple(row for row in rows if row.cause == rule.key)
        if mine:
            causes.append(_cause(rule, Found(mine, world)))
    if parts is not None and calls is not None:
        causes += _of_the_whole(parts, calls, rows)
    causes = [cause for cause in causes if _matters(cause, parts)]
    return rows, tuple(sorted(causes, key=lambda cause: -(cause.cost_ms or 0.0)))


def _key(row: LayerTime, world: World) -> str | None:
    if not needs_a_cause(row, world):
        return None
    case = Case(row, world.facts[row.name], world)
    return next((rule.key for rule in LAYER_RULES if rule.applies(case)), None)


def _cause(rule: CauseRule, found: Found) -> Cause:
    costs = [row.whole_ms for row in found.rows if row.whole_ms is not None]
    change = rule.change(found) if callable(rule.change) else rule.change
    return Cause(
        key=rule.key,
        title=f"{found.run} {_said(rule.title, found)}",
        sentence=_said(rule.sentence, found),
        layers=tuple(row.name for row in found.rows),
        cost_ms=sum(costs) if costs else None,
        fix=_said(rule.fix, found),
        change=None if change is None else dict(change),
    )


def _said(words: Words, found: Found) -> str:
    return words(found) if callable(words) else words


def _matters(cause: Cause, parts: Parts | None) -> bool:
    """Whether it takes one hundredth of the time, where that is known."""
    return parts is None or cause.cost_ms is None or cause.cost_ms >= 0.01 * parts.whole_ms


def _of_the_whole(parts: Parts, calls: Calls, rows: tuple[LayerTime, ...]) -> list[Cause]:
    found = []
    if parts.starting_ms >= _TINY * parts.whole_ms:
        found.append(_too_small(parts, calls))
    converting = parts.ms[Part.CONVERT] + parts.ms[Part.LAYOUT]
    if converting >= _MUCH * parts.whole_ms:
        found.append(_much_converting(parts, converting, rows))
    return found


def _too_small(parts: Parts, calls: Calls) -> Cause:
    return Cause(
        key="too_small",
        title="the model is too small: calling it and starting its kernels takes most of the time"
        if parts.starting_ms >= 0.5 * parts.whole_ms
        else "the model is small: much of the time goes into calling it and starting its kernels",
        sentence=(
            f"The call takes {milliseconds(calls.quantized_ms)}. {parts.kernels} kernels of at least "
            f"{milliseconds(parts.least_kernel_ms)} each, and {milliseconds(parts.ms[Part.OUTSIDE])} outside of any, "
            f"come to about {milliseconds(parts.starting_ms)} that no format makes shorter."
        ),
        layers=(),
        cost_ms=parts.starting_ms,
        fix="Give it more samples in a call (a larger batch), or leave it in float: integers pay in larger models.",
    )


def _much_converting(parts: Parts, converting: float, rows: tuple[LayerTime, ...]) -> Cause:
    dearest = sorted((r for r in rows if r.convert_ms), key=lambda row: -(row.convert_ms or 0.0))
    names = tuple(row.name for row in dearest[:8])
    where = f", most at {listed(names, 4)}" if names else ""
    return Cause(
        key="converting",
        title=f"converting and changing layouts takes {percent_text(converting / parts.whole_ms)} of the time",
        sentence=(
            f"Quantizing, dequantizing and casting takes {milliseconds(parts.ms[Part.CONVERT])}, changing layouts "
            f"{milliseconds(parts.ms[Part.LAYOUT])}{where}: every change between integers and floats has both."
        ),
        layers=names,
        cost_ms=converting,
        fix="Fewer changes between integers and floats: see which layers run in float, and why.",
    )
