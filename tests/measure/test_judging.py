"""One variant judged in a child: what is refused before anything runs, what is asked, and what comes back."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import qexplorer as qx
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import Cancelled, ChildError
from qexplorer.core.model import Model
from qexplorer.core.results import Kernels, Memory
from qexplorer.core.workspace import workspace
from qexplorer.graph.draws import RandomReach
from qexplorer.measure import judging
from qexplorer.measure.fidelity.gate import Difference
from qexplorer.measure.judging import judge_variant, samples_digest
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Variant, float_variant, subject_of
from tests.measure.models import data_set


def test_answers_that_are_drawn_are_refused_by_the_node(tmp_path: Path) -> None:
    """A model that samples gives other answers in each call: no number is shown, and the node that draws is named."""
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes = [node("RandomNormalLike", ["x"], ["r"], "sampled"), node("Add", ["x", "r"], ["y"])]
    shape: list[str | int | None] = ["n", 4]
    ends = [value("x", TensorProto.FLOAT, shape)], [value("y", TensorProto.FLOAT, shape)]
    proto = helper.make_model(helper.make_graph(nodes, "g", *ends), opset_imports=[helper.make_opsetid("", 21)])
    proto.ir_version = 10
    onnx.save(proto, str(tmp_path / "policy.onnx"))
    model = qx.load(tmp_path / "policy.onnx")
    part = Split({"x": np.zeros((4, 4), np.float32)}, None)
    data = DataSet("zeros", part, part, False, (), "0" * 64, task="similarity")
    subject = subject_of(model, data, None)
    with scratch() as folder:
        judged = judge_variant(float_variant(model), "onnxruntime", subject, keep_samples(folder, subject.inputs))
    assert (judged.refused or "").startswith("'sampled' (RandomNormalLike) draws random numbers for output 'y'")
    assert not judged.usable


@pytest.mark.parametrize(
    ("outputs", "words"),
    [(("y",), "random numbers for output 'y', so"), (("y", "z"), "random numbers for outputs 'y', 'z', so")],
)
def test_every_output_that_is_drawn_is_named(outputs: tuple[str, ...], words: str) -> None:
    """One, or several."""
    assert words in judging._never_the_same(RandomReach("sampled", "RandomNormal", outputs))


VALUE: dict[str, Any] = {
    "memory": {"peak": 900, "baseline": 100, "steady": 500, "steady_n": 7},
    "kernels": {"integer": {"QLinearConv": 2}, "float": {}, "other": {}},
    "notes": ["a note"],
    "predictions": [1, 0],
    "without_score": {"accuracy": "it is odd"},
    "differences": [],
    "against": "simulation",
    "asked": "the simulation",
    "alone": None,
    "primary": None,
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What children were asked; each answers the same."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(judging, "run_in_child", lambda _, arguments, **__: (found.append(arguments), VALUE)[1])
    return found


def test_a_child_is_asked_all_that_the_answers_follow_from(
    cnn: Model, int8: Variant, asked: list[dict[str, Any]]
) -> None:
    """And what it found comes back; what finds its ranges in each call is judged at the batch that is timed."""
    subject = subject_of(cnn, data_set(24), None)
    found = judge_variant(int8, "onnxruntime", subject, {"x": "x.npy"}, threads=3)
    (given,) = asked
    assert {name: given[name] for name in ("backend", "path", "is_float", "files", "n", "threads", "scoring")} == {
        "backend": "onnxruntime",
        "path": str(int8.path),
        "is_float": False,
        "files": {"x": "x.npy"},
        "n": 24,
        "threads": 3,
        "scoring": None,
    }
    assert (given["batches"], given["evaluation_batch"], given["fixed_batch"]) == ([1, 8, 32], 32, None)
    assert (given["scales"], given["threshold"]) == (int8.output_scales, subject.threshold)
    assert (found.memory, found.notes, found.kernels) == (
        Memory(900, 100, None, 1, 500, 7),
        ("a note",),
        Kernels({"QLinearConv": 2}, {}, {}),
    )
    assert found.predictions is not None
    assert (found.predictions.tolist(), found.usable, dict(found.scored.scores)) == ([1, 0], True, {})
    judge_variant(replace(int8, dynamic=True), "onnxruntime", subject, {"x": "x.npy"})
    assert asked[-1]["evaluation_batch"] == 1


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_only_checked_is_kept_too(
    cnn: Model, int8: Variant, asked: list[dict[str, Any]], *, kept: bool
) -> None:
    """Without scores, where the samples have a name; whoever has something to do before a child starts does it then
    alone."""
    subject, before = subject_of(cnn, data_set(24), None), list[int]()
    for _ in range(2):
        found = judge_variant(
            int8,
            "onnxruntime",
            subject,
            {},
            samples=samples_digest(subject) if kept else None,
            before=lambda: before.append(1),
        )
        assert (found.notes, found.usable) == (("a note",), True)
    assert len(asked) == len(before) == (1 if kept else 2)


def test_a_system_that_counts_no_peak_says_so(
    cnn: Model, int8: Variant, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no number in its place; a model that names no class has no predictions."""
    monkeypatch.setitem(VALUE, "memory", {"peak": None, "baseline": None, "steady": 5, "steady_n": 3})
    monkeypatch.setitem(VALUE, "predictions", None)
    found = judge_variant(int8, "onnxruntime", subject_of(cnn, data_set(24), None), {})
    assert found.memory == Memory(None, None, "this system does not count peak memory", 1, 5, 3)
    assert found.predictions is None
    assert len(asked) == 1


@pytest.mark.parametrize(("error", "failed"), [(ChildError("it crashed"), "it crashed"), (Cancelled("no more"), None)])
def test_a_child_that_dies_costs_its_own_variant(
    cnn: Model, int8: Variant, monkeypatch: pytest.MonkeyPatch, error: Exception, failed: str | None
) -> None:
    """Whoever cancelled hears of it; nothing of a failure is kept."""

    def dies(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(judging, "run_in_child", dies)
    subject = subject_of(cnn, data_set(24), None)
    if failed is None:
        with pytest.raises(Cancelled):
            judge_variant(int8, "onnxruntime", subject, {}, samples=samples_digest(subject))
    else:
        found = judge_variant(int8, "onnxruntime", subject, {}, samples=samples_digest(subject))
        assert (found.failed, found.usable, found.memory) == (failed, False, None)
    assert not list(workspace("judged").glob("*"))


def test_what_is_refused_is_judged_again(
    cnn: Model, int8: Variant, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes with its reason and its fidelity, and nothing of it is kept."""
    off = Difference(32, 24, 20, 9.0, None, exact=False, elements=96, within_one=60)
    monkeypatch.setitem(VALUE, "differences", [asdict(off)])
    subject = subject_of(cnn, data_set(24), None)
    for _ in range(2):
        found = judge_variant(int8, "onnxruntime", subject, {}, samples=samples_digest(subject))
        assert "differ from the simulation by up to 9 steps" in (found.refused or "")
        assert found.fidelity is not None
        assert (found.usable, found.fidelity.max_lsb, found.fidelity.n) == (False, 9.0, 24)
    assert len(asked) == 2
    assert not list(workspace("judged").glob("*"))
