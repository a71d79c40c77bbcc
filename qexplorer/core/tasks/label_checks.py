"""What labels of several tasks have in common: whole numbers, one-hot rows, a shape that goes with the answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError
from qexplorer.core.model import Dim

__all__ = ["are_whole", "is_one_hot", "same_shape", "shape_text", "whole_numbers"]


def are_whole(labels: Array) -> bool:
    """Whether every label is a whole number, whatever type holds it."""
    return labels.dtype.kind in "biu" or (labels.dtype.kind == "f" and bool(np.array_equal(np.trunc(labels), labels)))


def is_one_hot(labels: Array) -> bool:
    """Whether ``labels`` are rows of two or more with a single 1 and nothing else but 0."""
    if labels.ndim != 2 or labels.shape[1] < 2:
        return False
    return bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())


def whole_numbers(
    labels: Array, what: str, where: str, *, lowest: int, besides: int | None = None
) -> NDArray[np.int64]:
    """``labels`` as int64. Raises DataError for a fraction, or a number below ``lowest`` other than ``besides``.

    Args:
        labels: numbers of any shape.
        what: what they are numbers of, such as ``class``.
        where: the data, for messages.
        lowest: smallest number.
        besides: one more number that is allowed, or None.
    """
    numbers = labels.astype(np.int64)
    wrong = (numbers != labels) | ((numbers < lowest) & (numbers != (lowest if besides is None else besides)))
    if wrong.any():
        position = np.unravel_index(int(wrong.argmax()), labels.shape)
        at = ", ".join(str(int(i)) for i in position)
        name = at if labels.ndim == 1 else f"[{at}]"
        also = "" if besides is None else f", or {besides} for what is not judged"
        raise DataError(
            f"label {name} is {labels[position]}",
            where=where,
            allowed=f"{what} numbers {lowest}, {lowest + 1}, {lowest + 2}, ...{also}",
            do="choose another task if the labels are something else",
        )
    return numbers


def same_shape(given: tuple[int, ...], expected: tuple[Dim, ...]) -> bool:
    """Whether lengths that both sides know are equal."""
    pairs = zip(given, expected, strict=False)
    return len(given) == len(expected) and all(not isinstance(e, int) or g == e for g, e in pairs)


def shape_text(shape: tuple[Dim, ...]) -> str:
    """``(n, 3, ?)`` of a tensor whose first axis is the samples."""
    rest = ["?" if not isinstance(d, int) else str(d) for d in shape[1:]]
    return f"({', '.join(['n', *rest])}{',' if not rest else ''})"
