"""Gradients of whole graphs against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import helper

import qexplorer as qx
from qexplorer.torchgraph.executor import GraphModule
from qexplorer.torchgraph.kernels.elementwise import ONE
from tests.torchgraph.helpers import model_of
from tests.torchgraph.test_models import exported, tokens

pytestmark = pytest.mark.usefixtures("shared_workspace")


def check(module: GraphModule, inputs: tuple[torch.Tensor, ...]) -> None:
    """Gradcheck of the outputs with respect to float inputs and all parameters, in float64."""
    module = module.double()
    names, parameters = zip(*module.named_parameters(), strict=True)

    def call(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given, changed = values[: len(inputs)], dict(zip(names, values[len(inputs) :], strict=True))
        found: tuple[torch.Tensor, ...] = torch.func.functional_call(module, changed, given)
        return found

    wanted = [x.double().requires_grad_() if x.is_floating_point() else x for x in inputs]
    weights = [parameter.detach().clone().requires_grad_() for parameter in parameters]
    assert torch.autograd.gradcheck(call, (*wanted, *weights), fast_mode=True, eps=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", ["digits_cnn", "tumour_mlp"])
def test_a_sample_has_the_gradient_of_finite_differences(name: str) -> None:
    """With respect to the input and to every weight."""
    model = qx.load(name)
    shape = [dim if isinstance(dim, int) else 2 for dim in model.inputs[0].shape]
    torch.manual_seed(0)
    module = GraphModule(model.path, trainable=True)
    assert len(list(module.parameters())) > 4
    check(module, (torch.randn(shape),))


@pytest.mark.parametrize("kind", ["transformer", "mixed"])
def test_an_exported_graph_has_the_gradient_of_finite_differences(kind: str) -> None:
    """Attention, normalization, recurrent layers, resizing and padding, with respect to every weight."""
    torch.manual_seed(0)
    example = tokens(2) if kind == "transformer" else torch.randn(2, 3, 16, 16)
    check(GraphModule(exported(kind, 20), trainable=True), (example,))


@pytest.mark.parametrize(
    "op", [*sorted(set(ONE) - {"BitwiseNot", "IsNaN", "Not"}), "Gelu", "HardSwish", "Mish", "Selu"]
)
def test_a_function_has_the_gradient_of_finite_differences(op: str) -> None:
    """Functions of one tensor, at places where they are smooth."""
    module = GraphModule(model_of([helper.make_node(op, ["x"], ["y"])], {"x": (5,)}, ["y"], {}))
    places = [1.2, 1.4, 1.8, 2.2, 2.9] if op == "Acosh" else [0.15, 0.3, 0.45, 0.6, 0.85]
    x = torch.tensor(places, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, (x,))


def test_a_pair_in_a_graph_passes_the_gradient_where_its_mask_says() -> None:
    """The gradient through QuantizeLinear and DequantizeLinear is the product of mask and weight."""
    constants = {"s": np.float32(0.5), "z": np.uint8(10), "w": np.array([2, 3, 4, 5], np.float32)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["r"]),
        helper.make_node("Mul", ["r", "w"], ["y"]),
    ]
    module = GraphModule(model_of(nodes, {"x": (4,)}, ["y"], constants))
    x = torch.tensor([-5.1, -5.0, 122.5, 122.6], requires_grad=True)
    module(x)[0].sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 3.0, 4.0, 0.0]


def test_every_weight_of_a_quantized_graph_gets_a_gradient() -> None:
    """Codes of weights and biases train as float values: all of them, and no scale or zero point, are parameters."""
    module = GraphModule(qx.quantize(qx.load("digits_cnn"), "w4a8").path, trainable=True)
    module(torch.randn(4, 1, 8, 8))[0].square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert all(name.endswith("trained") for name in gradients)
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients.values())
