"""Which rearrangements of a sample's axes bring it to the shape that a model takes.

Only such as lose and invent nothing: an axis of length 1 put in or taken out, one channel's rows in a line, or the
channels moved. Two that give the same numbers in the same order are one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.model import Dim

__all__ = ["Arrangement", "arrangements", "fits"]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One way: ``order`` of the sample's axes (None: as they are), then the ``shape`` of a sample."""

    order: tuple[int, ...] | None
    shape: tuple[int, ...]

    @property
    def text(self) -> str:
        """What is done, for the middle of a sentence."""
        return "their channels were moved" if self.order is not None else "no number moved"

    def apply(self, array: Array) -> Array:
        """``array``, first axis the samples, in this arrangement."""
        if self.order is not None:
            array = np.ascontiguousarray(np.transpose(array, (0, *(axis + 1 for axis in self.order))))
        return array.reshape(array.shape[0], *self.shape)


def arrangements(expected: Sequence[Dim], given: tuple[int, ...]) -> set[Arrangement]:
    """All ways to bring a sample of shape ``given`` to ``expected``, whose free lengths take any."""
    found = {Arrangement(None, shape) for shape in _reshaped(expected, given) if fits(expected, shape)}
    for order in ((2, 0, 1), (1, 2, 0)) if len(given) == 3 else ():
        shape = tuple(given[axis] for axis in order)
        if fits(expected, shape):
            moved = given[order[0]] if order == (2, 0, 1) else given[0]
            found.add(Arrangement(None if moved == 1 else order, shape))
    return found


def fits(expected: Sequence[Dim], shape: Sequence[int]) -> bool:
    """Whether a sample of this shape is one that the model takes."""
    pairs = zip(expected, shape, strict=False)
    return len(expected) == len(shape) and all(not isinstance(e, int) or e == g for e, g in pairs)


def _reshaped(expected: Sequence[Dim], given: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Shapes of the same numbers in the same order: an axis of length 1 more or less, a picture of one channel in a
    line, and such a line as the picture that is expected."""
    found = [(1, *given), (*given, 1)]
    found += [given[1:]] if given[:1] == (1,) else []
    found += [given[:-1]] if given[-1:] == (1,) else []
    if len([length for length in given if length != 1]) <= 2:
        found.append((math.prod(given),))
    known = [length for length in expected if isinstance(length, int)]
    single = len(known) == len(expected) and len([length for length in known if length != 1]) <= 2
    if len(given) == 1 and single and math.prod(known) == given[0]:
        found.append(tuple(known))
    return found
