"""The layers of a QDQ graph that multiply codes: their integers, their scales and the order in which kernels add.

Taken are Conv, Gemm and MatMul whose data input is read through DequantizeLinear from codes with one scale, and whose
weight is a constant on a grid per tensor or per output channel. Products of one output value are laid out as integer
kernels do after im2col: kernel position outside, input channel inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.graph.index import GraphIndex, label_of
from qexplorer.measure.arithmetic.code_range import code_range

if TYPE_CHECKING:
    import onnx

__all__ = ["ConvolutionGeometry", "IntegerLayer", "integer_layers"]

_CODES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535)}


@dataclass(frozen=True, slots=True)
class ConvolutionGeometry:
    """A 1-D to 3-D convolution: one value per spatial axis, ``pads`` before and then after each."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class IntegerLayer:
    """One layer.

    Attributes:
        name: the node's name.
        op: ``Conv``, ``Gemm`` or ``MatMul``.
        codes: name of the tensor of input codes.
        output: name of the layer's float output in the QDQ graph.
        code_type: type of the input codes, such as ``uint8``.
        low: smallest input code that can come.
        high: largest input code that can come.
        zero: zero point of the input.
        scale: step of the input.
        weight_type: type that carries the weight's codes.
        weight: int32 codes, shape ``(groups, K, N)``: K products of each of N outputs; K by kernel position, then
            input channel.
        weight_zero: int64 zero points, shape ``(groups * N,)``.
        weight_scale: float64 steps, shape ``(groups * N,)``.
        bias: int64 codes in steps of ``scale * weight_scale``, shape ``(groups * N,)``; None if there is none, or none
            in integers.
        float_bias: whether there is a bias that is no integer.
        geometry: of a Conv; None for the others.
    """

    name: str
    op: str
    codes: str
    output: str
    code_type: str
    low: int
    high: int
    zero: int
    scale: float
    weight_type: str
    weight: NDArray[np.int32]
    weight_zero: NDArray[np.int64]
    weight_scale: NDArray[np.float64]
    bias: NDArray[np.int64] | None
    float_bias: bool
    geometry: ConvolutionGeometry | None

    @property
    def depthwise(self) -> bool:
        """Whether each output reads one input channel."""
        kernel = 1 if self.geometry is None else int(np.prod(self.geometry.kernel))
        return bool(self.weight.shape[0] > 1 and self.weight.shape[1] == kernel)

    @property
    def step(self) -> NDArray[np.float64]:
        """Value of one unit of the accumulator, by output channel."""
        return self.scale * self.weight_scale


def integer_layers(model: onnx.ModelProto) -> tuple[tuple[IntegerLayer, ...], tuple[tuple[str, str], ...]]:
    """The layers of ``model`` that multiply codes, and (name, reason) of each Conv, Gemm and MatMul left out."""
    reader = _Reader(model)
    found: list[IntegerLayer] = []
    left: list[tuple[str, str]] = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        layer = reader.layer(node)
        if isinstance(layer, IntegerLayer):
            found.append(layer)
        else:
            left.append((label_of(node), layer))
    return tuple(found), tuple(left)


