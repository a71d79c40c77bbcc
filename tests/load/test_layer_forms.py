"""Which forms of a layer can be quantized, what stands inside others, and what is told of a whole file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.core.model import Layer
from qexplorer.load.child import describe
from qexplorer.load.layers import layer_map
from qexplorer.load.normal.tidy import name_everything
from qexplorer.load.shapes import add_shapes
from tests.load.model_graphs import Shape, model, value, weight

IMAGE, ROWS = ["n", 3, 8, 8], ["n", 4]
W = weight(4, 3, 3, 3)
INFINITE = np.array([1, np.inf, 2, 3], np.float32)


def _map(proto: onnx.ModelProto) -> tuple[Layer, ...]:
    name_everything(proto)
    add_shapes(proto)
    return layer_map(proto)


def _reason(
    op: str, reads: str, fed: dict[str, Shape], constants: dict[str, np.ndarray], outputs: str = "y", **attributes: Any
) -> str | None:
    """Why a node cannot be quantized; ``_`` in ``reads`` or ``outputs`` is a name that is left out."""
    names = [[each.replace("_", "") for each in text.split()] for text in (reads, outputs)]
    node = helper.make_node(op, *names, **attributes)
    return _map(model([node], fed, ["y"], constants))[0].reason


@pytest.mark.parametrize(
    ("op", "reads", "fed", "constants", "why", "attributes"),
    [
        ("Clip", "x l h", {"x": ROWS}, {"l": np.float32(0), "h": np.float32(6)}, None, {}),
        ("Clip", "x _ h", {"x": ROWS}, {"h": np.float32(6)}, None, {}),
        ("Clip", "x", {"x": ROWS}, {}, None, {}),
        ("Clip", "x l h", {"x": ROWS, "h": []}, {"l": np.float32(0)}, "limits are computed", {}),
        ("Clip", "x l h", {"x": ROWS, "l": []}, {"h": np.float32(0)}, "limits are computed", {}),
        ("Clip", "x _ h", {"x": ROWS, "h": []}, {}, "limits are computed", {}),
        ("Conv", "x w b", {"x": IMAGE}, {"w": W, "b": weight(4)}, None, {}),
        ("Conv", "x w _", {"x": IMAGE}, {"w": W}, None, {}),
        ("Conv", "x w b", {"x": IMAGE, "b": [4]}, {"w": W}, "its bias is computed", {}),
        ("Conv", "x w", {"x": IMAGE, "w": [4, 3, 3, 3]}, {}, "its weight is computed", {}),
        ("ConvTranspose", "x w", {"x": IMAGE, "w": [3, 4, 3, 3]}, {}, "its weight is computed", {}),
        ("Gemm", "x w b", {"x": ROWS, "w": [4, 5]}, {"b": weight(5)}, "its weight is computed", {}),
        ("MatMul", "w x", {"x": [4, "n"]}, {"w": weight(3, 4)}, "its constant is the first factor", {}),
        ("MatMul", "x v", {"x": ROWS, "v": [4, 5]}, {}, None, {}),
        ("Add", "x b", {"x": ROWS}, {"b": weight(4)}, None, {}),
        ("Add", "b b", {"x": ROWS}, {"b": weight(4)}, "all numbers that it reads are constants", {}),
        ("Mul", "x b", {"x": ROWS}, {"b": INFINITE}, "its constant 'b' holds infinities", {}),
        ("Resize", "x _ s", {"x": IMAGE}, {"s": np.float32([1, 1, 2, 2])}, None, {}),
        ("Resize", "x _ s", {"x": IMAGE}, {"s": np.float32([1, 1, 2, 2])}, "mode cubic computes", {"mode": "cubic"}),
        ("MaxPool", "x", {"x": IMAGE}, {}, None, {"kernel_shape": [2, 2]}),
        ("Erf", "x", {"x": ROWS}, {}, "Erf has no quantized form here", {}),
    ],
)
def test_a_layer_can_be_quantized_or_it_is_said_why_not(
    op: str,
    reads: str,
    fed: dict[str, Shape],
    constants: dict[str, np.ndarray],
    why: str | None,
    attributes: dict[str, Any],
) -> None:
    """What may be left out is no obstacle; each part that is computed where it must be constant is one."""
    found = _reason(op, reads, fed, constants, **attributes)
    assert (found is None) if why is None else (found is not None and why in found)


def test_places_of_maxima_are_an_obstacle_only_where_somebody_asks_for_them() -> None:
    """A second output without a name is none."""
    for outputs, free in (("y", True), ("y _", True), ("y places", False)):
        assert (_reason("MaxPool", "x", {"x": IMAGE}, {}, outputs, kernel_shape=[2, 2]) is None) is free


def test_what_works_on_other_numbers_or_on_nobody_knows_what_is_said() -> None:
    """By the first input whose type is not float32, and the output's."""
    nodes = [
        helper.make_node("Theirs", ["x"], ["u"], "theirs", domain="some.body"),
        helper.make_node("Relu", ["u"], ["v"], "behind"),
        helper.make_node("Cast", ["x"], ["h"], "half", to=TensorProto.FLOAT16),
        helper.make_node("Relu", ["h"], ["r"], "halved"),
        helper.make_node("Add", ["x", "x"], ["y"], "whole"),
    ]
    proto = model(nodes, {"x": ROWS}, ["y", "r"], opsets=[helper.make_opsetid("some.body", 1)])
    why = {layer.name: layer.reason or "" for layer in _map(proto)}
    assert "an operator of the domain 'some.body'" in why["theirs"]
    assert why["behind"] == "the element type of 'u' is not known"
    assert why["halved"] == "it works on float16, not on float32"
    assert why["whole"] == ""


