"""Reads .npz: ``x`` (or arrays named after the model's inputs), ``y``, optional ``groups``, ``classes`` and ``task``.

A name may end in ``_calibration`` or ``_train`` (samples set apart to observe ranges), or in ``_evaluation``, ``_test``
or ``_val`` (samples to judge). Objects are never unpickled, and what an array says of its size is checked before it is
read, because 1 MB of .npz can hold 1 GB.
"""

from __future__ import annotations

import tokenize
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import DataError
from qexplorer.core.plugins import TASKS
from qexplorer.load.datasets.raw import DAMAGED, MAX_BYTES, RawData, checked_split, shortened, too_large
from qexplorer.load.readers.protocol import ByEnding, Size

__all__ = ["ENTRIES", "NpzReader", "read_npz"]

_X = {"x", "X", "images", "image", "data", "inputs", "arr_0"}
_Y = {"y", "Y", "labels", "label", "targets", "target"}
_HEADER_ERRORS = (tokenize.TokenError, SyntaxError, TypeError, AttributeError, KeyError, RecursionError, MemoryError)
"""What NumPy's parser of headers lets through besides: it reads them as a Python literal."""
_PARTS = {"_calibration": "calibration", "_train": "calibration"}
_PARTS |= {"_evaluation": "evaluation", "_test": "evaluation", "_val": "evaluation"}


def read_npz(path: Path) -> RawData:
    """The data in an .npz file.

    Raises:
        DataError: not an .npz, pickled objects, too large, no samples, lengths that differ, NaN.
    """
    arrays = _arrays(path)
    classes = _names(arrays.pop("classes", None))
    features = _names(arrays.pop("features", None))
    task = _task(arrays.pop("task", None), path.name)
    parts: dict[str, dict[str, Array]] = {"calibration": {}, "evaluation": {}}
    for name, array in arrays.items():
        part, base = _role(name)
        if base in parts[part]:
            raise DataError(f"'{name}' is there twice under different names", where=path.name)
        parts[part][base] = array
    if not parts["evaluation"]:
        parts = {"calibration": {}, "evaluation": parts["calibration"]}
    if set(parts["evaluation"]) <= {"y", "groups"}:
        found = ", ".join(sorted(arrays)) or "no arrays"
        raise DataError("there are no samples", where=path.name, allowed=f"an array called 'x' (found: {found})")
    evaluation, classes = _split(parts["evaluation"], classes, path.name)
    calibration = None
    if set(parts["calibration"]) - {"y", "groups"}:
        calibration, classes = _split(parts["calibration"], classes, path.name)
        _check_same_inputs(calibration, evaluation, path.name)
    return RawData(path.stem, evaluation, calibration, classes, features, task=task)


def _arrays(path: Path) -> dict[str, Array]:
    """Every array in the file; sizes are checked as they are declared, before anything is allocated."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if not entries:
                raise DataError("the file is empty", where=path.name, allowed="an array called 'x'")
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
    except (*DAMAGED, *_HEADER_ERRORS) as error:
        raise DataError(f"'{name}' is not an array that NumPy can read ({shortened(error)})", where=where) from None
    if dtype.hasobject:
        raise DataError(f"'{name}' holds pickled objects, which are never read", where=where, allowed="plain arrays")
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size > MAX_BYTES or any(length < 0 for length in shape):
        raise too_large(where, abs(size))
    if size > entry.file_size:
        raise DataError(f"'{name}' says that it has {size} bytes, and is shorter", where=where, do="write it again")
    try:
        with archive.open(entry) as stream:
            return np.asarray(npy.read_array(stream, allow_pickle=False))
    except DAMAGED as error:
        raise DataError(f"'{name}' cannot be read ({shortened(error)})", where=where) from None


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    version = npy.read_magic(stream)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"version {version[0]}.{version[1]} of the format")
    shape, _, dtype = read(stream)
    return shape, dtype


def _role(name: str) -> tuple[str, str]:
    """Which part an array belongs to, and its plain name: '' for the only input, 'y', 'groups', or an input's name."""
    part, base = "evaluation", name
    for ending, meant in _PARTS.items():
        if name.endswith(ending):
            part, base = meant, name.removesuffix(ending)
            break
    if base in _X:
        return part, ""
    if base in _Y or base == "arr_1":
        return part, "y"
    return part, "groups" if base in ("groups", "group") else base


def _split(arrays: Mapping[str, Array], classes: tuple[str, ...], where: str) -> tuple[Split, tuple[str, ...]]:
    """A checked split; labels given as text become numbers, and the texts the names of the classes."""
    labels = arrays.get("y")
    if labels is not None and labels.dtype.kind == "U":
        known = classes or tuple(str(name) for name in np.unique(labels))
        number = {name: i for i, name in enumerate(known)}
        unknown = next((str(name) for name in labels.reshape(-1) if str(name) not in number), None)
        if unknown is not None:
            raise DataError(f"the label '{unknown}' is not among the classes", where=where, allowed=", ".join(known))
        labels = np.array([number[str(name)] for name in labels.reshape(-1)], np.int64)
        classes = known
    inputs = {name: array for name, array in arrays.items() if name not in ("y", "groups")}
    return checked_split(inputs, labels, arrays.get("groups"), where), classes


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
