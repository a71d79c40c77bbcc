"""Reads .npz: ``x`` (or arrays named after the model's inputs), ``y``, optional ``groups``, ``classes`` and ``task``.

A name may end in ``_calibration`` or ``_train`` (samples set apart to observe ranges), or in ``_evaluation``, ``_test``
or ``_val`` (samples to judge). Objects are never unpickled, and what an array says of its size is checked before it is
read, because 1 MB of .npz can hold 1 GB.
"""

from __future__ import annotations

import sys
import tokenize
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import DataError
from qexplorer.core.plugins import TASKS
from qexplorer.load.datasets.raw import DAMAGED, MAX_BYTES, RawData, checked_split, numbered, shortened, too_large
from qexplorer.load.readers.protocol import ByEnding, Size

__all__ = ["ENTRIES", "SAMPLE_NAMES", "NpzReader", "read_npz"]

SAMPLE_NAMES = {"x", "X", "images", "image", "data", "inputs", "arr_0"}
"""What the only array of samples is called."""
_Y = {"y", "Y", "labels", "label", "targets", "target", "arr_1"}
_GROUPS = {"groups", "group"}
_HEADER_ERRORS = (tokenize.TokenError, SyntaxError, TypeError, AttributeError, KeyError, RecursionError, MemoryError)
"""What NumPy's parser of headers lets through besides: it reads them as a Python literal."""
_PARTS = {"_calibration": "calibration", "_train": "calibration"}
_PARTS |= {"_evaluation": "evaluation", "_test": "evaluation", "_val": "evaluation"}


_MOST_ARRAYS = 256


def read_npz(path: Path) -> RawData:
    """The data in an .npz file.

    Raises:
        DataError: not an .npz, pickled objects, too large, no samples, lengths that differ, NaN.
    """
    arrays = _arrays(path)
    classes = _names(arrays.pop("classes", None))
    features = _names(arrays.pop("features", None))
    task = _task(arrays.pop("task", None), path.name)
    parts = _parts(arrays, path.name)
    judged, apart = parts["evaluation"], parts["calibration"]
    if not (judged.inputs or judged.called):
        judged, apart = apart, _Part()
    if not judged.inputs:
        found = ", ".join(sorted(arrays)) or "no arrays"
        raise DataError("there are no samples", where=path.name, allowed=f"an array called 'x' (found: {found})")
    classes, made_up = _number_labels([judged, apart] if apart.inputs else [judged], classes, path.name)
    evaluation = checked_split(judged.inputs, judged.labels, judged.groups, path.name)
    calibration = None
    if apart.inputs:
        calibration = checked_split(apart.inputs, apart.labels, apart.groups, path.name)
        _check_same_inputs(calibration, evaluation, path.name)
    return RawData(path.stem, evaluation, calibration, classes, features, (), task, made_up, judged.called)


@dataclass(slots=True, eq=False)
class _Part:
    """The arrays of one part by what they are taken for; ``called``: names of those taken for labels and groups."""

    inputs: dict[str, Array] = field(default_factory=dict)
    labels: Array | None = None
    groups: Array | None = None
    called: dict[str, str] = field(default_factory=dict)


def _parts(arrays: Mapping[str, Array], where: str) -> dict[str, _Part]:
    """The arrays of each part.

    One array that is called as samples are is the only input; several are inputs under their own names. Of several that
    are called as labels are, the one that says so (``labels``, ``targets``) is it, and ``y`` is an input.
    """
    found = {"calibration": _Part(), "evaluation": _Part()}
    named: dict[str, dict[str, Array]] = {part: {} for part in found}
    for name, array in arrays.items():
        part, base = _role(name)
        named[part][base] = array
    for part, by_name in named.items():
        into = found[part]
        samples = [name for name in by_name if name in SAMPLE_NAMES]
        chosen = (("labels", _one(by_name, _Y, where)), ("groups", _one(by_name, _GROUPS, where)))
        into.called = {role: name for role, name in chosen if name is not None}
        for name, array in by_name.items():
            if name == into.called.get("labels"):
                into.labels = array
            elif name == into.called.get("groups"):
                into.groups = array
            else:
                into.inputs["" if samples == [name] else name] = array
    return found


def _one(given: Iterable[str], wanted: set[str], where: str) -> str | None:
    """The one of ``given`` that is ``wanted``, of several the one that says most; None if there is none."""
    names = [name for name in given if name in wanted]
    telling = [name for name in names if name not in ("y", "Y", "arr_1")] if len(names) > 1 else names
    if len(names) > 1 and len(telling) != 1:
        raise DataError(f"'{names[1]}' is there twice under different names", where=where)
    return telling[0] if telling else None


