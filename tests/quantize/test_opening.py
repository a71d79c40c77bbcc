"""No file is written that does not open and run with ONNX Runtime's own settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import ChildError, RecipeError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize import quantize as module
from qexplorer.quantize.opening import _may_crash, named_layers, open_in_child, problem_of, search
from qexplorer.quantize.quantize import quantize_model
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of

Feeds = dict[str, np.ndarray]


def _answers(path: Path, feeds: Feeds) -> np.ndarray:
    """A session as anyone would make it."""
    import onnxruntime

    return np.asarray(onnxruntime.InferenceSession(str(path)).run(None, feeds)[0])


def _chain() -> tuple[Model, Feeds]:
    b = Builder(1)
    h = b.node("Gemm", b.input("x", ("n", 6)), b.normal(6, 6), name="first")
    h = b.node("Gemm", b.node("Relu", h), b.normal(6, 6), name="second")
    b.output(b.node("Gemm", b.node("Relu", h), b.normal(6, 3), name="third"), 2)
    return model_of(b.model(), "chain"), {"x": b.random.normal(size=(16, 6)).astype(np.float32)}


@pytest.mark.parametrize("recipe", ["w8a8", "w8a8-dynamic", "w4a8", "w8", "w8-asym"])
def test_a_weight_of_three_axes_runs(recipe: str) -> None:
    """No kernel takes scales per column for stacked matrices: one scale, said in the plan, and a file that runs."""
    b = Builder(2)
    b.output(b.node("MatMul", b.input("x", ("n", 6, 16)), b.normal(1, 16, 12), name="stacked"), 3)
    model, feeds = model_of(b.model(), "stacked"), {"x": b.random.normal(size=(8, 6, 16)).astype(np.float32)}
    made = quantize_model(model, Recipe.parse(recipe), collect(model, Split(feeds), threads=1))
    wanted = _answers(model.path, feeds)
    assert np.abs(_answers(made.path, feeds) - wanted).max() < (0.3 if "w4" in recipe else 0.05) * np.abs(wanted).max()
    assert ("one scale" in made.plan.layer("stacked").reason) == ("a8" in recipe)


@pytest.mark.parametrize("form", ["scales", "sizes", "free"])
def test_a_resize_that_names_its_axes_opens(form: str) -> None:
    """Between integer convolutions it is written with all scales; where they are not known, it stays in float."""
    b = Builder(3)
    x = b.input("x", ("n", 3, "h" if form == "free" else 8, 8))
    h = b.node("Relu", b.conv(x, 3, 4))
    wanted = [b.constant(np.array([2, 2], np.float32))] if form == "scales" else ["", b.constant(np.array([16, 16]))]
    h = b.node("Resize", h, "", *wanted, mode="nearest", axes=[2, 3], name="larger")
    b.output(b.conv(h, 4, 2, kernel=1), 4)
    model, feeds = model_of(b.model(), "resized"), {"x": b.random.normal(size=(8, 3, 8, 8)).astype(np.float32)}
    made = quantize_model(model, Recipe.parse("w8a8"), collect(model, Split(feeds), threads=1))
    plain = _answers(model.path, feeds)
    assert np.abs(_answers(made.path, feeds) - plain).max() < 0.05 * np.abs(plain).max()
    assert made.plan.layer("larger").treatment == ("float" if form == "free" else "passthrough")


@pytest.mark.parametrize("refused", [{"second"}, {"first", "third"}])
@pytest.mark.parametrize("named", [True, False])
def test_what_is_refused_stays_in_float_with_the_message(
    monkeypatch: pytest.MonkeyPatch, refused: set[str], named: bool
) -> None:
    """The layers that a runtime refuses, named by it or found by halves, and no others; the plan is found again."""
    model, _ = _chain()

    def picky(path: Path, given: Path) -> str | None:  # noqa: ARG001
        weights = {item.name for item in onnx.load(path).graph.initializer}
        kept = [n for n in sorted(refused) if f"{model.layer(n).weight}/codes" in weights]
        return None if not kept else f"Node ({kept[0]}) is bad" if named else "it is bad"

    monkeypatch.setattr(module, "problem_of", picky)
    made = quantize_model(model, Recipe.parse("w8"), None)
    assert {p.name for p in made.plan.layers if p.op == "Gemm" and p.treatment == "float"} == refused
    assert all("is bad" in made.plan.layer(name).reason for name in refused)
    again = quantize_model(model, Recipe.parse("w8"), None)
    assert again.plan.to_json() == made.plan.to_json()


def test_what_is_refused_in_float_too_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the runtime's message, and no file."""
    monkeypatch.setattr(module, "problem_of", lambda *_: "it is bad")
    with pytest.raises(RecipeError, match="no file can be written that ONNX Runtime opens"):
        quantize_model(_chain()[0], Recipe.parse("w8-asym"), None)
    assert not list(module.quantized_path("x").parent.glob("*.onnx"))


