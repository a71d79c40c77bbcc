"""Does a backend answer what the graph says? Nothing of it is shown before that is known.

What the graph says is known twice: the simulation computes in float32 between the roundings, exact integers sum codes
without any error. Both round the same real numbers, and differ where float32 is off by enough to take one code for the
next; so each is right, and a backend is right that does as either does. Its answers are compared on the same samples:
all of them at the batch size of evaluation, the first ones at every other that is timed.

1. they are *explained* by a reference if no output on a grid is off by more than one step, and hardly any by one; if no
   other output is off by more than the rounding of its floats adds up to; and if infinities and NaN stand in the same
   places;
2. what neither explains is looked into: every rounding point and every output is judged alone, fed the backend's own
   codes, on 8 samples or more at each batch size that is not explained (``single_points.py``). Single steps add up in
   deep graphs and in what is computed of them; a wrong kernel is wrong by itself. If every piece is right, the answers
   may be shown, with the gap and what it costs;
3. a piece that is wrong alone, or a gap that nothing explains, and the run is refused.

The simulation is asked first, because it costs little: exact integers take a second runtime. Where the simulation
leaves anything unexplained, exact integers are the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.fidelity.alone import LEANS, Alone
from qexplorer.measure.metrics.predictions import predictions

__all__ = ["ENOUGH_WITHIN", "Difference", "differences", "explained", "verdict", "within"]

ENOUGH_WITHIN = 0.999  # share of outputs within one step; below it the layer is named
MANY = 0.01  # share of outputs off by a step: beyond it a look inside is worth its time, nothing is decided by it
_ROUNDING = 1e-3  # of a step: (q - z) * scale is rounded to float32
_PER_LAYER = 8.0
_WORST_ROWS = 8
_UNITS = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}


@dataclass(frozen=True, slots=True)
class Difference:
    """What was found at one batch size.

    Attributes:
        batch: samples at a time.
        n: samples compared.
        same_classes: how many of them got the same class; None if the output names no class.
        max_lsb: worst difference in steps of the output's grid; None if no output is on one.
        max_relative: worst difference as a share of the output's largest value, over outputs on no grid; None if all
            are.
        exact: whether no output differs at all.
        wrong: what makes comparing impossible (shapes, NaN), or None.
        elements: values of outputs on a grid that were compared.
        within_one: how many of them are within one step.
        equal: how many do not differ at all, of ``values`` of all outputs.
        values: values of all outputs that were compared.
        worst_row: the sample that holds the worst difference; None if all are equal, or outputs have no row each.
        noise: how many times what rounding floats adds up to, layer by layer, the worst output on no grid is off;
            None if all are on one.
        rows: the samples with the largest differences, the worst first.
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
    noise: float | None = None
    rows: Sequence[int] = ()


def differences(
    found: Sequence[Array],
    expected: Sequence[Array],
    names: Sequence[str],
    scales: Mapping[str, float],
    *,
    batch: int,
    n: int,
    threshold: float | None = 0.0,
    layers: int = 1,
) -> Difference:
    """Compares a backend's outputs with a reference's.

    Args:
        found: the backend's outputs, one array per output.
        expected: the reference's, the same.
        names: names of the outputs.
        scales: step of each output that ends on a grid, by name.
        batch: batch size that both ran at.
        n: samples.
        threshold: see :func:`predictions`.
        layers: nodes of the graph: float arithmetic is off by some roundings at each.
    """
    wrong: str | None = None
    lsb: list[float] = []
    relative: list[float] = []
    noise: list[float] = []
    elements = within_one = equal = values = 0
    rows: tuple[int, ...] = ()
    exact = True
    for name, a, b in zip(names, found, expected, strict=True):
        if a.shape != b.shape:
            return Difference(batch, n, None, None, None, exact=False, wrong=f"output '{name}' has another shape")
        exact = exact and np.array_equal(a, b, equal_nan=a.dtype.name in _UNITS)
        if _infinite_elsewhere(a, b):
            wrong = wrong or f"output '{name}' is infinite or NaN where the simulation is not, or the reverse"
            continue
        away = _away(a, b)
        values, equal = values + away.size, equal + int((away == 0).sum())
        rows = rows or _rows(away, n)
        scale = scales.get(name) if a.dtype.kind == "f" else _step_of_codes(a)
        if scale is not None:
            lsb.append(_whole(float(away.max(initial=0.0)) / scale))
            elements += away.size
            within_one += int((away <= (1 + _ROUNDING) * scale).sum())
        elif b.dtype.name in _UNITS:
            share = float(away.max(initial=0.0)) / _largest(b)
            relative.append(share)
            noise.append(share / _noise(b, layers))
        else:
            relative.append(float(np.mean(away > 0)) if away.size else 0.0)
            noise.append(0.0 if not away.any() else float("inf"))
    ours, theirs = predictions(found, n, threshold=threshold), predictions(expected, n, threshold=threshold)
    same = None if ours is None or theirs is None else int((ours == theirs).sum())
    return Difference(
        batch=batch,
        n=n,
        same_classes=same,
        max_lsb=max(lsb, default=None),
        max_relative=max(relative, default=None),
        exact=bool(exact),
        wrong=wrong,
        elements=elements,
        within_one=within_one,
        worst_row=rows[0] if rows else None,
        equal=equal,
        values=values,
        noise=max(noise, default=None),
        rows=rows,
    )


def _infinite_elsewhere(a: Array, b: Array) -> bool:
    """Whether infinities and NaN do not stand in the same places."""
    if a.dtype.name not in _UNITS:
        return False
    finite = np.isfinite(b)
    return not np.array_equal(np.isfinite(a), finite) or not np.array_equal(a[~finite], b[~finite], equal_nan=True)


