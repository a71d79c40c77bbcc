"""What float operators round to levels is what the grid does, and is found again in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from qexplorer.core.formats import Storage, get_format, on_a_grid
from qexplorer.core.grid import Grid, fake_quantize, grid_from_range
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.emit.rounded import write_rounded
from qexplorer.quantize.emit.rounded_found import levels_made
from qexplorer.quantize.emit.writer import GraphWriter
from tests.quantize.support import run

NAMES = [name for name in on_a_grid("activation") if get_format(name).storage is not Storage.INTEGER]
_INFO = helper.make_tensor_value_info


def _grid(name: str) -> Grid:
    return grid_from_range(-1.5, 3.0, get_format(name), symmetric=True)


def _proto(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", [_INFO("x", 1, ["n"])], [_INFO("y", 1, ["n"])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _written(name: str) -> onnx.ModelProto:
    writer = GraphWriter({"x"})
    write_rounded(writer, "x", "t", _grid(name), "y")
    return _proto(writer.nodes, writer.initializers)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_rounds_as_the_grid_does(name: str) -> None:
    """Values on levels, between them, at their borders and far beyond: the same floats."""
    grid = _grid(name)
    levels = np.asarray(grid.levels(), np.float32)
    middles = (levels[1:] + levels[:-1]) / 2
    around = [np.nextafter(middles, np.float32(end)) for end in (-np.inf, np.inf)]
    x = np.concatenate([levels, middles, *around, [-1e30, 1e30, 0.0, 1e-30]]).astype(np.float32)
    (found,) = run(_written(name), {"x": x})
    np.testing.assert_array_equal(found, fake_quantize(x, grid))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_found_once(name: str) -> None:
    """One node of the graph makes the levels: of what was divided, by its scale, with the levels of the format."""
    proto = _written(name)
    index = GraphIndex(proto)
    found = [made for node in index.order if (made := levels_made(node, index)) is not None]
    (made,) = found
    assert (made.source, made.scale) == ("x", pytest.approx(float(_grid(name).scale)))
    np.testing.assert_array_equal(made.table.levels * np.float32(made.scale), _grid(name).levels())


def test_without_a_division_what_is_rounded_is_told_as_it_is() -> None:
    """Casts to 8-bit floats and back of other programs: at scale 1, or with a bound that is computed."""
    kind = onnx.TensorProto.FLOAT8E4M3FN
    casts = [helper.make_node("Cast", ["h"], ["c"], to=kind), helper.make_node("Cast", ["c"], ["y"], to=1)]
    for front, source in (
        (helper.make_node("Relu", ["x"], ["h"]), "h"),
        (helper.make_node("Clip", ["x", "low", "high"], ["h"]), "x"),
        (helper.make_node("Clip", ["x", "low", "top"], ["h"]), "h"),
    ):
        top = helper.make_node("ReduceMax", ["x"], ["top"], keepdims=0)
        ends = [numpy_helper.from_array(np.float32(value), name) for name, value in (("low", -448), ("high", 448))]
        index = GraphIndex(_proto([top, front, *casts], ends))
        made = levels_made(index.order[-1], index)
        assert made is not None
        assert (made.source, made.scale) == (source, 1.0)
        assert levels_made(index.order[-2], index) is None


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"to": 10}, {"to": 1}),
        ({"to": 17}, {"to": 10}),
        ({"to": 17, "domain": "mine"}, {"to": 1}),
        ({"to": 17}, {"to": 1, "domain": "mine"}),
    ],
)
def test_other_casts_round_to_no_levels(narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    """To half precision, back to it, or of another domain."""
    nodes = [helper.make_node("Cast", ["x"], ["c"], **narrow), helper.make_node("Cast", ["c"], ["y"], **wide)]
    index = GraphIndex(_proto(nodes, []))
    assert levels_made(index.order[-1], index) is None


def test_a_look_up_that_no_comparison_leads_to_is_no_rounding() -> None:
    """Rows taken by ids, and a tree that is not full."""
    tree = numpy_helper.from_array(np.arange(7, dtype=np.float32), "tree")
    ids = numpy_helper.from_array(np.array([1, 2], np.int32), "ids")
    nodes = [
        helper.make_node("Cast", ["x"], ["place"], to=6),
        helper.make_node("Add", ["place", "ids"], ["moved"]),
        helper.make_node("Gather", ["tree", "moved"], ["y"]),
    ]
    index = GraphIndex(_proto(nodes, [tree, ids]))
    assert all(levels_made(node, index) is None for node in index.order)
