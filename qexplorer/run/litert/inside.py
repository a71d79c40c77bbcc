"""The codes inside a converted file, read from the file itself: its own tensors become outputs as well.

A graph that is converted once more, with its codes as outputs, is another file: what is handed out is not fused away
(a residual Add of codes becomes one of floats), and converting takes seconds. XNNPACK computes the same kernels
whichever of their tensors are outputs.

The converter keeps no names. A tensor is found by its grid and the number of its values; tensors that share both are
taken in the order of execution, if there are as many in the file as in the graph. So a place can be mistaken, and
whoever reads codes here has to check them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.run.litert.tflite_file import Operator, numbered_operators, schema

__all__ = ["CodePlace", "Codes", "codes_in", "places_of", "with_outputs"]

_MIDDLE = {"uint8": 128, "uint16": 32768}  # LiteRT's codes are signed
_TOLD = ("int8", "int16", *_MIDDLE)
_SAME_CODES = ("RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS")
Key = tuple[float, int, int]


@dataclass(frozen=True, slots=True)
class Codes:
    """A tensor of codes of an ONNX graph.

    Attributes:
        name: of the tensor.
        scale: of its grid.
        zero_point: of its grid.
        dtype: of the codes, such as ``uint8``.
        sizes: of one sample, without the batch.
    """

    name: str
    scale: float
    zero_point: int
    dtype: str
    sizes: tuple[int, ...]

    @property
    def key(self) -> Key:
        """What it has in common with its tensor in the file."""
        return self.scale, self.zero_point - _MIDDLE.get(self.dtype, 0), int(np.prod(self.sizes))

    def read(self, value: Array, *, turned: bool) -> Array:
        """The codes as the graph has them, from what the file handed out; ``turned``: channels came last."""
        value = np.moveaxis(value, -1, 1) if turned else value.reshape(len(value), *self.sizes)
        codes = value.astype(np.int32) + _MIDDLE.get(self.dtype, 0)
        return np.ascontiguousarray(codes.astype(self.dtype))


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A tensor of the file: its number, and whether its channels are last where the graph has them first."""

    index: int
    turned: bool


def codes_in(path: Path, names: Sequence[str]) -> list[Codes] | None:
    """The tensors of codes called ``names`` in the graph at ``path``; None where the grid or the size of one is not
    written there."""
    import onnx
    from onnx import numpy_helper

    from qexplorer.load.shapes import inferred

    model = onnx.load(str(path))
    constants = {item.name: item for item in model.graph.initializer}
    kinds = {item.name: item.type.tensor_type for item in inferred(model).graph.value_info}
    shapes = {name: kind.shape.dim for name, kind in kinds.items() if kind.HasField("shape")}
    made_by = {node.output[0]: node for node in model.graph.node if node.op_type == "QuantizeLinear"}
    found = []
    for name in names:
        grid = [constants.get(each) for each in made_by[name].input[1:]] if name in made_by else []
        sizes = tuple(int(dim.dim_value) for dim in list(shapes.get(name, ()))[1:])
        if len(grid) != 2 or None in grid or name not in shapes or 0 in sizes:
            return None
        scale, zero = (numpy_helper.to_array(each) for each in grid if each is not None)
        if scale.size != 1 or zero.dtype.name not in _TOLD:
            return None
        found.append(Codes(name, float(np.float32(scale.item())), int(zero.item()), str(zero.dtype), sizes))
    return found


def places_of(content: bytes, asked: Sequence[Codes]) -> list[CodePlace] | None:
    """Where each of ``asked`` is in a file; None if one of them cannot be told."""
    there: dict[Key, list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
    for operator, numbers in numbered_operators(content):
        for number, key, shape in _made(operator, numbers):
            there[key].append((number, shape))
    wanted: dict[Key, list[Codes]] = defaultdict(list)
    for each in asked:
        wanted[each.key].append(each)
    places: dict[str, CodePlace] = {}
    for key, group in wanted.items():
        found = there[key] * len(group) if len(there[key]) == 1 else there[key]
        if len(found) != len(group):
            return None
        for each, (number, shape) in zip(group, found, strict=True):
            turned = _turned(each.sizes, shape[1:])
            if turned is None:
                return None
            places[each.name] = CodePlace(number, turned)
    return [places[each.name] for each in asked]


def _made(operator: Operator, numbers: Sequence[int]) -> list[tuple[int, Key, tuple[int, ...]]]:
    """The tensors of codes that an operator makes anew."""
    if operator.name in _SAME_CODES:
        return []
    return [
        (number, (float(out.scales[0]), int(out.zero_points[0]), int(np.prod(out.shape[1:]))), out.shape)
        for out, number in zip(operator.outputs, numbers, strict=True)
        if out.dtype in ("int8", "int16") and len(out.scales) == 1
    ]


def _turned(sizes: Sequence[int], shape: Sequence[int]) -> bool | None:
    """Whether channels are last in ``shape``, first in ``sizes``; None if that is not certain."""
    plain = [size for size in sizes if size > 1] == [size for size in shape if size > 1]
    last = len(sizes) > 1 and [*sizes[1:], sizes[0]] == list(shape)
    if plain and last:  # certain only where both mean the same order of values
        return None if sum(size > 1 for size in sizes) > 1 else False
    return last if plain or last else None


def with_outputs(content: bytes, places: Sequence[CodePlace], first: int) -> bytes:
    """The file with further outputs: ``output_<first>`` and so on in its signature."""
    import flatbuffers

    classes = schema()
    model = classes.ModelT.InitFromObj(classes.Model.GetRootAsModel(bytearray(content), 0))
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    graph.outputs = np.asarray([*graph.outputs, *(place.index for place in places)], np.int32)
    for position, place in enumerate(places, first):
        named = classes.TensorMapT()
        named.name, named.tensorIndex = f"output_{position}".encode(), place.index
        signature.outputs.append(named)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
