"""A stranger's model is observed and quantized in a child, and what this process then does runs nothing of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import qexplorer as qx
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import ChildMemory, ChildTimeout, QExplorerError, RecipeError, UnknownName
from qexplorer.core.model import Model
from qexplorer.load.datasets.handed import hand_over, taken
from qexplorer.measure.prepare import prepare
from qexplorer.quantize import apart
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of

ENDLESS = """
<ir_version: 8, opset_import: ["" : 17]>
endless (float[N, 4] x) => (float[N, 4] y) {
    hundred = Constant<value = float {100.0}>()
    most = Constant<value = int64 {9223372036854775807}>()
    largest = ReduceMax<keepdims = 0>(x)
    start = Greater(largest, hundred)
    y = Loop(most, start, x) <body = turn (int64 i, bool go, float[N, 4] v) => (bool on, float[N, 4] w) {
        on = Identity(go)
        w = Identity(v)
    }>
}
"""
"""Runs for ever where an input exceeds 100, and not at all otherwise."""


@pytest.fixture
def strange(tmp_path: Path) -> Model:
    """A small model that is none of this program's own."""
    return qx.load(_written(tmp_path / "strange.onnx"))


def _written(path: Path) -> Path:
    rng = np.random.default_rng(0)
    weight = onnx.numpy_helper.from_array(rng.normal(size=(4, 3)).astype(np.float32), "w")
    ends = [onnx.helper.make_tensor_value_info(n, 1, ["N", size]) for n, size in (("x", 4), ("y", 3))]
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["y"], "m")], "g", ends[:1], ends[1:])
    graph.initializer.append(weight)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def data_of(values: Any) -> DataSet:
    """A data set of these samples."""
    split = Split({"x": np.asarray(values, np.float32)})
    return DataSet("made", split, split, False, (), "0" * 64)


