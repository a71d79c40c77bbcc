"""The PyTorch integer session: errors in one sentence, threads, profile, sums, and processors without VNNI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import KernelKind, SessionOptions
from qexplorer.run.registry import BACKENDS
from qexplorer.run.torch_integer import TORCH, TORCH_CUDA
from tests.measure.models import make_cnn, quantized, samples
from tests.run.qdq_layers import codes, grid, one_layer

_EXACT = """
import torch
from qexplorer.run.torch_integer import products
torch.manual_seed(0)
for m, k, n in ((1, 1, 1), (5, 27, 3), (40, 576, 33), (2, 4608, 8)):
    left, right = (torch.randint(0, 2, size) * 255 - 128 for size in ((m, k), (n, k)))
    left[0], right[0] = 127, -128
    found = products.multiply(left.to(torch.int8), products.matrix(right.to(torch.int8)))
    assert torch.equal(found.long(), left.long() @ right.long().t()), (m, k, n)
print(products.sums_exactly())
"""


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small quantized CNN."""
    folder = tmp_path_factory.mktemp("cnn")
    return quantized(make_cnn(folder), folder).path


@pytest.mark.parametrize("instructions", ["AVX2", "SSE41"])
def test_products_are_exact_without_vnni(instructions: str) -> None:
    """Told to do without VNNI, oneDNN's int8 product saturates; it is found out, and ours stays exact."""
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": instructions}
    done = subprocess.run([sys.executable, "-c", _EXACT], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("True", "False")


def test_memory_that_does_not_suffice_is_a_backend_error(tmp_path: Path) -> None:
    """A tensor of 16 TiB is refused in one sentence, and the session goes on working."""
    info = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Expand", ["x", "shape"], ["wide"], "widen"),
        helper.make_node("Neg", ["wide"], ["y"], "negate"),
    ]
    inputs = [info("x", TensorProto.FLOAT, [1]), info("shape", TensorProto.INT64, [1])]
    graph = helper.make_graph(nodes, "wide", inputs, [info("y", TensorProto.FLOAT, ["n"])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, str(tmp_path / "wide.onnx"))
    session = TORCH.load(tmp_path / "wide.onnx", SessionOptions())
    with pytest.raises(BackendError, match=r"wide\.onnx: PyTorch ran out of memory .*smaller batch"):
        session.run({"x": np.ones(1, np.float32), "shape": np.asarray([2**42])})
    assert session.run({"x": np.ones(1, np.float32), "shape": np.asarray([3])})[0].tolist() == [-1, -1, -1]


def test_an_operator_that_torch_lacks_is_named_at_loading(tmp_path: Path) -> None:
    """The sentence says which operator and what to do."""
    rng = np.random.default_rng(0)
    x = codes(rng, "uint8", (1, 2))
    path = one_layer(tmp_path, "Flatten", {"x": (x, grid(rng, "uint8"), None)}, grid(rng, "uint8"))
    model = onnx.load(str(path))
    model.graph.node[1].op_type = "StringNormalizer"
    onnx.save(model, str(path))
    with pytest.raises(BackendError, match=r"'layer' \(StringNormalizer, opset \d+\); choose onnxruntime"):
        TORCH.load(path, SessionOptions())


@pytest.mark.parametrize(
    ("feeds", "said"),
    [
        ({}, "no value was given for the input 'x'"),
        ({"x": samples(1).astype(np.float64)}, "is float64"),
        ({"x": samples(1)[0]}, "of shape"),
        ({"x": samples(1), "y": samples(1)}, "there is no input 'y'"),
    ],
)
def test_inputs_that_do_not_fit_are_told_with_what_would(int8: Path, feeds: dict[str, np.ndarray], said: str) -> None:
    """Each kind of wrong input has its own sentence."""
    with pytest.raises(BackendError, match=said):
        TORCH.load(int8, SessionOptions()).run(feeds)


def test_the_thread_setting_is_the_session_s_whenever_it_runs(int8: Path) -> None:
    """The setting of torch belongs to the process: each session sets its own before each run."""
    before = torch.get_num_threads()
    try:
        one, two = (TORCH.load(int8, SessionOptions(threads=n)) for n in (1, 2))
        seen = []
        for session in (one, two, one):
            session.call({"x": samples(1)})()
            seen.append(torch.get_num_threads())
        assert seen == [1, 2, 1]
    finally:
        torch.set_num_threads(before)


def test_the_profile_lists_every_step_with_its_layer_and_time(int8: Path) -> None:
    """Kinds agree with the kernels, layers are the graph's own names, and nothing takes no time."""
    session = TORCH.load(int8, SessionOptions())
    steps = session.profile({"x": samples(2)}, 3)
    kernels = session.kernels()
    assert sum(step.kind is KernelKind.INTEGER for step in steps) == sum(kernels.integer.values())
    assert {"conv1", "conv2", "sum", "pool", "linear"} <= {name for step in steps for name in step.layers}
    assert all(step.ms is not None and step.ms > 0 for step in steps)


def test_sums_are_shown_for_integer_layers_alone(int8: Path) -> None:
    """Ranges name the products of the graph with the bits they need; any other layer is answered with those names."""
    session = TORCH.load(int8, SessionOptions())
    ranges = session.accumulator_ranges({"x": samples(4)})
    sums = session.accumulators({"x": samples(4)}, "conv2")
    assert sorted(ranges) == ["conv1", "conv2", "linear"]
    assert (ranges["conv2"].low, ranges["conv2"].high) == (sums.min(), sums.max())
    bits = ranges["conv2"].bits
    assert -(2 ** (bits - 1)) <= sums.min()
    assert sums.max() < 2 ** (bits - 1)
    with pytest.raises(BackendError, match=r"'pool' has no int32 sums here; allowed: conv1, conv2, linear"):
        session.accumulators({"x": samples(4)}, "pool")


@pytest.mark.skipif(TORCH_CUDA.availability().available, reason="there is a CUDA device")
def test_without_a_gpu_cuda_says_so_and_loads_nothing(int8: Path) -> None:
    """The backend is listed with its reason, and loading through it raises that reason."""
    state = BACKENDS.get("torch-cuda").availability()
    assert state.reason
    with pytest.raises(BackendError, match="torch-cuda: "):
        TORCH_CUDA.load(int8, SessionOptions())


@pytest.mark.skipif(not TORCH_CUDA.availability().available, reason="there is no CUDA device")
def test_cuda_gives_the_codes_and_sums_of_the_processor(int8: Path) -> None:
    """The same steps on the GPU give the same answers, bit by bit."""
    feeds = {"x": samples(16)}
    here, there = (backend.load(int8, SessionOptions()) for backend in (TORCH, TORCH_CUDA))
    assert np.array_equal(here.run(feeds)[0], there.run(feeds)[0])
    assert np.array_equal(here.accumulators(feeds, "conv1"), there.accumulators(feeds, "conv1"))
    assert here.accumulator_ranges(feeds) == there.accumulator_ranges(feeds)
