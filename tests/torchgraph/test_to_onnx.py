"""Trained values go back into the same graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import qexplorer as qx
from qexplorer.torchgraph.executor import GraphModule
from tests.torchgraph.helpers import in_onnxruntime, in_torch, model_of, random_feeds, relative

pytestmark = pytest.mark.usefixtures("shared_workspace")

RECIPES = ["float", "w8a8", "w4a8", "w8a8-tensor", "w8", "w4-b32", "w8a16", "fp16"]


def path_of(recipe: str) -> Path:
    """The digits sample, float or quantized."""
    model = qx.load("digits_cnn")
    return model.path if recipe == "float" else qx.quantize(model, recipe).path


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Initializers by name."""
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_was_not_trained_comes_back_byte_by_byte(recipe: str) -> None:
    """Reading a graph for training and writing it again changes nothing."""
    path = path_of(recipe)
    assert GraphModule(path, trainable=True).to_onnx().SerializeToString() == onnx.load(str(path)).SerializeToString()


@pytest.mark.parametrize("recipe", RECIPES)
def test_trained_weights_answer_in_onnxruntime_as_in_torch(recipe: str) -> None:
    """After a step of training the written graph is new, and ONNX Runtime answers what the module answers."""
    path = path_of(recipe)
    module = GraphModule(path, trainable=True)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * parameter.abs().mean() * torch.randn_like(parameter)
    written = module.to_onnx()
    feeds = random_feeds(written, 4)
    before, after = in_onnxruntime(path, feeds)[0], in_onnxruntime(written, feeds)[0]
    found = in_torch(module, feeds)[0]
    limit = {"float": 1e-5, "w8": 1e-5, "w4-b32": 1e-5, "w8a16": 5e-4, "fp16": 5e-3}.get(recipe, 0.025)
    assert relative(found, after) <= limit
    assert relative(before, after) > limit
    assert relative(in_torch(GraphModule(written), feeds)[0], found) <= limit


def test_codes_stay_in_the_format_that_they_came_in() -> None:
    """4-bit codes that an 8-bit type carries never leave -7 to 7, however far a weight is moved."""
    path = path_of("w4a8")
    module = GraphModule(path, trainable=True)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "weight" in name:
                parameter *= 100
    codes = [value for name, value in constants_of(module.to_onnx()).items() if name.endswith("weight/codes")]
    assert len(codes) > 4
    assert min(value.min() for value in codes) == -7
    assert max(value.max() for value in codes) == 7


def test_only_changed_weights_are_written() -> None:
    """Changing one value of one weight changes that code and leaves every other initializer as it was."""
    path = path_of("w8a8")
    module = GraphModule(path, trainable=True)
    name, parameter = next(iter(module.named_parameters()))
    with torch.no_grad():
        parameter.view(-1)[0] *= -1
    before, after = constants_of(onnx.load(str(path))), constants_of(module.to_onnx())
    changed = [key for key in before if not np.array_equal(before[key], after[key])]
    assert len(changed) == 1
    assert changed[0].replace(".", "_").replace("/", "_").removesuffix("_codes") in name
    assert (before[changed[0]] != after[changed[0]]).sum() == 1


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4, TensorProto.INT2, TensorProto.UINT2])
def test_packed_codes_are_packed_again(kind: int) -> None:
    """4- and 2-bit types with an odd number of values read back as the codes that core.grid gives."""
    signed = kind in (TensorProto.INT4, TensorProto.INT2)
    bits = 4 if kind in (TensorProto.INT4, TensorProto.UINT4) else 2
    low = -(2 ** (bits - 1)) if signed else 0
    values = np.arange(15) % 2**bits + low
    item = helper.make_tensor("w", kind, [3, 5], values.tolist())
    zero = helper.make_tensor("z", kind, [], [0])
    node = helper.make_node("DequantizeLinear", ["w", "s", "z"], ["y"])
    add = helper.make_node("Add", ["x", "y"], ["out"])
    opset = 25 if bits == 2 else 21
    constants = {"w": item, "s": np.float32(0.5), "z": zero}
    module = GraphModule(model_of([node, add], {"x": (3, 5)}, ["out"], constants, opset), trainable=True)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(parameter.flip(0))
    (found,) = (each for each in module.to_onnx().graph.initializer if each.name == "w")
    assert found.data_type == kind
    np.testing.assert_array_equal(numpy_helper.to_array(found).astype(np.int32), values.reshape(3, 5)[::-1])


def test_weights_that_feed_a_quantizer_are_float_parameters() -> None:
    """A float weight in front of a pair trains in float, and comes back as a float initializer."""
    constants = {"w": np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2), "s": np.float32(0.01), "z": np.int8(0)}
    nodes = [
        helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["r"]),
        helper.make_node("MatMul", ["x", "r"], ["y"]),
    ]
    module = GraphModule(model_of(nodes, {"x": (4, 3)}, ["y"], constants), trainable=True)
    assert [name for name, _ in module.named_parameters()] == ["w"]
    with torch.no_grad():
        next(module.parameters()).mul_(0.5)
    np.testing.assert_array_equal(constants_of(module.to_onnx())["w"], constants["w"] * np.float32(0.5))


def test_statistics_and_single_numbers_are_not_trained() -> None:
    """Batch statistics and constants without a dimension are buffers; scale and bias are parameters."""
    values = {name: np.array([1, 2], np.float32) for name in ("scale", "bias", "mean", "variance")}
    nodes = [
        helper.make_node("BatchNormalization", ["x", *values], ["n"]),
        helper.make_node("Mul", ["n", "half"], ["y"]),
    ]
    model = model_of(nodes, {"x": (4, 2, 3)}, ["y"], values | {"half": np.float32(0.5)})
    assert {name for name, _ in GraphModule(model, trainable=True).named_parameters()} == {"scale", "bias"}
    assert not list(GraphModule(model).parameters())
