"""What happens to one value of a weight, step by step: how its scale came about, its code, and what comes back.

Every number is that of the grid itself; the way a scale came about is told where it can be followed: the shared
exponent of a block (OCP Microscaling Formats (MX) Specification 1.0, section 6.3), and a block's scale that is coded
itself (NVIDIA 2025, Pretraining large language models with NVFP4, appendix B).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qexplorer.core.formats.floats.microscaled import ExponentScaled, FloatScaled
from qexplorer.core.formats.levels import LevelTable
from qexplorer.core.formats.uniform import has_signs
from qexplorer.core.grid import Float32, Grid

__all__ = ["FollowedValue", "follow_value"]

_MINUS = "\N{MINUS SIGN}"

_Done = tuple[int, float, list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class FollowedValue:
    """A value on its way to a code and back.

    Attributes:
        index: where it stands in the weight.
        value: what is quantized, float32.
        code: its code, as the file has it.
        back: the value of that code, float32.
        steps: what is done, and its numbers, in order.
    """

    index: tuple[int, ...]
    value: float
    code: int
    back: float
    steps: tuple[tuple[str, str], ...]


def follow_value(array: Float32, grid: Grid, place: int, value: float | None = None) -> FollowedValue:
    """Follows one value of a weight.

    Args:
        array: the weight, float32.
        grid: over it, at any granularity.
        place: position of the value, axes in the order of the array (C order).
        value: what is quantized with its scale instead of it; None for the weight's own value.

    Raises:
        IndexError: there is no such position.
    """
    if not 0 <= place < array.size:
        raise IndexError(f"the weight has values 0 to {array.size - 1}")
    index = tuple(int(k) for k in np.unravel_index(place, array.shape))
    x = np.float32(array[index] if value is None else value)
    scale, zero = (np.broadcast_to(part, array.shape)[index] for part in grid.expanded(array.shape))
    steps = [*_whose(array, grid, index), *_scale_steps(array, grid, index, float(scale))]
    if grid.format.is_uniform:
        code, back, done = _integer_steps(grid, x, scale, int(zero))
    else:
        code, back, done = _level_steps(grid, index, x, scale)
    return FollowedValue(
        index, float(x), code, back, (*steps, *done, ("error", f"{_n(back)} {_MINUS} {_part(x)} = {_n(back - x)}"))
    )


def _whose(array: Float32, grid: Grid, index: tuple[int, ...]) -> list[tuple[str, str]]:
    """Which values share the scale, with their ends."""
    if grid.axis is None:
        return []
    shared, name = _sharing(array, grid, index)
    ends = f"{shared.size} values from {_n(shared.min())} to {_n(shared.max())}"
    own = (
        []
        if grid.own is None
        else [("levels of the channel", ", ".join(_n(x) for x in grid.own.channel(index[grid.axis])))]
    )
    return [(f"its {grid.granularity}", f"{name}: {ends}"), *own]


def _sharing(array: Float32, grid: Grid, index: tuple[int, ...]) -> tuple[Float32, str]:
    """The values under one scale, and which channel or block they are."""
    assert grid.axis is not None
    at = index[grid.axis]
    if grid.block is None:
        return np.take(array, at, grid.axis), f"number {at}"
    first = at // grid.block * grid.block
    row = tuple(slice(first, first + grid.block) if k == grid.axis else i for k, i in enumerate(index))
    last = min(first + grid.block, array.shape[grid.axis]) - 1
    return array[row], f"number {at // grid.block}, places {first} to {last} along axis {grid.axis}"


def _scale_steps(array: Float32, grid: Grid, index: tuple[int, ...], scale: float) -> list[tuple[str, str]]:
    """How the scale came about, where that can be followed from the values that share it."""
    plain = [("scale", _n(scale))]
    if grid.block is None or grid.axis is None or scale <= 0:
        return [] if grid.axis is None else plain
    largest = float(np.abs(_sharing(array, grid, index)[0]).max())
    if isinstance(grid.format, ExponentScaled):
        return [
            ("scale of the block", f"the power of two {_shared_exponent(grid.format, largest, scale)} = {_n(scale)}")
        ]
    if isinstance(grid.format, FloatScaled):
        return _coded_scale(array, grid, largest, scale) or plain
    return plain


def _shared_exponent(kind: ExponentScaled, largest: float, scale: float) -> str:
    power = round(float(np.log2(scale)))
    last = float(kind.table.levels[-1])
    theirs = [int(np.frexp(each)[1]) - 1 for each in (largest, last)]
    if largest > 0 and theirs[0] - theirs[1] == power:
        ends = f"{_n(largest)} is at least 2^{_k(theirs[0])}, the last level {_n(last)} at least 2^{_k(theirs[1])}: "
        return f"{ends}2^{_k(power)}"
    return f"that the calibrator chose: 2^{_k(power)}"


def _coded_scale(array: Float32, grid: Grid, largest: float, scale: float) -> list[tuple[str, str]]:
    """The tensor's scale, and which code the block's has; nothing where no block has the largest code."""
    kind = grid.format
    assert isinstance(kind, FloatScaled)
    assert kind.scales is not None
    table = kind.scales.table
    held = np.abs(array) > 0
    used = np.broadcast_to(grid.expanded(array.shape)[0], array.shape)[held]
    if not used.size or largest == 0:
        return []
    whole = float(used.max()) / float(table.levels[-1])
    coded = float(table.levels[int(table.nearest(np.asarray(scale / whole, np.float32)))])
    wanted, last = largest / float(kind.table.levels[-1]), float(kind.table.levels[-1])
    name = kind.scales.name
    return [
        ("scale of the tensor", f"largest scale of a block {_n(used.max())} / {_n(table.levels[-1])} = {_n(whole)}"),
        ("asked for the block", f"{_n(largest)} / {_n(last)} / {_n(whole)} = {_n(wanted / whole)}"),
        ("scale of the block", f"{_n(coded)} in {name}, and {_n(coded)} · {_n(whole)} = {_n(scale)}"),
    ]


def _integer_steps(grid: Grid, x: np.float32, scale: np.float32, zero: int) -> _Done:
    if has_signs(grid.format):  # what a file has: codes without a zero point under a scale of either sign
        scale, zero = (-scale, 0) if zero else (scale, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        divided = np.float32(x / scale)
    rounded = np.rint(divided)
    shifted = rounded + zero
    code = int(np.clip(shifted, grid.qmin, grid.qmax)) if np.isfinite(shifted) else grid.qmin
    back = float(np.float32(code - zero) * scale)
    within = "is within" if code == shifted else "is outside"
    clipped = f"{_n(shifted)} {within} {_k(grid.qmin)} to {_k(grid.qmax)}" + (
        "" if code == shifted else f": {_k(code)}"
    )
    added = [("add the zero point", f"{_n(rounded)} + {_part(zero)} = {_n(shifted)}")] if zero else []
    return (
        code,
        back,
        [
            ("divide by the scale", f"{_n(x)} / {_part(scale)} = {_n(divided)}"),
            ("round", f"{_n(divided)} to {_n(rounded)}"),
            *added,
            ("clip to the codes", clipped),
            ("back", f"({_k(code)} {_MINUS} {_part(zero)}) · {_part(scale)} = {_n(back)}"),
        ],
    )


def _table(grid: Grid, index: tuple[int, ...]) -> LevelTable:
    if grid.own is None or grid.axis is None:
        assert grid.format.table is not None, "what is not uniform lists its levels"
        return grid.format.table
    at = index[grid.axis]
    levels, borders = grid.own.levels[at], grid.own.borders[at]
    return LevelTable(levels, np.arange(len(levels), dtype=np.int32), borders)


def _level_steps(grid: Grid, index: tuple[int, ...], x: np.float32, scale: np.float32) -> _Done:
    table = _table(grid, index)
    with np.errstate(over="ignore", invalid="ignore"):
        divided = np.float32(x / scale)
    place = int(table.nearest(np.asarray(divided)))
    level, code = np.float32(table.levels[place]), place
    if grid.own is None:  # the format tells a zero from a zero below
        code = int(grid.format.encode(np.asarray(x), np.asarray(scale), np.asarray(0, np.int32), grid.qmin, grid.qmax))
    first, last = float(table.levels[0]), float(table.levels[-1])
    beyond = not first <= divided <= last
    back = float(np.float32(level * scale))
    outside = f"{_n(divided)} is outside {_n(first)} to {_n(last)}: " if beyond else ""
    return (
        code,
        back,
        [
            ("divide by the scale", f"{_n(x)} / {_part(scale)} = {_n(divided)}"),
            ("clip to the levels" if beyond else "nearest level", f"{outside}{_n(level)}, which is code {code}"),
            ("back", f"{_part(level)} · {_part(scale)} = {_n(back)}"),
        ],
    )


def _n(value: float | np.floating) -> str:
    return f"{float(value):.5g}".replace("-", _MINUS).replace(f"e{_MINUS}", "e-")


def _k(value: int) -> str:
    return str(value).replace("-", _MINUS)


def _part(value: float | np.floating) -> str:
    return f"({_n(value)})" if value < 0 else _n(value)
