"""A layer as a matrix product: rows times columns are what the operator computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid, grid_from_range
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of
from tests.quantize.graphs import Builder
from tests.quantize.support import run

CONVOLUTIONS: list[dict[str, Any]] = [
    {"pads": [1, 1, 1, 1]},
    {"pads": [0, 1, 2, 0], "strides": [2, 1]},
    {"dilations": [2, 1], "pads": [1, 0, 1, 0], "strides": [1, 3]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    {"auto_pad": "VALID"},
    {"group": 2, "pads": [1, 1, 1, 1]},
    {"group": 4},
]


def _layer(b: Builder, op: str, x: str, weight: Any, **attributes: Any) -> tuple[LayerMatrix, GraphIndex, Any]:
    b.output(b.node(op, x, b.constant(weight, "w"), name="layer", **attributes), np.ndim(weight))
    proto = b.model()
    view = GraphIndex(proto)
    found = matrix_of(view.nodes["layer"], view)
    assert isinstance(found, LayerMatrix)
    return found, view, proto


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_a_convolution_is_rows_times_columns(options: dict[str, Any]) -> None:
    """Whatever its padding, strides, dilations and groups."""
    b = Builder(1)
    weight = b.random.normal(size=(8, 4 // options.get("group", 1), 3, 2)).astype(np.float32)
    matrix, _, proto = _layer(b, "Conv", b.input("x", ("n", 4, 9, 10)), weight, **options)
    x = b.random.normal(size=(3, 4, 9, 10)).astype(np.float32)
    wanted = run(proto, {"x": x})[0]
    found = matrix.rows(weight) @ matrix.inputs(x)
    places = found.reshape(8, 3, *wanted.shape[2:]).swapaxes(0, 1)
    np.testing.assert_allclose(places, wanted, rtol=1e-4, atol=1e-5)
    assert np.array_equal(matrix.weight(matrix.rows(weight)), weight)


def test_one_and_three_spatial_axes() -> None:
    """Not pictures alone."""
    for sizes in ((7,), (4, 5, 6)):
        b = Builder(2)
        weight = b.random.normal(size=(3, 2, *[2] * len(sizes))).astype(np.float32)
        matrix, _, proto = _layer(b, "Conv", b.input("x", ("n", 2, *sizes)), weight)
        x = b.random.normal(size=(2, 2, *sizes)).astype(np.float32)
        wanted = run(proto, {"x": x})[0]
        found = (matrix.rows(weight) @ matrix.inputs(x)).reshape(3, 2, *wanted.shape[2:]).swapaxes(0, 1)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("op", "attributes"), [("MatMul", {}), ("Gemm", {}), ("Gemm", {"transB": 1})])
def test_a_product_is_rows_times_columns(op: str, attributes: dict[str, Any]) -> None:
    """Turned over where the weight is ``(in, out)``."""
    b = Builder(3)
    weight = b.random.normal(size=(5, 6) if attributes else (6, 5)).astype(np.float32)
    matrix, _, proto = _layer(b, op, b.input("x", ("n", 6)), weight, **attributes)
    x = b.random.normal(size=(7, 6)).astype(np.float32)
    found = (matrix.rows(weight) @ matrix.inputs(x))[0]
    np.testing.assert_allclose(found.T, run(proto, {"x": x})[0], rtol=1e-4, atol=1e-5)
    assert np.array_equal(matrix.weight(matrix.rows(weight)), weight)


@pytest.mark.parametrize(("axis", "block"), [(None, None), (0, None), (1, None), (0, 4)])
def test_scales_stand_where_their_weights_stand(axis: int | None, block: int | None) -> None:
    """Each value of a matrix has the scale that it has in the weight's own shape."""
    shape = (6, 5)
    sizes = () if axis is None else (2, 5) if block else (shape[axis],)
    scale = np.arange(1, 1 + int(np.prod(sizes)), dtype=np.float32).reshape(sizes)
    grid = Grid(get_format("int8"), scale, np.zeros(sizes, np.int32), axis, block, -127, 127)
    matrix = LayerMatrix("MatMul", shape, turned=True)
    found, _ = matrix.grid(grid)
    wide, _ = grid.expanded(shape)
    assert np.array_equal(matrix.weight(found), np.broadcast_to(wide, shape))
    assert grid_from_range(-1, 1, get_format("int8"), symmetric=True).axis is None


@pytest.mark.parametrize(
    ("op", "weight", "attributes", "why"),
    [
        ("ConvTranspose", (4, 2, 3, 3), {}, "ConvTranspose"),
        ("MatMul", (2, 4, 3), {}, "rank 3"),
        ("Gemm", (4, 3), {"transA": 1}, "turned over"),
    ],
)
def test_what_is_no_matrix_says_why(op: str, weight: tuple[int, ...], attributes: dict[str, Any], why: str) -> None:
    """In a clause."""
    b = Builder()
    shape = {"ConvTranspose": ("n", 4, 5, 5), "MatMul": (2, 3, 4), "Gemm": (4, "n")}[op]
    b.output(b.node(op, b.input("x", shape), b.normal(*weight), name="layer", **attributes), len(shape))
    view = GraphIndex(b.model())
    found = matrix_of(view.nodes["layer"], view)
    assert isinstance(found, str)
    assert why in found
