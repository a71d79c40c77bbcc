"""Which samples and which references a backend's answers are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.measure.fidelity import comparing
from qexplorer.measure.fidelity.batches import batches_to_look_at, first_rows
from qexplorer.measure.fidelity.comparing import (
    EXACT,
    SIMULATION,
    Answered,
    Question,
    answers_of,
    asked_of,
    compare,
    exact_of,
)
from qexplorer.measure.fidelity.gate import Difference
from qexplorer.measure.judge_child import _answering
from qexplorer.measure.scratch import keep_samples
from qexplorer.run.protocol import Backend, Mode, Preparation, SessionOptions
from qexplorer.run.registry import BACKENDS, exact_integers, reference
from tests.measure.models import SHAPE, make_cnn, quantized


def _question(path: Path, backend: Backend, n: int = 20) -> Question:
    inputs = {"x": np.arange(n, dtype=np.float32)}
    return Question(path, backend, inputs, n, None, 8, (1, 8), 1, {}, 0.0)


@pytest.mark.parametrize(
    ("batch", "rows", "first", "batches"), [(1, (13, 4), [13, 4], 8), (8, (13,), [8], 1), (3, (19,), [18], 3)]
)
def test_eight_samples_or_more_are_looked_at(batch: int, rows: tuple[int, ...], first: list[int], batches: int) -> None:
    """At each batch size as many batches as hold 8 samples, those with the worst samples first, none twice."""
    item = Difference(batch, 20, None, 9.0, None, exact=False, rows=rows)
    looked = batches_to_look_at([item], _question(Path("m.onnx"), BACKENDS.get("torch")))
    found = [each.feeds["x"] for each in looked]
    assert (len(found), {each.size for each in found}) == (batches, {batch})
    starts = [int(each[0]) for each in found]
    assert starts[: len(first)] == first
    assert len(set(starts)) == batches


def test_of_a_large_batch_eight_samples_are_judged_first_the_worst_among_them() -> None:
    """First and last sample, the worst ones, then others; of a small batch all."""
    question = _question(Path("m.onnx"), BACKENDS.get("torch"), 64)
    item = Difference(32, 64, None, 9.0, None, exact=False, rows=(46, 3, 43))
    (batch,) = batches_to_look_at([item], question)
    assert batch.feeds["x"].tolist() == list(range(32, 64))
    assert {0, 11, 14, 31} <= set(batch.rows) <= set(range(32))
    assert len(batch.rows) == 8
    assert list(batch.rows) == sorted(set(batch.rows))
    small = batches_to_look_at([replace(item, batch=8)], question)
    assert [each.rows for each in small] == [()]


def test_one_look_serves_the_batch_sizes_that_are_answered_alike(tmp_path: Path) -> None:
    """A batch size at which the first samples get the very answers of the evaluation batch is not looked at again; one
    that differs in a bit is, and so is each where the evaluation batch is explained."""
    path = quantized(make_cnn(tmp_path), tmp_path).path
    x = np.random.default_rng(0).normal(size=(20, *SHAPE)).astype(np.float32)

    class Off:
        """The reference, off by far, and at batch 1 by a little more."""

        output_names = ("y",)

        def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
            found = right.run(feeds)[0] + np.float32(9)
            return [found + np.float32(feeds["x"].shape[0] == 1)]

    right = reference().load(path, SessionOptions(Mode.SIMULATED))
    question = replace(_question(path, BACKENDS.get("onnxruntime")), inputs={"x": x}, batches=(1, 4, 8))
    session: Any = Off()
    compared = compare(session, question, answers_of(session, question, lambda _: None), tmp_path, lambda _: None)
    assert [item.batch for item in compared.open] == [8, 1, 4]
    assert compared.same_at == (4,)
    assert [item.batch for item in compared.to_look_at] == [8, 1]
    explained_first = replace(compared, found=(replace(compared.found[0], noise=0.0), *compared.found[1:]))
    assert [item.batch for item in explained_first.to_look_at] == [1, 4]


@pytest.mark.parametrize(("batch", "count"), [(1, 16), (4, 16), (32, 32)])
def test_the_first_samples_are_answered_at_each_batch_that_is_timed(batch: int, count: int) -> None:
    """Sixteen of 20, or as many as a call takes, so that none is called with less than it is timed with."""
    sizes: list[int] = []

    class Same:
        output_names = ("y",)

        def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
            sizes.append(len(feeds["x"]))
            return [feeds["x"]]

    session: Any = Same()
    question = replace(_question(Path("m.onnx"), BACKENDS.get("torch")), batches=(batch,))
    at = comparing.answered(session, question, [question.inputs["x"]])[-1]
    assert (at.batch, at.n) == (batch, count)
    assert set(sizes) == {batch}


def test_nobody_is_its_own_judge(tmp_path: Path) -> None:
    """Exact integers judge every backend but the one that computes them, as a whole and piece by piece."""
    path, exact = quantized(make_cnn(tmp_path), tmp_path).path, exact_integers()
    assert exact is not None
    other = BACKENDS.get("onnxruntime")
    assert exact_of(_question(path, exact), tmp_path) is None
    assert exact_of(_question(path, other), tmp_path) is not None
    assert asked_of(_question(path, exact), [], tmp_path).exact is None
    assert asked_of(_question(path, other), [], tmp_path).exact is exact


def test_what_was_computed_as_a_reference_is_not_computed_again_by_its_backend(tmp_path: Path) -> None:
    """Exact integers of one graph and batch are computed once; whoever is no reference answers by itself."""

    class Asleep:
        output_names = ("y",)

    path, exact = quantized(make_cnn(tmp_path), tmp_path).path, exact_integers()
    assert exact is not None
    feeds = {"x": np.random.default_rng(1).normal(size=(3, *SHAPE)).astype(np.float32)}
    computed = exact_of(_question(path, BACKENDS.get("onnxruntime")), tmp_path)
    assert computed is not None
    session: Any = Asleep()
    integers, floats = Kernels({"Conv": 1}, {}, {}), Kernels({}, {"Conv": 1}, {})
    own = _answering(session, integers, _question(path, exact), tmp_path, itself=False)
    expected = computed.run(feeds)
    assert np.array_equal(own.run(feeds)[0], expected[0])
    assert _answering(session, floats, _question(path, exact), tmp_path, itself=False) is session
    other = _question(path, BACKENDS.get("onnxruntime"))
    assert _answering(session, integers, other, tmp_path, itself=False) is session


def test_exact_integers_are_asked_where_one_batch_size_of_several_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is explained at the evaluation batch may be off at batch 1."""
    near = Difference(8, 20, None, 1.0, None, exact=False, elements=1000, within_one=1000, values=1000, equal=999)
    far = replace(near, batch=1, max_lsb=9.0)
    simulated, exact = object(), object()
    answers = {simulated: (near, far), exact: (near, replace(near, batch=1))}
    monkeypatch.setattr(comparing, "simulation_of", lambda *_: simulated)
    monkeypatch.setattr(comparing, "exact_of", lambda *_: exact)
    monkeypatch.setattr(comparing, "answered", lambda *_: [Answered(8, 20, {}, [])])
    monkeypatch.setattr(comparing, "differences_from", lambda other, *_: (answers[other], []))
    question = _question(tmp_path / "m.onnx", reference())
    found = compare(None, question, [], tmp_path, lambda _: None)  # type: ignore[arg-type]
    assert found.against == EXACT
    assert found.open == ()


