"""Half precision, bounds and grids that LiteRT has no kernels for, written so that it can run them in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.graph_edit import GraphEdit

if TYPE_CHECKING:
    import onnx

__all__ = ["ends_on_grid", "rewrite_clips", "rewrite_halves", "tell_float_sums", "unfuse"]

_SOFTMAX = (1 / 256, -128)  # scale and zero point of LiteRT's integer SOFTMAX, which has no other
_LAYERS = ("FullyConnected", "MatMul", "Conv", "ConvTranspose")
_HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def rewrite_halves(edit: GraphEdit, differences: list[str]) -> None:
    """Half precision as float32: the values of constants stay, rounding in between is left out."""
    found = False
    for name, item in edit.constants.items():
        if item.data_type in _HALVES:
            edit.constants[name] = numpy_helper.from_array(numpy_helper.to_array(item).astype(np.float32), name)
            found = True
    for node in edit.nodes:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype", "output_dtype") and attribute.i in _HALVES:
                attribute.i = TensorProto.FLOAT
                found = True
    if found:
        differences.append("half-precision layers are computed in float32: LiteRT's interpreter has no other way")


def rewrite_clips(edit: GraphEdit) -> None:
    """Clip with constant bounds as ``Bound``, a bound left out where the grid in front of it already keeps to it."""
    made = edit.makers()
    for node in [node for node in edit.nodes if node.op_type == "Clip" and not node.domain]:
        bounds = [edit.array(name) for name in node.input[1:] if name]
        if any(bound is None or bound.size != 1 for bound in bounds):
            continue
        limits = {}
        for label, name in zip(("low", "high"), node.input[1:], strict=False):
            value = edit.array(name) if name else None
            if value is not None and not _kept(made.get(node.input[0]), label, float(value)):
                limits[label] = float(value)
        edit.replace(node, edit.node("Bound", [node.input[0]], node.output[0], **limits))


def unfuse(edit: GraphEdit, differences: list[str]) -> None:
    """Keeps apart what LiteRT would fuse into an integer kernel that cannot do it.

    SOFTMAX on codes has one grid for its answers; with another the file does not load. DIV on codes (LiteRT 2.3) was
    off by 155 steps for two ordinary grids.
    """
    made, readers = edit.makers(), edit.readers()
    for node in [node for node in edit.nodes if node.op_type in ("Div", "Softmax") and not node.domain]:
        grids = [each for each in readers.get(node.output[0], ()) if each.op_type == "Grid"]
        on_codes = [made.get(name) is not None and made[name].op_type == "Grid" for name in node.input]
        if not grids or not all(on_codes) or (node.op_type == "Softmax" and all(map(_is_softmax_grid, grids))):
            continue
        settings = {attribute.name: attribute.i for attribute in node.attribute}
        edit.replace(node, edit.node(f"Float{node.op_type}", list(node.input), node.output[0], **settings))
        differences.append(
            f"'{node.output[0]}' is computed in float: LiteRT's {node.op_type} on codes cannot do its grid"
        )


def tell_float_sums(edit: GraphEdit, differences: list[str]) -> None:
    """Says which layers on codes have no grid for their answers: LiteRT's integer kernels give codes alone."""
    made, readers = edit.makers(), edit.readers()
    for node in edit.nodes:
        makers = [made.get(name) for name in node.input[:2]]
        if node.op_type not in _LAYERS or len(makers) < 2 or makers[0] is None or makers[0].op_type != "Grid":
            continue
        codes = makers[1] is not None and makers[1].op_type in ("Weight", "Grid")
        if codes and not ends_on_grid(node.output[0], readers):
            what = (
                f"'{node.output[0].removesuffix('//joined')}' is computed in float: LiteRT's integer kernels give codes"
            )
            differences.append(f"{what}, and no grid follows here")


def ends_on_grid(name: str, readers: dict[str, list[onnx.NodeProto]]) -> bool:
    """Whether a grid follows, behind a bound or bias at most."""
    behind = readers.get(name, [])
    bounds = [each.output[0] for each in behind if each.op_type in ("Relu", "Bound", "Add")]
    return any(each.op_type == "Grid" for each in behind) or any(ends_on_grid(each, readers) for each in bounds)


def _is_softmax_grid(grid: onnx.NodeProto) -> bool:
    settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in grid.attribute}
    near = abs(settings["scale"] - _SOFTMAX[0]) <= 0.001 * _SOFTMAX[0]
    return bool(near and settings["zero_point"] == _SOFTMAX[1] and settings["type"] == b"int8")


def _kept(maker: onnx.NodeProto | None, label: str, bound: float) -> bool:
    """Whether the values that ``maker`` gives are within ``bound`` anyway, up to a hundredth of a step."""
    if maker is None or maker.op_type != "Grid":
        return False
    settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in maker.attribute}
    limit = 127 if settings["type"] == b"int8" else 32767
    code = -limit - 1 if label == "low" else limit
    end = (code - settings["zero_point"]) * settings["scale"]
    slack = 0.01 * settings["scale"]
    return bool(bound <= end + slack if label == "low" else bound >= end - slack)
