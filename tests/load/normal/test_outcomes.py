"""Which form of a model is kept by what came of comparing it, and what is said of that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from qexplorer.core.errors import ModelError
from qexplorer.graph.walk import default_opset
from qexplorer.load.normal import normalize, tidy
from qexplorer.load.normal.normalize import normalized
from qexplorer.load.normal.verify import Outcome
from tests.load.model_graphs import model, small_cnn, weight
from tests.load.normalized import operators

SAME, DIFFERS, FAILS = Outcome.SAME, Outcome.DIFFERS, Outcome.NEW_FAILS
CONVERTED, KEPT = "converted from opset 17 to 21", "it is kept at opset 17"
SIMPLE = ["Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"]
WHOLE = ["Conv", "BatchNormalization", *SIMPLE[1:]]


def _kept(
    outcomes: Sequence[Outcome], monkeypatch: pytest.MonkeyPatch, proto: onnx.ModelProto | None = None
) -> tuple[onnx.ModelProto, list[str], int]:
    """The form that is kept, what is said, and how many were tried, where each try comes out so."""
    tried: list[onnx.ModelProto] = []

    def compared(original: onnx.ModelProto, new: onnx.ModelProto) -> tuple[Outcome, str]:
        assert original.ir_version <= 13
        tried.append(new)
        return outcomes[len(tried) - 1], f"reason {len(tried)}"

    monkeypatch.setattr(normalize, "compare_models", compared)
    found, notes = normalized(proto or small_cnn(opset=17), "net.onnx")
    return found, notes, len(tried)


@pytest.mark.parametrize(
    ("outcomes", "opset", "left", "notes"),
    [
        ([SAME], 21, SIMPLE, [CONVERTED]),
        ([DIFFERS, SAME], 21, SIMPLE, [CONVERTED]),
        ([DIFFERS, FAILS, SAME], 21, WHOLE, [CONVERTED]),
        ([DIFFERS, FAILS, DIFFERS, SAME], 21, WHOLE, [CONVERTED]),
        ([DIFFERS] * 4 + [SAME], 17, WHOLE, [CONVERTED, KEPT]),
        (
            [Outcome.NOT_RUN],
            21,
            SIMPLE,
            [CONVERTED, "the loaded form could not be checked by running it (reason 1)"],
        ),
        (
            [Outcome.ORIGINAL_FAILS],
            17,
            WHOLE,
            ["ONNX Runtime cannot load this model (reason 1), so it may not run here"],
        ),
        (
            [DIFFERS] * 5,
            17,
            WHOLE,
            ["it is kept as it was, because every simplified form that was tried computed something else (reason 1)"],
        ),
        (
            [FAILS] * 5,
            17,
            WHOLE,
            [
                "it is kept as it was, because every simplified form that was tried could not be run where it can"
                " (reason 1)"
            ],
        ),
        (
            [FAILS, DIFFERS, FAILS, DIFFERS, FAILS],
            17,
            WHOLE,
            [
                "it is kept as it was, because every simplified form that was tried computed something else or could"
                " not be run where it can (reason 1)"
            ],
        ),
    ],
)
def test_the_most_useful_form_that_computes_the_same_is_kept(
    outcomes: list[Outcome], opset: int, left: list[str], notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simplified as far as can be, at the opset of all; then less and less; as it was where nothing else will do."""
    found, said, tried = _kept(outcomes, monkeypatch)
    assert (default_opset(found), operators(found)) == (opset, left)
    assert said == notes
    assert tried == len(outcomes)


def test_a_model_of_the_common_opset_has_no_older_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four forms are tried, and nothing is said of its opset."""
    found, said, tried = _kept([DIFFERS] * 4, monkeypatch, small_cnn(opset=21))
    assert (tried, default_opset(found)) == (4, 21)
    assert said[0].startswith("it is kept as it was")
    assert _kept([SAME], monkeypatch, small_cnn(opset=21))[1] == []


def test_a_model_that_runs_out_of_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the runtime said."""
    with pytest.raises(ModelError, match=r"^net\.onnx: running it once needs too much memory \(reason 1\)$"):
        _kept([Outcome.TOO_LARGE], monkeypatch)


