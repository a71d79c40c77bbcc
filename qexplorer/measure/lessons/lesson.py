"""What is kept of one layer so that a page can show, weight by weight, how algorithms round it.

It is the layer itself, or a part of it that can be drawn: at most 32 of its output channels, and at most 256 of the
inputs that each reads. Everything said of the part is exact for the part: the error at the outputs ``d H d^T`` then is
that of rounding these weights alone, with all others in float.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Float32, Grid, Int32

__all__ = ["WIDTHS", "Around", "Lesson", "LessonGrid", "grid_of", "read_lesson", "write_lesson"]

WIDTHS = (2, 3, 4, 6, 8)
"""Bits of the grids that a lesson has."""

_SCHEMA = 3


@dataclass(frozen=True, slots=True, eq=False)
class LessonGrid:
    """The grid of the weights at one width, and the codes that AdaRound learned on it.

    Attributes:
        scale: float32 ``(rows, columns)``.
        zero: int32, the same.
        ends: smallest and largest code.
        nearest: int32 ``(rows, columns)``: codes rounded to nearest.
        learned: codes that AdaRound chose.
    """

    scale: Float32
    zero: Int32
    ends: tuple[int, int]
    nearest: Int32
    learned: Int32

    def decoded(self, codes: Int32) -> NDArray[np.float64]:
        """Values of codes."""
        return np.asarray((codes - self.zero) * self.scale.astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """What the layer reads, and the weights that make it.

    Attributes:
        feeds: float32 ``(groups, places, columns)``: some of what rows are multiplied with.
        channel: int32 ``(groups, columns)``: the input channel of each column, counted among those that are kept.
        low: float64 ``(channels,)``: smallest value of each channel on all samples.
        high: float64 ``(channels,)``: largest value.
        front: float32 ``(channels, n)``: the weights that make each channel; nothing where it cannot be scaled there.
        front_layer: of which layer; empty where there is none.
    """

    feeds: Float32
    channel: Int32
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    front: Float32
    front_layer: str


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """The part of one layer.

    Attributes:
        layer: its name.
        op: operator type.
        words: what grids it has, such as ``per channel, symmetric``.
        whole: rows and columns of the layer.
        samples: calibration samples behind ``moments``.
        channels: int32 ``(rows,)``: the output channel of each row.
        columns: int32 ``(columns,)``: the inputs of a row that are looked at.
        values: float32 ``(rows, columns)``.
        groups: int32 ``(rows,)``: the place of each row's inputs in ``moments``.
        moments: float64 ``(groups, columns, columns)``: ``X X^T / n`` of what rows are multiplied with.
        steps: by bits.
        around: what it reads and what makes that; None in lessons that are put together by hand.
        signs: whether symmetric grids are those of weights alone, which below 8 bits have scales of either sign.
    """

    layer: str
    op: str
    words: str
    whole: tuple[int, int]
    samples: int
    channels: Int32
    columns: Int32
    values: Float32
    groups: Int32
    moments: NDArray[np.float64]
    steps: dict[int, LessonGrid]
    around: Around | None = None
    signs: bool = False

    @property
    def is_part(self) -> bool:
        """Whether the layer has more weights than the lesson."""
        return self.values.shape != self.whole

    def hessian(self, row: int) -> NDArray[np.float64]:
        """The moments of what one row is multiplied with."""
        return np.asarray(self.moments[self.groups[row]])

    def power(self, row: int) -> float:
        """Mean square of one row's output; 1 where it is always 0."""
        w = self.values[row].astype(np.float64)
        return float(w @ self.hessian(row) @ w) or 1.0

    def error(self, row: int, other: NDArray[np.float64]) -> float:
        """Mean squared error at one row's output with ``other`` in place of its weights, as a share of its power."""
        d = other - self.values[row]
        return max(float(d @ self.hessian(row) @ d), 0.0) / self.power(row)


def grid_of(steps: LessonGrid, bits: int) -> Grid:
    """The grid with a scale for each weight, whatever it was made with."""
    return Grid(UniformFormat.of(bits, signed=True), steps.scale, steps.zero, 1, 1, *steps.ends)


_PLAIN = ("layer", "op", "words")
_ARRAYS = ("whole", "samples", "channels", "columns", "values", "groups", "moments")


def write_lesson(lesson: Lesson, path: Path) -> None:
    """Keeps a lesson at ``path``, whole or not at all."""
    arrays = {name: np.asarray(getattr(lesson, name)) for name in _ARRAYS}
    arrays |= {name: np.frombuffer(getattr(lesson, name).encode(), np.uint8) for name in _PLAIN}
    if lesson.around is not None:
        around = {each.name: getattr(lesson.around, each.name) for each in fields(Around)}
        around["front_layer"] = np.frombuffer(lesson.around.front_layer.encode(), np.uint8)
        arrays |= {f"around/{name}": value for name, value in around.items()}
    arrays["signs"] = np.asarray(lesson.signs)
    arrays["schema"] = np.asarray(_SCHEMA)
    for bits, steps in lesson.steps.items():
        arrays |= {f"{bits}/{each.name}": np.asarray(getattr(steps, each.name)) for each in fields(LessonGrid)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_sealed(path, buffer.getvalue())


def read_lesson(path: Path) -> Lesson | None:
    """What :func:`write_lesson` kept; None if there is nothing, or nothing that can be read."""
    try:
        with np.load(io.BytesIO(read_sealed(path) or b""), allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        if int(found["schema"]) != _SCHEMA:
            return None
        steps = {}
        for bits in WIDTHS:
            scale, zero, ends, nearest, learned = (found[f"{bits}/{each.name}"] for each in fields(LessonGrid))
            steps[bits] = LessonGrid(scale, zero, (int(ends[0]), int(ends[1])), nearest, learned)
        layer, op, words = (bytes(found[name]).decode() for name in _PLAIN)
        whole, samples, channels, columns, values, groups, moments = (found[name] for name in _ARRAYS)
        shape = (int(whole[0]), int(whole[1]))
        parts = (int(samples), channels, columns, values, groups, moments, steps, _around(found))
        return Lesson(layer, op, words, shape, *parts, signs=bool(found["signs"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _around(found: dict[str, NDArray[Any]]) -> Around | None:
    if "around/feeds" not in found:
        return None
    feeds, channel, low, high, front, name = (found[f"around/{each.name}"] for each in fields(Around))
    return Around(feeds, channel, low, high, front, bytes(name).decode())
