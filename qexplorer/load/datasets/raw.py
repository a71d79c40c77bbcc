"""Data as it was read, before preprocessing and splitting: what every reader returns, checked in one place."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import DataError

__all__ = ["DAMAGED", "MAX_BYTES", "RawData", "checked_labels", "checked_split", "numbered", "shortened", "too_large"]

MAX_BYTES = 4 * 2**30
"""Most bytes that the arrays of one data set may take."""

DAMAGED = (
    *(OSError, EOFError, ValueError, LookupError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
"""What the standard library and NumPy raise when an archive or an array is cut short, changed or encrypted."""

_PIECE = 2**22


@dataclass(frozen=True, slots=True, eq=False)
class RawData:
    """What a reader found.

    Attributes:
        name: the file's stem.
        evaluation: the samples; if ``calibration`` is None, the only ones.
        calibration: samples that the file itself sets apart, or None.
        classes: names of the classes, empty if unknown.
        features: names of a table's columns, empty if unknown.
        notes: what a reader should know, one sentence each.
        task: name of the task that the file itself names, or None.
        alphabetical: whether the class numbers were made up here, in alphabetical order of the names that occur.
        own_names: what the file calls the arrays that were taken for ``labels`` and ``groups``, if it names them.
    """

    name: str
    evaluation: Split
    calibration: Split | None = None
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    task: str | None = None
    alphabetical: bool = False
    own_names: Mapping[str, str] = field(default_factory=dict)


def numbered(names: Sequence[str], classes: Sequence[str], where: str) -> tuple[Array, tuple[str, ...], bool]:
    """Class numbers of labels that are names: by a list, by the numbers that they are, or in alphabetical order.

    Args:
        names: one a sample.
        classes: all names in their order; empty if nobody listed them.
        where: the file, for messages.

    Returns:
        int64 of shape ``(n,)``; the classes' names, if numbers have names; and whether the order was made up.

    Raises:
        DataError: a name that is not in the list.
    """
    kinds = sorted(set(names))
    if not classes and all(kind.isdecimal() and kind == str(int(kind)) and len(kind) < 6 for kind in kinds):
        return np.array([int(name) for name in names], np.int64), (), False
    known = tuple(classes) or tuple(kinds)
    place = {name: i for i, name in enumerate(known)}
    unknown = next((kind for kind in kinds if kind not in place), None)
    if unknown is not None:
        listed = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
        raise DataError(f"the label '{unknown}' is not among the classes", where=where, allowed=listed)
    return np.array([place[name] for name in names], np.int64), known, not classes


def shortened(error: Exception) -> str:
    """A library's message on one line, for the middle of a sentence."""
    return " ".join(str(error).split())[:120] or type(error).__name__


def too_large(where: str, size_bytes: int) -> DataError:
    """The error for data that is, or says that it is, larger than this program takes."""
    return DataError(
        f"the data takes {size_bytes / 2**30:.1f} GB when unpacked",
        where=where,
        allowed=f"at most {MAX_BYTES // 2**30} GB",
        do="give fewer samples",
    )


def checked_split(inputs: Mapping[str, Array], labels: Array | None, groups: Array | None, where: str) -> Split:
    """A split whose arrays are finite numbers of one length.

    Args:
        inputs: one array per input, first axis the samples; a single number is that of every sample.
        labels: numbers, first axis the samples, or None.
        groups: names or numbers, shape (n,), or None.
        where: the file, for messages.

    Raises:
        DataError: naming the array and what is wrong with it.
    """
    n = _common_length(inputs, where)
    inputs = {name: array if array.ndim else np.full(n, array) for name, array in inputs.items()}
    for name, array in inputs.items():
        _check_numbers(name or "x", array, where)
    known = None if labels is None else checked_labels(labels, n, where)
    if groups is not None:
        if groups.shape != (n,):
            raise DataError(f"'groups' has shape {groups.shape} for {n} samples", where=where, allowed=f"shape ({n},)")
        if groups.dtype.kind not in "biufU":
            raise DataError(f"'groups' holds {groups.dtype} values", where=where, allowed="numbers or text")
    return Split(dict(inputs), known, groups)


def _common_length(inputs: Mapping[str, Array], where: str) -> int:
    lengths = {name or "x": array.shape[0] for name, array in inputs.items() if array.ndim}
    if inputs and not lengths:
        what = f"'{next(iter(inputs)) or 'x'}' is a single value"
        raise DataError(what, where=where, allowed="an array, first axis the samples")
    if not lengths:
        raise DataError("there are no samples", where=where, allowed="an array called 'x', first axis the samples")
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"'{name}' has {n}" for name, n in lengths.items())
        raise DataError(f"the inputs differ in length: {listed}", where=where, allowed="the same number of samples")
    n = int(next(iter(lengths.values())))
    if any(array.size == 0 for array in inputs.values()):
        raise DataError("the data is empty", where=where, allowed="at least one sample with at least one value")
    return n


def _check_numbers(name: str, array: Array, where: str) -> None:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DataError(
            f"'{name}' holds values of type {array.dtype}", where=where, allowed="booleans, integers and floats"
        )
    if array.dtype.kind != "f":
        return
    flat = array.reshape(-1)
    for start in range(0, flat.size, _PIECE):
        bad = ~np.isfinite(flat[start : start + _PIECE])
        if bad.any():
            position = np.unravel_index(start + int(bad.argmax()), array.shape)
            index = ", ".join(str(int(i)) for i in position)
            value = "NaN" if np.isnan(array[position]) else "an infinite value"
            raise DataError(f"'{name}' has {value} at [{index}]", where=where, allowed="finite numbers")


def checked_labels(labels: Array, n: int, where: str) -> Array:
    """``labels``, if they are finite numbers, one (of any shape) a sample; what they mean is the task's to say."""
    if labels.ndim == 0 or labels.shape[0] != n:
        count = "one value" if labels.ndim == 0 else f"{labels.shape[0]} labels"
        raise DataError(f"there are {count} for {n} samples", where=where, allowed="one label for each sample")
    if labels.dtype.kind not in "biuf" or labels.dtype.itemsize > 8:
        raise DataError(f"the labels are of type {labels.dtype}", where=where, allowed="booleans, integers and floats")
    if labels.size == 0:
        raise DataError(f"the labels have shape {labels.shape}", where=where, allowed="at least one number a sample")
    if not np.isfinite(labels).all():
        raise DataError("a label is not a finite number", where=where, allowed="finite numbers")
    return labels
