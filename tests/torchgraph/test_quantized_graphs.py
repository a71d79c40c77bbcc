"""QDQ graphs against ONNX Runtime computing in float between quantizers."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import qexplorer as qx
from qexplorer.torchgraph.dtypes import tensor_of
from qexplorer.torchgraph.executor import GraphModule
from tests.torchgraph.helpers import DEVICES, Array, in_onnxruntime, in_torch, random_feeds, relative, run_node

pytestmark = pytest.mark.usefixtures("shared_workspace")

EIGHT_BITS = 0.025
"""Two steps of an 8-bit output, as a part of its largest value. A float sum near the middle between two codes may fall
to either side, and a single step is passed on to the layers behind; every node alone is held to one step."""

LIMITS = {
    "w8a8": EIGHT_BITS,
    "w4a8": EIGHT_BITS,
    "w8a8-tensor": EIGHT_BITS,
    "w8a8-dynamic": EIGHT_BITS,
    "w8": 1e-5,
    "w4-b32": 1e-5,
    "w8a16": 5e-4,
    "fp16": 3e-3,
}
"""How far outputs may lie apart, as a part of the largest one. Sums in fp16 are rounded after every addition, in an
order that differs."""

SAMPLES = ("digits_cnn", "glyphs_mobilenet", "tumour_mlp")


@functools.cache
def quantized(sample: str, recipe: str) -> Path:
    """A quantized sample's file."""
    return qx.quantize(qx.load(sample), recipe).path


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("recipe", LIMITS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_recipe_answers_as_in_onnxruntime(sample: str, recipe: str, device: str) -> None:
    """Every recipe on every sample is within the recipe's own limit of ONNX Runtime's simulation."""
    path = quantized(sample, recipe)
    feeds = random_feeds(onnx.load(str(path)), 6)
    for found, wanted in zip(in_torch(GraphModule(path), feeds, device), in_onnxruntime(path, feeds), strict=True):
        assert relative(found, wanted) <= LIMITS[recipe]


@pytest.mark.parametrize("recipe", LIMITS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_node_alone_answers_as_in_onnxruntime(sample: str, recipe: str) -> None:
    """Given ONNX Runtime's own values, each node gives its codes (at most one step off, in 1 of 1000 values), or its
    floats within 1e-5, half precision within two of its steps."""
    model = onnx.load(str(quantized(sample, recipe)))
    feeds, opset = random_feeds(model, 4), model.opset_import[0].version
    types = {item.name: item.data_type for item in model.graph.initializer}
    known: dict[str, Array] = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer} | feeds
    names = list(dict.fromkeys(name for node in model.graph.node for name in node.output))
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    known |= dict(zip(names, in_onnxruntime(model, feeds), strict=True))
    for node in model.graph.node:
        given = [tensor_of(known[name]) if name else None for name in node.input]
        outputs = run_node(node, given, opset, [types.get(name, 0) for name in node.input])
        for name, output in zip(node.output, outputs, strict=True):
            _same(node.name, output, tensor_of(known[name]))


def _same(node: str, found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), node
    if found.dtype.is_floating_point:
        limit = 1e-5 if found.dtype is torch.float32 else 2.0**-9
        assert relative(found.numpy(), wanted.numpy()) <= limit, node
    else:
        steps = (found.to(torch.int64) - wanted.to(torch.int64)).abs()
        assert steps.max() <= 1, node
        assert (steps > 0).sum() <= max(steps.numel() / 1000, 1), node


def test_codes_between_a_pair_can_be_read() -> None:
    """Asking for the codes of a fused pair gives the integers that ONNX Runtime makes there."""
    path = quantized("digits_cnn", "w8a8")
    model = onnx.load(str(path))
    first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
    feeds = random_feeds(model, 3)
    model.graph.output.append(onnx.helper.make_tensor_value_info(first.output[0], onnx.TensorProto.UINT8, None))
    wanted = in_onnxruntime(model, feeds)[-1]
    module = GraphModule(path)
    given = {name: torch.from_numpy(value) for name, value in feeds.items()}
    found = module.tensors(given, [first.output[0], *module.output_names])
    assert list(found) == [first.output[0], *module.output_names]
    np.testing.assert_array_equal(found[first.output[0]].numpy(), wanted)
