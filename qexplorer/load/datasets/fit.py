"""Brings a data set to a model: names and types of its inputs, shapes checked, labels that belong to its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Dim, Model, TensorInfo
from qexplorer.core.tasks.choose import SIMILARITY, task_of
from qexplorer.core.workspace import digest_json
from qexplorer.load.batch_axes import batch_names
from qexplorer.load.datasets.arrange import arrangements, fits
from qexplorer.load.datasets.classes import with_models_classes
from qexplorer.load.readers.npz import SAMPLE_NAMES

__all__ = ["fit_to_model"]


def fit_to_model(data: DataSet, model: Model) -> DataSet:
    """``data`` with one array for each of the model's inputs, of its type and shape; ready to feed.

    Where exactly one rearrangement of the axes brings samples to the shape that an input takes, it is made, and a note
    says so. Classes that the data names get the numbers that they have in the model. A fixed batch in the model's
    shapes is not the data's concern: batching cuts and pads.

    Raises:
        DataError: naming the input, the shape it takes, the shape given, and what to do.
    """
    notes: dict[str, None] = {}
    calibration = _fitted(data.calibration, data, model, notes)
    same = data.evaluation is data.calibration
    evaluation = calibration if same else _fitted(data.evaluation, data, model, notes)
    found = replace(data, calibration=calibration, evaluation=evaluation, notes=(*data.notes, *notes))
    if data.evaluation.labels is not None and evaluation.labels is None:  # they were an input, so nothing can be judged
        found = replace(found, task=SIMILARITY, classes=(), digest=digest_json([data.digest, "an input"]))
    found = with_models_classes(found, model)
    _check_labels(found, model)
    return found


def _fitted(split: Split, data: DataSet, model: Model, notes: dict[str, None]) -> Split:
    arrays = _named(split, data, model)
    inputs = {}
    for info in model.inputs:
        array = _cast(arrays[info.name], info, data.name)
        inputs[info.name] = _arranged(array, info, _one_sample(info, model), data.name, notes)
    kept = {"labels": split.labels, "groups": split.groups}
    for role, name in data.own_names.items():
        if name in inputs and name not in split.inputs:
            kept[role] = None
            notes[f"The array '{name}' is fed to the model's input of that name, and not taken for {role}."] = None
    return Split(inputs, kept["labels"], kept["groups"])


def _named(split: Split, data: DataSet, model: Model) -> Mapping[str, Array]:
    """An array for each input: by its own name; an input's name goes before what an array of that name is taken for
    otherwise; the unnamed one is the input that is left, or the one called as samples are."""
    given, names = split.inputs, [info.name for info in model.inputs]
    if len(names) == 1 and len(given) == 1:
        return {names[0]: next(iter(given.values()))}
    taken = {"labels": split.read_labels, "groups": split.groups}
    own = {name: array for role, name in data.own_names.items() if (array := taken[role]) is not None}
    found = {**{name: own[name] for name in names if name in own}, **given}
    missing = [name for name in names if name not in found]
    called = [name for name in missing if name in SAMPLE_NAMES]
    unnamed = called[0] if len(called) == 1 else missing[0] if len(missing) == 1 else None
    if "" in given and unnamed is not None:
        found[unnamed] = given[""]
        missing.remove(unnamed)
    if missing:
        listed = ", ".join(f"'{name or 'x'}'" for name in given)
        wanted = ", ".join(f"'{name}'" for name in names)
        raise DataError(
            f"no array for the model's input '{missing[0]}' (found: {listed})",
            where=data.name,
            allowed=f"one array for each of {wanted}",
            do="name the arrays of the .npz after the model's inputs",
        )
    return found


def _cast(array: Array, info: TensorInfo, where: str) -> Array:
    wanted = _numeric(info, where)
    if array.dtype == wanted:
        return array
    if wanted.kind in "iu" and array.dtype.kind == "f" and not np.array_equal(np.trunc(array), array):
        raise DataError(
            f"the input '{info.name}' takes {wanted}, and the data holds fractions",
            where=where,
            allowed="whole numbers",
        )
    if np.issubdtype(wanted, np.integer):
        allowed = np.iinfo(wanted.name)
        low, high = array.min(), array.max()
        if low < allowed.min or high > allowed.max:
            raise DataError(
                f"the input '{info.name}' takes {wanted}, and the data reaches from {low} to {high}",
                where=where,
                allowed=f"{allowed.min} to {allowed.max}",
            )
    return array.astype(wanted)


def _numeric(info: TensorInfo, where: str) -> np.dtype[np.generic]:
    """The input's type, if it is one that data can be given as."""
    try:
        wanted = np.dtype(info.dtype)
    except TypeError:
        wanted = np.dtype(object)
    if wanted.kind not in "biuf":
        raise DataError(
            f"the input '{info.name}' takes {info.dtype}", where=where, allowed="models that take numbers NumPy has"
        )
    return wanted


