"""Brings a data set to a model: names and types of its inputs, shapes checked, labels that belong to its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Dim, Model, TensorInfo
from qexplorer.core.tasks.choose import task_of

__all__ = ["fit_to_model"]


def fit_to_model(data: DataSet, model: Model) -> DataSet:
    """``data`` with one array for each of the model's inputs, of its type and shape; ready to feed.

    A fixed batch in the model's shapes is not the data's concern: batching cuts and pads.

    Raises:
        DataError: naming the input, the shape it takes, the shape given, and what to do.
    """
    _check_labels(data, model)
    calibration = _fitted(data.calibration, data, model)
    evaluation = calibration if data.evaluation is data.calibration else _fitted(data.evaluation, data, model)
    return replace(data, calibration=calibration, evaluation=evaluation)


def _fitted(split: Split, data: DataSet, model: Model) -> Split:
    arrays = _named(split.inputs, data, model)
    inputs = {info.name: _cast(arrays[info.name], info, data.name) for info in model.inputs}
    for info in model.inputs:
        _check_shape(inputs[info.name], info, data.name)
    return Split(inputs, split.labels, split.groups)


def _named(given: Mapping[str, Array], data: DataSet, model: Model) -> Mapping[str, Array]:
    names = [info.name for info in model.inputs]
    if len(names) == 1 and len(given) == 1:
        return {names[0]: next(iter(given.values()))}
    missing = [name for name in names if name not in given]
    if len(missing) == 1 and "" in given:  # all but one are named, so the unnamed one is that
        return {**given, missing[0]: given[""]}
    if missing:
        found = ", ".join(f"'{name or 'x'}'" for name in given)
        wanted = ", ".join(f"'{name}'" for name in names)
        raise DataError(
            f"no array for the model's input '{missing[0]}' (found: {found})",
            where=data.name,
            allowed=f"one array for each of {wanted}",
            do="name the arrays of the .npz after the model's inputs",
        )
    return given


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
    if np.issubdtype(wanted, np.integer) and array.size:
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


def _check_shape(array: Array, info: TensorInfo, where: str) -> None:
    expected, given = info.shape[1:], array.shape[1:]
    if not info.shape or (
        len(expected) == len(given) and all(_same(e, g) for e, g in zip(expected, given, strict=True))
    ):
        return
    raise DataError(
        f"the input '{info.name}' takes samples of shape {_text(expected)}, and the data has {_text(given)}",
        where=where,
        allowed=_text(expected),
        do=_remedy(expected, given),
    )


def _same(expected: Dim, given: int) -> bool:
    return not isinstance(expected, int) or expected == given


def _text(shape: tuple[Dim, ...]) -> str:
    return "(" + ", ".join(str(d) if d is not None else "?" for d in shape) + ("," if len(shape) == 1 else "") + ")"


def _remedy(expected: tuple[Dim, ...], given: tuple[int, ...]) -> str:
    """What would make ``given`` fit, as far as layout and size can."""

    def fits(shape: tuple[int, ...]) -> bool:
        return len(shape) == len(expected) and all(_same(e, g) for e, g in zip(expected, shape, strict=True))

    candidates = _layouts(given)
    for layout, shape in candidates.items():
        if fits(shape):
            return f"choose the layout '{layout}'"
    for layout, shape in [*candidates.items(), ("as_is", given)]:
        axes = (0, 1) if layout == "nchw_to_nhwc" else (1, 2)
        if len(shape) != 3 or len(expected) != 3:
            continue
        height, width = (expected[axis] for axis in axes)
        if isinstance(height, int) and isinstance(width, int):
            resized = list(shape)
            resized[axes[0]], resized[axes[1]] = height, width
            if fits(tuple(resized)):
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
