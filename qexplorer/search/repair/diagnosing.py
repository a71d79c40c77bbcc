"""What is wrong with a layer, from the statistics of what it reads: rules, each with its evidence in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import DataSet
from qexplorer.core.formats import Storage
from qexplorer.core.grid import Granularity, Grid, quantize
from qexplorer.core.model import Model
from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex
from qexplorer.observe.error import error_from_histogram
from qexplorer.observe.histogram import Histogram
from qexplorer.observe.stats import Statistics, TensorStats
from qexplorer.observe.weights import weight_stats
from qexplorer.quantize.plan_types import Plan, TensorPlan
from qexplorer.search.repair.repair_types import Diagnosis, Fault
from qexplorer.search.repair.showing import channels_shown, reaches_shown, values_shown

__all__ = ["Evidence", "channels_apart", "codes_taken", "diagnose"]

_UNEQUAL, _OUTLIER, _MISMATCHED, _FAR = 12.0, 12.0, 12.0, 6.0
_ONE_SIDED, _CLIPPED, _FEW = 0.1, 0.01, 16
_GAP = 4.0  # times that an outlier channel reaches as far as others
_CODES = 255  # a histogram has 128 bins an octave, too few for finer grids
_DEAD, _FINER = 0.25, 4  # share of codes that are taken, and how many times as many different values there are


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What diagnoses are made from.

    Attributes:
        model: the float model.
        view: its graph.
        plan: by which it was quantized.
        data: what it was calibrated on.
        statistics: of that.
        apart: statistics of samples that calibration did not see; None where ranges are found anew for each input.
    """

    model: Model
    view: GraphIndex
    plan: Plan
    data: DataSet
    statistics: Statistics | None
    apart: Statistics | None