class _Reader:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.index = GraphIndex(model)

    def layer(self, node: onnx.NodeProto) -> IntegerLayer | str:
        """The layer, or why it is none."""
        data, weight = self._dequantizer(node.input[0]), self._dequantizer(node.input[1])
        if data is None or data.input[0] in self.index.constants:
            return "its input is no tensor of codes"
        stored = None if weight is None else self.index.value(weight.input[0])
        if weight is None or stored is None:
            return "its weight is no constant of codes"
        settings = {a.name: _value(a) for a in node.attribute}
        if settings.get("transA", 0) or settings.get("alpha", 1.0) != 1:
            return "it scales or transposes its input"
        scale = np.asarray(self._constant(data.input, 1, np.zeros(2)), np.float64)
        if scale.size != 1 or any(a.name == "block_size" and a.i for a in weight.attribute):
            return "its scales are finer than one for each channel"
        shaped = _shaped(node.op_type, stored, settings)
        if shaped is None:
            return "its weight has more than two axes"
        kind = self._type(data.input)
        if kind not in _CODES:
            return f"no integer kernel multiplies {kind} codes"
        matrix, geometry = shaped
        channels = matrix.shape[0] * matrix.shape[2]
        zero = int(self._constant(data.input, 2, np.zeros((), np.int32)).reshape(-1)[0])
        low, high = code_range(data.input[0], self.index, _CODES[kind])
        bias, float_bias = self._bias(node)
        return IntegerLayer(
            name=label_of(node),
            op=node.op_type,
            codes=data.input[0],
            output=node.output[0],
            code_type=kind,
            low=min(low, zero),
            high=max(high, zero),
            zero=zero,
            scale=float(scale.reshape(())),
            weight_type=_type_of(stored),
            weight=matrix,
            weight_zero=_each(self._constant(weight.input, 2, np.zeros((), np.int32)), channels).astype(np.int64),
            weight_scale=_each(self._constant(weight.input, 1, np.ones(())), channels).astype(np.float64),
            bias=None if bias is None else _each(bias, channels).astype(np.int64),
            float_bias=float_bias,
            geometry=geometry,
        )

    def _dequantizer(self, name: str) -> onnx.NodeProto | None:
        node = self.index.maker(name)
        return node if node is not None and node.op_type == "DequantizeLinear" else None

    def _constant(self, inputs: Any, place: int, default: Array) -> Array:
        found = self.index.value(inputs[place]) if len(inputs) > place else None
        return default if found is None else found

    def _type(self, inputs: Any) -> str:
        zero = self.index.value(inputs[2]) if len(inputs) > 2 else None
        return "uint8" if zero is None else _type_of(zero)

    def _bias(self, node: onnx.NodeProto) -> tuple[Array | None, bool]:
        if len(node.input) < 3 or not node.input[2]:
            return None, False
        source = self._dequantizer(node.input[2])
        codes = None if source is None else self.index.value(source.input[0])
        return (None, True) if codes is None else (codes.astype(np.int64), False)


def _shaped(
    op: str, stored: Array, settings: Mapping[str, Any]
) -> tuple[NDArray[np.int32], ConvolutionGeometry | None] | None:
    """The weight as ``(groups, K, N)``, and the geometry of a Conv."""
    codes = stored.astype(np.int32)
    if op != "Conv":
        if codes.ndim != 2:
            return None
        return np.ascontiguousarray((codes.T if settings.get("transB", 0) else codes)[None]), None
    axes, groups = codes.ndim - 2, int(settings.get("group", 1))
    outputs = codes.shape[0] // groups
    # (M, C, k...) -> (groups, N, k..., C) -> (groups, K, N)
    grouped = codes.reshape(groups, outputs, *codes.shape[1:])
    ordered = np.moveaxis(grouped, 2, -1).reshape(groups, outputs, -1)
    if settings.get("auto_pad", "NOTSET") not in ("NOTSET", "", "VALID"):
        return None
    geometry = ConvolutionGeometry(
        kernel=tuple(codes.shape[2:]),
        strides=tuple(settings.get("strides") or (1,) * axes),
        pads=tuple(settings.get("pads") or (0,) * (2 * axes)),
        dilations=tuple(settings.get("dilations") or (1,) * axes),
    )
    return np.ascontiguousarray(ordered.transpose(0, 2, 1)), geometry


def _each(values: Array, channels: int) -> Array:
    """One value per output channel."""
    flat = values.reshape(-1)
    return np.repeat(flat, channels) if flat.size == 1 else flat


def _type_of(values: Array) -> str:
    return str(values.dtype.name)


def _value(attribute: onnx.AttributeProto) -> Any:
    from onnx import helper

    value = helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value