def test_a_batch_begins_at_the_first_sample_and_is_filled_up_with_them() -> None:
    """In memory of its own, from any sample on."""
    inputs = {"x": np.arange(3), "y": np.arange(6).reshape(3, 2)}
    found = first_rows(inputs, 2)
    assert (found["x"].tolist(), found["y"].tolist()) == ([0, 1], [[0, 1], [2, 3]])
    assert not np.shares_memory(found["y"], inputs["y"])
    assert first_rows(inputs, 4, start=2)["x"].tolist() == [2, 0, 1, 2]


def _answers(batch: int, n: int, *outputs: np.ndarray) -> Answered:
    return Answered(batch, n, {}, outputs)


def test_the_same_answers_are_the_same_bits_of_every_output() -> None:
    """Of the first samples; not where an output has another number of rows, or more samples than were evaluated."""
    y, z = np.arange(8.0).reshape(4, 2), np.arange(4)
    other = z[:2].copy()
    other[1] += 1
    ours = [
        _answers(4, 4, y, z),
        _answers(1, 2, y[:2], z[:2]),
        _answers(2, 2, y[:2], other),
        _answers(3, 2, y[:3], z[:2]),
        _answers(8, 5, np.arange(10.0).reshape(5, 2), np.arange(5)),
    ]
    assert comparing._same_at(ours) == (1,)
    assert comparing._same_at(ours[:1]) == ()


