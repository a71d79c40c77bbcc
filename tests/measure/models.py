"""Small models built by hand, and the same quantized by ONNX Runtime's own quantizer, so that tests of running and
measuring rest on nothing of loading and quantizing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Layer, Model, TensorInfo
from qexplorer.core.results import Size
from qexplorer.core.workspace import sha256_file
from qexplorer.measure.variant import Variant

SHAPE = (3, 8, 8)
CLASSES = 5


def make_cnn(folder: Path, *, batch: int | None = None, name: str = "cnn", untrained: bool = False) -> Model:
    """Two convolutions with a residual sum, pooling and a linear layer, with fixed random weights."""
    rng = np.random.default_rng(0)

    def weight(label: str, *shape: int) -> onnx.TensorProto:
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 10
        return numpy_helper.from_array((rng.normal(size=shape) / np.sqrt(fan_in)).astype(np.float32), label)

    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "conv2", pads=[1] * 4),
        helper.make_node("Add", ["c2", "r1"], ["s"], "sum"),
        helper.make_node("Relu", ["s"], ["r2"], "relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["g"], "pool"),
        helper.make_node("Flatten", ["g"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], "linear", transB=1),
    ]
    weights = [weight("w1", 16, 3, 3, 3), weight("b1", 16), weight("w2", 16, 16, 3, 3)]
    weights += [weight("w3", CLASSES, 16), weight("b3", CLASSES)]
    first = "n" if batch is None else batch
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [first, *SHAPE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [first, CLASSES])],
        weights,
    )
    return save(folder, graph, name, untrained=untrained)


def save(folder: Path, graph: onnx.GraphProto, name: str, *, untrained: bool = False, opset: int = 21) -> Model:
    """Writes ``graph`` as a model of opset 21 and describes it."""
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(proto)
    path = folder / f"{name}.onnx"
    onnx.save(proto, str(path))
    weights = {w.name for w in graph.initializer}
    layers = tuple(
        Layer(n.name, n.op_type, tuple(i for i in n.input if i not in weights), tuple(n.output), *_PLAIN)
        for n in graph.node
    )
    sha = sha256_file(path)
    return Model(
        name=name,
        path=path,
        sha256=sha,
        source_sha256=sha,
        opset=opset,
        inputs=tuple(map(_info, graph.input)),
        outputs=tuple(map(_info, graph.output)),
        layers=layers,
        parameters=sum(int(np.prod(w.dims)) for w in graph.initializer),
        macs=None,
        file_bytes=path.stat().st_size,
        weight_bytes=sum(4 * int(np.prod(w.dims)) for w in graph.initializer),
        untrained=untrained,
    )


_PLAIN: tuple[Any, ...] = (None, (), None, 0, 0, False, None)


def _info(value: onnx.ValueInfoProto) -> TensorInfo:
    tensor = value.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    return TensorInfo(value.name, dtype, tuple(d.dim_param or d.dim_value for d in tensor.shape.dim))


def samples(n: int, *, seed: int = 1) -> NDArray[np.float32]:
    """``n`` random inputs of :func:`make_cnn`."""
    return np.random.default_rng(seed).normal(size=(n, *SHAPE)).astype(np.float32)


def data_set(n: int = 40, *, labels: bool = True, name: str = "noise", task: str | None = None) -> DataSet:
    """Random samples with random labels, for the task that these mean unless one is named."""
    rng = np.random.default_rng(2)
    said = rng.integers(0, CLASSES, n) if labels else None
    calibration = Split({"x": samples(16, seed=3)}, None)
    return DataSet(name, calibration, Split({"x": samples(n)}, said), True, tuple("abcde"), "0" * 64, task=task)


def quantized(model: Model, folder: Path, *, name: str = "w8a8", signed: bool = False) -> Variant:
    """``model`` as QDQ graph by ONNX Runtime's quantizer: int8 weights per channel, and uint8 activations, or int8 with
    zero point 0 (``signed``)."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        """Feeds a few batches."""

        def __init__(self) -> None:
            size = model.fixed_batch or 8
            self.left: Iterator[dict[str, Any]] = iter([{"x": samples(size, seed=s)} for s in range(4)])

        def get_next(self) -> dict[str, Any] | None:
            return next(self.left, None)

    path = folder / f"{model.name}-{name}.onnx"
    quantize_static(
        str(model.path),
        str(path),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": signed},
    )
    return Variant(
        name, sha256_file(path)[:16], path, Size(path.stat().st_size, 1000), {"y": step_of(path, "y")}, False
    )


def step_of(path: Path, output: str) -> float:
    """The scale of the DequantizeLinear that gives ``output``."""
    graph = onnx.load(str(path)).graph
    node = next(n for n in graph.node if output in n.output)
    assert node.op_type == "DequantizeLinear"
    scale = next(w for w in graph.initializer if w.name == node.input[1])
    return float(numpy_helper.to_array(scale))
