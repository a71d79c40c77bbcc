"""Codes of values that are made of shapes alone: attention divides by the root of a size, which has a grid too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.backend import LiteRt
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import reference
from qexplorer.run.torch_integer.backend import TORCH
from qexplorer.torchgraph.graph import graph_of
from qexplorer.torchgraph.host import host_nodes

STEP = 0.05
LENGTH = 5


def grid(name: str, source: str) -> list[onnx.NodeProto]:
    """A pair of quantizers from ``source`` to ``name``."""
    rest = ["step", "zero_point"]
    return [
        helper.make_node("QuantizeLinear", [source, *rest], [f"{name}/codes"], f"{name}/quantize"),
        helper.make_node("DequantizeLinear", [f"{name}/codes", *rest], [name], f"{name}/dequantize"),
    ]


@pytest.fixture
def scaled() -> onnx.ModelProto:
    """``x * sqrt(x.shape[1])``, every tensor on a grid; the length of ``x`` is free."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["length"]),
        helper.make_node("Cast", ["length"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Sqrt", ["number"], ["root"]),
        *grid("factor", "root"),
        *grid("given", "x"),
        helper.make_node("Mul", ["given", "factor"], ["product"], "multiply"),
        *grid("y", "product"),
    ]
    constants = {"one": np.int64(1), "step": np.float32(STEP)}
    kept = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    kept.append(numpy_helper.from_array(np.asarray(120, np.uint8), "zero_point"))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", "length", 3]) for n in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.fixture
def feeds() -> dict[str, np.ndarray]:
    """Two samples."""
    return {"x": np.random.default_rng(1).standard_normal((2, LENGTH, 3)).astype(np.float32)}


@pytest.fixture
def expected(scaled: onnx.ModelProto, feeds: dict[str, np.ndarray], tmp_path: Path) -> np.ndarray:
    """What the simulation answers."""
    return reference().load(saved(scaled, tmp_path), SessionOptions(Mode.SIMULATED)).run(feeds)[0]


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    """The model's file."""
    path = folder / "scaled.onnx"
    onnx.save(model, str(path))
    return path


def test_codes_are_not_computed_on_the_host(scaled: onnx.ModelProto) -> None:
    """A root of a size may be NumPy's; quantizers give tensors to whoever reads codes."""
    graph = graph_of(scaled)
    ops = {graph.nodes[index].op_type for index in host_nodes(graph)}
    assert "Sqrt" in ops
    assert not ops & {"QuantizeLinear", "DequantizeLinear"}


def test_torch_integer_multiplies_them(
    scaled: onnx.ModelProto, feeds: dict[str, np.ndarray], expected: np.ndarray, tmp_path: Path
) -> None:
    """The product is one step on codes, and the simulation's."""
    session = TORCH.load(saved(scaled, tmp_path), SessionOptions())
    assert np.abs(session.run(feeds)[0] - expected).max() <= 1.01 * STEP
    assert session.kernels().integer.get("Mul") == 1


def test_the_compiler_s_graph_multiplies_them(
    scaled: onnx.ModelProto, feeds: dict[str, np.ndarray], expected: np.ndarray
) -> None:
    """PyTorch traces the lowered graph, and it answers as the simulation."""
    from qexplorer.run.torch_inductor.lower import LoweredGraph

    inputs = (torch.from_numpy(feeds["x"]),)
    traced = torch.export.export(LoweredGraph(graph_of(scaled)).eval(), inputs).module()
    assert np.abs(traced(*inputs)[0].numpy() - expected).max() <= 1.01 * STEP


@pytest.mark.skipif(not LiteRt().availability().available, reason="LiteRT is not installed")
def test_what_litert_converts_multiplies_them(
    scaled: onnx.ModelProto, feeds: dict[str, np.ndarray], expected: np.ndarray
) -> None:
    """Its own grids are nodes that no evaluator of ONNX knows: torch runs them, also where all they read is known."""
    import qexplorer.run.litert.nodes  # noqa: F401  (torchgraph learns its nodes)
    from qexplorer.run.litert.rewrite.graph import rewritten
    from qexplorer.torchgraph.executor import GraphModule

    module = GraphModule(rewritten(scaled).model)
    assert np.abs(module(torch.from_numpy(feeds["x"]))[0].numpy() - expected).max() <= 1.01 * STEP
