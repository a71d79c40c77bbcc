"""The calibration part of a data set, handed to a child: arrays that a file holds already are named, not copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array, DataSet, Split

__all__ = ["hand_over", "taken"]

_FIELDS = ("name", "held_out", "digest", "task", "shared", "alphabetical")
_LABELS = ("labels", "groups", "read_labels")


def hand_over(data: DataSet, folder: Path) -> dict[str, Any]:
    """``data`` with its calibration samples alone, as JSON data.

    Args:
        data: fitted to a model.
        folder: where arrays that no file holds are written.
    """
    split, count = data.calibration, 0

    def placed(array: Array) -> dict[str, Any]:
        nonlocal count
        count += 1
        return _in_file(array) or _written(array, folder / f"handed{count}.npy")

    kept = {name: getattr(data, name) for name in _FIELDS}
    kept |= {"classes": list(data.classes), "notes": list(data.notes), "own_names": dict(data.own_names)}
    kept["inputs"] = {name: placed(array) for name, array in split.inputs.items()}
    found = {name: getattr(split, name) for name in _LABELS}
    kept["rest"] = {name: None if array is None else placed(array) for name, array in found.items()}
    return kept


def taken(handed: dict[str, Any]) -> DataSet:
    """What :func:`hand_over` made; it has no samples to judge by."""
    inputs = {name: _array(place) for name, place in handed["inputs"].items()}
    rest = {name: None if place is None else _array(place) for name, place in handed["rest"].items()}
    return DataSet(
        calibration=Split(inputs, **rest),
        evaluation=Split({}),
        classes=tuple(handed["classes"]),
        notes=tuple(handed["notes"]),
        own_names=handed["own_names"],
        **{name: handed[name] for name in _FIELDS},
    )


def _in_file(array: Array) -> dict[str, Any] | None:
    """Where in a mapped file the array's values lie, if they lie there in one piece."""
    base: Any = array
    while base is not None and not isinstance(base, np.memmap):
        base = getattr(base, "base", None)
    if base is None or base.filename is None or not array.flags.c_contiguous:
        return None
    while isinstance(base.base, np.memmap):  # views of a map have its file, and not always its beginning
        base = base.base
    start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return {"file": str(base.filename), "offset": base.offset + start, "dtype": array.dtype.str, "shape": array.shape}


def _written(array: Array, path: Path) -> dict[str, Any]:
    np.save(path, array, allow_pickle=False)
    return {"file": str(path), "offset": None}


def _array(place: dict[str, Any]) -> Array:
    if place["offset"] is None:
        loaded: Array = np.load(place["file"], mmap_mode="r", allow_pickle=False)
        return loaded
    shape = tuple(place["shape"])
    if 0 in shape:
        return np.zeros(shape, place["dtype"])
    return np.memmap(place["file"], place["dtype"], "r", place["offset"], shape)
