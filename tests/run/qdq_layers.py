"""Graphs of one quantized layer, whose output is codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Values = NDArray[Any]
Grid = tuple[Values, Values]
"""Scale and zero point."""


def one_layer(
    folder: Path,
    op: str,
    inputs: dict[str, tuple[Values, Grid, int | None]],
    output: Grid,
    *,
    chain: tuple[tuple[str, tuple[float, ...]], ...] = (),
    constant: tuple[str, ...] = ("w", "b"),
    **attributes: Any,
) -> Path:
    """Writes ``DequantizeLinear -> op -> chain -> QuantizeLinear`` and returns the file's path.

    Args:
        folder: where to.
        op: operator type.
        inputs: codes, grid and axis of each input, by name, in order.
        output: grid of the result.
        chain: operators between the layer and QuantizeLinear, with their constant inputs.
        constant: inputs that are initializers; the others are fed.
        attributes: of the layer.
    """
    nodes, kept, fed, values = [], [], [], []
    for name, (codes, grid, axis) in inputs.items():
        if name in constant:
            kept.append(numpy_helper.from_array(codes, name))
        else:
            element = helper.np_dtype_to_tensor_dtype(codes.dtype)
            fed.append(helper.make_tensor_value_info(name, element, [None] * codes.ndim))
        kept += [numpy_helper.from_array(part, f"{name}_{i}") for i, part in enumerate(grid)]
        places = {} if axis is None else {"axis": axis}
        nodes.append(helper.make_node("DequantizeLinear", [name, f"{name}_0", f"{name}_1"], [f"{name}_f"], **places))
        values.append(f"{name}_f")
    nodes.append(helper.make_node(op, values, ["z0"], "layer", **attributes))
    last = "z0"
    for index, (extra, numbers) in enumerate(chain):
        names = [f"chain{index}_{i}" for i in range(len(numbers))]
        kept += [numpy_helper.from_array(np.float32(v), n) for n, v in zip(names, numbers, strict=True)]
        nodes.append(helper.make_node(extra, [last, *names], [f"z{index + 1}"], f"chain{index}"))
        last = f"z{index + 1}"
    kept += [numpy_helper.from_array(part, f"y_{i}") for i, part in enumerate(output)]
    nodes.append(helper.make_node("QuantizeLinear", [last, "y_0", "y_1"], ["y"]))
    element = helper.np_dtype_to_tensor_dtype(output[1].dtype)
    out = [helper.make_tensor_value_info("y", element, None)]
    graph = helper.make_graph(nodes, "one", fed, out, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path = folder / "one.onnx"
    onnx.save(model, str(path))
    return path


def grid(rng: np.random.Generator, kind: str, size: int | None = None, *, symmetric: bool = False) -> Grid:
    """A random grid for codes of type ``kind``: one value, or ``size`` values."""
    info, shape = np.iinfo(kind), () if size is None else (size,)
    scale = np.asarray(rng.uniform(1e-3, 1e-1, shape), np.float32)
    middle = np.full(shape, (info.min + info.max + 1) // 2)
    zero = middle if symmetric else rng.integers(info.min, info.max + 1, shape)
    return scale, np.asarray(zero, kind)


def codes(rng: np.random.Generator, kind: str, shape: tuple[int, ...], *, extreme: bool = False) -> Values:
    """Random codes; ``extreme``: only the smallest and the largest."""
    info = np.iinfo(kind)
    found = rng.integers(info.min, info.max + 1, shape)
    return np.where(found > found.mean(), info.max, info.min).astype(kind) if extreme else found.astype(kind)
