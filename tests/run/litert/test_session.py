"""Which converted file serves which inputs, and what is refused: with a converter and an interpreter made up here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from qexplorer.core.errors import BackendError
from qexplorer.run.litert import nodes, session
from qexplorer.run.litert.cache import Converted
from qexplorer.run.litert.session import LiteRtSession
from qexplorer.run.protocol import SessionOptions
from qexplorer.torchgraph.node import Node

Shape = list[int | str | None]
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


class Made:
    """What was converted and what was loaded, in order."""

    def __init__(self, *, batch_free: bool = False, codes_out: dict[int, dict[str, Any]] | None = None) -> None:
        self.batch_free, self.codes_out = batch_free, codes_out or {}
        self.converted: list[tuple[dict[str, tuple[int, ...]], bool]] = []
        self.loaded: list[tuple[int, ...]] = []
        self.fails = ""

    def convert(self, path: Path, digest: str, shapes: Mapping[str, tuple[int, ...]], *, free: bool) -> Converted:
        """A file that stands for these shapes."""
        assert len(digest) == 64
        self.converted.append((dict(shapes), free))
        return Converted(path, tuple(shapes), free and self.batch_free, self.codes_out, ("it rounds",))

    def prepared(self, *_: Any, threads: int) -> Any:
        """An interpreter that doubles its first input."""
        feeds = _[2]
        assert threads == 3
        self.loaded.append(next(iter(feeds.values())).shape)
        if self.fails == "load":
            raise RuntimeError("/deep/file.cc:12 it does not\nload src/a.cc:7.")
        return self

    def run(self, feeds: Mapping[str, Any]) -> list[Any]:
        """Twice the first input, and a number."""
        if self.fails == "run":
            raise ValueError("no more")
        return [2 * next(iter(feeds.values())), np.float32(7)]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads a graph whose inputs have these shapes."""

    def loaded(made: Made, *shapes: Shape, kind: int = FLOAT, outputs: tuple[int, ...] = (FLOAT, FLOAT)) -> Any:
        monkeypatch.setattr(session, "converted", made.convert)
        monkeypatch.setattr(session, "PreparedInterpreter", made.prepared)
        monkeypatch.setattr(session, "kernels_of", lambda content: len(content))
        info = helper.make_tensor_value_info
        ins = [info(f"x{i}", kind, shape) for i, shape in enumerate(shapes)]
        outs = [info(f"y{i}", each, None) for i, each in enumerate(outputs)]
        path = tmp_path / "m.onnx"
        onnx.save(helper.make_model(helper.make_graph([], "g", ins, outs)), path)
        return LiteRtSession(path, SessionOptions(threads=3))

    return loaded


def _x(*shape: int, dtype: str = "float32") -> dict[str, Any]:
    return {"x0": np.arange(np.prod(shape)).reshape(shape).astype(dtype)}


def test_a_file_for_one_sample_serves_every_batch_if_it_can(load: Any) -> None:
    """It is converted when the model is loaded, and no other one is; each size of batch is prepared once."""
    made = Made(batch_free=True)
    found = load(made, ["n", 3])
    assert made.converted == [({"x0": (1, 3)}, True)]
    for rows in (1, 4, 4, 1):
        np.testing.assert_array_equal(found.run(_x(rows, 3))[0], 2 * _x(rows, 3)["x0"])
    assert len(made.converted) == 1
    assert made.loaded == [(1, 3), (4, 3)]
    assert found.notes == ("it rounds",)
    assert found.output_names == ("y0", "y1")
    assert found.profile(_x(1, 3), 2) == ()
    assert found.kernels() > 0


def test_one_that_cannot_is_converted_for_each_batch(load: Any) -> None:
    """As it comes."""
    made = Made()
    found = load(made, [None, 3])
    for rows in (1, 4, 4):
        found.run(_x(rows, 3))
    assert made.converted == [({"x0": (1, 3)}, True), ({"x0": (4, 3)}, False)]


@pytest.mark.parametrize(
    ("shapes", "feeds", "converted"),
    [
        ([[2, 3]], [_x(2, 3)], [({"x0": (2, 3)}, False)]),
        ([["n", "t"]], [_x(1, 3), _x(1, 5)], [({"x0": (1, 3)}, False), ({"x0": (1, 5)}, False)]),
        ([[1, "t"]], [_x(1, 3)], [({"x0": (1, 3)}, False)]),
        ([[0, 3]], [_x(2, 3)], [({"x0": (1, 3)}, True), ({"x0": (2, 3)}, False)]),
        ([["n", 3], [4]], [_x(2, 3) | {"x1": np.ones(4, np.float32)}], [({"x0": (2, 3), "x1": (4,)}, False)]),
    ],
)
def test_sizes_that_are_free_beside_the_batch_wait_for_what_comes(
    load: Any, shapes: list[Shape], feeds: list[dict[str, Any]], converted: list[Any]
) -> None:
    """Fixed sizes are converted when the model is loaded, as they are; a length of 0 is a free one."""
    made = Made(batch_free=False)
    found = load(made, *shapes)
    before = len(made.converted)
    fixed = all(isinstance(size, int) for shape in shapes for size in shape)
    assert before == int(fixed)
    if not before:
        assert found.notes == ()
        with pytest.raises(BackendError, match=r"m\.onnx: its inputs have free sizes, so LiteRT has no file before"):
            found.kernels()
    for each in feeds:
        found.run(each)
    assert made.converted == converted


