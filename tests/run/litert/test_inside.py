"""Codes are found inside a converted file by their grids, and where that is not certain nothing is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

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


def test_codes_are_read_as_the_graph_has_them() -> None:
    """Channels come first again, and the middle of unsigned codes is added."""
    value = np.arange(-12, 12, dtype=np.int8).reshape(1, 2, 4, 3)
    read = codes("a", (3, 2, 4), dtype="uint8").read(value, turned=True)
    assert (read.dtype, read.shape) == (np.uint8, (1, 3, 2, 4))
    assert read[0, 2, 1, 3] == 128 + 11
    assert read[0, 1, 0, 0] == 128 - 11
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


def test_grids_and_sizes_are_those_that_the_graph_says() -> None:
    """Of each tensor of codes: scale, zero point, type, and the sizes of one sample; None for what has none."""
    path = qx.quantize(qx.load("digits_cnn"), "w8a8").path
    stored = {item.name: numpy_helper.to_array(item) for item in onnx.load(str(path)).graph.initializer}
    found = codes_in(path, ["block2.conv2/codes", "pool/codes"])
    assert found is not None
    scale, zero = stored["block2.conv2/scale"], stored["block2.conv2/zero_point"]
    assert found[0] == Codes("block2.conv2/codes", float(scale), int(zero), str(zero.dtype), (32, 16, 16))
    assert found[1].sizes == (64, 1, 1)
    assert codes_in(path, ["block2.conv2/codes", "logits"]) is None
