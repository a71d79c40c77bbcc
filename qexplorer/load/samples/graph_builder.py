"""Builds ONNX graphs of convolutional networks node by node, with seeded random weights and names one can read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

__all__ = ["OPSET", "GraphBuilder"]

OPSET, _IR_VERSION = 21, 10


class GraphBuilder:
    """A float32 graph under construction: every method adds one node and returns its output's name.

    A node, its output and (with ``.weight`` and ``.bias``) its initializers bear the same name. Weights are He-normal
    (He et al. 2015, section 2.2), seeded per node by its name's place in the graph.

    Args:
        name: the graph's name.
        seed: seeds every weight.
    """

    def __init__(self, name: str, seed: int) -> None:
        self._name = name
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []

    def conv(
        self,
        name: str,
        x: str,
        given: int,
        wanted: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        gain: float = math.sqrt(2.0),
    ) -> str:
        """A square convolution with bias, padded to keep the size at stride 1; ``gain`` scales its weights."""
        fan_in = given // groups * kernel * kernel
        weight = self._normal((wanted, given // groups, kernel, kernel), gain / math.sqrt(fan_in))
        inputs = [x, self._keep(f"{name}.weight", weight), self._keep(f"{name}.bias", self._normal((wanted,), 0.05))]
        pads = [kernel // 2] * 4
        return self._add("Conv", name, inputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=groups)

    def relu(self, name: str, x: str) -> str:
        """Negative values become 0."""
        return self._add("Relu", name, [x])

    def relu6(self, name: str, x: str) -> str:
        """Values are held between 0 and 6."""
        low = self._keep(f"{name}.minimum", np.zeros((), np.float32))
        high = self._keep(f"{name}.maximum", np.full((), 6.0, np.float32))
        return self._add("Clip", name, [x, low, high])

    def add(self, name: str, x: str, y: str) -> str:
        """Sum of two tensors."""
        return self._add("Add", name, [x, y])

    def max_pool(self, name: str, x: str) -> str:
        """Largest of 3 x 3, stride 2, padded by 1."""
        return self._add("MaxPool", name, [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])

    def classifier(self, x: str, features: int, classes: int) -> str:
        """Global average, flattened, and a fully connected layer called ``classifier``; returns ``logits``."""
        flat = self._add("Flatten", "flatten", [self._add("GlobalAveragePool", "pool", [x])], axis=1)
        weight = self._normal((classes, features), 1 / math.sqrt(features))
        inputs = [flat, self._keep("classifier.weight", weight)]
        inputs.append(self._keep("classifier.bias", np.zeros((classes,), np.float32)))
        return self._add("Gemm", "classifier", inputs, output="logits", transB=1)

    def model(self, input_name: str, input_shape: tuple[int, ...], classes: int) -> onnx.ModelProto:
        """The finished model: one input of (batch, *input_shape), one output ``logits`` of (batch, classes)."""
        from onnx import TensorProto, helper

        x = helper.make_tensor_value_info(input_name, TensorProto.FLOAT, ["batch", *input_shape])
        y = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])
        graph = helper.make_graph(self._nodes, self._name, [x], [y], self._initializers)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="qexplorer")

    def _normal(self, shape: tuple[int, ...], spread: float) -> NDArray[np.float32]:
        return self._random.standard_normal(shape, dtype=np.float32) * np.float32(spread)

    def _keep(self, name: str, array: NDArray[np.float32]) -> str:
        from onnx import numpy_helper

        self._initializers.append(numpy_helper.from_array(array, name))
        return name

    def _add(
        self, op: str, name: str, inputs: list[str], *, output: str | None = None, **attributes: int | list[int]
    ) -> str:
        from onnx import helper

        produced = output or name
        node = helper.make_node(op, inputs, [produced], name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self._nodes.append(node)
        return produced
