"""What happens to samples between a file and a model's input: layout, size, scale, mean and standard deviation."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError
from qexplorer.load.datasets.resize import resize

__all__ = [
    "Layout",
    "Preprocessing",
]

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
