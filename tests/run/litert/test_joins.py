"""Branches on different grids that are joined in float keep their own codes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.joins import choose_in_float, join_in_float
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Mode, SessionOptions
from tests.run.litert_here import HERE, keep, session_of

COARSE, FINE = (0.05, 3), (0.017, -51)


def joined(
    operator: str, grids: tuple[tuple[float, int] | None, ...], behind: str | None = None, outputs: str = "y"
) -> GraphEdit:
    """A join ``j`` of branches on ``grids``, None for float, the first behind a reshape, read by ``behind``, which
    makes ``y``; rewritten."""
    nodes = [
        helper.make_node("Sigmoid", ["x"], [f"g{i}"])
        if grid is None
        else helper.make_node("Grid", ["x"], [f"g{i}"], scale=grid[0], zero_point=grid[1], type="int8")
        for i, grid in enumerate(grids)
    ]
    nodes += [
        helper.make_node("Reshape", ["g0", "shape"], ["r"]),
        helper.make_node(operator, ["r", *[f"g{i}" for i in range(1, len(grids))]], ["j"]),
        helper.make_node(behind or "Exp", ["j"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    ends = [[info(name, TensorProto.FLOAT, None) for name in names] for names in ("x", outputs)]
    stored = [numpy_helper.from_array(np.array([0, -1]), "shape")]
    model = helper.make_model(helper.make_graph(nodes, "g", *ends, stored), opset_imports=[helper.make_opsetid("", 21)])
    edit = GraphEdit(model)
    join_in_float(edit)
    return edit


def apart(edit: GraphEdit) -> int:
    """How many branches are kept apart."""
    return sum(node.op_type == "Apart" for node in edit.nodes)


@pytest.mark.parametrize("operator", ["Concat", "Max", "Min"])
def test_branches_on_several_grids_are_kept_apart_where_nothing_rounds_behind(operator: str) -> None:
    """One grid needs nothing, and a grid behind a Concat is the one that is meant, unless it is an output as well."""
    assert apart(joined(operator, (COARSE, FINE))) == 2
    assert apart(joined(operator, (COARSE, None))) == 1
    assert apart(joined(operator, (COARSE, COARSE))) == 0
    assert apart(joined(operator, (COARSE, FINE), behind="Grid")) == (0 if operator == "Concat" else 2)
    assert apart(joined(operator, (COARSE, FINE), behind="Grid", outputs="jy")) == 2


def written(
    folder: Path,
    nodes: list[onnx.NodeProto],
    reads: list[str | int],
    sizes: Mapping[str, list[str | int]],
    constants: Mapping[str, Any],
) -> Path:
    """The file of a model from ``x`` to outputs of these sizes."""
    info = helper.make_tensor_value_info
    outputs = [info(name, TensorProto.FLOAT, size) for name, size in sizes.items()]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", [info("x", TensorProto.FLOAT, reads)], outputs, stored)
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    return path


def answers_as_simulated(path: Path, shape: tuple[int, ...]) -> None:
    """Asserts that LiteRT answers what the simulation does, to a thousandth of a step."""
    feeds = {"x": np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    expected = OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)
    for found, simulated in zip(session_of(path).run(feeds), expected, strict=True):
        np.testing.assert_allclose(found, simulated, rtol=0, atol=2e-6)


def with_two_heads(folder: Path) -> Path:
    """Scores of two heads, each on a grid of its own, laid side by side and put through a function in float."""
    constants = {
        "s1": np.float32(COARSE[0]),
        "z1": np.uint8(131),
        "s2": np.float32(FINE[0]),
        "z2": np.uint8(77),
        "shape": np.array([0, -1]),
    }
    nodes = [
        node
        for i in "12"
        for node in (
            helper.make_node("QuantizeLinear", ["x", f"s{i}", f"z{i}"], [f"q{i}"], f"q{i}"),
            helper.make_node("DequantizeLinear", [f"q{i}", f"s{i}", f"z{i}"], [f"d{i}"], f"d{i}"),
            helper.make_node("Reshape", [f"d{i}", "shape"], [f"r{i}"], f"r{i}"),
        )
    ]
    nodes += [
        helper.make_node("Concat", ["r1", "r2"], ["both"], "both", axis=1),
        helper.make_node("Sigmoid", ["both"], ["y"], "y"),
        helper.make_node("Max", ["d1", "d2"], ["larger"], "larger"),
        helper.make_node("Softmax", ["d2"], ["likely"], "likely", axis=1),
        helper.make_node("Concat", ["d1", "likely"], ["boxes"], "boxes", axis=1),
    ]
    sizes = {"y": ["n", 24], "larger": ["n", 3, 4], "boxes": ["n", 6, 4]}
    return written(folder, nodes, ["n", 3, 4], sizes, constants)


@pytest.mark.skipif(not HERE, reason="litert is not installed")
def test_what_two_heads_say_is_not_rounded_onto_one_grid(
    tmp_path: Path, session_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The converter joins codes on the first one's grid: a step of that is a thousand times what is allowed here."""
    keep(session_workspace, monkeypatch)
    answers_as_simulated(with_two_heads(tmp_path), (8, 3, 4))


