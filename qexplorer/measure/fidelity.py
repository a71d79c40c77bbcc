"""Does a backend answer what the simulation of the same graph answers? Nothing of it is shown before that is known.

Tolerance, on the same samples and at every batch size that is used:

1. an output that ends on a quantization grid: at most 1 step. Beyond that, single steps may have added up inside a deep
   graph: integer kernels and the simulation round the same real number, and where it lies within float32's error of
   half a step they may differ by one code, which travels on. Then each layer is judged alone (``alone.py``), and
   the backend is right if none is off by more than 1 step. Measured on ONNX Runtime 1.31: at the output 1 step for
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

from qexplorer.core.dataset import Array
from qexplorer.measure.alone import Alone
from qexplorer.measure.predictions import predictions

__all__ = ["MAX_RELATIVE", "Difference", "differences", "verdict"]

MAX_RELATIVE = 0.05
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
    """

    batch: int
    n: int
    same_classes: int | None
    max_lsb: float | None
    max_relative: float | None
    exact: bool
    wrong: str | None = None


def differences(
    found: Sequence[Array],
    expected: Sequence[Array],
    names: Sequence[str],
    scales: Mapping[str, float],
    *,
    batch: int,
    n: int,
    threshold: float = 0.0,
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
    exact = True
    for name, a, b in zip(names, found, expected, strict=True):
        if a.shape != b.shape:
            return Difference(batch, n, None, None, None, exact=False, wrong=f"output '{name}' has another shape")
        exact = exact and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        if a.dtype.kind != "f":
            steps, share = _discrete(a, b)
            lsb += steps
            relative += share
            continue
        x, y = a.astype(np.float64), b.astype(np.float64)
        finite = np.isfinite(y)
        if not np.array_equal(np.isfinite(x), finite) or not np.array_equal(x[~finite], y[~finite], equal_nan=True):
            wrong = wrong or f"output '{name}' is infinite or NaN where the simulation is not, or the reverse"
            continue
        worst = float(np.abs(x[finite] - y[finite]).max(initial=0.0))
        if name in scales:
            lsb.append(_whole(worst / scales[name]))
        else:
            relative.append(worst / _range(y[finite]))
    ours, theirs = predictions(found, n, threshold=threshold), predictions(expected, n, threshold=threshold)
    same = None if ours is None or theirs is None else int((ours == theirs).sum())
    return Difference(batch, n, same, max(lsb, default=None), max(relative, default=None), bool(exact), wrong)


def _discrete(a: Array, b: Array) -> tuple[list[float], list[float]]:
    """Integer codes differ in steps; of anything else (class numbers, truth values), the share that differs counts."""
    if a.dtype.kind in "iu" and a.dtype.itemsize <= 2:
        return [float(np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0))], []
    return [], [float(np.mean(a != b)) if a.size else 0.0]


def _whole(steps: float) -> float:
    """``steps`` without the rounding error of ``(q - z) * scale``, which float32 adds to whole steps."""
    nearest = round(steps)
    return float(nearest) if abs(steps - nearest) <= _ROUNDING else steps


def _range(values: Array) -> float:
    """Largest minus smallest expected value, never zero."""
    if values.size == 0:
        return 1.0
    spread = float(values.max() - values.min())
    return spread or float(np.abs(values).max()) or 1.0


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
                f"where {MAX_RELATIVE:.0%} is allowed ({at}), so its numbers are not shown"
            )
    return None


def _culprit(alone: Alone | None) -> str:
    """The layer that is to blame, in words."""
    if alone is None or not alone.points:
        return ""
    if alone.worst_steps > 1:
        return f": '{alone.tensor}' is the first that is wrong by itself, by {alone.worst_steps:.3g} steps"
    return "; which layer is to blame cannot be told, because it answers otherwise while being looked into"