def _file(folder: Path, node: onnx.NodeProto, name: str = "bad", extra: np.ndarray | None = None) -> Path:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 4]) for n in ("x", "y")]
    constants = [] if extra is None else [numpy_helper.from_array(extra, "c")]
    graph = helper.make_graph([node], "g", values[:1], values[1:], constants)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    path = folder / f"{name}.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
    return path


def test_a_file_that_opens_and_fails_as_it_runs_has_a_problem(tmp_path: Path) -> None:
    """Shapes that fit no input are met as it runs only; where the float file fails too, the inputs are to blame."""
    good = _file(tmp_path, helper.make_node("Relu", ["x"], ["y"], name="fine"), "good")
    bad = _file(tmp_path, helper.make_node("Reshape", ["x", "c"], ["y"], name="odd"), extra=np.array([3, 5]))
    assert problem_of(good, good) is None
    assert named_layers(problem_of(bad, good) or "", ["odd", "fine"]) == ["odd"]
    assert problem_of(bad, bad) is None


def test_infinities_where_float_has_none_are_a_problem(tmp_path: Path) -> None:
    """A file whose answers are infinite on inputs on which the float file's are finite is not one."""
    good = _file(tmp_path, helper.make_node("Relu", ["x"], ["y"]), "good")
    bad = _file(tmp_path, helper.make_node("Div", ["x", "c"], ["y"]), extra=np.zeros(1, np.float32))
    assert open_in_child({"path": str(bad), "given": str(good)}) == "the output 'y' is not finite, and in float it is"
    assert open_in_child({"path": str(bad), "given": str(bad)}) is None, (
        "what float has as well is no fault of the file"
    )


def test_only_floats_can_be_infinite(tmp_path: Path) -> None:
    """Texts and whole numbers beside the answers are no reason to refuse a file."""
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Constant", [], ["words"], value_strings=["a", "b"]),
        helper.make_node("Shape", ["x"], ["size"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in (("words", TensorProto.STRING), ("size", TensorProto.INT64), ("y", TensorProto.FLOAT))
    ]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])], ends)
    path = tmp_path / "words.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    )
    assert open_in_child({"path": str(path), "given": str(path)}) is None


def test_an_operator_that_is_not_there_is_found_in_a_child(tmp_path: Path) -> None:
    """Operators of other domains are opened in a process of their own, and its sentence comes back."""
    path = _file(tmp_path, helper.make_node("NoSuchThing", ["x"], ["y"], domain="com.microsoft"))
    assert "NoSuchThing" in (problem_of(path, path) or "")


