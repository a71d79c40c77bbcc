"""What an output is, as far as the graph or somebody's list says so: whether it names a class for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qexplorer.core.model import Layer, Model, TensorInfo

if TYPE_CHECKING:
    import onnx

__all__ = ["class_count", "makers_of", "names_a_class", "threshold_of", "with_class_names"]

_MOVES = ("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "DequantizeLinear", "QuantizeLinear")
_CLASSIFIERS = ("TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier")


def makers_of(layers: Sequence[Layer]) -> dict[str, Layer]:
    """The layer that makes each tensor."""
    return {name: layer for layer in layers for name in layer.outputs}


def names_a_class(output: onnx.ValueInfoProto, makers: Mapping[str, Layer]) -> bool:
    """Whether ``output`` names a class for each sample: whole numbers, one a sample, or a table of two or more values
    that a Softmax or a classifier of ai.onnx.ml makes. Logits look like coordinates or an embedding, so they do not.

    Args:
        output: an output of the graph.
        makers: the layer that makes each tensor.
    """
    import onnx

    kind = output.type.tensor_type
    dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    one = len(dims) == 1 or (len(dims) > 1 and all(length == 1 for length in dims[1:]))
    if kind.HasField("shape") and one:
        return kind.elem_type in (onnx.TensorProto.INT32, onnx.TensorProto.INT64)
    if len(dims) < 2 or any(length != 1 for length in dims[2:]):
        return False
    maker = makers.get(output.name)
    while maker is not None and maker.op in _MOVES and maker.inputs:
        maker = makers.get(maker.inputs[0])
    return maker is not None and (maker.op in ("Softmax", "LogSoftmax") or maker.op.endswith(_CLASSIFIERS))


def with_class_names(model: Model, names: tuple[str, ...]) -> Model:
    """``model`` with the names of its classes: an output that is a table of as many values is one of scores.

    A list of another length than the first output's table is about something else, and is left aside.
    """
    count = class_count(model.outputs)
    if not names or (count is not None and count != len(names)):
        return model
    outputs = (
        replace(each, classes=each.classes or (len(each.shape) == 2 and each.shape[1] == len(names)))
        for each in model.outputs
    )
    return replace(model, classes=names, outputs=tuple(outputs))


def class_count(outputs: Sequence[TensorInfo]) -> int | None:
    """Classes by the shape of the first output; two for a single score, None where it does not say."""
    shape = outputs[0].shape if outputs else ()
    if len(shape) < 2 or not isinstance(shape[1], int) or any(length != 1 for length in shape[2:]):
        return None
    return max(shape[1], 2)


def threshold_of(model: Model) -> float:
    """Where a single score turns from class 0 to class 1: 0.5 after a Sigmoid, else 0 (a logit)."""
    name = model.outputs[0].name
    ends = {output: layer for layer in model.layers for output in layer.outputs}
    layer = ends.get(name)
    while layer is not None and layer.op in ("Reshape", "Squeeze", "Flatten", "Identity", "Unsqueeze"):
        layer = ends.get(layer.inputs[0]) if layer.inputs else None
    return 0.5 if layer is not None and layer.op == "Sigmoid" else 0.0
