"""What is folded into a layer when a graph is normalized, and what must not be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from tests.load.model_graphs import model, weight
from tests.load.normalized import load, operators, same


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (1, 1, 1, 1), (1,), ()])
def test_bias_of_any_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    """A bias added after a convolution, whatever its shape, becomes the convolution's own."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Add", ["b", "a"], ["y"])]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(4, 3, 3, 3), "b": weight(*shape, seed=1)})
    loaded, after = load(before, tmp_path)
    assert operators(after) == ["Conv"]
    assert loaded.layers[0].outputs == ("y",)
    same(before, after, x=weight(2, 3, 8, 8))


def test_a_summand_that_varies_over_space_is_no_bias(tmp_path: Path) -> None:
    """A constant that differs by place cannot be a bias, and stays an addition."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Add", ["a", "b"], ["y"])]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(4, 3, 3, 3), "b": weight(1, 1, 6, 6)})
    _, after = load(before, tmp_path)
    assert operators(after) == ["Conv", "Add"]
    same(before, after, x=weight(2, 3, 8, 8))


def test_a_summand_that_enlarges_the_output_is_no_bias(tmp_path: Path) -> None:
    """A vector added to a convolution with one output channel makes more channels, and stays an addition."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Add", ["a", "b"], ["y"])]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(1, 3, 3, 3), "b": weight(4, 1, 1)})
    _, after = load(before, tmp_path)
    assert operators(after) == ["Conv", "Add"]
    same(before, after, x=weight(2, 3, 8, 8))


@pytest.mark.parametrize("group", [1, 2])
def test_normalization_after_a_transposed_convolution(group: int, tmp_path: Path) -> None:
    """BatchNormalization folds into ConvTranspose, whose output channels lie differently, also with groups."""
    parts = {"w": weight(4, 3, 2, 2), "s": weight(3 * group), "b": weight(3 * group, seed=1)}
    parts |= {"m": weight(3 * group, seed=2), "v": np.abs(weight(3 * group, seed=3)) + 0.5}
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["a"], group=group, strides=[2, 2]),
        helper.make_node("BatchNormalization", ["a", "s", "b", "m", "v"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 4, 5, 5]}, ["y"], parts)
    _, after = load(before, tmp_path)
    assert operators(after) == ["ConvTranspose"]
    same(before, after, x=weight(2, 4, 5, 5))


def test_scale_and_shift_fold_in_any_order(tmp_path: Path) -> None:
    """Mul, Sub, Div and Add by constants after a Gemm all end up in its weight and bias."""
    parts = {
        "w": weight(5, 4),
        "k": weight(4),
        "s": weight(1, 4, seed=1),
        "d": np.array([2], np.float32),
        "c": weight(4),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"], alpha=0.5),
        helper.make_node("Mul", ["k", "a"], ["b"]),
        helper.make_node("Sub", ["s", "b"], ["c1"]),
        helper.make_node("Div", ["c1", "d"], ["d1"]),
        helper.make_node("Add", ["d1", "c"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 5]}, ["y"], parts)
    _, after = load(before, tmp_path)
    assert operators(after) == ["Gemm"]
    assert not [a.name for a in after.graph.node[0].attribute if a.name == "alpha"]
    same(before, after, x=weight(3, 5))


def test_matmul_and_add_become_gemm(tmp_path: Path) -> None:
    """A matrix times a constant plus a bias becomes one Gemm; with three axes it stays as it is."""
    parts = {"w": weight(5, 4), "b": weight(4)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Add", ["a", "b"], ["y"])]
    before = model(nodes, {"x": ["n", 5]}, ["y"], parts)
    _, after = load(before, tmp_path)
    assert operators(after) == ["Gemm"]
    same(before, after, x=weight(3, 5))
    before = model(nodes, {"x": ["n", 2, 5]}, ["y"], parts)
    _, after = load(before, tmp_path)
    assert operators(after) == ["MatMul", "Add"]
    same(before, after, x=weight(3, 2, 5))


def test_values_read_twice_are_not_folded_away(tmp_path: Path) -> None:
    """A convolution whose raw output is read elsewhere, or is an output, keeps its own weights."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "k"], ["b"]),
        helper.make_node("Add", ["b", "a"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y", "a"], {"w": weight(4, 3, 3, 3), "k": weight(4, 1, 1)})
    _, after = load(before, tmp_path)
    assert operators(after) == ["Conv", "Mul", "Add"]
    same(before, after, x=weight(2, 3, 8, 8))


def test_shared_weights_fold_apart(tmp_path: Path) -> None:
    """Two convolutions that share a weight and are scaled differently get a weight each."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "k"], ["b"]),
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(4, 3, 3, 3), "k": weight(4, 1, 1)})
    loaded, after = load(before, tmp_path)
    assert len({layer.weight for layer in loaded.layers if layer.op == "Conv"}) == 2
    same(before, after, x=weight(2, 3, 8, 8))


def test_zeros_of_a_size_that_nobody_knows_are_made_as_the_model_runs(tmp_path: Path) -> None:
    """Neither length nor number of axes is known; of a size that is known small ones become constants."""
    nodes = [
        helper.make_node("Cast", ["x"], ["sizes"], to=7),
        helper.make_node("ConstantOfShape", ["sizes"], ["unknown"]),
        helper.make_node("ReduceSum", ["unknown"], ["s"], keepdims=0),
        helper.make_node("ConstantOfShape", ["two"], ["known"]),
        helper.make_node("ReduceSum", ["known"], ["t"], keepdims=0),
        helper.make_node("Sum", ["x", "s", "t"], ["y"]),
    ]
    before = model(nodes, {"x": ["k"]}, ["y"], {"two": np.array([2, 3])})
    _, after = load(before, tmp_path)
    assert operators(after).count("ConstantOfShape") == 1
    same(before, after, x=np.float32([2, 3]))
