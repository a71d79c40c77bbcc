"""Untrained architectures have the published sizes."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from qexplorer.core.errors import UnknownName
from qexplorer.load.samples.architectures.registry import ARCHITECTURES, build
from qexplorer.load.samples.noise import noise_images
from qexplorer.load.samples.shelf import get_sample

pytestmark = pytest.mark.usefixtures("shared_workspace")

PUBLISHED = {  # torchvision's parameters without BatchNorm and biases; its GMACs
    "resnet18": (11_689_512 - 9_600 - 1_000, 1.814),
    "resnet50": (25_557_032 - 53_120 - 1_000, 4.089),
    "mobilenet_v2": (3_504_872 - 34_112 - 1_000, 0.301),
}


def _macs(model: onnx.ModelProto) -> int:
    """Multiply-accumulates counted from inferred shapes, independently of the builder."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = [*inferred.value_info, *inferred.output]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim][1:] for v in values}
    weights = {i.name: list(i.dims)[1:] for i in model.graph.initializer}
    layers = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm")]
    return sum(int(np.prod(shapes[n.output[0]])) * int(np.prod(weights[n.input[1]])) for n in layers)


@pytest.mark.parametrize("name", PUBLISHED)
def test_weights_and_macs_are_those_of_the_paper(name: str) -> None:
    """Convolution and classifier weights agree exactly, multiply-accumulates to three digits."""
    model = onnx.load(build(name))
    weights = sum(int(np.prod(i.dims)) for i in model.graph.initializer if i.name.endswith(".weight"))
    assert weights == PUBLISHED[name][0]
    assert _macs(model) / 1e9 == pytest.approx(PUBLISHED[name][1], abs=0.0006)


@pytest.mark.parametrize("name", PUBLISHED)
def test_declared_sizes_are_those_of_the_file(name: str) -> None:
    """What is listed before a network is built is what it has after."""
    model = onnx.load(build(name))
    values = sum(int(np.prod(i.dims)) for i in model.graph.initializer if i.name.endswith((".weight", ".bias")))
    assert values == ARCHITECTURES.get(name).parameters == get_sample(name).parameters
    assert _macs(model) == ARCHITECTURES.get(name).macs


@pytest.mark.parametrize("name", PUBLISHED)
def test_files_are_valid_and_named(name: str) -> None:
    """Opset 21, IR 10, free batch, unique node names, and the checker finds nothing."""
    model = onnx.load(build(name))
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (10, 21)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)


def test_activations_stay_of_order_one() -> None:
    """Random weights are scaled so that answers neither vanish nor explode, and differ between images."""
    images = noise_images(2)
    for name in PUBLISHED:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(build(name)), options, providers=["CPUExecutionProvider"])
        (logits,) = session.run(None, {"image": images})
        assert 0.1 < float(logits.std()) < 10
        assert float(np.abs(logits[0] - logits[1]).max()) > 1e-3


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_module_for_somebodys_weights_is_the_same_network(name: str) -> None:
    """With the file's weights, and its biases in the BatchNorms, the module answers as the file does."""
    import torch
    from torch import nn

    path, image = build(name), noise_images(1)
    stored = [
        numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer if i.name.endswith(("weight", "bias"))
    ]
    values = iter(torch.from_numpy(array.copy()) for array in stored)
    module = ARCHITECTURES.get(name).module
    assert module is not None
    network = module(1000).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.copy_(next(values))
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_var.fill_(1 - layer.eps)  # type: ignore[union-attr]
            if isinstance(layer, nn.BatchNorm2d | nn.Linear):
                layer.bias.copy_(next(values))
        found = network(torch.from_numpy(image)).numpy()
    assert next(values, None) is None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"image": image})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_building_again_gives_the_same_file() -> None:
    """Weights are seeded: a file that is lost comes back byte for byte."""
    first = build("mobilenet_v2").read_bytes()
    build("mobilenet_v2").unlink()
    assert build("mobilenet_v2").read_bytes() == first


def test_an_unknown_architecture_names_the_known_ones() -> None:
    """Only what is in the registry can be built."""
    with pytest.raises(UnknownName, match="resnet50"):
        build("resnet34")
