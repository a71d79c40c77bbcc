"""ONNX's own integer operators, as a graph holds them, against ``core.reference``: every code and sum is equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from qexplorer.core.errors import BackendError
from qexplorer.core.reference.convolution import conv_integer, qlinear_conv
from qexplorer.core.reference.matmul import matmul_integer, qlinear_matmul
from qexplorer.run.protocol import SessionOptions
from qexplorer.run.torch_integer import TorchInteger
from tests.run.qdq_layers import Values, codes, grid
from tests.run.torch_devices import each_device

pytestmark = each_device


def _run(
    backend: TorchInteger, folder: Path, op: str, inputs: dict[str, Values | None], fed: str, **attributes: Any
) -> Values:
    """What one operator gives; ``fed`` are the inputs that come as the model runs, None is left out."""
    kept = {name: np.asarray(value) for name, value in inputs.items() if value is not None}
    kind = helper.np_dtype_to_tensor_dtype
    ports = [helper.make_tensor_value_info(n, kind(kept[n].dtype), [None] * kept[n].ndim) for n in fed.split()]
    stored = [numpy_helper.from_array(value, name) for name, value in kept.items() if name not in fed.split()]
    names = [name if value is not None else "" for name, value in inputs.items()]
    made = kind(kept["yz"].dtype) if "yz" in kept else onnx.TensorProto.INT32
    node = helper.make_node(op, names, ["y"], "layer", **attributes)
    graph = helper.make_graph([node], "g", ports, [helper.make_tensor_value_info("y", made, None)], stored)
    path = folder / "one.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    session = backend.load(path, SessionOptions())
    assert session.kernels().integer == {op: 1}
    return session.run({name: kept[name] for name in fed.split()})[0]


FED = ["x", "x w", "x w wz"]
CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 6, 5), (4, 3, 3, 2), {}),
    ((2, 4, 6, 5), (6, 2, 3, 3), {"group": 2, "pads": [1, 0, 2, 1], "strides": [2, 1]}),
    ((1, 3, 9), (3, 1, 3), {"group": 3, "dilations": [2], "auto_pad": "SAME_UPPER"}),
]


@pytest.mark.parametrize(("shape", "weight", "attributes"), CONVOLUTIONS)
@pytest.mark.parametrize("fed", FED)
@pytest.mark.parametrize(("x_kind", "w_kind"), [("uint8", "int8"), ("int8", "uint8")])
def test_a_convolution_is_the_reference(
    backend: TorchInteger,
    tmp_path: Path,
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    attributes: dict[str, Any],
    fed: str,
    x_kind: str,
    w_kind: str,
) -> None:
    """Whatever of it is constant: with a bias or none, scales for each channel, zero points or none."""
    rng = np.random.default_rng(3)
    x, w = codes(rng, x_kind, shape), codes(rng, w_kind, weight)
    outputs = weight[0]
    (xs, xz), (ys, yz) = grid(rng, x_kind), grid(rng, "int8")
    for size in (None, outputs):
        ws, wz = grid(rng, w_kind, size)
        given = {"x": x, "xs": xs, "xz": xz, "w": w, "ws": ws, "wz": wz, "ys": ys, "yz": yz}
        for b in (None, rng.integers(-9000, 9000, outputs).astype(np.int32)):
            found = _run(backend, tmp_path, "QLinearConv", given | ({} if b is None else {"b": b}), fed, **attributes)
            np.testing.assert_array_equal(found, qlinear_conv(*given.values(), b, **attributes))
        for left, right in ((xz, wz), (None, wz), (xz, None)):
            if right is None and "wz" in fed:
                continue
            sums = _run(backend, tmp_path, "ConvInteger", {"x": x, "w": w, "xz": left, "wz": right}, fed, **attributes)
            np.testing.assert_array_equal(sums, conv_integer(x, w, left, right, **attributes))
    plain = _run(backend, tmp_path, "ConvInteger", {"x": x, "w": w}, fed.removesuffix(" wz"), **attributes)
    np.testing.assert_array_equal(plain, conv_integer(x, w, **attributes))


@pytest.mark.parametrize("fed", ["a", "a b", "a b az bz"])
@pytest.mark.parametrize(("left", "right"), [((5, 7), (7, 3)), ((2, 5, 7), (7, 3)), ((2, 5, 7), (2, 7, 3))])
@pytest.mark.parametrize(("rows", "columns"), [(None, None), (5, None), (None, 3), (5, 3)])
def test_a_product_is_the_reference(
    backend: TorchInteger,
    tmp_path: Path,
    fed: str,
    left: tuple[int, ...],
    right: tuple[int, ...],
    rows: int | None,
    columns: int | None,
) -> None:
    """Scales and zero points for the whole, for each row of the left and for each column of the right."""
    rng = np.random.default_rng(4)
    a, b = codes(rng, "uint8", left), codes(rng, "int8", right)
    (a_s, az), (bs, bz), (ys, yz) = grid(rng, "uint8", rows), grid(rng, "int8", columns), grid(rng, "int8", rows)
    given = {"a": a, "as": a_s, "az": az, "b": b, "bs": bs, "bz": bz, "ys": ys, "yz": yz}
    found = _run(backend, tmp_path, "QLinearMatMul", given, fed)
    np.testing.assert_array_equal(found, qlinear_matmul(*given.values()))
    for one, other in ((az, bz), (az, None), (None, bz)):
        if "az" in fed and (one is None or other is None):
            continue
        sums = _run(backend, tmp_path, "MatMulInteger", {"a": a, "b": b, "az": one, "bz": other}, fed)
        np.testing.assert_array_equal(sums, matmul_integer(a, b, one, other))
    plain = _run(backend, tmp_path, "MatMulInteger", {"a": a, "b": b}, fed.removesuffix(" az bz"))
    np.testing.assert_array_equal(plain, matmul_integer(a, b))


def test_codes_of_16_bits_are_refused_by_name(backend: TorchInteger, tmp_path: Path) -> None:
    """On either side of a product: no sum of them is held by 32 bits."""
    wide, short = np.zeros((2, 2), np.uint16), np.zeros((2, 2), np.uint8)
    one, zeros = np.float32(1), {"uint16": np.uint16(0), "uint8": np.uint8(0)}
    for a, b in ((wide, short), (short, wide)):
        az, bz = zeros[str(a.dtype)], zeros[str(b.dtype)]
        given = {"a": a, "as": one, "az": az, "b": b, "bs": one, "bz": bz, "ys": one, "yz": zeros["uint8"]}
        with pytest.raises(BackendError, match="QLinearMatMul of other codes than int8 and uint8"):
            _run(backend, tmp_path, "QLinearMatMul", given, "a")