def _one_sample(info: TensorInfo, model: Model) -> tuple[Dim, ...]:
    """The shape of one sample: what stands behind the batch, or, of an input that has none in front, all of it."""
    if not info.alone:
        return info.shape[1:]
    batch = batch_names([each.shape for each in model.inputs])
    return tuple(1 if length in batch else length for length in info.shape)


def _arranged(array: Array, info: TensorInfo, expected: tuple[Dim, ...], where: str, notes: dict[str, None]) -> Array:
    """``array`` in the shape that the input takes: as it is, or in the one arrangement that fits, which is noted."""
    given = tuple(array.shape[1:])
    if not info.shape and not info.alone:
        what = f"the file says nothing of the shape of the input '{info.name}'"
        raise DataError(what, where=where, do="export the model with the shapes of its inputs")
    if fits(expected, given):
        return array
    ways = arrangements(expected, given)
    if len(ways) == 1:
        way = ways.pop()
        note = f"Samples of shape {_text(given)} were taken as {_text(way.shape)}, the one way that fits the input"
        notes[f"{note} '{info.name}' ({way.text})."] = None
        return way.apply(array)
    raise DataError(
        f"the input '{info.name}' takes samples of shape {_text(expected)}, and the data has {_text(given)}",
        where=where,
        allowed=_text(expected),
        do=_remedy(expected, given),
    )


def _text(shape: tuple[Dim, ...]) -> str:
    return "(" + ", ".join(str(d) if d is not None else "?" for d in shape) + ("," if len(shape) == 1 else "") + ")"


def _remedy(expected: tuple[Dim, ...], given: tuple[int, ...]) -> str:
    """What would make ``given`` fit, as far as layout and size can."""
    candidates = _layouts(given)
    for layout, shape in candidates.items():
        if fits(expected, shape):
            return f"choose the layout '{layout}'"
    for layout, shape in [*candidates.items(), ("as_is", given)]:
        axes = (0, 1) if layout == "nchw_to_nhwc" else (1, 2)
        if len(shape) != 3 or len(expected) != 3:
            continue
        height, width = (expected[axis] for axis in axes)
        if isinstance(height, int) and isinstance(width, int):
            resized = list(shape)
            resized[axes[0]], resized[axes[1]] = height, width
            if fits(expected, tuple(resized)):
                return f"choose the layout '{layout}' and the size {height} x {width}"
    return "choose data that was made for this model, or another layout or size in the preprocessing"


def _layouts(given: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    if len(given) == 2:
        return {"add_channel": (1, *given)}
    if len(given) == 3:
        return {"nhwc_to_nchw": (given[2], given[0], given[1]), "nchw_to_nhwc": (given[1], given[2], given[0])}
    return {}


def _check_labels(data: DataSet, model: Model) -> None:
    """Labels must be such that the model's answers can be judged by them; what that takes, the task knows."""
    task = task_of(data)
    for split in (data.calibration, data.evaluation):
        if split.labels is not None:
            task.check_fit(split.labels, model.outputs, data.name)
