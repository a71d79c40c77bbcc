"""A file that was judged is not judged again by the next comparison, unless anything is different."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.files import write_sealed
from qexplorer.core.model import Model
from qexplorer.core.workspace import workspace
from qexplorer.machine import conditions as of_machine
from qexplorer.measure import judged_before, judging
from qexplorer.measure.judged_before import KeptJudgement, read_judged, write_judged
from qexplorer.measure.judging import Judged, judge_variant, samples_digest
from qexplorer.measure.kept import kept_path, read_kept, write_kept
from qexplorer.measure.scoring import Scoring, keep_labels, read_outputs
from qexplorer.measure.scratch import keep_samples
from qexplorer.measure.variant import Subject, Variant, float_variant, subject_of
from qexplorer.process.parent import run_in_child
from tests.measure.models import data_set

DATA = data_set(24)
Judge = Callable[..., Judged]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Judges a variant as a comparison does, in a new folder each time."""
    folders = iter(range(100))

    def judged(variant: Variant, subject: Subject, floats: Path | None = None, **options: Any) -> Judged:
        folder = tmp_path / f"{next(folders)}"
        folder.mkdir()
        keep = folder / "answers" if variant.is_float else None
        labels = keep_labels(folder, subject.labels)
        scoring = Scoring.of(subject.metrics, folder, labels=labels, keep=keep, floats=floats)
        files = keep_samples(folder, subject.inputs)
        options = {"scoring": scoring, "samples": samples_digest(subject)} | options
        return judge_variant(variant, "onnxruntime", subject, files, **options)

    return judged


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What children were asked to judge."""
    asked: list[str] = []

    def counted(target: str, arguments: dict[str, Any], **options: Any) -> Any:
        asked.append(arguments["path"])
        return run_in_child(target, arguments, **options)

    monkeypatch.setattr(judging, "run_in_child", counted)
    return asked


def _same(one: Judged, other: Judged) -> bool:
    scores = one.scored.scores, other.scored.scores
    assert set(scores[0]) == set(scores[1])
    assert all(np.array_equal(scores[0][name], scores[1][name], equal_nan=True) for name in scores[0])
    assert np.array_equal(one.predictions, other.predictions)  # type: ignore[arg-type]
    facts = [
        (j.memory, j.kernels, j.notes, j.fidelity, j.refused, j.failed, dict(j.scored.without)) for j in (one, other)
    ]
    return facts[0] == facts[1]


def test_the_same_is_judged_once(cnn: Model, int8: Variant, judge: Judge, children: list[str]) -> None:
    """The second comparison reads scores, classes, kernels, memory and fidelity, and starts no child for them."""
    subject = subject_of(cnn, DATA, None)
    first = judge(int8, subject)
    assert len(children) == 1
    assert first.scored.scores
    assert _same(first, judge(int8, subject))
    assert len(children) == 1


def test_the_float_model_comes_back_with_its_answers(
    cnn: Model, judge: Judge, children: list[str], tmp_path: Path
) -> None:
    """Metrics that compare with float find the answers that a comparison before has kept, bit by bit."""
    subject = subject_of(cnn, replace(DATA, task="similarity"), None)
    assert any(metric.needs_float for metric in subject.metrics), "else no answers are kept"
    judge(float_variant(cnn), subject)
    judge(float_variant(cnn), subject)
    assert len(children) == 1
    first, second = (read_outputs(tmp_path / name / "answers") for name in ("0", "1"))
    assert first
    assert second
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def _other(data: DataSet, **changed: Any) -> DataSet:
    part = data.evaluation
    return replace(data, evaluation=Split(changed.get("inputs", part.inputs), changed.get("labels", part.labels)))


def test_whatever_is_different_is_judged_anew(
    cnn: Model, int8: Variant, judge: Judge, children: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value of one sample, one label, the threads, a metric, the threshold, a setting of a runtime, the processor,
    a version, a line of this program, the file itself: each is another question."""
    part = DATA.evaluation
    name, values = next(iter(part.inputs.items()))
    moved = values.copy()
    moved[3].flat[0] += 1
    assert part.labels is not None
    labels = part.labels.copy()
    labels[0] = (labels[0] + 1) % 2
    subject = subject_of(cnn, DATA, None)
    judge(int8, subject)
    judge(int8, subject_of(cnn, _other(DATA, inputs={name: moved}), None))
    judge(int8, subject_of(cnn, _other(DATA, labels=labels), None))
    judge(int8, subject, threads=2)
    judge(int8, replace(subject, metrics=subject.metrics[:1]))
    judge(int8, replace(subject, threshold=0.25))
    assert len(children) == 6
    changes: list[tuple[str, Any]] = [
        ("cpu_model", lambda: "another processor"),
        ("versions_of", lambda packages: dict.fromkeys(packages, "9.9")),
        ("program_digest", lambda: "another program"),
    ]
    for count, (function, answer) in enumerate(changes, start=7):
        with monkeypatch.context() as patched:
            patched.setattr(of_machine, function, answer)
            judge(int8, subject)
        assert len(children) == count, function
    with monkeypatch.context() as patched:
        patched.setenv("OMP_SOMETHING", "1")
        judge(int8, subject)
    assert len(children) == 10
    with monkeypatch.context() as patched:
        patched.setattr(judging, "exact_integers", lambda: None)
        judge(int8, subject)
    assert len(children) == 11, "exact integers are another runtime's"
    content = int8.path.read_bytes()
    other = int8.path.with_name("same-but-for-a-name.onnx")
    other.write_bytes(content)
    judge(replace(int8, path=other), subject)
    assert len(children) == 11, "the same file elsewhere is the same file"
    graph = onnx.load(str(other))
    graph.producer_name = "another"
    onnx.save(graph, str(other))
    judge(replace(int8, path=other), subject)
    assert len(children) == 12


