"""What happens to samples between a file and a model's input: layout, size, scale, mean and standard deviation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError
from qexplorer.core.model import Dim, Model
from qexplorer.load.datasets.resize import resize

__all__ = ["Layout", "Preprocessing", "preview", "suggest"]

_PIECE = 256
"""Samples converted at a time: keeps temporary arrays small."""


class Layout(StrEnum):
    """What is done to the axes of an array of samples."""

    AS_IS = "as_is"
    ADD_CHANNEL = "add_channel"
    NHWC_TO_NCHW = "nhwc_to_nchw"
    NCHW_TO_NHWC = "nchw_to_nhwc"


class Preprocessing(BaseModel):
    """``y = (resized(laid_out(x)) * scale - mean) / std``, float32.

    Attributes:
        layout: ``as_is``; ``add_channel`` makes (n, h, w) into (n, 1, h, w); ``nhwc_to_nchw`` and ``nchw_to_nhwc`` move
            the channels.
        scale: factor before mean and standard deviation, such as 1/255 for bytes.
        mean: subtracted after scaling; none, one number, or one for each channel (column, for a table).
        std: divided by after that; none, one number, or one for each channel.
        size: height and width in pixels to resize images to; None keeps them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Layout = Layout.AS_IS
    scale: float = Field(default=1.0, allow_inf_nan=False)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: tuple[int, int] | None = None

    @field_validator("scale")
    @classmethod
    def _not_zero(cls, value: float) -> float:
        if value == 0:
            raise ValueError("scale must not be 0")
        return value

    @field_validator("mean", "std")
    @classmethod
    def _finite(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(math.isfinite(v) for v in value):
            raise ValueError("every value must be finite")
        return value

    @field_validator("std")
    @classmethod
    def _positive(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(v > 0 for v in value):
            raise ValueError("every standard deviation must be above 0")
        return value

    @field_validator("size")
    @classmethod
    def _sane_size(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not all(1 <= v <= 4096 for v in value):
            raise ValueError("height and width must be between 1 and 4096 pixels")
        return value

    @property
    def does_nothing(self) -> bool:
        """Whether arrays pass through unchanged, type included."""
        return self == Preprocessing()

    def apply(self, array: Array) -> Array:
        """Samples ready to feed, first axis the samples; float32, unless nothing is asked for.

        Raises:
            DataError: the layout, size, mean or standard deviation does not go with the array's shape.
        """
        if self.does_nothing:
            return array
        if array.dtype.kind not in "buif":
            raise DataError(f"values of type {array.dtype} cannot be preprocessed", allowed="numbers")
        self._check_rank(array)
        first = self._piece(array[:_PIECE])
        result = np.empty((array.shape[0], *first.shape[1:]), np.float32)
        result[: first.shape[0]] = first
        for start in range(_PIECE, array.shape[0], _PIECE):
            result[start : start + _PIECE] = self._piece(array[start : start + _PIECE])
        return result

    def _piece(self, array: Array) -> NDArray[np.float32]:
        values = array.astype(np.float32)
        if self.size is not None:
            values = resize(values, self.size, self._image_axes(array.shape))
        values = self._laid_out(values)
        if self.scale != 1.0:
            values *= np.float32(self.scale)
        if self.mean:
            values -= self._by_channel("mean", self.mean, values.shape)
        if self.std:
            values /= self._by_channel("std", self.std, values.shape)
        return values

    def _check_rank(self, array: Array) -> None:
        needs = {Layout.ADD_CHANNEL: 3, Layout.NHWC_TO_NCHW: 4, Layout.NCHW_TO_NHWC: 4}.get(self.layout)
        shape = tuple(array.shape)
        if needs is not None and array.ndim != needs:
            allowed = "(n, h, w)" if needs == 3 else "four axes: samples, channels, height and width"
            fits = "add_channel" if array.ndim == 3 else "as_is"
            raise DataError(
                f"the layout '{self.layout}' does not go with data of shape {shape}",
                allowed=allowed,
                do=f"choose the layout '{fits}'",
            )
        if self.size is not None and array.ndim not in (3, 4):
            raise DataError(f"data of shape {shape} cannot be resized", allowed="images", do="leave 'size' empty")

    def _image_axes(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width in the array as it was given."""
        if len(shape) == 3 or self.layout is Layout.NHWC_TO_NCHW:
            return 1, 2
        if self.layout is Layout.AS_IS and shape[-1] in (1, 3, 4) and shape[1] not in (1, 3, 4):
            return 1, 2
        return 2, 3

    def _laid_out(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.layout is Layout.ADD_CHANNEL:
            return values[:, None]
        if self.layout is Layout.NHWC_TO_NCHW:
            return np.ascontiguousarray(np.moveaxis(values, 3, 1))
        if self.layout is Layout.NCHW_TO_NHWC:
            return np.ascontiguousarray(np.moveaxis(values, 1, 3))
        return values

    def _by_channel(self, name: str, numbers: tuple[float, ...], shape: tuple[int, ...]) -> NDArray[np.float32]:
        """``numbers`` shaped so that they meet the channels of data of ``shape``."""
        values = np.asarray(numbers, np.float32)
        if values.size == 1:
            return values.reshape(())
        last = len(shape) - 1
        order = (last, 1) if self.layout is Layout.NCHW_TO_NHWC else (1, last)
        for axis in order:
            if 0 < axis < len(shape) and shape[axis] == values.size:
                view = [1] * len(shape)
                view[axis] = values.size
                return values.reshape(view)
        raise DataError(
            f"{values.size} values of '{name}' do not meet the channels of data of shape {shape}",
            allowed="none, one, or one for each channel",
        )


def suggest(inputs: Mapping[str, Array], model: Model) -> Preprocessing:
    """A sensible start for data that was read, from its shape and type and the model's first input.

    Bytes are scaled by 1/255 unless the model takes integers; the layout and size that make the shapes agree are
    chosen, if there are any. A guess: look at :func:`preview` and at the accuracy before believing it.

    Args:
        inputs: arrays as they were read, first axis the samples.
        model: its first input is the one that is fitted.
    """
    array, wanted = next(iter(inputs.values())), model.inputs[0]
    scale = 1 / 255 if array.dtype == np.uint8 and wanted.dtype.startswith("float") else 1.0
    given, expected = tuple(array.shape[1:]), wanted.shape[1:]
    for layout in Layout:
        shape = _shape_after(layout, given)
        if shape is not None and _agree(shape, expected):
            return Preprocessing(layout=layout, scale=scale)
    for layout in Layout:
        shape = _shape_after(layout, given)
        size = _image_size(layout, expected)
        if shape is not None and len(shape) == 3 and size is not None:
            first = 0 if layout is Layout.NCHW_TO_NHWC else 1
            if _agree((*shape[:first], *size, *shape[first + 2 :]), expected):
                return Preprocessing(layout=layout, scale=scale, size=size)
    return Preprocessing(scale=scale)


def _shape_after(layout: Layout, given: tuple[int, ...]) -> tuple[int, ...] | None:
    """One sample's shape after ``layout``, or None if the layout does not go with it."""
    if layout is Layout.AS_IS:
        return given
    if layout is Layout.ADD_CHANNEL:
        return (1, *given) if len(given) == 2 else None
    if len(given) != 3:
        return None
    return (given[2], given[0], given[1]) if layout is Layout.NHWC_TO_NCHW else (given[1], given[2], given[0])


def _agree(shape: tuple[int, ...], expected: tuple[Dim, ...]) -> bool:
    same = (not isinstance(e, int) or e == s for s, e in zip(shape, expected, strict=False))
    return len(shape) == len(expected) and all(same)


def _image_size(layout: Layout, expected: tuple[Dim, ...]) -> tuple[int, int] | None:
    """Height and width that the model insists on, if it does."""
    axes = expected[:2] if layout is Layout.NCHW_TO_NHWC else expected[1:3]
    height, width = axes if len(expected) == 3 else (None, None)
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def preview(array: Array, k: int = 8) -> list[NDArray[np.uint8]]:
    """The first ``k`` samples as pictures, each (h, w) or (h, w, 3), stretched so that its own values fill 0 to 255.

    Three channels, first or last, are taken for colours; of any other number the first is shown. Samples that are not
    images (tables, sequences) give an empty list.
    """
    if array.ndim not in (3, 4) or min(array.shape[1:]) < 1:
        return []
    return [_picture(np.asarray(sample, np.float32)) for sample in array[:k]]


def _picture(sample: NDArray[np.float32]) -> NDArray[np.uint8]:
    if sample.ndim == 3:
        first = sample.shape[0] in (1, 3, 4) or sample.shape[2] not in (1, 3, 4)
        sample = np.moveaxis(sample, 0, 2) if first else sample
        sample = sample[:, :, :3] if sample.shape[2] in (3, 4) else sample[:, :, 0]
    low, high = float(sample.min()), float(sample.max())
    return np.asarray(np.rint((sample - low) * (255 / (high - low) if high > low else 0.0)), np.uint8)