def test_a_child_has_another_one_open_what_may_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash would end a child with all that it was asked for; what crashes nothing it opens itself."""
    asked = []

    def died(target: str, arguments: dict[str, str], **_: object) -> None:
        asked.append(arguments["path"])
        raise ChildError(f"{target} died")

    monkeypatch.setattr("qexplorer.process.child._TOLD", [print])
    monkeypatch.setattr("qexplorer.quantize.opening.run_in_child", died)
    risky = _file(tmp_path, helper.make_node("NoSuchThing", ["x"], ["y"], domain="com.microsoft"))
    plain = _file(tmp_path, helper.make_node("Relu", ["x"], ["y"]), "plain")
    assert problem_of(risky, risky) == "ONNX Runtime crashes on it"
    assert problem_of(plain, plain) is None
    assert asked == [str(risky)]


def test_layers_are_named_by_their_whole_names() -> None:
    """In quotes or in brackets; a name that is part of another is not meant."""
    layers = ["dense", "dense_1", "dense_10", "a/b"]
    assert named_layers("Node (dense_10) has no kernel", layers) == ["dense_10"]
    assert named_layers("while running 'dense' and 'a/b'", layers) == ["dense", "a/b"]
    assert named_layers("dense_1 is not quoted, 'dense_11' is none", layers) == []


@pytest.mark.parametrize(
    ("changed", "crashes"),
    [
        ({}, False),
        ({"op_type": "GRU"}, True),
        ({"domain": "com.microsoft"}, True),
        ({"kind": np.float16}, True),
        ({"kind": np.float64}, False),
        ({"body": True}, True),
    ],
)
def test_kinds_of_graphs_that_crashed_are_opened_in_a_child(changed: dict[str, object], crashes: bool) -> None:
    """Recurrences, operators of other domains, half precision, and graphs inside nodes."""
    node = helper.make_node(str(changed.get("op_type", "Relu")), ["x"], ["y"], domain=str(changed.get("domain", "")))
    if "body" in changed:
        node.attribute.append(helper.make_attribute("body", helper.make_graph([], "inner", [], [])))
    stored = numpy_helper.from_array(np.ones(2, changed.get("kind", np.float32)), "c")  # type: ignore[call-overload]
    assert _may_crash(helper.make_model(helper.make_graph([node], "g", [], [], [stored]))) is crashes


def test_the_search_finds_one_of_those_that_matter() -> None:
    """Among 100 layers one that must be kept in float is found in 9 tries at most; None if it helps nothing."""
    names, tries = [str(i) for i in range(100)], []

    def loads(kept: object) -> bool:
        tries.append(kept)
        return {"17", "60"} <= set(kept)  # type: ignore[call-overload]

    assert search(names, loads) == "60"
    assert len(tries) <= 9
    assert search(names, lambda _: False) is None


def _overflowing(b: Builder) -> Feeds:
    """A product whose values go far beyond float16, in a layer that no integer format knows."""
    h = b.node("MatMul", b.input("x", ("n", 8)), b.normal(8, 8, scale=300), name="product")
    b.output(b.node("Log", b.node("Add", b.node("Abs", h, name="size"), b.constant(np.float32(1)), name="more")), 2)
    return {"x": (b.random.normal(size=(32, 8)) * 300).astype(np.float32)}


def test_float16_that_overflows_on_data_stays_in_float() -> None:
    """Layers that go beyond 65504 on calibration data say so, and the file's answers are finite and right."""
    b = Builder(4)
    feeds = _overflowing(b)
    model, split = model_of(b.model(), "overflowing"), Split(feeds)
    data = DataSet("d", split, split, held_out=False, classes=(), digest="overflowing")
    made = quantize_model(model, Recipe.parse("fp16"), None, data)
    np.testing.assert_allclose(_answers(made.path, feeds), _answers(model.path, feeds), rtol=0.01)
    assert "float16 ends at 65504" in made.plan.layer("product").reason
    assert "float16 ends at 65504" in made.plan.layer("size").reason
    assert quantize_model(model, Recipe.parse("bf16"), None, data).plan.layer("product").treatment == "half"


@pytest.mark.parametrize(("recipe", "value"), [("fp16", -1e5), ("bf16", -3.4028235e38)])
def test_a_constant_that_a_narrow_float_cannot_hold_stays_in_float(recipe: str, value: float) -> None:
    """The lowest float32, which masks are made of, would be infinite in bfloat16."""
    b = Builder(5)
    h = b.node("Max", b.input("x", ("n", 4)), b.constant(np.full(4, value, np.float32)), name="floor")
    b.output(b.node("Gemm", h, b.normal(4, 2), name="dense"), 2)
    plan = quantize_model(model_of(b.model(), "floored"), Recipe.parse(recipe), None).plan
    assert plan.layer("floor").treatment == "float"
    assert "ends at" in plan.layer("floor").reason
    assert plan.layer("dense").treatment == "half"


@pytest.mark.parametrize("recipe", ["fp16", "bf16"])
def test_behind_an_operator_of_unknown_type_nothing_is_half(recipe: str) -> None:
    """The type behind another domain's operator is not known, and one operator cannot read two types."""
    nodes = [
        helper.make_node("Trilu", ["x"], ["h"], name="upper", domain="com.microsoft"),
        helper.make_node("Gemm", ["h", "w"], ["y"], name="dense"),
    ]
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 4]) for n in ("x", "y")]
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:], [weight])
    made = quantize_model(
        model_of(helper.make_model(graph, opset_imports=opsets, ir_version=10), "g"), Recipe.parse(recipe), None
    )
    layer = made.plan.layer("dense")
    assert layer.treatment == "half" or "type" in layer.reason
    feeds = {"x": np.ones((2, 4), np.float32)}
    np.testing.assert_allclose(_answers(made.path, feeds), np.triu(np.ones((2, 4))), rtol=0.01)
