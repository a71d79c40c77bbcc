"""QuantizeLinear and DequantizeLinear of activations as LiteRT's own grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from qexplorer.core.dataset import Array
from qexplorer.run.litert.graph_edit import GraphEdit

if TYPE_CHECKING:
    import onnx

__all__ = ["CodesOut", "rewrite_activations"]

_SIXTEEN = (("int16", 0), ("uint16", 32768))
"""16-bit grids that LiteRT has kernels for: the symmetric ones."""


@dataclass(frozen=True, slots=True)
class CodesOut:
    """A graph output that holds codes: LiteRT gives the values on the grid, and the codes are read off them.

    Attributes:
        scale: of the grid.
        zero_point: in the output's own type.
        dtype: name of the output's type, such as ``uint8``.
    """

    scale: float
    zero_point: int
    dtype: str


def rewrite_activations(edit: GraphEdit, differences: list[str]) -> dict[int, CodesOut]:
    """Replaces every pair of QuantizeLinear and DequantizeLinear by a ``Grid``.

    A pair that LiteRT has no grid for stays: it is computed in float, operator by operator.

    Returns:
        What outputs hold codes, by position.
    """
    codes_out: dict[int, CodesOut] = {}
    for node in [node for node in edit.nodes if node.op_type == "QuantizeLinear"]:
        grid = _grid(edit, node)
        pairs = list(edit.readers().get(node.output[0], ()))
        if grid is None or not pairs or not all(_undoes(edit, each, node) for each in pairs):
            continue
        value = pairs[0].output[0]
        for position, name in enumerate(edit.outputs):
            if name == node.output[0]:
                codes_out[position] = grid
                edit.outputs[position] = value
        if (grid.dtype, grid.zero_point) not in _SIXTEEN and "16" in grid.dtype:
            differences.append(
                f"'{node.input[0]}' has 16-bit codes that are not symmetric: it is rounded by float operators"
            )
            _join(edit, node, pairs, _rounded(grid))
        else:
            _join(edit, node, pairs, _own(grid))
    return codes_out


def _grid(edit: GraphEdit, node: onnx.NodeProto) -> CodesOut | None:
    """The grid of a QuantizeLinear if it is one of 8 or 16 bits with one constant float32 scale."""
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    scale = edit.array(node.input[1])
    if scale is None or scale.size != 1 or scale.dtype != np.float32 or settings.get("block_size"):
        return None
    if len(node.input) < 3 or not node.input[2]:
        return None if "output_dtype" in settings else CodesOut(float(scale.item()), 0, "uint8")
    zero = edit.array(node.input[2])
    kind = edit.constants[node.input[2]].data_type if zero is not None else 0
    if zero is None or helper.tensor_dtype_to_np_dtype(kind).name not in ("int8", "uint8", "int16", "uint16"):
        return None
    return CodesOut(float(scale.item()), int(zero.item()), zero.dtype.name)


def _undoes(edit: GraphEdit, node: onnx.NodeProto, first: onnx.NodeProto) -> bool:
    """Whether ``node`` is the DequantizeLinear of the codes of ``first``, on the same grid."""
    if node.op_type != "DequantizeLinear" or len(node.input) != len(first.input):
        return False
    pairs = zip(node.input[1:], first.input[1:], strict=True)
    return all(a == b or _repeats(edit.array(a), edit.array(b)) for a, b in pairs)


def _repeats(given: Array | None, one: Array | None) -> bool:
    """Whether ``given`` holds the number ``one`` and no other (a scale may stand there once for each channel)."""
    return given is not None and one is not None and given.dtype == one.dtype and bool(np.all(given == one))


def _own(grid: CodesOut) -> tuple[str, dict[str, Any]]:
    """LiteRT's grid, whose codes are signed."""
    signed = grid.dtype.removeprefix("u")
    offset = np.iinfo(signed).max + 1 if signed != grid.dtype else 0
    return "Grid", {"scale": grid.scale, "zero_point": int(grid.zero_point - offset), "type": signed}


def _rounded(grid: CodesOut) -> tuple[str, dict[str, Any]]:
    limits = np.iinfo(grid.dtype)
    ends = {"low": int(limits.min), "high": int(limits.max)}
    return "Rounded", {"scale": grid.scale, "zero_point": grid.zero_point, **ends}


def _join(
    edit: GraphEdit, first: onnx.NodeProto, pairs: list[onnx.NodeProto], grid: tuple[str, dict[str, Any]]
) -> None:
    value = pairs[0].output[0]
    edit.replace(first, edit.node(grid[0], [first.input[0]], value, **grid[1]))
    for node in pairs[1:]:
        edit.replace(node, helper.make_node("Identity", [value], [node.output[0]], name=node.output[0]))
    edit.nodes = [each for each in edit.nodes if each is not pairs[0]]
