"""Graphs with control flow, randomness or foreign operators: they load, and say what was not done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.load.model_graphs import I64, model, small_cnn, value, weight
from tests.load.normalized import load, operators, same


def loop_model() -> onnx.ModelProto:
    """Doubles its input three times in a Loop, with a Conv before and an If after it."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Mul", ["v", "two"], ["v2"])],
        "body",
        [value("i", [], I64), value("go", [], onnx.TensorProto.BOOL), value("v", None)],
        [value("go_on", [], onnx.TensorProto.BOOL), value("v2", None)],
        [numpy_helper.from_array(np.array(2, np.float32), "two")],
    )
    branches = [
        helper.make_graph([helper.make_node(op, ["l"], [f"{op}_out"])], op, [], [value(f"{op}_out", None)])
        for op in ("Relu", "Neg")
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Loop", ["three", "yes", "a"], ["l"], body=body),
        helper.make_node("If", ["yes"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    parts = {"w": weight(4, 3, 3, 3), "three": np.array(3, np.int64), "yes": np.array(True)}
    return model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], parts)


@pytest.mark.parametrize("opset", [21, 17, 13])
def test_loop_and_if_load_and_run_in_float(opset: int, tmp_path: Path) -> None:
    """A model with Loop and If loads with the same answers; what is inside is listed with its reason."""
    before = loop_model()
    before.opset_import[0].version = opset
    loaded, after = load(before, tmp_path)
    reasons = {layer.op: layer.reason for layer in loaded.layers}
    assert reasons["Conv"] is None
    assert "graphs of its own" in (reasons["Loop"] or "")
    assert "inside" in (reasons["Mul"] or "")
    assert len({layer.name for layer in loaded.layers}) == len(loaded.layers)
    same(before, after, x=weight(2, 3, 8, 8))


def test_lstm_loads_and_says_why_it_stays_in_float(tmp_path: Path) -> None:
    """An LSTM layer is listed with its parameters and its reason, and the Gemm after it can be quantized."""
    parts = {"w": weight(1, 16, 3), "r": weight(1, 16, 4), "axes": np.array([0], np.int64), "fc": weight(4, 2)}
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r"], ["", "h"], hidden_size=4),
        helper.make_node("Squeeze", ["h", "axes"], ["s"]),
        helper.make_node("Gemm", ["s", "fc"], ["y"]),
    ]
    before = model(nodes, {"x": [6, "n", 3]}, ["y"], parts)
    loaded, after = load(before, tmp_path)
    lstm, _, gemm = loaded.layers
    assert (lstm.parameters, lstm.reason) == (112, "LSTM has no quantized form here")
    assert gemm.quantizable
    same(before, after, x=weight(6, 2, 3))


def test_operators_of_another_domain_load_with_a_note(tmp_path: Path) -> None:
    """A model with operators that nobody here knows loads, is listed, and says that it may not run."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Magic", ["a"], ["y"], domain="acme")]
    before = model(
        nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(4, 3, 3, 3)}, opsets=[helper.make_opsetid("acme", 1)]
    )
    loaded, _ = load(before, tmp_path)
    assert "acme" in " ".join(loaded.notes)
    assert not loaded.layers[-1].quantizable
    assert loaded.layers[0].quantizable


def test_a_model_that_cannot_run_on_made_up_inputs_still_loads(tmp_path: Path) -> None:
    """A model whose run depends on its data loads, with a note instead of a refusal."""
    before = model([helper.make_node("Reshape", ["x", "s"], ["y"])], {"x": ["n", 4]}, ["y"])
    before.graph.input.append(value("s", [2], I64))
    before.graph.node.append(helper.make_node("Relu", ["y"], ["z"]))
    before.graph.output.append(value("z", None))
    loaded, _ = load(before, tmp_path)
    assert any("could not be checked by running" in note for note in loaded.notes)


def test_endless_loop_loads_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that never ends is stopped, and the model loads with a note."""
    monkeypatch.setattr("qexplorer.load.normal.verify._RUN_S", 0.2)
    before = loop_model()
    before.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.array(2**62, np.int64), "three"))
    loaded, _ = load(before, tmp_path)
    assert any("could not be checked by running" in note for note in loaded.notes)


def test_random_numbers_are_not_compared(tmp_path: Path) -> None:
    """A model that draws random numbers loads, though no two runs of it agree."""
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    loaded, after = load(model(nodes, {"x": ["n", 4]}, ["y"]), tmp_path)
    assert operators(after) == ["RandomNormalLike", "Add"]
    assert any("random" in note for note in loaded.notes)


def test_remarks_of_the_exporter_are_dropped(tmp_path: Path) -> None:
    """Stack traces with somebody's paths, which exporters write into files, do not reach the normalized file."""
    before = small_cnn()
    before.metadata_props.add(key="path", value="/home/somebody/secret.py")
    before.graph.node[0].doc_string = "/home/somebody/secret.py"
    before.graph.node[0].metadata_props.add(key="stack", value="/home/somebody/secret.py")
    _, after = load(before, tmp_path)
    assert b"somebody" not in after.SerializeToString()


def test_quantized_files_say_so(tmp_path: Path) -> None:
    """A file that is quantized already loads, and its layers say why they are left alone."""
    parts = {"q": np.ones((4, 2), np.int8), "s": np.array(0.1, np.float32), "z": np.array(0, np.int8)}
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    loaded, after = load(model(nodes, {"x": ["n", 4]}, ["y"], parts), tmp_path)
    assert operators(after) == ["DequantizeLinear", "MatMul"]
    assert {layer.reason for layer in loaded.layers} == {"the file has it quantized already"}