def diagnose(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """All faults, those of the whole model first, then the most severe of each layer."""
    found = [*_of_data(evidence), *_unlike(evidence)]
    for layer in evidence.plan.layers:
        if layer.treatment in ("quantized", "dynamic", "weight-only") and layer.name in evidence.view.nodes:
            own = [*_weights(evidence, layer.name), *_inputs(evidence, layer.name)]
            found += sorted(own, key=lambda each: -each.severity)
    return tuple(found)


def _of_data(evidence: Evidence) -> Iterator[Diagnosis]:
    split, data = evidence.data.calibration, evidence.data
    if not evidence.plan.calibrated or evidence.statistics is None:
        return
    if split.labels is not None and split.labels.ndim == 1 and len(data.classes) > 1:
        classes = np.unique(split.labels)
        if len(classes) == 1:
            name = data.classes[int(classes[0])] if int(classes[0]) < len(data.classes) else str(classes[0])
            sentence = (
                f"all {split.n} calibration samples are of class '{name}', and there are {len(data.classes)} classes"
            )
            yield Diagnosis("", "", Fault.ONE_CLASS, sentence, severity=float(len(data.classes)))
            return
    if split.n < _FEW:
        yield Diagnosis("", "", Fault.FEW, f"ranges rest on {split.n} calibration samples", severity=_FEW / split.n)


def _unlike(evidence: Evidence) -> Iterator[Diagnosis]:
    """Samples that calibration did not see leave the ranges far more often than those that it saw."""
    if evidence.statistics is None or evidence.apart is None:
        return
    worst: tuple[float, str, float] | None = None
    for name, tensor in _activations(evidence.plan):
        if name not in evidence.statistics or name not in evidence.apart or tensor.grid.axis is not None:
            continue
        seen = error_from_histogram(evidence.statistics[name].histogram, tensor.grid).clipped_fraction
        new = error_from_histogram(evidence.apart[name].histogram, tensor.grid).clipped_fraction
        if new > _CLIPPED and new > 4 * seen and (worst is None or new > worst[0]):
            worst = (new, name, seen)
    if worst is not None:
        new, name, seen = worst
        sentence = f"{new:.1%} of new values of '{name}' lie beyond its range, and {seen:.2%} of those that were seen"
        shown = values_shown(name, evidence.apart[name].histogram, evidence.plan.tensors[name].grid)
        yield Diagnosis("", "", Fault.UNLIKE, sentence, tensor=name, severity=new / max(seen, 1e-4), shown=shown)


def _activations(plan: Plan) -> Iterator[tuple[str, TensorPlan]]:
    for name, tensor in plan.tensors.items():
        if tensor.kind == "activation":
            yield name, tensor


def _weights(evidence: Evidence, layer: str) -> Iterator[Diagnosis]:
    """Channels of very different reach under one scale."""
    for key in evidence.plan.constants.get(layer, {}).values():
        tensor = evidence.plan.tensors[key]
        if tensor.kind != "weight" or tensor.grid.granularity is not Granularity.TENSOR:
            continue
        if tensor.name not in evidence.view.initializers:
            continue  # an algorithm changed it
        stats = weight_stats(evidence.model, tensor.name)
        reach = _reach(stats)
        if reach is None:
            continue
        middle, widest = float(np.median(reach)), int(reach.argmax())
        lost = int((reach < float(tensor.grid.scale) / 2).sum())
        times = float(reach.max()) / max(middle, 1e-30)
        if times < _UNEQUAL and not lost:
            continue
        node = evidence.view.nodes[layer]
        depthwise = node.op_type == "Conv" and int(number(node, "group", 1)) == len(reach) > 1
        fault = Fault.DEPTHWISE if depthwise else Fault.UNEQUAL
        gone = f", and {lost} of {len(reach)} channels round to nothing" if lost else ""
        sentence = f"channel {widest} of its weight reaches {times:.3g} times as far as the median one{gone}"
        shown = channels_shown(tensor.name, reach, widest)
        yield Diagnosis(layer, node.op_type, fault, sentence, tensor.name, widest, times * (1 + lost), shown=shown)


def _inputs(evidence: Evidence, layer: str) -> Iterator[Diagnosis]:
    """Outlier channels, values far out, ranges on one side, and inputs that do not go together."""
    if evidence.statistics is None:
        return
    node = evidence.view.nodes[layer]
    names = [name for name in dict.fromkeys((*node.input, *node.output)) if name in evidence.statistics]
    reaches = {}
    for name in names:
        stats = evidence.statistics[name]
        if stats.kind != "activation" or not stats.histogram.count:
            continue
        size = max(abs(stats.histogram.minimum), abs(stats.histogram.maximum))
        if name in node.input:
            reaches[name] = size
        yield from _of_activation(evidence, layer, node.op_type, name, stats)
    if node.op_type in ("Concat", "Add", "Sub") and len(reaches) > 1:
        small, large = min(reaches, key=lambda n: reaches[n]), max(reaches, key=lambda n: reaches[n])
        times = reaches[large] / max(reaches[small], 1e-30)
        if times >= _MISMATCHED:
            sentence = (
                f"its input '{large}' reaches {times:.3g} times as far as '{small}', and both share a grid behind it"
            )
            shown = reaches_shown(reaches, large)
            yield Diagnosis(layer, node.op_type, Fault.MISMATCHED, sentence, large, None, 2 * times, shown=shown)


def _of_activation(evidence: Evidence, layer: str, op: str, name: str, stats: TensorStats) -> Iterator[Diagnosis]:
    reach = _reach(stats)
    outliers = () if reach is None else channels_apart(reach)
    if reach is not None and outliers:
        widest = outliers[0]
        times = float(reach[widest] / np.median(reach[reach > 0]))
        which = f"channel {widest}" if len(outliers) == 1 else f"{len(outliers)} channels, {widest} most of all,"
        reaches = "reaches" if len(outliers) == 1 else "reach up to"
        sentence = f"{which} of '{name}' {reaches} {times:.3g} times as far as the median one"
        shown = channels_shown(name, reach, *outliers)
        yield Diagnosis(layer, op, Fault.OUTLIER, sentence, name, widest, times, shown=shown)
    tensor = evidence.plan.tensors.get(name)
    grid = None if tensor is None or tensor.kind != "activation" or tensor.grid.axis is not None else tensor.grid
    histogram = stats.histogram
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    inside = _span(stats, 0.999)
    far = bool(inside) and (high - low) / inside >= _FAR
    if far:
        times = (high - low) / inside
        sentence = f"the range of '{name}' is {times:.3g} times that of 99.9 % of its values"
        yield Diagnosis(layer, op, Fault.FAR, sentence, name, None, times, shown=values_shown(name, histogram, grid))
    if grid is None or grid.format.storage is not Storage.INTEGER or grid.qmax - grid.qmin > _CODES:
        return
    ends, sides = sorted((float(-grid.low), float(grid.high))), sorted((-low, high))
    if ends[0] > 0.9 * ends[1] and sides[1] > 0 and sides[0] < _ONE_SIDED * sides[1]:
        sentence = f"values of '{name}' lie on one side of zero, and its grid reaches as far on the other"
        shown = values_shown(name, histogram, grid)
        yield Diagnosis(layer, op, Fault.SKEWED, sentence, name, None, 2.0, shown=shown)
    taken, levels = codes_taken(histogram, grid), grid.qmax - grid.qmin + 1
    if not far and taken <= _DEAD * levels and len(histogram.bins.count) >= _FINER * taken:
        sentence = f"{levels - taken} of the {levels} codes of '{name}' are never taken: its values crowd in {taken}"
        shown = values_shown(name, histogram, grid)
        yield Diagnosis(layer, op, Fault.DEAD, sentence, name, None, levels / max(taken, 1), shown=shown)


def channels_apart(reach: NDArray[np.float64]) -> tuple[int, ...]:
    """The outlier channels, the widest first: at most an eighth of all, which reach 12 times as far as the median one
    and 4 times as far as any that is none."""
    held = reach[reach > 0]
    if len(reach) < 4 or not held.size:
        return ()
    order = np.argsort(-reach, kind="stable")
    sizes, middle = reach[order], float(np.median(held))
    counts = range(1, max(1, len(reach) // 8) + 1)
    apart = [n for n in counts if sizes[n - 1] >= _OUTLIER * middle and sizes[n - 1] >= _GAP * sizes[n]]
    return tuple(int(place) for place in order[: apart[-1]]) if apart else ()


def codes_taken(histogram: Histogram, grid: Grid) -> int:
    """How many codes of a grid for a whole tensor its values take; neighbours that a bin spans count as taken."""
    bins = histogram.bins
    first, last = (quantize(np.asarray(edge, np.float32), grid).astype(np.int64) for edge in (bins.low, bins.high))
    steps = np.zeros(grid.qmax - grid.qmin + 2, np.int64)
    np.add.at(steps, first - grid.qmin, 1)
    np.add.at(steps, last - grid.qmin + 1, -1)
    return int((np.cumsum(steps[:-1]) > 0).sum())


def _reach(stats: TensorStats) -> NDArray[np.float64] | None:
    """Largest magnitude of each channel; None without channels."""
    if stats.channels is None or len(stats.channels.count) < 2:
        return None
    held = stats.channels.count > 0
    return np.where(held, np.maximum(np.abs(stats.channels.minimum), np.abs(stats.channels.maximum)), 0.0)


def _span(stats: TensorStats, share: float) -> float:
    """Width of the values without the outermost ones, zero included."""
    bins = stats.histogram.bins
    total = float(bins.cumulative[-1])
    cut = (1 - share) / 2 * total
    low = float(bins.low[np.searchsorted(bins.cumulative, cut, side="right")])
    last = min(int(np.searchsorted(bins.cumulative, total - cut)), len(bins.high) - 1)
    high = float(bins.high[last])
    return max(high, 0.0) - min(low, 0.0)