def test_what_where_chooses_by_is_no_branch() -> None:
    """Two branches on one grid stay, although the condition lies on none; of two grids both are kept apart."""
    assert apart(joined("Where", (None, COARSE, COARSE))) == 0
    assert apart(joined("Where", (None, COARSE, FINE))) == 2


CHOICES = ("PRelu", "LeakyRelu", "Elu", "Softplus")


def chosen(folder: Path) -> Path:
    """Choices between a tensor on a coarse grid and what is computed of it, each rounded to a finer grid and in float,
    and a Where and a Max of it and a float tensor, rounded."""
    node = helper.make_node
    constants = {"s0": np.float32(COARSE[0]), "z0": np.uint8(131), "s1": np.float32(0.013), "z1": np.uint8(90)}
    constants |= {"slope": np.array([0.25, -0.4, 1.3], np.float32).reshape(3, 1), "limit": np.float32(0.2)}

    def rounded(name: str, to: str, grid: str) -> list[onnx.NodeProto]:
        codes = f"{to}/codes"
        return [
            node("QuantizeLinear", [name, f"s{grid}", f"z{grid}"], [codes], codes),
            node("DequantizeLinear", [codes, f"s{grid}", f"z{grid}"], [to], to),
        ]

    nodes = [*rounded("x", "g", "0"), node("Sin", ["x"], ["f"]), node("Less", ["x", "limit"], ["c"])]
    nodes += [node("Where", ["c", "g", "f"], ["w"]), node("Max", ["g", "f"], ["m"])]
    nodes += [*rounded("w", "wy", "1"), *rounded("m", "my", "1")]
    for each in CHOICES:
        more = ["slope"] if each == "PRelu" else []
        nodes += [node(each, ["g", *more], [f"{each}_0"]), *rounded(f"{each}_0", f"{each}_y", "1")]
        nodes += [node(each, ["g", *more], [f"{each}_1"]), node("Erf", [f"{each}_1"], [f"{each}_f"])]
    names = ["wy", "my", *(f"{each}_{kind}" for each in CHOICES for kind in "yf")]
    return written(folder, nodes, ["n", 3, 16], {name: ["n", 3, 16] for name in names}, constants)


@pytest.mark.skipif(not HERE, reason="litert is not installed")
def test_what_is_computed_of_codes_is_not_rounded_onto_their_grid(
    tmp_path: Path, session_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The converter would put both sides of the choice on the input's grid, two steps of the grid behind it away."""
    keep(session_workspace, monkeypatch)
    answers_as_simulated(chosen(tmp_path), (1, 3, 16))


def test_a_choice_without_codes_stays() -> None:
    """Only what lies on a grid is kept apart, moved or not."""
    for grid, parted in ((COARSE, 1), (None, 0)):
        edit = joined("Identity", (grid,), behind="PRelu")
        choose_in_float(edit)
        assert apart(edit) == parted
