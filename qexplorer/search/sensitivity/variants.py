"""Which graphs the evaluation runs, and on how many samples each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qexplorer.search.sensitivity.groups import LayerGroup
from qexplorer.search.sensitivity.restricted import why_not
from qexplorer.search.sensitivity.sensitivity_types import Rounded, Setup
from qexplorer.search.sensitivity.stretches import Stretch

__all__ = ["Trial", "batches_for", "passes_of", "trials_of"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One graph that is run.

    Attributes:
        group: the layer that it is about; empty for all layers together.
        setup: which others are rounded.
        rounded: what is rounded.
        stretch: number of the stretch that is run in a form of its own.
        inside: names of the groups that are rounded in that stretch.
        before: whether everything in front of it is rounded.
        behind: whether everything behind it is.
        cost: in float passes.
        leads: whether the layer is worth quantizing by itself.
    """

    group: str
    setup: Setup
    rounded: Rounded
    stretch: int
    inside: tuple[str, ...]
    before: bool
    behind: bool
    cost: float
    leads: bool = True


def trials_of(
    stretches: Sequence[Stretch], rounded: Sequence[Rounded], setups: Sequence[Setup]
) -> tuple[list[Trial], dict[str, dict[str, str]]]:
    """All trials, and why some are missing, by layer and by what is rounded."""
    found: list[Trial] = []
    missing: dict[str, dict[str, str]] = {}
    for number, stretch in enumerate(stretches):
        cost = sum(each.cost for each in stretches[number:])
        for place, group in enumerate(stretch.groups):
            for setup in setups:
                for each in rounded if setup is Setup.ALONE else (Rounded.BOTH,):
                    why = why_not(group, each)
                    if why is not None:
                        missing.setdefault(group.name, {})[each.value] = why
                        continue
                    inside = _inside(stretch.groups, place, setup)
                    before, behind = setup is not Setup.ALONE, setup is Setup.ALL_BUT_ONE
                    found.append(Trial(group.name, setup, each, number, inside, before, behind, cost, group.leads))
    return found, missing


def _inside(groups: Sequence[LayerGroup], place: int, setup: Setup) -> tuple[str, ...]:
    names = [group.name for group in groups]
    if setup is Setup.ALONE:
        return (names[place],)
    if setup is Setup.CUMULATIVE:
        return tuple(names[: place + 1])
    return tuple(name for i, name in enumerate(names) if i != place)


LEAST = 16
"""Samples that every trial is run on, at least (or all, where there are fewer)."""


def batches_for(
    trials: Sequence[Trial], samples: int, batch: int, passes: float | None, first: Mapping[str, float]
) -> list[int]:
    """On how many batches each trial is run, so that all of them together cost at most ``passes`` float passes.

    Those of the layers that are foretold to be worst are run on all samples; then those of layers that are worth
    quantizing by themselves get as many as there is room for, and the others ``LEAST`` samples.

    Args:
        trials: what is to be run.
        samples: that there are.
        batch: samples at a time.
        passes: what may be spent on trials; None: all trials on all samples.
        first: the loss that is foretold, by layer; empty where nothing is.
    """
    total = math.ceil(samples / batch)
    if passes is None or sum(trial.cost for trial in trials) <= passes:
        return [total] * len(trials)
    least = min(total, math.ceil(LEAST / batch))
    worst = set(sorted(first, key=lambda name: first[name], reverse=True)[:_CONFIRMED])
    fixed = [total if t.group in worst else None if t.leads else least for t in trials]
    spent = sum(t.cost * n / total for t, n in zip(trials, fixed, strict=True) if n is not None)
    open_cost = sum(t.cost for t, n in zip(trials, fixed, strict=True) if n is None)
    room = math.floor(total * (passes - spent) / open_cost + 1e-9) if open_cost else total
    return [min(total, max(least, room)) if n is None else n for n in fixed]


_CONFIRMED = 3
"""Layers foretold to be worst, which are evaluated on all samples."""


def passes_of(trials: Sequence[Trial], batches: Sequence[int], total: int) -> float:
    """What trials cost in float passes over all samples; ``total`` is the number of batches of all samples."""
    return sum(trial.cost * n / max(total, 1) for trial, n in zip(trials, batches, strict=True))
