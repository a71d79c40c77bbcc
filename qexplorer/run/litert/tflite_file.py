"""Reading .tflite files: operators with the types that they work on, constants, grids; and shapes with a free batch.

Source: TensorFlow's ``lite/schema/schema.fbs``, whose Python classes come with LiteRT.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.workspace import sha256_bytes

__all__ = ["Operator", "Tensor", "free_batch", "names_of", "numbered_operators", "operators", "schema", "weight_key"]

_NUMPY = ("float32", "float16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the file.

    Attributes:
        name: what the converter called it.
        dtype: element type in lower case, such as ``int8``.
        shape: sizes.
        scales: of its grid, float32; empty without one.
        zero_points: beside each scale.
        axis: of the scales, if there are several.
        values: of a constant, as stored (4-bit codes one to a byte); None if it is computed.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scales: Array
    zero_points: Array
    axis: int
    values: Array | None


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of the file, in the order of execution. Inputs that are left out are left out."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def operators(content: bytes) -> Iterator[Operator]:
    """Every operator of the main graph."""
    return (operator for operator, _ in numbered_operators(content))


def numbered_operators(content: bytes) -> Iterator[tuple[Operator, list[int]]]:
    """Every operator of the main graph, with the numbers of its outputs among the file's tensors."""
    classes = schema()
    model = classes.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    tensors = [_tensor(classes, model, graph.Tensors(index)) for index in range(graph.TensorsLength())]
    names = names_of(classes.BuiltinOperator)
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = names[number] if number != classes.BuiltinOperator.CUSTOM else str(code.CustomCode(), "utf-8")
        made = [int(number) for number in operator.OutputsAsNumpy()]
        read = tuple(tensors[i] for i in operator.InputsAsNumpy() if i >= 0)
        yield Operator(name, read, tuple(tensors[number] for number in made)), made


def _tensor(classes: Any, model: Any, tensor: Any) -> Tensor:
    grid, none = tensor.Quantization(), np.zeros(0)
    scales = grid.ScaleAsNumpy() if grid is not None and grid.ScaleLength() else none
    dtype = names_of(classes.TensorType)[tensor.Type()].lower()
    shape = tuple(int(size) for size in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
    return Tensor(
        name=str(tensor.Name(), "utf-8"),
        dtype=dtype,
        shape=shape,
        scales=np.asarray(scales, np.float32),
        zero_points=np.asarray(grid.ZeroPointAsNumpy() if len(scales) else none, np.int64),
        axis=int(grid.QuantizedDimension()) if len(scales) > 1 else -1,
        values=_values(model.Buffers(tensor.Buffer()), dtype, shape),
    )


def _values(buffer: Any, dtype: str, shape: tuple[int, ...]) -> Array | None:
    if not buffer.DataLength():
        return None
    stored = buffer.DataAsNumpy()
    if dtype == "int4":
        return _unpacked(stored)[: int(np.prod(shape))].reshape(shape)
    found: Array = stored.view(dtype).reshape(shape) if dtype in _NUMPY else stored
    return found


def _unpacked(stored: Array) -> Array:
    low, high = np.bitwise_and(stored, 15).astype(np.int8), np.right_shift(stored, 4).astype(np.int8)
    codes = np.stack([low, high], axis=1).reshape(-1)
    found: Array = np.where(codes > 7, codes - 16, codes).astype(np.int8)
    return found


def weight_key(codes: Array, scales: Array) -> str:
    """What a weight can be told by when its axes have been turned: its codes in order of size, and its scales."""
    ordered = np.sort(np.asarray(codes, np.int8).reshape(-1))
    return sha256_bytes(ordered.tobytes() + np.asarray(scales, np.float32).tobytes())


def free_batch(content: bytes) -> bytes:
    """The file with every RESHAPE to ``(1, ...)`` made one to ``(-1, ...)``, so that the batch can be changed.

    Whether the file then means the same at other batches has to be found out by running it.
    """
    classes, changed = schema(), bytearray(content)
    model = classes.Model.GetRootAsModel(changed, 0)
    graph, names = model.Subgraphs(0), names_of(classes.BuiltinOperator)
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        if names[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()] != "RESHAPE" or operator.InputsLength() < 2:
            continue
        given, shape = (graph.Tensors(operator.Inputs(position)) for position in (0, 1))
        stored = model.Buffers(shape.Buffer())
        if not stored.DataLength() or given.ShapeLength() == 0 or given.Shape(0) != 1:
            continue
        sizes = stored.DataAsNumpy().view(np.int32)  # the file's own memory
        if sizes.size and sizes[0] == 1 and (sizes > 0).all():
            sizes[0] = -1
    return bytes(changed)


def names_of(kinds: type) -> dict[int, str]:
    """Numbers of an enumeration of the file format -> their names."""
    return {value: name for name, value in vars(kinds).items() if isinstance(value, int)}


def schema() -> Any:
    """The classes of the file format."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated
