"""What a number format is.

How to add one: write ``qexplorer/core/formats/<name>.py`` whose last line is ``ENTRIES = (...)``, and a page in
``docs/formats``. Nothing else is touched: recipes, names, controls, plans, files, sizes and charts ask the format.

1. Levels that can be listed: a :class:`~qexplorer.core.formats.table.TableFormat`, as in ``nf4.py``. Floats of 4 to 8
   bits: a :class:`~qexplorer.core.formats.floats.small_float.SmallFloat`, as in ``floats/fp8_e4m3.py``. Both are ten
   lines. The first short name in ``recipes`` is the stem; options go behind it (``fp4`` brings ``fp4-b32``).
2. Integers of another width: the width in ``ENTRIES`` of ``uniform.py``; ``w12a12`` and the like follow. There, and not
   in a file of its own, because lists have the order of the files and int8 stands first.
3. Anything else: a class that follows :class:`Format`. ``tests/contract/test_formats.py`` runs every entry at every
   granularity it names through recipe, plan, file, size, error, controls and command line.

A format says what it can (``has_scale``, ``is_uniform``, ``storage``, ``roles``); whoever needs to know asks for the
capability that it means and raises for one that it does not know, so that no format passes for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats.levels import LevelRows, LevelTable
from qexplorer.core.registry import Named

__all__ = ["Fitted", "Float32", "Float64", "Format", "Granularity", "Int32", "Role", "Storage", "usable_scale"]

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
Role = Literal["weight", "activation"]
"""What a format can be asked for."""


class Granularity(StrEnum):
    """How many values share one scale."""

    TENSOR = "tensor"
    CHANNEL = "channel"
    BLOCK = "block"


class Storage(StrEnum):
    """The form in which an ONNX file holds values of a format.

    Attributes:
        INTEGER: integer codes and DequantizeLinear; QuantizeLinear makes them while the model runs. Integer kernels
            may compute on them. (opset 13; 4 and 16 bits and blocks 21)
        FLOAT8: 8-bit floats and DequantizeLinear. (opset 19; blocks 21)
        TABLE: unsigned codes that Gather looks up in the levels, and Mul by the scale.
        CAST: values themselves, in a type that Cast makes; there is no scale.
    """

    INTEGER = "integer"
    FLOAT8 = "float8"
    TABLE = "table"
    CAST = "cast"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What puts a format's levels over ranges.

    Attributes:
        scale: float32, > 0, in the shape of the ranges.
        zero_point: int32, the same shape: the code of zero of a format that has a zero point, else 0.
        lowest: code of the smallest value that the grid uses.
        highest: code of its largest value.
    """

    scale: Float32
    zero_point: Int32
    lowest: int
    highest: int


class Format(Named, Protocol):
    """One number format, such as ``int8``."""

    @property
    def bits(self) -> int:
        """Bits of one packed code."""
        ...

    @property
    def carrier(self) -> str:
        """The ONNX tensor type that stores a code: ``int8``, ``float16``, ... It may be wider than the format."""
        ...

    @property
    def signed(self) -> bool:
        """Whether there are negative values at scale 1 and zero point 0."""
        ...

    @property
    def storage(self) -> Storage:
        """How an ONNX file holds its values."""
        ...

    @property
    def roles(self) -> frozenset[Role]:
        """What it can be asked for."""
        ...

    @property
    def granularities(self) -> tuple[Granularity, ...]:
        """How its scales can be shared; none if it has no scale."""
        ...

    @property
    def has_scale(self) -> bool:
        """Whether values are a level times a scale, so that a tensor has a grid."""
        ...

    @property
    def has_zero_point(self) -> bool:
        """Whether a grid can be asymmetric."""
        ...

    @property
    def is_uniform(self) -> bool:
        """Whether levels are evenly spaced: ``(code - zero_point) * scale``."""
        ...

    @property
    def learns(self) -> bool:
        """Whether levels follow from the values of each weight (``learn``)."""
        ...

    @property
    def default_block(self) -> int | None:
        """Values that share a scale where a recipe says nothing of it; None: those of a channel."""
        ...

    @property
    def scale_factors(self) -> tuple[float, ...]:
        """Of a range, all that a search for a better one has to try where scales are powers of two; else empty."""
        ...

    @property
    def free_scale(self) -> bool:
        """Whether a scale is any float32. What learns scales leaves others as they are."""
        ...

    @property
    def recipes(self) -> Mapping[str, str]:
        """Short names that stand for weights in this format, each with its meaning. The first alone is the stem that
        options are put behind (``nf4`` -> ``nf4-b64``); empty where the grammar of short names covers the format."""
        ...

    @property
    def table(self) -> LevelTable | None:
        """All levels at scale 1, for charts and errors; None if they are evenly spaced or there is no scale."""
        ...

    def levels(self) -> Float32 | None:
        """All finite values at scale 1 and zero point 0, ascending; None if there are more than 65,536, or they are
        yet to be learned."""
        ...

    def learn(self, values: Float32) -> Format:
        """The format with one set of levels for these values, divided by their scales; itself if it does not learn."""
        ...

    def learn_rows(self, values: Float32) -> LevelRows | None:
        """Levels of its own for each row of values ``(C, n)``, divided by the row's scale; None where rows share those
        that ``learn`` finds. A file has them with their scale in them, so that ``4 C k`` bytes are all that stands
        beside the codes."""
        ...

    def with_levels(self, levels: Float32) -> Format:
        """The format with these levels ``(n,)``, ascending, learned before; itself where it does not learn."""
        ...

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:
        """The scale and zero point with which the levels cover ``[low, high]``, ``low <= 0 <= high``, finite.

        Raises:
            ValueError: if there is no scale, or the grid cannot be asymmetric.
        """
        ...

    def reach(self, magnitudes: Float64) -> Float64 | None:
        """Where a rule of the format's own puts the outermost level of a weight's values, by their magnitudes
        ``(..., n)``: ``(...)``, and no calibrator reaches further. None: calibrators choose."""
        ...

    def codes(self, lowest: int, highest: int) -> Int32:
        """The codes of a grid from its smallest value to its largest, each value once."""
        ...

    def encode(self, x: Float32, scale: Float32, zero_point: Int32, lowest: int, highest: int) -> Int32:
        """The code of the level nearest to ``x``; what lies beyond gets the outermost, NaN ``lowest``."""
        ...

    def decode(self, codes: Int32, scale: Float32, zero_point: Int32) -> Float32:
        """Values of ``codes``, float32. All broadcast."""
        ...

    def packed_bytes(self, values: int, scales: int) -> int:
        """Bytes of ``values`` packed codes with ``scales`` scales and zero points, and of a codebook of their own. One
        that is the same for every tensor is not counted: a file holds it once."""
        ...

    def scale_bytes(self, scales: int) -> int:
        """Bytes of ``scales`` packed scales without zero points. A file has a float32 for each."""
        ...


def usable_scale(scale: Float64) -> Float32:
    """Scales as float32; an empty or subnormal range becomes 1 so that division stays defined."""
    small = np.finfo(np.float32).tiny
    return np.asarray(np.where(scale < small, 1.0, scale), np.float32)
