"""Steps between quantizers that need no product: tables of codes, moved codes, pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from qexplorer.run.protocol import KernelKind
from qexplorer.run.torch_integer.floats import applied, kernel_of, quantized_ends
from qexplorer.run.torch_integer.layers import BOUNDS, geometry_of, shift_of
from qexplorer.run.torch_integer.pools import average_sums, largest, mean_sums, stretched
from qexplorer.run.torch_integer.products import signed
from qexplorer.run.torch_integer.quantized_graph import Ending, QuantizedGraph
from qexplorer.run.torch_integer.rounding import requantize
from qexplorer.run.torch_integer.step import Compute, ProgramStep
from qexplorer.run.torch_integer.tables import Table, make_table
from qexplorer.torchgraph.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["average_step", "max_pool_step", "moved_step", "table_step"]

_UNARY_NAMES = """
    Relu Clip LeakyRelu PRelu Sigmoid HardSigmoid HardSwish Tanh Elu Selu Celu Gelu Erf Exp Log Sqrt Abs Neg Sign
    Softplus Softsign ThresholdedRelu Mish Swish Floor Ceil Round Sin Cos Tan Reciprocal Identity
    Add Sub Mul Div Max Min Pow
"""
_BINARY_NAMES = "Add Sub Mul Div Max Min Pow PRelu"
_MOVED_NAMES = """
    Reshape Transpose Flatten Squeeze Unsqueeze Slice Gather Identity DepthToSpace SpaceToDepth Expand Tile Dropout
"""
_UNARY = frozenset(_UNARY_NAMES.split())
_BINARY = frozenset(_BINARY_NAMES.split())
_AS_THEY_ARE = frozenset(_MOVED_NAMES.split())
_LISTS = frozenset({"Concat"})


def table_step(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device) -> ProgramStep | None:
    """An elementwise operator of one or two tensors of codes, as a table; None if it is none."""
    if node.op_type not in _UNARY:
        return None
    ending = view.ending(node.output[0], _UNARY)
    places = [i for i, name in enumerate(node.input) if name and not _single(view, name)]
    if ending is None or not 1 <= len(places) <= 2 or (len(places) == 2 and node.op_type not in _BINARY):
        return None
    sources = [view.codes(node.input[i]) for i in places]
    coded = [(source.name, source.grid) for source in sources if source and source.grid]
    if len(coded) < len(places):
        return None
    makers = [view.maker(node.input[i]) for i in places]
    kernel = kernel_of(view, node)

    def compute(*codes: Tensor) -> Tensor:
        values = [applied(view, [maker], each) for maker, each in zip(makers, codes, strict=True)]
        given = [view.constants.get(name) if name else None for name in node.input]
        for place, value in zip(places, values, strict=True):
            given[place] = value
        return applied(view, (*ending.chain, ending.quantizer), kernel(*given)[0])

    found = make_table(compute, tuple(grid.dtype for _, grid in coded))
    table = Table(found.values.to(device), found.inputs)
    return _step(node, ending, tuple(name for name, _ in coded), lambda *codes: (table(*codes),))


def moved_step(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device) -> ProgramStep | None:
    """An operator that moves data, on codes, which are brought onto the output's grid first where it is another."""
    if node.op_type not in _AS_THEY_ARE | _LISTS or len([o for o in node.output if o]) != 1:
        return None
    ending = view.ending(node.output[0], _UNARY)
    count = len(node.input) if node.op_type in _LISTS else 1
    sources = [view.codes(name) for name in node.input[:count]]
    if ending is None or any(source is None or source.grid is None for source in sources):
        return None
    tables = [_regrid(view, name, ending, device) for name in node.input[:count]]
    kernel = kernel_of(view, node, device)

    def compute(*inputs: Tensor) -> tuple[Tensor, ...]:
        codes = [x if t is None else t(x) for x, t in zip(inputs[:count], tables, strict=True)]
        return kernel(*codes, *inputs[count:])

    reads = (*(source.name for source in sources if source), *node.input[count:])
    kind = KernelKind.MOVES if all(table is None for table in tables) else KernelKind.INTEGER
    return _step(node, ending, reads, compute, kind)