def _arrays(path: Path) -> dict[str, Array]:
    """Every array in the file; sizes are checked as they are declared, before anything is allocated."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if not entries:
                raise DataError("the file is empty", where=path.name, allowed="an array called 'x'")
            if len(entries) > _MOST_ARRAYS:
                raise DataError(
                    f"there are {len(entries):,} arrays in it", where=path.name, allowed=f"at most {_MOST_ARRAYS}"
                )
            total = sum(entry.file_size for entry in entries)
            if total > MAX_BYTES:
                raise too_large(path.name, total)
            return {entry.filename.removesuffix(".npy"): _array(archive, entry, path.name) for entry in entries}
    except DAMAGED as error:
        what = f"this is not a whole .npz file ({shortened(error)})"
        raise DataError(what, where=path.name, do="write it again") from None


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, where: str) -> Array:
    if not entry.filename.endswith(".npy"):
        raise DataError(f"'{entry.filename}' is not an array", where=where, allowed="only .npy entries in an .npz")
    name = entry.filename.removesuffix(".npy")
    try:
        with archive.open(entry) as stream:
            shape, dtype = _header(stream)
    except (*DAMAGED, *_HEADER_ERRORS):  # what it says of a header that is no literal is about Python
        what = f"'{name}' is not an array that NumPy can read"
        raise DataError(what, where=where, allowed="what numpy.save writes", do="write it again") from None
    if dtype.hasobject:
        raise DataError(f"'{name}' holds pickled objects, which are never read", where=where, allowed="plain arrays")
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size > MAX_BYTES or any(length < 0 for length in shape):
        raise too_large(where, abs(size))
    if size > entry.file_size:
        raise DataError(f"'{name}' says that it has {size} bytes, and is shorter", where=where, do="write it again")
    try:
        with archive.open(entry) as stream:
            found: Array = np.asarray(npy.read_array(stream, allow_pickle=False))
    except DAMAGED as error:
        raise DataError(f"'{name}' cannot be read ({shortened(error)})", where=where) from None
    if not _is_text(found):
        raise DataError(f"'{name}' holds text that is damaged", where=where, do="write it again")
    return found


def _is_text(array: Array) -> bool:
    """Whether every letter of an array of text is one of Unicode's; true for other arrays."""
    if array.dtype.kind != "U" or not array.size or not array.dtype.itemsize:
        return True
    codes = np.ascontiguousarray(array).view(np.uint32 if array.dtype.isnative else np.dtype(np.uint32).newbyteorder())
    return bool((codes <= sys.maxunicode).all() and not ((codes >= 0xD800) & (codes <= 0xDFFF)).any())


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    version = npy.read_magic(stream)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"version {version[0]}.{version[1]} of the format")
    shape, _, dtype = read(stream)
    return shape, dtype


def _role(name: str) -> tuple[str, str]:
    """Which part an array belongs to, and its name without that."""
    for ending, meant in _PARTS.items():
        if name.endswith(ending):
            return meant, name.removesuffix(ending)
    return "evaluation", name


def _number_labels(parts: Sequence[_Part], classes: tuple[str, ...], where: str) -> tuple[tuple[str, ...], bool]:
    """Puts numbers in the place of labels that are text, alike in all parts; the classes' names, and whether their
    order was made up."""
    texts = [part for part in parts if part.labels is not None and part.labels.dtype.kind == "U"]
    if not texts:
        return classes, False
    names = [str(name) for part in texts for name in np.ravel(part.labels)]  # type: ignore[arg-type]
    numbers, known, made_up = numbered(names, classes, where)
    for part in texts:
        size = int(np.size(part.labels))  # type: ignore[arg-type]
        part.labels, numbers = numbers[:size], numbers[size:]
    return known, made_up


def _check_same_inputs(calibration: Split, evaluation: Split, where: str) -> None:
    one = {name: array.shape[1:] for name, array in calibration.inputs.items()}
    two = {name: array.shape[1:] for name, array in evaluation.inputs.items()}
    if one != two:
        raise DataError(
            f"the samples for calibration have shapes {one}, those to judge {two}", where=where, allowed="the same"
        )


def _names(array: Array | None) -> tuple[str, ...]:
    return () if array is None or array.dtype.kind not in "Uiu" else tuple(str(name) for name in array.reshape(-1))


def _task(array: Array | None, where: str) -> str | None:
    """The task that the file names: a text, in an array without axes (or of one element)."""
    if array is None:
        return None
    if array.size != 1 or array.dtype.kind != "U":
        what = f"'task' is an array of type {array.dtype} and shape {array.shape}"
        raise DataError(what, where=where, allowed="a text, such as np.array('regression')")
    return TASKS.get(str(array.reshape(-1)[0])).name


class NpzReader(ByEnding):
    """Arrays of NumPy."""

    name = "npz"
    told = ".npz (x, y)"
    help = "In .npz, y and groups are optional."
    rank = 0

    def read(self, path: Path, size: Size | None) -> RawData:  # noqa: ARG002 - arrays are taken as they are
        """What :func:`read_npz` reads."""
        return read_npz(path)


ENTRIES = (NpzReader(),)
