"""One number for a size: what is foretold is what the file has, and packed and stored are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import qexplorer as qx
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import index_of
from qexplorer.measure.variant import quantized_variant
from qexplorer.quantize.changes.apply import preview_plan
from qexplorer.quantize.quantize import quantize_model
from qexplorer.quantize.size import _bytes as packed_size
from qexplorer.quantize.size import _stored_bytes as stored_size
from qexplorer.quantize.size import foretold_bytes
from qexplorer.report.words import bytes_text, carried_text
from tests.quantize.graphs import Builder, build
from tests.quantize.support import case, model_of

pytestmark = pytest.mark.usefixtures("shared_workspace")


@pytest.mark.parametrize("name", ["digits_cnn", "glyphs_mobilenet"])
@pytest.mark.parametrize("recipe", ["w8a8", "w4a8", "w8", "w4-b32", "w8a8-dynamic", "w8a16", "fp16", "nf4", "w3"])
def test_what_is_foretold_is_what_the_file_has(name: str, recipe: str) -> None:
    """Before anything is observed a size is known to 0.3 %: only constants that happen to be equal are not foreseen."""
    model = qx.load(name)
    foretold = foretold_bytes(model, preview_plan(model, Recipe.parse(recipe)))
    assert foretold == pytest.approx(qx.quantize(model, recipe).weight_bytes, rel=3e-3)


@pytest.mark.parametrize("graph", ["branches", "loop"])
def test_layers_in_bodies_are_foretold_as_they_are(graph: str, tmp_path: Path) -> None:
    """What stands in a branch or a loop is no node of the graph itself; the size is foretold all the same."""
    onnx.save(build(graph), tmp_path / f"{graph}.onnx")
    model = qx.load(tmp_path / f"{graph}.onnx")
    assert {layer.name for layer in model.layers} - set(index_of(model).nodes)
    floats = foretold_bytes(model, preview_plan(model, Recipe.parse("fp16")))
    assert 0 < foretold_bytes(model, preview_plan(model, Recipe.parse("w8"))) < model.weight_bytes
    assert 0 < floats < model.weight_bytes


@pytest.mark.parametrize("graph", ["cnn", "depthwise", "mlp", "shared"])
@pytest.mark.parametrize(
    ("recipe", "few"),
    [
        *((name, 0) for name in ("w8", "w4", "w4-asym", "w4-b8", "w3")),
        *((name, 1) for name in ("w8a8-dynamic", "w4a8-dynamic", "w8a8-dynamic-asym")),
    ],
)
def test_of_small_graphs_every_byte_is_foretold(graph: str, recipe: str, few: int) -> None:
    """Codes, scales and zero points of weights; of dynamic convolutions the one zero point, which they share."""
    one, asked = case(graph), Recipe.parse(recipe)
    made = quantize_model(one.model, asked, None)
    assert 0 <= made.weight_bytes - foretold_bytes(one.model, preview_plan(one.model, asked)) <= few


@pytest.mark.parametrize(
    ("recipe", "near"),
    [("w8a8", 8), ("w4a8", 8), ("w8a8-tensor", 16), ("w8a8-asym", 8), ("w8a16", 8), ("fp16", 4), ("bf16", 4)],
)
@pytest.mark.parametrize("graph", ["cnn", "depthwise"])
def test_of_small_graphs_all_but_equal_constants_is_foretold(graph: str, recipe: str, near: int) -> None:
    """Scales of biases and activations too: to a few scales and zero points that happen to be equal."""
    one, asked = case(graph), Recipe.parse(recipe)
    foretold = foretold_bytes(one.model, preview_plan(one.model, asked))
    assert foretold == pytest.approx(quantize_model(one.model, asked, one.statistics).weight_bytes, abs=near)


def stored_by_hand(path: str) -> int:
    """Bytes of a file's constants, from the protobuf alone."""
    total = 0
    for item in onnx.load(path).graph.initializer:
        bits = 4 if item.data_type in (TensorProto.INT4, TensorProto.UINT4) else None
        values = int(np.prod(item.dims, dtype=np.int64))
        total += -(-values * bits // 8) if bits else values * helper.tensor_dtype_to_np_dtype(item.data_type).itemsize
    return total


@pytest.mark.parametrize(
    ("recipe", "carried"),
    [("w8a8", None), ("w4a8", "int4 codes in int8"), ("w2a8", "int2 codes in int8"), ("w4-b32", None)],
)
def test_packed_and_stored_are_two_numbers(recipe: str, carried: str | None) -> None:
    """What the file stores is counted in it; packed codes are smaller by their unused bits, which is said."""
    made = qx.quantize(qx.load("digits_cnn"), recipe)
    size = quantized_variant(made).size
    assert size == made.size
    assert size.stored_bytes == stored_by_hand(str(made.path))
    assert size.stored_bytes < size.file_bytes
    assert size.carried == carried
    assert size.widened is (carried is not None)
    assert (size.weight_bytes == size.stored_bytes) is (carried is None)
    if carried is not None:
        text = carried_text(size)
        assert f"{bytes_text(size.stored_bytes)} as the file stores them" in text
        assert text.endswith(f"{carried}, until kernels read them packed")
    else:
        assert carried_text(size) == ""


@pytest.mark.parametrize(
    ("values", "bits", "expected"), [(9, 4, 5), (8, 4, 4), (3, 3, 2), (5, 2, 2), (0, 4, 0), (7, 8, 7)]
)
def test_a_byte_that_is_begun_is_a_whole_one(values: int, bits: int, expected: int) -> None:
    """Nine codes of 4 bits take five bytes, packed in a file or counted."""
    assert packed_size(values, bits) == expected
    if bits == 4:
        item = helper.make_tensor("w", TensorProto.INT4, [values], [0] * values)
        assert (stored_size(item), len(item.raw_data or item.int32_data)) == (expected, expected)


@pytest.mark.parametrize(
    ("recipe", "unused", "carried"),
    [
        ("w8", 0, None),
        ("w3", 2048 // 8, "int3 codes in int4"),
        ("w2", 2 * 2048 // 8, "int2 codes in int4"),
        ("mxfp4", 3 * 64, "mxfp4 scales in float32"),
        ("mxfp8", 3 * 64, "mxfp8 scales in float32"),
        ("nvfp4", 3 * 128 - 4, "nvfp4 scales in float32"),
    ],
)
def test_what_a_file_does_not_use_is_told_apart(recipe: str, unused: int, carried: str | None) -> None:
    """Of 2,048 weights: bits of wider codes, and three bytes of each scale that a format has in one (OCP MX 1.0: a
    byte for 32 values; NVFP4: a byte for 16, and one float32 for all)."""
    b = Builder(0)
    b.output(b.node("MatMul", b.input("x", ("n", 32)), b.normal(32, 64), name="dense"), 2)
    made = quantize_model(model_of(b.model(), "dense"), Recipe.parse(recipe), None)
    assert made.stored_bytes == stored_by_hand(str(made.path))
    assert made.stored_bytes is not None
    assert (made.stored_bytes - made.weight_bytes, made.carried) == (unused, carried)