def test_a_strangers_model_is_run_by_a_child_alone(strange: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither observing nor opening happens in this process; file, plan and progress are what they are in one."""
    from qexplorer.observe.collecting import store
    from qexplorer.quantize import quantize

    here: list[str] = []
    monkeypatch.setattr(store, "collect", lambda *_, **__: here.append("observed"))
    monkeypatch.setattr(quantize, "problem_of", lambda *_: here.append("opened"))
    seen: list[tuple[int, int]] = []
    made = qx.quantize(strange, "w8a8", data_of(np.eye(4)), progress=lambda *done: seen.append(done))
    assert here == []
    assert seen[-1] == (4, 4)
    assert made.path.is_file()
    assert made.plan.layer("m").treatment == "quantized"


def test_the_models_of_this_program_need_no_child() -> None:
    """A sample is quantized where it is asked for, which costs no start of a process."""
    assert not apart.goes_apart(qx.load("tumour_mlp"))


def test_a_recipe_that_cannot_be_applied_is_told_as_it_is_here(strange: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the child is the error that the caller would have met; one recipe costs no other."""
    refused = RecipeError("cannot be applied", where="rule 1")
    monkeypatch.setattr(apart, "run_in_child", lambda *_, **__: [refused.to_json(), None])
    recipes = [qx.Recipe.parse("w8"), qx.Recipe.parse("w4")]
    first, second = prepare(strange, recipes, data_of(np.eye(4)), progress=lambda *_: None)
    assert (first.failed, second.failed) == (refused.sentence, None)
    monkeypatch.setattr(apart, "run_in_child", lambda *_, **__: [refused.to_json()])
    with pytest.raises(RecipeError, match="rule 1: cannot be applied"):
        qx.quantize(strange, "w8a8", data_of(np.eye(4)))


def test_a_loop_that_only_the_data_makes_endless_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads, and what runs it ends with one sentence: in ``quantize`` as an error, in a comparison as its reason."""
    monkeypatch.setenv("QEXPLORER_LIMITS", "0.05")
    path = tmp_path / "endless.onnx"
    onnx.save(onnx.parser.parse_model(ENDLESS), path)
    model, data = qx.load(path), data_of([[1, 2, 3, 400]])
    with pytest.raises(ChildTimeout, match="without getting on"):
        qx.quantize(model, "w8a8", data)
    (found,) = prepare(model, [qx.Recipe.parse("w8a8")], data, progress=lambda *_: None)
    assert found.variant is None
    assert found.failed is not None
    assert "without getting on" in found.failed


def test_arrays_are_handed_over_without_a_copy_where_a_file_holds_them(tmp_path: Path) -> None:
    """Mapped arrays and their views are named by file and place; others are written; all arrive as they were."""
    np.save(tmp_path / "kept.npy", np.arange(24, dtype=np.float32).reshape(6, 4))
    mapped = np.load(tmp_path / "kept.npy", mmap_mode="r")
    folder = tmp_path / "handed"
    folder.mkdir()
    labels = np.array([3, 1, 2])
    for inputs, written in ((mapped, 1), (mapped[2:5], 1), (np.asarray(mapped)[1:4], 1), (mapped[::2], 2)):
        for old in folder.iterdir():
            old.unlink()
        data = DataSet("d", Split({"x": inputs}, labels), Split({}), True, ("a", "b"), "1" * 64, ("note",))
        found = taken(hand_over(data, folder))
        assert len(list(folder.iterdir())) == written  # the labels are in no file
        assert np.array_equal(found.calibration.inputs["x"], inputs)
        assert np.array_equal(found.calibration.labels, labels)
        assert (found.name, found.classes, found.digest, found.notes) == ("d", ("a", "b"), "1" * 64, ("note",))


HUGE = """
<ir_version: 8, opset_import: ["" : 17]>
huge (float[N, 4] x) => (float[N, 4] y) {
    most = ReduceMax<keepdims = 0>(x)
    count = Cast<to = 7>(most)
    one = Constant<value = int64[1] {1}>()
    shape = Reshape(count, one)
    filled = ConstantOfShape<value = float[1] {1.0}>(shape)
    largest = ReduceMax<keepdims = 0>(filled)
    y = Add(x, largest)
}
"""
"""Makes an array as long as the largest number among its inputs."""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse nothing at once")
def test_an_array_that_only_the_data_make_huge_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six gigabytes that a sample asks for are never given, and told as a lack of memory with the model's name."""
    monkeypatch.setenv("QEXPLORER_LIMITS", "0.2")
    path = tmp_path / "huge.onnx"
    onnx.save(onnx.parser.parse_model(HUGE), path)
    with pytest.raises(ChildMemory, match=r"^huge: the work needs more memory than it may use; "):
        qx.quantize(qx.load(path), "w8a8", data_of([[1, 2, 3, 1.5e9]]))


def _small() -> Model:
    b = Builder(0)
    b.output(b.node("Gemm", b.input("x", ("n", 4)), b.normal(4, 3), name="dense"), 2)
    return model_of(b.model(), "small")


@pytest.mark.usefixtures("shared_workspace")
def test_what_a_child_tells_reaches_who_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples, steps and the diary each go to their own listener, and to nobody where there is none; a name that only
    this process knows is no error, any other is."""
    answers: list[QExplorerError | None] = [None, UnknownName("no such format"), RecipeError("cannot be")]
    given: dict[str, Any] = {}

    def child(target: str, arguments: dict[str, Any], *, limits: Any, on_event: Any) -> list[Any]:
        assert limits.resident_bytes
        given.update(arguments, target=target)
        for event in ({"samples": [1, 4]}, {"step": "rounding", "done": 0.5}, {"diary": 1}, {"other": 2}):
            on_event(event)
        return [None if each is None else each.to_json() for each in answers]

    monkeypatch.setattr(apart, "run_in_child", child)
    heard: list[Any] = []
    recipes = [qx.Recipe.parse(name) for name in ("w8", "w4", "w8a8")]
    found = apart.prepare_apart(
        _small(), recipes, data_of(np.eye(4)), samples=8, diary=Path("kept"),
        observing=lambda *done: heard.append(done), working=lambda *step: heard.append(step),
        told=lambda: heard.append("diary"),
    )  # fmt: skip
    assert heard == [(1, 4), ("rounding", 0.5), "diary"]
    assert [None if each is None else each.sentence for each in found] == [None, None, "cannot be"]
    assert (given["samples"], given["diary"], len(given["recipes"])) == (8, "kept", 3)
    assert [qx.Recipe.parse(text) for text in given["recipes"]] == recipes
    heard.clear()
    apart.prepare_apart(_small(), recipes, None, samples=8)
    assert (heard, given["data"], given["diary"]) == ([], None, None)


@pytest.mark.usefixtures("shared_workspace")
def test_the_childs_side_tells_what_it_does_and_what_it_cannot(tmp_path: Path) -> None:
    """Samples as they are observed, steps as they are taken; a recipe that cannot be applied costs no other one."""
    data = data_of(np.random.default_rng(0).normal(size=(40, 4)))
    told: list[dict[str, Any]] = []
    refused = "weights: {format: int8}\nactivations: {format: int8, mode: dynamic}\n"
    arguments = {
        "model": _small().to_json(), "recipes": ["w8", refused, "w8a8", "w4a8-gptq"], "data": hand_over(data, tmp_path),
        "samples": 32, "diary": None,
    }  # fmt: skip
    found = apart.prepare_in_child(arguments, told.append)
    assert [each is None for each in found] == [True, False, True, True]
    assert found[1] is not None
    assert found[1]["type"] == "RecipeError"
    samples = [event["samples"] for event in told if "samples" in event]
    assert samples[-1] == [32, 32]
    steps = [(event["step"], event["done"]) for event in told if "step" in event]
    assert any("dense" in step for step, _ in steps)
    assert all(0 <= done <= 1 for _, done in steps)
    assert {event["event"] for event in told} == {"progress"}