class _Doubles:
    """Answers twice what it is fed, and notes how much that is."""

    def __init__(self, *names: str) -> None:
        self.output_names, self.fed = names, list[int]()

    def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One output for each name."""
        self.fed.append(len(feeds["x"]))
        return [2 * feeds["x"] for _ in self.output_names]


def test_a_reference_answers_all_samples_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are compared at each other size, too; progress goes from 1 to 2. Outputs of other names are not
    compared."""
    monkeypatch.setattr(Question, "layers", 3)
    question, told = _question(tmp_path / "m.onnx", BACKENDS.get("torch")), list[float]()
    session, other = _Doubles("y"), _Doubles("y")
    ours = comparing.answered(session, question, answers_of(session, question, lambda _: None))  # type: ignore[arg-type]
    found, expected = comparing.differences_from(other, session, ours, question, told.append)  # type: ignore[arg-type]
    assert (session.fed, other.fed) == ([8, 8, 4, *[1] * 16], [8, 8, 4])
    assert [(item.batch, item.n, item.exact) for item in found] == [(8, 20, True), (1, 16, True)]
    assert [each.tolist() for each in expected] == [(2 * question.inputs["x"]).tolist()]
    assert (min(told) > 1, max(told)) == (True, 2.0)
    for names in ((), ("z",), ("y", "z")):
        with pytest.raises(BackendError, match="names its outputs otherwise"):
            comparing.differences_from(_Doubles(*names), session, ours, question, told.append)  # type: ignore[arg-type]


def test_a_reference_is_asked_again_where_the_backend_answers_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a batch size that changes a bit of the answers; not at one that changes none."""

    class MoreAlone(_Doubles):
        def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
            return [each + (len(feeds["x"]) == 1) for each in super().run(feeds)]

    monkeypatch.setattr(Question, "layers", 3)
    question = replace(_question(tmp_path / "m.onnx", BACKENDS.get("torch"), 16), batches=(1, 4, 8))
    session, other = MoreAlone("y"), _Doubles("y")
    ours = comparing.answered(session, question, answers_of(session, question, lambda _: None))  # type: ignore[arg-type]
    found, _ = comparing.differences_from(other, session, ours, question, lambda _: None)  # type: ignore[arg-type]
    assert other.fed == [8, 8, *[1] * 16]
    assert [(item.batch, item.n, item.exact) for item in found] == [(8, 16, True), (1, 16, False), (4, 16, True)]


NEAR = Difference(8, 20, None, 1.0, None, exact=False, values=1000, equal=0)
FAR = replace(NEAR, max_lsb=9.0)


@pytest.mark.parametrize(
    ("first", "singly", "exact", "asked"),
    [
        (NEAR, True, True, "the simulation"),
        (FAR, True, True, "the simulation, sample by sample"),
        (FAR, False, True, "the simulation and from exact integers"),
        (FAR, False, False, "the simulation"),
    ],
)
def test_who_is_asked_follows_from_what_the_one_before_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Difference, asked: str, *, singly: bool, exact: bool
) -> None:
    """The simulation alone for single steps; sample by sample where the backend finds ranges so; then exact integers,
    where there are any."""
    simulation, integers = object(), object()
    monkeypatch.setattr(comparing, "simulation_of", lambda *_: simulation)
    monkeypatch.setattr(comparing, "exact_of", lambda *_: integers if exact else None)
    monkeypatch.setattr(comparing, "answered", lambda *_: [_answers(8, 20)])
    monkeypatch.setattr(comparing, "differences_from", lambda other, *_: ((first,), [other]))
    monkeypatch.setattr(Question, "by_sample", singly)
    question = _question(tmp_path / "m.onnx", reference())
    found = compare(None, question, [], tmp_path, lambda _: None)  # type: ignore[arg-type]
    assert (found.asked, found.against) == (asked, EXACT if "exact" in asked else SIMULATION)
    (expected,) = found.expected or ()
    if "sample by sample" in asked:
        assert isinstance(expected, comparing.OneByOne)
    else:
        assert expected is (integers if "exact" in asked else simulation)


def test_a_question_is_read_from_what_a_child_was_asked(tmp_path: Path) -> None:
    """A threshold of None stays none; batches are filled up where a backend prepares each shape for seconds."""
    asked: dict[str, Any] = {
        "path": str(tmp_path / "m.onnx"),
        "files": keep_samples(tmp_path, {"x": np.arange(5.0)}),
        "n": 5,
        "fixed_batch": None,
        "evaluation_batch": 32,
        "batches": [1, 8],
        "threads": 2,
        "scales": {"y": 0.5},
        "threshold": None,
    }
    found = Question.of(asked, BACKENDS.get("onnxruntime"))
    assert (found.n, found.fixed, found.evaluation, found.batches, found.threads) == (5, None, 32, (1, 8), 2)
    assert (found.path, found.scales, found.threshold, found.pads) == (tmp_path / "m.onnx", {"y": 0.5}, None, False)
    assert found.inputs["x"].tolist() == [0, 1, 2, 3, 4]
    assert Question.of(asked | {"threshold": 0.5}, BACKENDS.get("onnxruntime")).threshold == 0.5
    for each_shape in (True, False):
        work = Preparation("It works", (1, 2), each_shape=each_shape)
        backend: Any = SimpleNamespace(capabilities=SimpleNamespace(prepares=work))
        assert Question.of(asked, backend).pads is each_shape