def test_layers_inside_others_are_listed_and_run_in_float() -> None:
    """At any depth, with what they hold; constants inside are none, and what is shared is counted once."""
    inmost = helper.make_graph([helper.make_node("Add", ["x", "w"], ["d"], "deep")], "d", [], [value("d", None)])
    then = helper.make_graph(
        [
            helper.make_node("Constant", [], ["k"], "constant", value_float=1.0),
            helper.make_node("MatMul", ["x", "inner"], ["t"], "product"),
            helper.make_node("If", ["c"], ["u"], "again", then_branch=inmost, else_branch=inmost),
        ],
        "t",
        [],
        [value("u", None)],
        [onnx.numpy_helper.from_array(weight(4, 4), "inner")],
    )
    other = helper.make_graph([helper.make_node("Shape", ["x"], ["e"], "sizes")], "e", [], [value("e", None)])
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["m"], "first"),
        helper.make_node("If", ["c"], ["y"], "choice", then_branch=then, else_branch=other),
    ]
    proto = model(nodes, {"x": ROWS, "c": []}, ["y", "m"], {"w": weight(4)})
    proto.graph.input[1].type.tensor_type.elem_type = TensorProto.BOOL
    found = {layer.name: layer for layer in _map(proto)}
    assert [name for name in found if name in ("first", "choice", "product", "again", "deep")] == [
        "first",
        "choice",
        "product",
        "again",
        "deep",
    ]
    assert "constant" not in found
    assert found["choice"].reason == "If holds graphs of its own, which run in float"
    assert found["product"].reason == "it is inside 'choice' (If), whose inside runs in float"
    assert "it is inside 'again' (If)" in (found["deep"].reason or "")
    assert (found["first"].parameters, found["product"].parameters, found["deep"].parameters) == (4, 16, 0)
    assert (found["product"].inputs, found["product"].outputs, found["product"].weight) == (("x",), ("t",), None)
    assert not any(found[name].quantizable for name in ("choice", "product", "again", "deep", "sizes"))
    assert (found["product"].computes, found["sizes"].computes) == (True, False)


@pytest.mark.parametrize(
    ("shapes", "macs"),
    [
        ([[4, 6]], 30),
        ([["n", 6]], 30),
        ([[4, 6], [4, 2]], 30),
        ([[4, 6], ["n", 2]], 120),  # beside a free batch four rows are no batch
        ([[], [4, 6]], 30),
        ([[0, 6]], 0),
    ],
)
def test_costs_are_those_of_one_sample_of_the_batch_that_the_file_insists_on(shapes: list[Shape], macs: int) -> None:
    """That of the first input that has one."""
    fed = {"xyzv"[-1 - i] if i else "x": shape for i, shape in enumerate(shapes)}
    name = "x" if len(shapes[0]) == 2 else next(n for n, s in fed.items() if len(s) == 2)
    found = _map(model([helper.make_node("MatMul", [name, "w"], ["y"])], fed, ["y"], {"w": weight(6, 5)}))
    assert found[0].macs == macs


def _described(proto: onnx.ModelProto, folder: Path) -> Any:
    name_everything(proto)
    add_shapes(proto)
    return describe(proto, folder / "out.onnx", "given", "0" * 64, ("a note",))


def test_bytes_of_weights_are_those_that_their_types_take(tmp_path: Path) -> None:
    """Packed codes fill whole bytes, tensor by tensor."""
    kinds = {"a": (TensorProto.INT4, 5), "b": (TensorProto.UINT2, 5), "c": (TensorProto.INT8, 3)}
    proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": ROWS}, ["y"], {"f": weight(7)})
    for name, (kind, count) in kinds.items():
        proto.graph.initializer.append(helper.make_tensor(name, kind, [count], [1] * count))
    found = _described(proto, tmp_path)
    assert (found.weight_bytes, type(found.weight_bytes)) == (28 + 3 + 2 + 3, int)
    assert found.file_bytes == (tmp_path / "out.onnx").stat().st_size
    assert (found.notes, found.name, found.opset) == (("a note",), "given", 21)


@pytest.mark.parametrize(("second", "macs"), [(["n", 4], 20 + 20), (["n", "k"], None), (None, None)])
def test_the_cost_of_a_file_is_known_if_those_of_its_layers_are(
    second: Shape | None, macs: int | None, tmp_path: Path
) -> None:
    """A sum with an unknown part is unknown; what only adds has none."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("MatMul", ["z", "w"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    proto = model(nodes, {"x": ROWS}, ["y"], {"w": weight(4, 5)})
    proto.graph.input.append(value("z", second))
    assert _described(proto, tmp_path).macs == macs


def test_ports_are_described_as_far_as_they_are_known(tmp_path: Path) -> None:
    """Free lengths by name; a length of 0, a name that inference made up and a type that nobody knows are none."""
    nodes = [helper.make_node("Theirs", ["x"], ["y"], domain="some.body"), helper.make_node("Relu", ["z"], ["r"])]
    proto = model(nodes, {"x": ["n", 3, None], "z": [0, "unk__7"]}, ["r"], opsets=[helper.make_opsetid("some.body", 1)])
    proto.graph.output.append(onnx.ValueInfoProto(name="y"))
    found = describe(proto, tmp_path / "out.onnx", "given", "0" * 64, ())
    assert [(port.name, port.dtype, port.shape) for port in (*found.inputs, *found.outputs)] == [
        ("x", "float32", ("n", 3, None)),
        ("z", "float32", (None, None)),
        ("r", "float32", ()),
        ("y", "unknown", ()),
    ]
