"""Does a backend answer what the simulation of the same graph answers? Nothing of it is shown before that is known.

Tolerance, on the same samples and at every batch size that is used:

1. an output that ends on a quantization grid: at most 1 step. Beyond that, single steps may have added up inside a deep
   graph: integer kernels and the simulation round the same real number, and where it lies within float32's error of
   half a step they may differ by one code, which travels on. Then each layer is judged alone (``single_points.py``),
   and the backend is right if none is off by more than 1 step. Measured on ONNX Runtime 1.31: at the output 1 step for
   digits_cnn, 2 for glyphs_mobilenet and resnet18, 3 for mobilenet_v2; alone, never more than 1 at any point;
2. any other output (weight-only, half precision, a last layer left in float): at most 5 % of the output's own range.
   Steps inside the graph can still differ by one, and reach the output weighed by the layers behind them; a backend
   that is wrong is off by far more than that.

Infinite and NaN answers must stand in the same places on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.measure.fidelity.single_points import Alone
from qexplorer.measure.metrics.predictions import predictions

__all__ = ["ENOUGH_WITHIN", "MAX_RELATIVE", "Difference", "differences", "out_of_tolerance", "verdict"]

MAX_RELATIVE = 0.05
ENOUGH_WITHIN = 0.999  # share of outputs within one step; below it the layer is named
_ROUNDING = 1e-3  # of a step: (q - z) * scale is rounded to float32


@dataclass(frozen=True, slots=True)
class Difference:
    """What was found at one batch size.

    Attributes:
        batch: samples at a time.
        n: samples compared.
        same_classes: how many of them got the same class; None if the output names no class.
        max_lsb: worst difference in steps of the output's grid; None if no output is on one.
        max_relative: worst difference as a share of the output's range, over outputs on no grid; None if all are.
        exact: whether no output differs at all.
        wrong: what makes comparing impossible (shapes, NaN), or None.
        elements: values of outputs on a grid that were compared.
        within_one: how many of them are within one step.
        equal: how many do not differ at all, of ``values`` of all outputs.
        values: values of all outputs that were compared.
        worst_row: the sample that holds the worst difference; None if all are equal, or outputs have no row each.
    """

    batch: int
    n: int
    same_classes: int | None
    max_lsb: float | None
    max_relative: float | None
    exact: bool
    wrong: str | None = None
    elements: int = 0
    within_one: int = 0
    worst_row: int | None = None
    equal: int = 0
    values: int = 0


def differences(
    found: Sequence[Array],
    expected: Sequence[Array],
    names: Sequence[str],
    scales: Mapping[str, float],
    *,
    batch: int,
    n: int,
    threshold: float | None = 0.0,
) -> Difference:
    """Compares a backend's outputs with the simulation's.

    Args:
        found: the backend's outputs, one array per output.
        expected: the simulation's, the same.
        names: names of the outputs.
        scales: step of each output that ends on a grid, by name.
        batch: batch size that both ran at.
        n: samples.
        threshold: see :func:`predictions`.
    """
    wrong: str | None = None
    lsb: list[float] = []
    relative: list[float] = []
    elements = within_one = equal = values = 0
    worst_row: int | None = None
    exact = True
    for name, a, b in zip(names, found, expected, strict=True):
        if a.shape != b.shape:
            return Difference(batch, n, None, None, None, exact=False, wrong=f"output '{name}' has another shape")
        exact = exact and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        if _infinite_elsewhere(a, b):
            wrong = wrong or f"output '{name}' is infinite or NaN where the simulation is not, or the reverse"
            continue
        away = _away(a, b)
        values, equal = values + away.size, equal + int((away == 0).sum())
        if worst_row is None:
            worst_row = _row(away, n)
        scale = scales.get(name) if a.dtype.kind == "f" else _step_of_codes(a)
        if scale is not None:
            lsb.append(_whole(float(away.max(initial=0.0)) / scale))
            elements += away.size
            within_one += int((away <= (1 + _ROUNDING) * scale).sum())
        elif a.dtype.kind == "f":
            relative.append(float(away.max(initial=0.0)) / _range(b[np.isfinite(b)]))
        else:
            relative.append(float(np.mean(away > 0)) if away.size else 0.0)
    ours, theirs = predictions(found, n, threshold=threshold), predictions(expected, n, threshold=threshold)
    same = None if ours is None or theirs is None else int((ours == theirs).sum())
    steps, share = max(lsb, default=None), max(relative, default=None)
    exact = bool(exact)
    return Difference(batch, n, same, steps, share, exact, wrong, elements, within_one, worst_row, equal, values)


def _infinite_elsewhere(a: Array, b: Array) -> bool:
    """Whether infinities and NaN do not stand in the same places."""
    if a.dtype.kind != "f":
        return False
    finite = np.isfinite(b)
    return not np.array_equal(np.isfinite(a), finite) or not np.array_equal(a[~finite], b[~finite], equal_nan=True)


def _away(a: Array, b: Array) -> NDArray[np.float64]:
    """Absolute difference, element by element, in float64; 0 where both are infinite or NaN."""
    if a.dtype.kind not in "iuf":
        return np.asarray(a != b, np.float64)
    with np.errstate(invalid="ignore"):
        away = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return np.where(np.isfinite(away), away, 0.0)


def _row(away: NDArray[np.float64], n: int) -> int | None:
    """The sample with the worst difference."""
    if away.ndim == 0 or away.shape[0] != n or away.size == 0 or not away.any():
        return None
    return int(np.argmax(away.reshape(n, -1).max(axis=1)))


def _step_of_codes(a: Array) -> float | None:
    """Small integers are codes and differ in steps of 1; of anything else (class numbers, truth values), the share that
    differs counts."""
    return 1.0 if a.dtype.kind in "iu" and a.dtype.itemsize <= 2 else None


def _whole(steps: float) -> float:
    """``steps`` without the rounding error of ``(q - z) * scale``, which float32 adds to whole steps."""
    nearest = round(steps)
    return float(nearest) if abs(steps - nearest) <= _ROUNDING else steps


def _range(values: Array) -> float:
    """Largest minus smallest expected value, never zero."""
    if values.size == 0:
        return 1.0
    wide = values.astype(np.float64)
    spread = float(wide.max() - wide.min())
    return spread or float(np.abs(wide).max()) or 1.0


def out_of_tolerance(item: Difference) -> bool:
    """Whether a difference asks for a look at single layers."""
    if item.wrong:
        return False
    steps, share = item.max_lsb, item.max_relative
    return (steps is not None and steps > 1) or (share is not None and share > MAX_RELATIVE)


def verdict(found: Sequence[Difference], alone: Alone | None = None) -> str | None:
    """Why the backend's numbers must not be shown, in one sentence; None if they may.

    Args:
        found: what was found at each batch size.
        alone: each layer by itself, where an output is off by more than one step.
    """
    for item in found:
        at = f"at batch {item.batch}, over {item.n} samples"
        if item.wrong:
            return f"{item.wrong} ({at}), so its numbers are not shown"
        if item.max_lsb is not None and item.max_lsb > 1 and not (alone and alone.right):
            return (
                f"its answers differ from the simulation by up to {item.max_lsb:.3g} steps of the output's grid "
                f"({at}){_culprit(alone)}, so its numbers are not shown"
            )
        if item.max_relative is not None and item.max_relative > MAX_RELATIVE:
            return (
                f"its answers differ from the simulation by up to {item.max_relative:.1%} of the output's range, "
                f"where {MAX_RELATIVE:.0%} is allowed ({at}){_culprit(alone)}, so its numbers are not shown"
            )
    return None


def _culprit(alone: Alone | None) -> str:
    """The layer that is to blame, in words."""
    unknown = "; which layer is to blame cannot be told, because"
    if alone is None:
        return f"{unknown} the backend does not let anybody look into it"
    if not alone.points:
        return f"{unknown} it answers otherwise while being looked into"
    if alone.worst_steps > alone.allowed:
        name = alone.layer or alone.tensor
        return f": '{name}' is the first that is wrong by itself, by {alone.worst_steps:.3g} steps"
    if not alone.conclusive:
        return f"{unknown} it answers otherwise while being looked into{_part(alone)}"
    return _part(alone) or f"; no rounding point of its {alone.points} is wrong by itself"


def _part(alone: Alone) -> str:
    """Where the two part, in words."""
    if alone.grows:
        return f"; they differ by more than one step from '{alone.grows}' on"
    return f"; they part at '{alone.parts}'" if alone.parts else ""