def max_pool_step(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device) -> ProgramStep | None:
    """MaxPool and GlobalMaxPool on codes: a larger value has a larger code."""
    ending, source = view.ending(node.output[0], _UNARY), view.codes(node.input[0])
    if ending is None or source is None or source.grid is None or len([o for o in node.output if o]) > 1:
        return None
    pool = _largest_of(view, node)
    table = _regrid(view, node.input[0], ending, device)

    def compute(x: Tensor) -> tuple[Tensor, ...]:
        found = pool(x)
        return (found if table is None else table(found),)

    return _step(node, ending, (source.name,), compute)


def _largest_of(view: QuantizedGraph, node: onnx.NodeProto) -> Callable[[Tensor], Tensor]:
    """MaxPool or GlobalMaxPool of tensors of 8-bit codes."""
    settings = Node.of(node, view.graph.opset(node))
    if node.op_type == "GlobalMaxPool":
        return lambda x: x.amax(tuple(range(2, x.ndim)), keepdim=True)
    geometry, grows = geometry_of(settings, settings.wholes("kernel_shape") or ()), settings.whole("ceil_mode", 0)
    return lambda x: largest(x, stretched(geometry, tuple(x.shape[2:])) if grows else geometry)


def average_step(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device) -> ProgramStep | None:
    """GlobalAveragePool, AveragePool and ReduceMean: an int32 sum of codes, rescaled once."""
    ending, source = view.ending(node.output[0], BOUNDS), view.codes(node.input[0])
    if ending is None or source is None or source.grid is None:
        return None
    zero = source.grid.zero_point - shift_of(source.grid.dtype)
    sums = _sums(view, node, zero)
    if sums is None:
        return None
    scale = torch.tensor(source.grid.scale, device=device)
    step = torch.tensor(ending.grid.scale, device=device)
    point = torch.tensor(float(ending.grid.zero_point), device=device)
    low, high = quantized_ends(view, ending)
    dtype = ending.grid.dtype

    def compute(x: Tensor) -> tuple[Tensor, ...]:
        total, counts = sums(signed(x))
        return (requantize(total, scale / (counts * step), point, low, high, dtype),)

    return _step(node, ending, (source.name,), compute)


def _sums(view: QuantizedGraph, node: onnx.NodeProto, zero: int) -> Callable[[Tensor], tuple[Tensor, Tensor]] | None:
    settings = Node.of(node, view.graph.opset(node))
    if node.op_type == "GlobalAveragePool":
        return lambda x: mean_sums(x, tuple(range(2, x.ndim)), zero, True)
    if node.op_type == "ReduceMean":
        given = view.array(node.input[1]) if len(node.input) > 1 else settings.wholes("axes")
        if given is None or np.size(given) == 0:
            return None
        axes, keep = tuple(int(axis) for axis in np.asarray(given)), bool(settings.whole("keepdims", 1))
        return lambda x: mean_sums(x, tuple(axis % x.ndim for axis in axes), zero, keep)
    geometry, grows = geometry_of(settings, settings.wholes("kernel_shape") or ()), settings.whole("ceil_mode", 0)
    padding = bool(settings.whole("count_include_pad", 0))

    def over_windows(x: Tensor) -> tuple[Tensor, Tensor]:
        larger = stretched(geometry, tuple(x.shape[2:])) if grows else geometry
        return average_sums(x, larger, zero, geometry if padding else None)

    return over_windows


def _single(view: QuantizedGraph, name: str) -> bool:
    """Whether ``name`` is a constant of one value."""
    return name in view.constants and view.constants[name].numel() == 1


def _regrid(view: QuantizedGraph, name: str, ending: Ending, device: torch.device) -> Table | None:
    """From the codes behind ``name`` to those that ``ending`` makes of the same values; None if they are the same."""
    source = view.codes(name)
    assert source is not None
    nodes = (view.maker(name), *ending.chain, ending.quantizer)
    table = make_table(lambda codes: applied(view, nodes, codes), (source.grid.dtype,) if source.grid else ())
    return None if table.changes_nothing else Table(table.values.to(device), 1)


def _step(
    node: onnx.NodeProto, ending: Ending, reads: Sequence[str], compute: Compute, kind: KernelKind = KernelKind.INTEGER
) -> ProgramStep:
    layers = (node.name, *(each.name for each in ending.chain))
    return ProgramStep(node.name, node.op_type, kind, layers, tuple(reads), (ending.quantizer.output[0],), compute)
