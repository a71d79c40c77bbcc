"""Mixes whose answers are NaN or infinite: not offered where a layer alone is known to give them, else left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import qexplorer as qx
from qexplorer.core.model import Model
from qexplorer.report.mix_charts.mix_words import chosen_sentence
from qexplorer.search.mixing import finding as mixing
from qexplorer.search.sensitivity import finding as sensing


@pytest.fixture
def logarithm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Model, qx.DataSet]:
    """Two products and a logarithm: a coarse grid for all of the second one's weights makes most of them zero."""
    for module in (mixing, sensing):
        monkeypatch.setattr(module, "goes_apart", lambda _: False)
    draw = np.random.default_rng(0)
    second = np.full((16, 8), 1e-3, np.float32)
    second[:, 0] = np.linspace(0.01, 1, 16)
    weights = {"w1": np.abs(draw.normal(size=(16, 16))).astype(np.float32), "w2": second}
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"], name="first"),
        helper.make_node("MatMul", ["a", "w2"], ["products"], name="second"),
        helper.make_node("Log", ["products"], ["y"], name="logarithm"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8])
    kept = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], kept)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "log.onnx")
    np.savez(tmp_path / "above_zero.npz", x=draw.uniform(1, 2, (200, 16)).astype(np.float32))
    return qx.load(tmp_path / "log.onnx"), qx.data(tmp_path / "above_zero.npz")


def test_a_choice_in_which_a_layer_alone_gives_no_numbers_is_not_offered(logarithm: tuple[Model, qx.DataSet]) -> None:
    """The narrowest format stays a choice of the other layer, and a mix is chosen and measured."""
    found = qx.search(*logarithm, "w8", choices=("w8", "w4-tensor"), share=0.9)
    assert {group.layers[0]: group.choices for group in found.groups} == {
        "first": ("w8", "w4-tensor"),
        "second": ("w8",),
    }
    assert found.best is not None
    assert found.plain is not None
    assert found.notes == ()


def test_a_mix_that_gives_no_numbers_is_left_out_and_said(logarithm: tuple[Model, qx.DataSet]) -> None:
    """A format that no layer was rounded to alone: its mixes are measured, left out by name, and others go on."""
    found = qx.search(*logarithm, "w8", choices=("w8", "w5-tensor", "w4-tensor"), most_drop=10.0)
    assert found.best is not None
    assert found.best.found.loss < 10.0
    left_out = [note for note in found.notes if note.startswith("left out: ")]
    assert left_out
    assert all("rounded, the network answers NaN or infinity on" in note for note in left_out)
    assert not any(mix.recipe_name in note for mix in found.verified for note in left_out)


def test_where_int8_gives_no_numbers_the_search_goes_on_without_it(logarithm: tuple[Model, qx.DataSet]) -> None:
    """All mixes of one grid for each tensor fail: none is chosen, and each is said."""
    found = qx.search(*logarithm, "w8-tensor", choices=("int8", "int4"), share=0.9)
    assert (found.plain, found.best, found.verified) == (None, None, ())
    assert chosen_sentence(found) == "No mix is measured."
    assert found.notes[0].startswith("left out: w8-tensor: ")
