"""Codes are found inside a converted file by their grids, and where that is not certain nothing is told."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import qexplorer as qx
from qexplorer.core.errors import BackendError
from qexplorer.measure.fidelity.rounding_points import points_of, telling
from qexplorer.run.litert import inside
from qexplorer.run.litert.inside import CodePlace, Codes, codes_in, places_of
from qexplorer.run.litert.tflite_file import Operator, Tensor
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Mode, SessionOptions, Telling
from tests.run.litert_here import HERE, keep, session_of

Made = list[tuple[str, tuple[int, ...], float, int]]


def tensor(shape: tuple[int, ...], scale: float, zero_point: int, dtype: str = "int8") -> Tensor:
    """A tensor of a file on a grid."""
    return Tensor("", dtype, shape, np.float32([scale]), np.int64([zero_point]), -1, None)


def found(made: Made, asked: list[Codes], monkeypatch: pytest.MonkeyPatch) -> list[CodePlace] | None:
    """Where the codes are in a file whose operators make tensors 10, 11 and so on."""
    operators = [
        (Operator(name, (), (tensor(shape, scale, zero),)), [number])
        for number, (name, shape, scale, zero) in enumerate(made, 10)
    ]
    monkeypatch.setattr(inside, "numbered_operators", lambda _: operators)
    return places_of(b"", asked)


def codes(name: str, sizes: tuple[int, ...], scale: float = 0.5, zero: int = 0, dtype: str = "int8") -> Codes:
    """A tensor of codes of a graph."""
    return Codes(name, scale, zero, dtype, sizes)


@pytest.mark.parametrize(
    ("made", "asked", "expected"),
    [
        ([("CONV_2D", (1, 7, 5, 3), 0.5, 0)], [codes("a", (3, 7, 5))], [CodePlace(10, True)]),
        ([("CONV_2D", (1, 3, 7, 5), 0.5, 0)], [codes("a", (3, 7, 5))], [CodePlace(10, False)]),
        ([("CONV_2D", (1, 4, 4, 4), 0.5, 0)], [codes("a", (4, 4, 4))], None),  # either layout
        ([("CONV_2D", (1, 5, 7, 3), 0.5, 0)], [codes("a", (3, 7, 5))], None),  # neither
        ([("MEAN", (1, 8), 0.5, 0)], [codes("a", (8, 1, 1)), codes("b", (8,))], [CodePlace(10, False)] * 2),
        ([("MEAN", (1, 1, 1, 8), 0.5, 0)], [codes("a", (8, 1, 1))], [CodePlace(10, False)]),
        ([("ADD", (1, 8), 0.5, -128)], [codes("a", (8,), zero=0, dtype="uint8")], [CodePlace(10, False)]),
        ([("ADD", (1, 8), 0.5, 0)], [codes("a", (8,), zero=0, dtype="uint8")], None),
        ([("ADD", (1, 8), 0.5, -32768)], [codes("a", (8,), zero=0, dtype="uint16")], [CodePlace(10, False)]),
        ([("ADD", (1, 8), 0.5, 7)], [codes("a", (8,), zero=7, dtype="int16")], [CodePlace(10, False)]),
        ([("CONV_2D", (1, 2, 2, 3), 0.5, 0)], [codes("a", (3, 2, 2))], [CodePlace(10, True)]),
        ([("CONV_2D", (1, 2, 2, 2), 0.5, 0)], [codes("a", (2, 2, 2))], None),
        ([("CONV_2D", (1, 1, 2, 2), 0.5, 0)], [codes("a", (2, 1, 2))], None),
        ([("CONV_2D", (1, 1, 8, 1), 0.5, 0)], [codes("a", (1, 1, 8))], [CodePlace(10, False)]),
        ([("ADD", (4, 8), 0.5, 0)], [codes("a", (8,))], [CodePlace(10, False)]),
        ([("ADD", (1, 8), 0.25, 0)], [codes("a", (8,))], None),
        ([("ADD", (1, 9), 0.5, 0)], [codes("a", (8,))], None),
        (
            [("ADD", (1, 8), 0.5, 0), ("RESHAPE", (1, 8), 0.5, 0), ("RELU", (1, 8), 0.5, 0)],
            [codes("a", (8,)), codes("b", (8,))],
            [CodePlace(10, False), CodePlace(12, False)],
        ),
        ([("ADD", (1, 8), 0.5, 0)] * 2, [codes(name, (8,)) for name in "abc"], None),
        ([("ADD", (1, 8), 0.5, 0)] * 2, [codes("a", (8,))], None),
    ],
)
def test_a_tensor_is_told_by_its_grid_its_size_and_its_turn(
    made: Made, asked: list[Codes], expected: list[CodePlace] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unsigned codes are signed in the file; what only moves values makes no codes anew; doubt gives nothing."""
    assert found(made, asked, monkeypatch) == expected