def _damaged(path: Path, member: int) -> bytes:
    """The file with one bit turned over in the middle of a member."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        info = file.infolist()[member]
    start = info.header_offset + 30 + sum(struct.unpack_from("<HH", content, info.header_offset + 26))
    content[start + info.file_size * 3 // 4] ^= 0x10
    return bytes(content)


def test_what_is_damaged_is_judged_again(cnn: Model, int8: Variant, judge: Judge, children: list[str]) -> None:
    """A bit that changed in what was kept, or a file that ends too early, and a child judges again."""
    subject = subject_of(cnn, DATA, None)
    first = judge(int8, subject)
    (kept,) = workspace("judged").glob("*.npz")
    whole = kept.read_bytes()
    for count, content in enumerate((_damaged(kept, 0), _damaged(kept, -1), whole[:100], b""), start=2):
        kept.write_bytes(content)
        again = judge(int8, subject)
        assert len(children) == count
        assert np.array_equal(first.predictions, again.predictions)  # type: ignore[arg-type]


def test_what_failed_or_nobody_names_is_not_kept(cnn: Model, int8: Variant, judge: Judge, children: list[str]) -> None:
    """A file that cannot be loaded is tried again, and without a name for the samples nothing is kept."""
    subject = subject_of(cnn, DATA, None)
    gone = replace(int8, path=int8.path.with_name("gone.onnx"))
    assert judge(gone, subject).failed
    assert judge(gone, subject).failed
    judge(int8, subject, samples=None)
    assert len(children) == 3
    assert not list(workspace("judged").glob("*"))


def test_answers_that_a_file_would_change_are_not_kept() -> None:
    """bfloat16 comes back from a file as bytes without a meaning; float32 comes back as it was."""
    for dtype, kept in ((np.float32, True), (ml_dtypes.bfloat16, False)):
        made_from = {"answers in": np.dtype(dtype).name}
        write_judged(made_from, KeptJudgement({}, {}, [np.ones(2, dtype)]))
        assert (read_judged(made_from) is not None) == kept


def test_a_finding_is_kept_under_all_that_it_was_made_from() -> None:
    """By kind too; what is no finding, or cut off, is none."""
    path = kept_path("trials", ["d", 1])
    assert read_kept(path) is None
    write_kept(path, {"a": [1, 2.5, None]})
    assert read_kept(path) == {"a": [1, 2.5, None]}
    others = {kept_path("trials", ["d", 2]), kept_path("others", ["d", 1]), kept_path("trials", ["d", 1])}
    assert len(others | {path}) == 3
    whole = path.read_bytes()
    for content in (whole[:-3], b"", b"{}"):
        path.write_bytes(content)
        assert read_kept(path) is None
    write_sealed(path, b"[1, 2]")
    assert read_kept(path) is None


def test_answers_that_are_too_many_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All outputs together; scores and answers come back by their names and in their order."""
    monkeypatch.setattr(judged_before, "_MOST_BYTES", 24)
    answers = [np.arange(2, dtype=np.float32), np.arange(4, dtype=np.float32)]
    scores = {"accuracy": np.ones((2, 1)), "sqnr": np.zeros((2, 2))}
    write_judged("fits", KeptJudgement({"notes": []}, scores, answers))
    found = read_judged("fits")
    assert found is not None
    assert found.answers is not None
    assert found.value == {"notes": []}
    assert [each.tolist() for each in found.answers] == [[0, 1], [0, 1, 2, 3]]
    assert {name: each.tolist() for name, each in found.scores.items()} == {k: v.tolist() for k, v in scores.items()}
    write_judged("too large", KeptJudgement({}, {}, [*answers, np.zeros(1, np.float32)]))
    assert read_judged("too large") is None
    write_judged("none", KeptJudgement({}, {}, None))
    assert (read_judged("none") or found).answers is None
    write_judged("empty", KeptJudgement({}, {}, []))
    assert (read_judged("empty") or found).answers == []
