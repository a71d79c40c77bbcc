"""Lessons that are put together by hand: weights, inputs that go together, and grids of each row."""

from __future__ import annotations

import numpy as np

from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range, quantize
from qexplorer.measure.lessons.lesson import WIDTHS, Lesson, LessonGrid
from qexplorer.quantize.algorithms.adaround import AdaroundOptions, rounded
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.output_error import better_codes
from qexplorer.quantize.layerwise.weights import GridWeight

__all__ = ["lesson"]


def lesson(seed: int = 0, rows: int = 5, columns: int = 18) -> Lesson:
    """A layer of which every width has been learned."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, columns)).astype(np.float32)
    mixed = random.normal(size=(columns, columns)) * random.gamma(1.0, 1.0, columns)
    inputs = mixed @ random.normal(size=(columns, 500))
    moments = (inputs @ inputs.T / 500)[None]
    found = Lesson(
        layer="layer",
        op="Gemm",
        words="per channel, symmetric",
        whole=(rows, columns),
        samples=500,
        channels=np.arange(rows, dtype=np.int32),
        columns=np.arange(columns, dtype=np.int32),
        values=values,
        groups=np.zeros(rows, np.int32),
        moments=moments,
        steps={},
    )
    high = np.abs(values).max(1)
    for bits in WIDTHS:
        grid = grid_from_range(-high, high, get_format(f"int{bits}"), symmetric=True, axis=0)
        weight = GridWeight(("layer",), LayerMatrix("Gemm", values.shape), 1, values, grid)
        learned = rounded(weight, moments, AdaroundOptions(steps=300), lambda _: None)
        scale, zero = (np.ascontiguousarray(np.broadcast_to(a, values.shape)) for a in grid.expanded(values.shape))
        codes = better_codes(weight, learned, moments).codes
        found.steps[bits] = LessonGrid(scale, zero, (grid.qmin, grid.qmax), quantize(values, grid), codes)
    return found
