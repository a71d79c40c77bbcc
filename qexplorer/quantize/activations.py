"""Which activations get a grid, and whose wishes decide it.

A tensor is on a grid if a quantized layer makes it or reads it, but for the answer of a last product, which stays float
(see ``worthwhile.py``). Its format comes from the layer that makes it; a
tensor that float layers or the outside make takes the wishes of its first quantized reader. A rule of the recipe
goes before the recipe's default: where only a reader's rule names other activations, that reader decides.

Layers that move codes (Reshape, MaxPool, ...) hand their input's grid on. A Relu or Clip does the same and bounds the
codes: ``quantize(clip(x)) == clip(quantize(x))`` on codes, because rounding keeps the order and the bounds are
rounded alike. Right behind a quantized layer, with no other reader between, it is absorbed (so is a chain of them): the
only grid is the one of its own output, and the bound costs nothing where it is the end of the code range. Behind a
float layer it is computed in float, which costs no accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from qexplorer.core.formats import get_format
from qexplorer.core.formats.uniform import as_uniform
from qexplorer.core.grid import Grid, grid_from_range, quantize
from qexplorer.core.recipe import ActivationSpec, Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.stats import TensorStats
from qexplorer.quantize.carriers import activation_carrier
from qexplorer.quantize.decide import Decision, bounds_of
from qexplorer.quantize.plan_types import TensorPlan

__all__ = ["Source", "absorbed", "activation_plans", "find_sources", "follows_float", "missing_statistics"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the grid of one activation comes from.

    Attributes:
        tensor: the activation.
        parent: the tensor whose grid it shares; None if it has its own.
        bound_by: layer (Relu, Clip) that bounds its codes, if any.
        spec: what is asked of its grid (the parent's, if it has one).
        owner: layer whose wishes these are.
    """

    tensor: str
    parent: str | None
    bound_by: str | None
    spec: ActivationSpec
    owner: str


def find_sources(decisions: Mapping[str, Decision], recipe: Recipe, view: GraphIndex) -> dict[str, Source]:
    """The source of every activation that is on a grid, in execution order."""
    parents = _parents(decisions, view)
    readers = _readers(decisions, parents)
    found: dict[str, Source] = {}
    for tensor, (parent, bound) in parents.items():
        if parent is not None:
            root = found[parent]
            found[tensor] = Source(tensor, parent, bound, root.spec, root.owner)
            continue
        spec, owner = _wishes(tensor, bound, decisions, readers.get(tensor, []), recipe, view)
        found[tensor] = Source(tensor, None, bound, spec, owner)
    return found


def absorbed(decision: Decision, decisions: Mapping[str, Decision], view: GraphIndex) -> bool:
    """Whether a Relu or Clip follows a computing layer alone, directly or behind others that do."""
    if not decision.bounds:
        return False
    tensor = decision.data[0]
    maker = view.producer.get(tensor)
    if maker is None or view.only_reader(tensor) != decision.layer.name:
        return False
    return decisions[maker].makes_codes or absorbed(decisions[maker], decisions, view)


def follows_float(decision: Decision, decisions: Mapping[str, Decision], view: GraphIndex) -> bool:
    """Whether a Relu or Clip reads floats: what a float layer, a last product or the outside makes."""
    maker = view.producer.get(decision.data[0]) if decision.bounds else None
    return decision.bounds and (maker is None or not (decisions[maker].makes_codes or decisions[maker].moves))


def _swallowed(tensor: str, decisions: Mapping[str, Decision], view: GraphIndex) -> bool:
    """Whether ``tensor`` only leads into an absorbed Relu or Clip, so that it has no grid."""
    reader = view.only_reader(tensor)
    return reader is not None and absorbed(decisions[reader], decisions, view)


def _parents(decisions: Mapping[str, Decision], view: GraphIndex) -> dict[str, tuple[str | None, str | None]]:
    """Every tensor on a grid -> the tensor it shares it with, and the layer that bounds its codes."""
    wanted = _wanted(decisions, view)
    found: dict[str, tuple[str | None, str | None]] = {t: (None, None) for t in view.inputs if t in wanted}
    for decision in decisions.values():
        outputs = [o for o in decision.layer.outputs if o and view.is_float(o)]
        if decision.moves:
            bound = decision.layer.name if decision.bounds else None
            if absorbed(decision, decisions, view):
                if not _swallowed(outputs[0], decisions, view):
                    found[outputs[0]] = (None, bound)
            elif decision.data[0] in found:
                found |= dict.fromkeys(outputs, (decision.data[0], bound))
        elif decision.makes_codes:
            found |= {o: (None, None) for o in outputs if not _swallowed(o, decisions, view)}
        else:
            found |= {o: (None, None) for o in outputs if o in wanted}
    return found


def _wanted(decisions: Mapping[str, Decision], view: GraphIndex) -> set[str]:
    """Tensors that a computing layer reads, directly or through layers that move codes."""
    wanted: set[str] = set()
    for decision in reversed(decisions.values()):  # type: ignore[call-overload]
        moved = decision.moves and any(o in wanted for o in decision.layer.outputs)
        if decision.computes or (moved and not absorbed(decision, decisions, view)):
            wanted |= set(decision.data)
    return wanted


