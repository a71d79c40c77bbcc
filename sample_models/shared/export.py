"""torch -> ONNX with names that a person can read: every node, its output and its weights bear the module's path."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

__all__ = ["export"]

_SCOPES = "pkg.torch.onnx.name_scopes"
_NOWHERE = "_empty_nn_module_stack_from_metadata_hook"
"""What torch calls the module of an operator that no module has, such as the reading of a free batch."""


def export(net: nn.Module, example: torch.Tensor, path: Path, *, input_name: str, output_name: str) -> None:
    """Writes ``net`` as float32 ONNX (opset 21, IR 10, free batch) and checks it against torch.

    Means over height and width become GlobalAveragePool, and reshapes to (n, c) become Flatten: the same values, in
    the operators that engines have integer kernels for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            net,
            (example,),
            dynamo=True,
            opset_version=21,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[input_name],
            output_names=[output_name],
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    graph = model.graph
    for node in graph.node:
        _simplify(node, graph)
    _rename(graph, {input_name, output_name})
    _drop_unused(graph)
    clean = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    clean.producer_name = "qexplorer sample_models"
    onnx.checker.check_model(clean, full_check=True)
    path.write_bytes(clean.SerializeToString(deterministic=True))
    _check(net, example, path)


def _simplify(node: onnx.NodeProto, graph: onnx.GraphProto) -> None:
    """Rewrites one node in place where a plainer operator says the same."""
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    if node.op_type == "ReduceMean" and sorted(constants[node.input[1]].tolist()) == [-2, -1]:
        node.op_type = "GlobalAveragePool"
        del node.input[1:], node.attribute[:]
    elif node.op_type == "Reshape" and len(constants[node.input[1]]) == 2:
        node.op_type = "Flatten"
        del node.input[1:], node.attribute[:]
        node.attribute.append(helper.make_attribute("axis", 1))


def _rename(graph: onnx.GraphProto, kept: set[str]) -> None:
    """Names nodes by their module's path, outputs by their node, weights by node and role."""
    names: dict[str, str] = {name: name for name in kept}
    taken: set[str] = set()
    weights = {i.name for i in graph.initializer}
    for node in graph.node:
        node.name = _unique(_path(node), taken)
        for role, tensor in zip(_roles(node), node.input, strict=False):
            if tensor in weights:
                names.setdefault(tensor, f"{node.name}.{role}")
        for tensor in node.output:
            names.setdefault(tensor, node.name)
        node.input[:] = [names.get(t, t) for t in node.input]
        node.output[:] = [names.get(t, t) for t in node.output]
        del node.metadata_props[:]
    for initializer in graph.initializer:
        initializer.name = names.get(initializer.name, initializer.name)
    del graph.value_info[:], graph.metadata_props[:]


def _path(node: onnx.NodeProto) -> str:
    """The module's path; an operator outside a module of its own is called by its type."""
    scopes = ast.literal_eval({p.key: p.value for p in node.metadata_props}[_SCOPES])
    module = scopes[-2]
    if module == _NOWHERE:
        return node.op_type.lower()
    if node.op_type == "Add":
        return f"{module}.add" if module else "add"
    return str(module)


def _roles(node: onnx.NodeProto) -> tuple[str, ...]:
    return ("input", "minimum", "maximum") if node.op_type == "Clip" else ("input", "weight", "bias")


def _unique(name: str, taken: set[str]) -> str:
    """``name``, numbered if it is taken."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    taken.add(candidate)
    return candidate


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {tensor for node in graph.node for tensor in node.input}
    kept = [i for i in graph.initializer if i.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _check(net: nn.Module, example: torch.Tensor, path: Path) -> None:
    """The file must say what torch says, also at another batch size."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for x in (example, example[:1].repeat(5, *[1] * (example.ndim - 1))):
        with torch.no_grad():
            expected = net(x).numpy()
        (given,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        assert np.abs(given - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max()), "export differs from torch"