def _away(a: Array, b: Array) -> NDArray[np.float64]:
    """Absolute difference, element by element, in float64; 0 where both are infinite or NaN."""
    if a.dtype.kind not in "iuf" and a.dtype.name not in _UNITS:
        return np.asarray(a != b, np.float64)
    with np.errstate(invalid="ignore"):
        away = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return np.where(np.isfinite(away), away, 0.0)


def _rows(away: NDArray[np.float64], n: int) -> tuple[int, ...]:
    """The samples with the largest differences, the worst first."""
    if away.ndim == 0 or away.shape[0] != n or away.size == 0 or not away.any():
        return ()
    each = away.reshape(n, -1).max(axis=1)
    return tuple(int(row) for row in np.argsort(-each, kind="stable")[:_WORST_ROWS] if each[row] > 0)


def _step_of_codes(a: Array) -> float | None:
    """Small integers are codes and differ in steps of 1; of anything else (class numbers, truth values), the share that
    differs counts."""
    return 1.0 if a.dtype.kind in "iu" and a.dtype.itemsize <= 2 else None


def _whole(steps: float) -> float:
    """``steps`` without the rounding error of ``(q - z) * scale``, which float32 adds to whole steps."""
    nearest = round(steps)
    return float(nearest) if abs(steps - nearest) <= _ROUNDING else steps


def _largest(values: Array) -> float:
    """Size of the largest finite value, never zero."""
    wide = np.abs(values.astype(np.float64))
    return float(wide[np.isfinite(wide)].max(initial=0.0)) or 1.0


def _noise(values: Array, layers: int) -> float:
    """What rounding floats may add up to, as a share of the largest value, without asking what was computed.

    Some roundings a layer in 32 bits and more; with 16 bits such a bound would say nothing, so that one rounding is all
    that passes without a look.
    """
    unit = _UNITS[values.dtype.name]
    return 2 * unit if values.dtype.itemsize == 2 else _PER_LAYER * unit * max(layers, 1)


def explained(item: Difference) -> bool:
    """Whether the reference explains these answers, so that no look at single layers is needed."""
    if item.wrong or (item.max_lsb is not None and item.max_lsb > 1) or (item.noise is not None and item.noise > 1):
        return False
    return item.noise is not None or item.values - item.equal <= MANY * item.values


def within(item: Difference) -> bool:
    """Whether these answers are within one step, and within what rounding floats adds up to."""
    return not item.wrong and (item.max_lsb or 0.0) <= 1 and (item.noise or 0.0) <= 1


def verdict(found: Sequence[Difference], alone: Alone | None = None, against: str = "the simulation") -> str | None:
    """Why the backend's numbers must not be shown, in one sentence; None if they may.

    Args:
        found: what was found at each batch size, against the last reference that was asked.
        alone: each layer by itself, where no reference explains the answers.
        against: the references that were asked, in words.
    """
    wrong = next((item for item in found if item.wrong), None)
    if wrong is not None:
        return f"{wrong.wrong} ({_at(wrong)}), so its numbers are not shown"
    worst = max(found, key=lambda item: (item.noise or 0.0, item.max_lsb or 0.0), default=None)
    off = next((item for item in found if not within(item)), None)
    if alone is not None and alone.conclusive and not alone.right and alone.points + alone.ends:
        item = off or worst
        return None if item is None else f"{_gap(item, against)}{_culprit(alone)}, so its numbers are not shown"
    if off is None or (alone is not None and alone.right):
        return None
    return f"{_gap(off, against)}{_culprit(alone)}, so its numbers are not shown"


def _at(item: Difference) -> str:
    return f"at batch {item.batch}, over {item.n} samples"


def _gap(item: Difference, against: str) -> str:
    """How far the answers are away, in the output's own terms."""
    text = f"its answers differ from {against} by up to"
    if item.max_lsb is not None and (item.noise or 0.0) <= 1:
        steps = f"{item.max_lsb:.3g} step{'' if item.max_lsb == 1 else 's'}"
        return f"{text} {steps} of the output's grid ({_at(item)})"
    share = 0.0 if item.max_relative is None else item.max_relative
    return f"{text} {share:.2g} of the largest ({_at(item)})"


def _culprit(alone: Alone | None) -> str:
    """The layer that is to blame, in words; ``alone`` is not right, or proves nothing."""
    unknown = "; which layer is to blame cannot be told, because"
    if alone is None:
        return f"{unknown} the backend does not let anybody look into it"
    if not alone.points + alone.ends:
        return f"{unknown} it answers otherwise while being looked into"
    if alone.worst_steps > alone.allowed:
        name = alone.layer or alone.tensor
        return f": '{name}' is the first that is wrong by itself, by {alone.worst_steps:.3g} steps"
    if alone.point_wrong:
        how = f"it rounds {percent_text(alone.leans)} of its values to one side"
        if alone.leans <= LEANS:
            how = f"it rounds {percent_text(alone.strays)} of its values to a code that is not the nearest"
        return f": '{alone.layer or alone.tensor}' is the first that is wrong by itself, {how}"
    if alone.end_wrong:
        behind = f" behind '{alone.last}'" if alone.last else ""
        granted = f", with a step granted to each of the {alone.blind} roundings that cannot be seen"
        rest = "" if alone.conclusive else f"{unknown} it answers otherwise while being looked into"
        return f": output '{alone.end}' is not what the layers{behind} make of it{granted if alone.blind else ''}{rest}"
    return f"{unknown} it answers otherwise while being looked into{_part(alone)}"


def _part(alone: Alone) -> str:
    """Where the two part, in words."""
    if alone.grows:
        return f"; they differ by more than one step from '{alone.grows}' on"
    return f"; they part at '{alone.parts}'" if alone.parts else ""