def _readers(
    decisions: Mapping[str, Decision], parents: Mapping[str, tuple[str | None, str | None]]
) -> dict[str, list[Decision]]:
    """Computing layers that read a grid, by the tensor that the grid belongs to."""
    found: dict[str, list[Decision]] = {}
    for decision in decisions.values():
        for tensor in decision.data if decision.computes else ():
            root: str = tensor
            while (parent := parents[root][0]) is not None:
                root = parent
            found.setdefault(root, []).append(decision)
    return found


def _wishes(
    tensor: str,
    bound: str | None,
    decisions: Mapping[str, Decision],
    readers: list[Decision],
    recipe: Recipe,
    view: GraphIndex,
) -> tuple[ActivationSpec, str]:
    """Whose activation format counts for ``tensor``: makers before readers, rules before the default."""
    makers = [d for d in _chain(tensor, decisions, view) if d.makes_codes or (bound and d.bounds)]
    candidates = [(d.spec.activations, d.layer.name) for d in (*makers, *readers)]
    known = [(spec, name) for spec, name in candidates if spec is not None]
    by_rule = [item for item in known if item[0] != recipe.activations]
    return (by_rule or known)[0]


def _chain(tensor: str, decisions: Mapping[str, Decision], view: GraphIndex) -> list[Decision]:
    """The layer that makes ``tensor``, and what is absorbed in front of it, up to the layer that computes."""
    found: list[Decision] = []
    maker = view.producer.get(tensor)
    while maker is not None:
        found.append(decisions[maker])
        maker = view.producer.get(found[-1].data[0]) if absorbed(found[-1], decisions, view) else None
    return found


def _observed(tensor: str, statistics: Mapping[str, TensorStats], view: GraphIndex) -> str:
    """The tensor whose statistics count for ``tensor``: itself, or what its only reader, a Relu or Clip, makes of it.

    The two are not observed both. Values that the reader cuts off anyway need no codes, so that its output's range
    is enough.
    """
    reader = None if tensor in statistics else view.only_reader(tensor)
    if reader is None or view.nodes[reader].op_type not in ("Relu", "Clip"):
        return tensor
    return _observed(view.nodes[reader].output[0], statistics, view)


def missing_statistics(source: Source, statistics: Mapping[str, TensorStats], view: GraphIndex) -> str | None:
    """Why ``source`` can have no grid of its own, or None if it can (or needs none)."""
    if source.parent is not None:
        return None
    name = _observed(source.tensor, statistics, view)
    stats = statistics.get(name)
    if stats is None or stats.histogram.count == 0:
        return f"no statistics were collected for '{name}'"
    if stats.histogram.nonfinite:
        return f"'{name}' held NaN or infinity on the calibration data"
    return None


def activation_plans(
    sources: Mapping[str, Source],
    decisions: Mapping[str, Decision],
    statistics: Mapping[str, TensorStats],
    view: GraphIndex,
) -> dict[str, TensorPlan]:
    """The grid of every activation in ``sources``."""
    plans: dict[str, TensorPlan] = {}
    for source in sources.values():
        spec = source.spec
        if source.parent is not None:
            grid, why = plans[source.parent].grid, f"the same grid as '{source.parent}'"
        else:
            grid, why = _own_grid(source, statistics[_observed(source.tensor, statistics, view)], view)
        if source.bound_by:
            for decision in _bounding(source, decisions, view):
                grid = bounded(grid, *(bounds_of(decision.layer, view) or (-np.inf, np.inf)))
            why = f"{why}, bounded by '{source.bound_by}'"
        plans[source.tensor] = TensorPlan(source.tensor, "activation", grid, why, activation_carrier(spec))
    return plans


def _own_grid(source: Source, stats: TensorStats, view: GraphIndex) -> tuple[Grid, str]:
    spec, wanted = source.spec, get_format(source.spec.format)
    maker = view.producer.get(source.tensor)
    if maker is not None and view.nodes[maker].op_type == "Softmax":
        low, high, why = 0.0, 1.0, "a softmax lies between 0 and 1"
    else:
        low, high = calibrate(stats, spec.calibrator, format=wanted, symmetric=spec.symmetric, options=spec.options)
        why = f"{spec.calibrator} of the calibration data, as asked for '{source.owner}'"
    grid = grid_from_range(low, high, wanted, symmetric=spec.symmetric)
    if activation_carrier(spec) == wanted.name:
        # The carrier saturates at its own lowest code; leaving that code out would cost a Clip for nothing.
        grid = replace(grid, qmin=as_uniform(wanted, "an activation").qmin)
    return grid, why


def _bounding(source: Source, decisions: Mapping[str, Decision], view: GraphIndex) -> list[Decision]:
    """The Relu and Clip layers between the grid that ``source`` takes and its tensor, the last first."""
    if source.parent is not None:
        return [decisions[view.producer[source.tensor]]]
    return [d for d in _chain(source.tensor, decisions, view) if d.bounds]


def bounded(grid: Grid, low: float, high: float) -> Grid:
    """``grid`` without the codes of values outside ``[low, high]``; with that of ``high`` alone if it is below ``low``
    (Clip, opset 13). Levels that are not even stay, as the node does."""
    if not grid.format.is_uniform:
        return grid
    lowest = grid.qmin if low == -np.inf else _code(low, grid)
    highest = grid.qmax if high == np.inf else _code(high, grid)
    return replace(grid, qmin=min(lowest, highest), qmax=highest)


def _code(value: float, grid: Grid) -> int:
    return int(quantize(np.asarray(value, np.float32), grid))