def test_at_most_four_interpreters_are_kept(load: Any) -> None:
    """Each holds the weights; the one that was made first goes first."""
    made = Made(batch_free=True)
    found = load(made, ["n", 3])
    for rows in (1, 2, 3, 4, 4, 1, 5, 2, 1):
        found.run(_x(rows, 3))
    assert [shape[0] for shape in made.loaded] == [1, 2, 3, 4, 5, 1]


@pytest.mark.parametrize(
    ("feeds", "said"),
    [
        ({}, "no value was given for the input 'x0'"),
        (_x(2, 4), r"the input 'x0' is float32 of shape \(2, 4\); allowed: float32 of shape \(free, 3\)"),
        (_x(2, 3, 1), r"the input 'x0' is float32 of shape \(2, 3, 1\)"),
        (_x(2, 3, dtype="float64"), "the input 'x0' is float64 of shape"),
    ],
)
def test_inputs_of_another_kind_are_refused(load: Any, feeds: dict[str, Any], said: str) -> None:
    """By name, with what is allowed."""
    with pytest.raises(BackendError, match=rf"^m\.onnx: {said}"):
        load(Made(batch_free=True), ["n", 3]).run(feeds)


def test_what_the_interpreter_says_is_told_without_its_source_files(load: Any) -> None:
    """On one line."""
    made = Made(batch_free=True)
    found = load(made, ["n", 3])
    made.fails = "load"
    with pytest.raises(BackendError, match=r"^m\.onnx: LiteRT cannot load it \(it does not load\)$"):
        found.run(_x(1, 3))
    made.fails = "run"
    with pytest.raises(BackendError, match=r"^m\.onnx: LiteRT gave up \(no more\)$"):
        found.run(_x(1, 3))
    assert session._line(KeyError()) == "KeyError"
    assert len(session._line(ValueError("x" * 999))) == 240


def test_answers_have_the_types_that_the_graph_gives_them(load: Any) -> None:
    """A single number is an array; codes are read off the values on their grid, and stay within their type."""
    codes = {0: {"scale": 0.5, "zero_point": 100, "dtype": "uint8"}}
    found = load(Made(batch_free=True, codes_out=codes), ["n", 3], outputs=(TensorProto.UINT8, TensorProto.DOUBLE))
    values = np.float32([[0.24, 0.26, -30], [38.8, 100, -0.13]])
    first, second = found.run({"x0": values})
    assert (first.dtype, first.tolist()) == (np.uint8, [[101, 101, 0], [255, 255, 99]])
    assert (second.dtype, second.shape, float(second)) == (np.float64, (), 7.0)
    unknown = load(Made(batch_free=True), ["n", 3], kind=INT64, outputs=(0, INT64))
    first, second = unknown.run(_x(2, 3, dtype="int64"))
    assert (first.dtype, second.dtype) == (np.int64, np.int64)


def _node(op: str, **attributes: Any) -> Node:
    return Node.of(helper.make_node(op, ["x"], ["y"], **attributes), 21)


@pytest.mark.parametrize(("kind", "low", "high"), [("int8", -128, 127), ("int16", -32768, 32767)])
def test_a_grid_rounds_and_stops_at_its_ends(kind: str, low: int, high: int) -> None:
    """Half to even, as QuantizeLinear does, around its zero point."""
    x = torch.tensor([0.0, 0.25, 0.75, -0.25, 1e6, -1e6])
    found = nodes._grid(_node("Grid", scale=0.5, zero_point=3, type=kind), x)
    codes = np.clip(np.rint(x.numpy() / np.float32(0.5)) + 3, low, high)
    np.testing.assert_array_equal(found.numpy(), ((codes - 3) * np.float32(0.5)).astype(np.float32))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, [-3, -1, 0, 2, 5]),
        ({"low": 0.0}, [0, 0, 0, 2, 5]),
        ({"low": -2.0}, [-2, -1, 0, 2, 5]),
        ({"high": 0.0}, [-3, -1, 0, 0, 0]),
        ({"low": 0.0, "high": 4.0}, [0, 0, 0, 2, 4]),
        ({"low": -1.0, "high": 0.0}, [-1, -1, 0, 0, 0]),
    ],
)
def test_a_bound_is_a_clip(bounds: dict[str, float], expected: list[float]) -> None:
    """Of either side, of both, or of none."""
    found = nodes._bound(_node("Bound", **bounds), torch.tensor([-3.0, -1, 0, 2, 5]))
    assert found.tolist() == expected


def test_other_nodes_compute_what_they_stand_for() -> None:
    """A quotient, a softmax along its axis, a layer whose weight has outputs first, and a rounding of any codes."""
    a, b = torch.tensor([[1.0, 2, 3], [4, 5, 7]]), torch.tensor([[2.0, 4, 8], [1, 10, 2]])
    torch.testing.assert_close(nodes._float_div(_node("FloatDiv"), a, b), a / b)
    for axis in (0, 1, -1):
        torch.testing.assert_close(nodes._float_softmax(_node("FloatSoftmax", axis=axis), a), torch.softmax(a, axis))
    torch.testing.assert_close(nodes._float_softmax(_node("FloatSoftmax"), a + 1000), torch.softmax(a, -1))
    torch.testing.assert_close(nodes._fully_connected(_node("FullyConnected"), a, b, a[:, 0]), a @ b.t() + a[:, 0])
    torch.testing.assert_close(nodes._apart(_node("Apart"), a), a)
    settings = {"scale": 0.5, "zero_point": 2, "low": 0, "high": 9}
    found = nodes._rounded(_node("Rounded", **settings), torch.tensor([0.3, -5, 9, 0.75]))
    assert found.tolist() == [0.5, -1.0, 3.5, 1.0]