def test_what_exporters_remark_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts and properties hold paths of somebody's machine, wherever they stand."""
    proto = small_cnn(opset=21)
    proto.doc_string = proto.graph.doc_string = "/home/somebody"
    items = [proto.graph.node[0], proto.graph.input[0], proto.graph.output[0], proto.graph.initializer[0], proto.graph]
    for item in items:
        item.doc_string = "/home/somebody"  # type: ignore[attr-defined]
        item.metadata_props.add(key="trace", value="/home/somebody")  # type: ignore[attr-defined]
    for outcomes in ([SAME], [DIFFERS] * 4):
        assert b"somebody" not in _kept(outcomes, monkeypatch, proto)[0].SerializeToString()


def test_names_that_several_nodes_had_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first, and how many more; lengths of 0 as well, whatever form is kept."""
    nodes = [helper.make_node("Relu", [a], [b], name) for a, b, name in ("xap", "abp", "bcq", "cdq", "dyr")]
    shared = "nodes that shared a name ('p' and 1 more) were given distinct ones"
    free = "lengths of 0 or less in its shapes were taken for free ones"
    for outcomes in ([SAME], [DIFFERS] * 4, [Outcome.ORIGINAL_FAILS]):
        _, notes, _ = _kept(outcomes, monkeypatch, model(nodes, {"x": [0, 4]}, ["y"]))
        assert notes[:2] == [free, shared]
    one = [helper.make_node("Relu", [a], [b], "p") for a, b in ("xa", "ay")]
    _, notes, _ = _kept([SAME], monkeypatch, model(one, {"x": ["n", 4]}, ["y"]))
    assert notes == ["nodes that shared a name ('p') were given distinct ones"]


@pytest.mark.parametrize(("most", "written"), [(12, True), (11, False)])
def test_a_sparse_constant_is_written_out_unless_it_grows_too_large(
    most: int, written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly as much as is allowed is."""
    monkeypatch.setattr(tidy, "_MAX_DENSE", most)
    values, places = numpy_helper.from_array(np.float32([2]), "w"), numpy_helper.from_array(np.array([5]))
    sparse = helper.make_sparse_tensor(values, places, [4, 3])
    nodes = [helper.make_node("Constant", [], ["w"], sparse_value=sparse), helper.make_node("Add", ["x", "w"], ["y"])]
    found = tidy.tidied(model(nodes, {"x": [4, 3]}, ["y"]))
    assert operators(found) == (["Add"] if written else ["Constant", "Add"])
    if written:
        expected = np.zeros((4, 3), np.float32)
        expected[1, 2] = 2
        np.testing.assert_array_equal(numpy_helper.to_array(found.graph.initializer[0]), expected)


def test_a_constant_that_is_an_output_stays_a_node() -> None:
    """An output has to be made by something."""
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(weight(3), "c")),
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(weight(3), "k")),
        helper.make_node("Add", ["x", "k"], ["y"]),
    ]
    found = tidy.tidied(model(nodes, {"x": ["n", 3]}, ["y", "c"]))
    assert operators(found) == ["Constant", "Add"]
    assert [item.name for item in found.graph.initializer] == ["k"]


@pytest.mark.parametrize(("own", "version"), [({"": 17}, 17), ({"ai.onnx": 18}, 18), ({"": 13, "ai.onnx": 19}, 19)])
def test_both_names_of_the_standard_are_one(own: dict[str, int], version: int) -> None:
    """With the newer version; nodes and bodies lose the longer name, other domains stay."""
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["z"], domain="ai.onnx")], "b", [], [])
    nodes = [
        helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body, domain="ai.onnx"),
        helper.make_node("Theirs", ["y"], ["z2"], domain="some.body"),
    ]
    proto = model(nodes, {"x": [1]}, ["z2"])
    del proto.opset_import[:]
    proto.opset_import.extend(helper.make_opsetid(domain, each) for domain, each in {**own, "some.body": 3}.items())
    found = tidy.tidied(proto)
    assert {entry.domain: entry.version for entry in found.opset_import} == {"": version, "some.body": 3}
    assert [node.domain for node in found.graph.node] == ["", "some.body"]
    assert {attribute.g.node[0].domain for attribute in found.graph.node[0].attribute} == {""}