def test_float_and_several_scales_are_no_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An activation has one scale and integer codes."""
    several = Tensor("", "int8", (1, 8), np.float32([0.5, 0.5]), np.int64([0, 0]), 1, None)
    for each in (several, tensor((1, 8), 0.5, 0, "float32")):
        monkeypatch.setattr(inside, "numbered_operators", lambda _, each=each: [(Operator("ADD", (), (each,)), [3])])
        assert places_of(b"", [codes("a", (8,))]) is None


def _rounded(shape: list[int | str] | None, scale: object, zero: object, **more: object) -> onnx.ModelProto:
    """``x`` of that shape on a grid, its codes called ``q``, and back; ``computed``: the scale is made by a node."""
    grid = ["made" if more.get("computed") else "s", *(() if zero is None else ["z"])]
    nodes = [helper.make_node("Identity", ["s"], ["made"]), helper.make_node("Relu", ["x"], ["r"])]
    nodes += [helper.make_node("QuantizeLinear", ["r", *grid], ["q"], axis=1)]
    nodes += [helper.make_node("DequantizeLinear", ["q", *grid], ["y"], axis=1)]
    stored = {"s": np.asarray(scale, np.float32)} | ({} if zero is None else {"z": np.asarray(zero)})
    ends = [helper.make_tensor_value_info(*end) for end in (("x", 1, shape), ("y", 1, None))]
    kept = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize(
    ("shape", "scale", "zero", "name", "expected"),
    [
        (["n", 3, 7], 0.1, np.uint8(9), "q", codes("q", (3, 7), float(np.float32(0.1)), 9, "uint8")),
        (["n", 3, 7], 0.1, np.int8(-9), "q", codes("q", (3, 7), float(np.float32(0.1)), -9, "int8")),
        (["n", 3], [0.5], np.int16([4]), "q", codes("q", (3,), 0.5, 4, "int16")),
        ([2, 3], 0.5, np.uint16(40000), "q", codes("q", (3,), 0.5, 40000, "uint16")),
        (["n", 3], 0.5, None, "q", None),
        (["n", 3], [0.5] * 3, np.zeros(3, np.int8), "q", None),
        (["n", 3, "t"], 0.5, np.uint8(9), "q", None),
        (None, 0.5, np.uint8(9), "q", None),
        (["n", 3], 0.5, np.array(3, ml_dtypes.int4), "q", None),
        (["n", 3], 0.5, np.uint8(9), "y", None),
        (["n", 3], 0.5, np.uint8(9), "r", None),
        (["n", 3], 0.5, np.uint8(9), "nothing", None),
    ],
)
def test_the_grid_and_the_sizes_of_codes_are_written_in_the_graph(
    shape: list[int | str] | None, scale: object, zero: object, name: str, expected: Codes | None, tmp_path: Path
) -> None:
    """Without the batch; one scale that is a constant and a zero point of 8 or 16 bits, or nothing is told."""
    path = tmp_path / "m.onnx"
    onnx.save(_rounded(shape, scale, zero), path)
    assert codes_in(path, [name]) == (None if expected is None else [expected])
    assert codes_in(path, ["q", "r"]) is None
    onnx.save(_rounded(shape, scale, zero, computed=True), path)
    assert codes_in(path, [name]) is None


def test_codes_are_read_as_the_graph_has_them() -> None:
    """Channels come first again, and the middle of unsigned codes is added."""
    value = np.arange(-12, 12, dtype=np.int8).reshape(1, 2, 4, 3)
    read = codes("a", (3, 2, 4), dtype="uint8").read(value, turned=True)
    assert (read.dtype, read.shape) == (np.uint8, (1, 3, 2, 4))
    assert read[0, 2, 1, 3] == 128 + 11
    assert read[0, 1, 0, 0] == 128 - 11
    wide = codes("a", (3,), dtype="uint16").read(np.array([[-32768, 0, 32767]], np.int16), turned=False)
    assert (wide.dtype, wide.tolist()) == (np.uint16, [[0, 32768, 65535]])
    flat = codes("a", (8, 1, 1)).read(np.arange(16, dtype=np.int8).reshape(2, 8), turned=False)
    assert (flat.dtype, flat.shape, flat[1, 3, 0, 0]) == (np.int8, (2, 8, 1, 1), 11)


@pytest.mark.skipif(not HERE, reason="LiteRT and its converter are not installed")
def test_a_file_tells_the_codes_that_it_works_with(shared_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """digits_cnn: all points, at a batch too; its answers stay the same in every bit, and codes are those of the
    simulation but for single steps that add up."""
    keep(shared_workspace, monkeypatch)
    path = qx.quantize(qx.load("digits_cnn"), "w8a8").path
    session, model = session_of(path), onnx.load(str(path))
    points = points_of(model.graph)
    assert isinstance(session, Telling)
    told = session.telling([point.codes for point in points])
    assert list(told.output_names) == [*session.output_names, *(point.codes for point in points)]
    images = np.random.default_rng(0).random((3, 1, 32, 32), np.float32)
    feeds = {model.graph.input[0].name: images}
    answers = told.run(feeds)
    assert np.array_equal(answers[0], session.run(feeds)[0])
    simulated = shared_workspace / "simulated.onnx"
    onnx.save(telling(model, points), str(simulated))
    reference = OnnxRuntimeCpu().load(simulated, SessionOptions(Mode.SIMULATED))
    expected = dict(zip(reference.output_names, reference.run(feeds), strict=True))
    for name, ours in zip(told.output_names[1:], answers[1:], strict=True):
        assert (ours.dtype, ours.shape) == (expected[name].dtype, expected[name].shape)
        assert np.abs(ours.astype(int) - expected[name].astype(int)).max() <= 2
    with pytest.raises(BackendError, match="not written in the graph"):
        session.telling(["nothing"])
