"""From what was found, as much as there is by now, to a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qexplorer.core.errors import BackendError
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.search.sensitivity.accord import accord_of
from qexplorer.search.sensitivity.distances import Yardstick
from qexplorer.search.sensitivity.evaluating import Results
from qexplorer.search.sensitivity.groups import LayerGroup
from qexplorer.search.sensitivity.sensitivity_types import (
    Evaluated,
    LayerSensitivity,
    Rounded,
    SensitivityReport,
    Setup,
    WholeModel,
)
from qexplorer.search.sensitivity.variants import Trial

if TYPE_CHECKING:
    from qexplorer.search.sensitivity.gradients import Foresight

__all__ = ["Known", "report_of"]


@dataclass(slots=True, eq=False)
class Known:
    """What is known.

    Attributes:
        made: the quantized model.
        data: the data set's name.
        n: samples that are looked at.
        yard: what answers are judged by.
        groups: the layers.
        foresight: what gradients foretold, if they did.
        no_gradient: why they did not.
        trials: what was evaluated.
        missing: why a layer has no trial, by layer and what is rounded.
        outcome: of the trials, so far.
        passes: what they cost.
        shares: the other layers that read a layer's weight, by its name.
    """

    made: QuantizedModel
    data: str
    n: int
    yard: Yardstick
    groups: Sequence[LayerGroup]
    foresight: Foresight | None = None
    no_gradient: str = ""
    trials: Sequence[Trial] = ()
    missing: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    outcome: Results | None = None
    passes: float | None = None
    shares: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def report_of(found: Known, notes: Sequence[str]) -> SensitivityReport:
    """The report of what is known."""
    evaluated, failed = _evaluated(found)
    layers = tuple(
        _layer(found, group, evaluated.get(group.name, {}), failed.get(group.name, {})) for group in found.groups
    )
    whole, why = _whole(found, layers)
    return SensitivityReport(
        model=found.made.model.name,
        data=found.data,
        recipe=found.made.recipe.to_yaml(),
        recipe_name=found.made.recipe.name,
        digest=found.made.digest,
        n=found.n,
        unit=found.yard.unit,
        metric_name=None if found.yard.metric is None else found.yard.metric.name,
        layers=layers,
        whole=whole,
        accord=accord_of(layers),
        no_gradient=found.no_gradient,
        passes=found.passes,
        notes=(*notes, *_said(layers), *_failed(failed, why)),
    )


def _evaluated(found: Known) -> tuple[dict[str, dict[str, dict[str, Evaluated]]], dict[str, dict[str, str]]]:
    """What was evaluated, by layer, setup and what was rounded; and why it came to no number, by layer and what was
    rounded."""
    by_layer: dict[str, dict[str, dict[str, Evaluated]]] = {}
    failed: dict[str, dict[str, str]] = {}
    if found.outcome is None:
        return by_layer, failed
    for trial, judged in zip(found.trials, found.outcome.trials, strict=True):
        if not judged.n:
            continue
        try:
            value = judged.evaluated(found.yard, found.outcome.plain)
        except BackendError as error:
            failed.setdefault(trial.group, {})[trial.rounded.value] = error.sentence
        else:
            by_layer.setdefault(trial.group, {}).setdefault(trial.setup.value, {})[trial.rounded.value] = value
    return by_layer, failed


def _failed(layers: Mapping[str, Mapping[str, str]], whole: str) -> list[str]:
    """What a reader should know of evaluations that came to no number: of all layers together, else of the first."""
    if whole:
        return [f"all layers {whole}"]
    return [f"{name}, {what}: {why}" for name, reasons in layers.items() for what, why in reasons.items()][:1]


def _layer(
    found: Known, group: LayerGroup, evaluated: dict[str, dict[str, Evaluated]], failed: Mapping[str, str]
) -> LayerSensitivity:
    seen = found.foresight
    return LayerSensitivity(
        name=group.name,
        op=group.op,
        members=group.members,
        leads=group.leads,
        foretold={} if seen is None else seen.of(group.name),
        formats={} if seen is None else seen.in_formats(group.name),
        evaluated=evaluated,
        reasons={**found.missing.get(group.name, {}), **failed},
        shares=found.shares.get(group.name, ()),
        no_numbers=tuple(failed),
    )


def _whole(found: Known, layers: Sequence[LayerSensitivity]) -> tuple[WholeModel | None, str]:
    """All layers rounded together, or why that came to no number."""
    if found.outcome is None or found.outcome.whole is None or not found.outcome.whole.n:
        return None, ""
    plain = found.outcome.plain
    alone = [layer.exact(Rounded.BOTH.value, Setup.ALONE.value) for layer in layers]
    known = [each.loss for each in alone if each is not None]
    try:
        evaluated = found.outcome.whole.evaluated(found.yard, plain)
    except BackendError as error:
        return None, error.sentence
    every = len(known) == len(layers) and bool(layers)
    return WholeModel(evaluated, metric_float=plain.value(found.yard), alone_sum=sum(known) if every else None), ""


def _said(layers: Sequence[LayerSensitivity]) -> list[str]:
    """What a reader should know."""
    said = []
    if not layers:
        said.append("the recipe rounds nothing of this model")
    counts = [e.n for layer in layers for parts in layer.evaluated.values() for e in parts.values()]
    if counts and min(counts) < max(counts):
        fewer = sum(count < max(counts) for count in counts)
        said.append(
            f"{fewer} of {len(counts)} evaluations ran on fewer samples ({min(counts)} at least, "
            f"{max(counts)} at most), so that all stay within the work that was allowed: each says how many, and its "
            "interval"
        )
    return said
