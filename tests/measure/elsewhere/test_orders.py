"""What a cluster is asked for and what its workers do with that: nothing is run, each part is looked at."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import InputError
from qexplorer.core.results import Kernels, Memory, Size
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.elsewhere import asking, child
from qexplorer.measure.elsewhere.asking import Elsewhere, elsewhere
from qexplorer.measure.elsewhere.found import JudgedThere, TimedThere, named_here, plain_variant, variant_in
from qexplorer.measure.judging import Judged
from qexplorer.measure.metrics.results import Scored
from qexplorer.measure.timing.latency import Timed
from qexplorer.measure.variant import Variant
from qexplorer.process.limits import BASE
from qexplorer.run.packages import versions_of
from qexplorer.run.registry import BACKENDS, exact_integers, reference
from qexplorer.scheduling.task import SweepTask

PLAN = TimingPlan(1.5, 3.0, 36, 6, 10.0, 5.0, 2.0)
TIMED = {
    "latency": {"p50": 2, "p90": 3, "p99": 4, "ci95": None, "n": 5, "batch": 1, "threads": 3, "valid": True},
    "throughput": {},
    "energy": {"value": None, "ci95": None, "source": "estimated"},
}


def variant(folder: Path, key: str, *, is_float: bool = False) -> Variant:
    """One whose file holds its own name."""
    path = folder / f"{key}.onnx"
    path.write_text(key)
    return Variant(f"recipe {key}", key, path, Size(7, 5, 6, "int4 in int8"), {"y": 0.5}, is_float, dynamic=True)


def never() -> bool:
    """Nobody asks to stop."""
    return False


def cluster(answer: dict[str, Any], *, places: int = 3) -> tuple[Elsewhere, list[SweepTask]]:
    """One that gives ``answer`` to everything, and what it is asked."""
    asked: list[SweepTask] = []

    def do(task: SweepTask, cancelled: Any) -> Any:
        assert cancelled is never
        asked.append(task)
        return SimpleNamespace(result=lambda: json.loads(json.dumps(answer)))

    subject: Any = SimpleNamespace(allowed=lambda base: replace(base, wall_s=9.0))
    scheduler: Any = SimpleNamespace(places=places, takes_timings=True)
    there = Elsewhere(subject, 40, {}, scheduler)
    there._shared = SimpleNamespace(do=do)  # type: ignore[assignment]
    return there, asked


@pytest.mark.parametrize(("places", "beside"), [(1, 1), (64, 64), (65, 64)])
def test_a_cluster_is_asked_for_so_many_judgements_at_a_time(places: int, beside: int) -> None:
    """As many as it has places, and no more than 64."""
    assert cluster({}, places=places)[0].places == beside


def test_a_judgement_is_ordered_with_all_that_it_depends_on(tmp_path: Path) -> None:
    """The file by its digest, the variant but for its path, and versions of what computes and what it is held to."""
    found = Judged(
        failed="it gave up",
        predictions=np.array([2, 0]),
        scored=Scored({"top1": np.array([[1.0], [0.0]])}, {"auc": "one class"}),
        memory=Memory(100, 40, n=1, steady_rss_bytes=80, steady_n=3),
        kernels=Kernels({"Conv": 2}, {"Add": 1}, {"Cast": 3}),
        notes=("a note",),
    )
    there, asked = cluster(JudgedThere.of(found).to_json())
    own = variant(tmp_path, "a")
    judged = there.judge(own, "openvino", 3, never)
    (task,) = asked
    assert task.target == "qexplorer.measure.elsewhere.child:judge"
    assert (task.exclusive, task.limits) == (False, replace(BASE, wall_s=9.0))
    assert {name: task.order[name] for name in ("samples", "threads", "backend")} == {
        "samples": 40,
        "threads": 3,
        "backend": "openvino",
    }
    exact = exact_integers()
    every = [BACKENDS.get("openvino"), reference(), *([exact] if exact else [])]
    assert task.order["packages"] == versions_of(p for each in every for p in each.facts.packages)
    assert "path" not in task.order["variant"]
    assert variant_in(json.loads(json.dumps(task.order["variant"])), str(own.path)) == own
    assert task.inputs["file"].path == own.path
    assert (judged.failed, judged.where) == (f"it gave up (on {named_here()})", named_here())
    assert judged.predictions is not None
    assert (judged.predictions.dtype.name, judged.predictions.tolist()) == ("int64", [2, 0])
    assert judged.scored.scores["top1"].tolist() == [[1.0], [0.0]]
    assert judged.scored.without == {"auc": "one class"}
    assert (judged.memory, judged.kernels, judged.notes) == (found.memory, found.kernels, found.notes)
    assert (judged.refused, judged.fidelity) == (None, None)


def test_what_was_not_found_there_stays_unknown(tmp_path: Path) -> None:
    """No failure, no classes; a refusal is passed on as it is."""
    there, _ = cluster(JudgedThere.of(Judged(refused="wrong", scored=Scored())).to_json())
    judged = there.judge(variant(tmp_path, "a"), "onnxruntime", 1, never)
    assert (judged.failed, judged.refused, judged.predictions, judged.memory) == (None, "wrong", None, None)


def test_all_times_are_one_order_that_has_a_machine_to_itself(tmp_path: Path) -> None:
    """Variants once each though two backends time them; each time says where it was taken."""
    answer = TimedThere.of({"onnxruntime": {"a": Timed.from_json(TIMED)}, "openvino": {"b": Timed.from_json(TIMED)}})
    there, asked = cluster(answer.to_json())
    a, b = variant(tmp_path, "a", is_float=True), variant(tmp_path, "b")
    assert there.machine is None
    timed = there.time({"onnxruntime": {"a": a, "b": b}, "openvino": {"b": b}}, PLAN, 3, never)
    (task,) = asked
    assert (task.target, task.exclusive) == ("qexplorer.measure.elsewhere.child:time_there", True)
    assert task.limits == replace(BASE, wall_s=9.0)
    assert task.order["backends"] == {"onnxruntime": ["a", "b"], "openvino": ["b"]}
    assert TimingPlan(**task.order["plan"]) == PLAN
    assert (task.order["samples"], task.order["threads"]) == (40, 3)
    assert set(task.order["packages"]) == {"onnxruntime", "openvino"}
    assert {name: file.path for name, file in task.inputs.items()} == {"file a": a.path, "file b": b.path}
    assert [(backend, key, one.where) for backend, each in timed.items() for key, one in each.items()] == [
        ("onnxruntime", "a", named_here()),
        ("openvino", "b", named_here()),
    ]
    assert there.machine is not None
    assert named_here().startswith(f"{there.machine['name']} (")


def test_a_worker_times_each_backend_s_variants_beside_its_float_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with the plan and threads that were asked for; without a float model nothing is the reference."""
    calls: list[tuple[Any, ...]] = []
    checked: list[str] = []

    def time_variants(variants: Any, backend: str, subject: Any, files: Any, plan: Any, **more: Any) -> Any:
        more["on_progress"](0.5)
        calls.append((backend, sorted(variants), subject, files, plan, more["threads"], more["reference"]))
        return {key: Timed.from_json(TIMED) for key in variants}

    monkeypatch.setattr(child, "time_variants", time_variants)
    monkeypatch.setattr(child, "_same_packages", lambda backend, _: checked.append(backend))
    for name in ("model_in", "data_in"):
        monkeypatch.setattr(child, name, lambda _, name=name: name)
    monkeypatch.setattr(child, "subject_of", lambda *given: SimpleNamespace(inputs=given))
    monkeypatch.setattr(child, "keep_samples", lambda _, inputs: inputs)
    monkeypatch.setattr(child, "scratch", lambda: nullcontext(tmp_path))
    a, b = variant(tmp_path, "a", is_float=True), variant(tmp_path, "b")
    order = {
        "samples": 40,
        "threads": 3,
        "plan": {name: getattr(PLAN, name) for name in PLAN.__dataclass_fields__},
        "packages": {"onnxruntime": {}, "openvino": {}},
        "backends": {"onnxruntime": ["b", "a"], "openvino": ["b"]},
        "variants": {"a": plain_variant(a), "b": plain_variant(b)},
    }
    told: list[Any] = []
    arguments = {"order": order, "inputs": {"file a": str(a.path), "file b": str(b.path)}}
    found = child.time_there(json.loads(json.dumps(arguments, default=vars)), told.append)
    samples = ("model_in", "data_in", 40)
    assert [(c[0], c[1], c[2].inputs, *c[3:]) for c in calls] == [
        ("onnxruntime", ["a", "b"], samples, samples, PLAN, 3, "a"),
        ("openvino", ["b"], samples, samples, PLAN, 3, None),
    ]
    assert checked == ["onnxruntime", "openvino"]
    assert told == [{"event": "progress"}] * 2
    assert {backend: sorted(each) for backend, each in found["timed"].items()} == {
        "onnxruntime": ["a", "b"],
        "openvino": ["b"],
    }


def test_a_package_that_a_worker_lacks_is_named() -> None:
    """All that are asked for are compared, the last as much as the first."""
    same = versions_of(["numpy"])
    child._same_packages("openvino", same)
    said = r"openvino: the worker .* has no-such-package not at all, and the machine that asks 1\.0; install the same"
    with pytest.raises(InputError, match=said):
        child._same_packages("openvino", {**same, "no-such-package": "1.0"})


@pytest.mark.parametrize("chosen", [None, "lab"])
def test_a_cluster_is_closed_however_its_work_ends(chosen: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that calibrates stays here: only what judges is sent. Without a cluster nothing is opened."""
    closed: list[bool] = []
    scheduler: Any = SimpleNamespace(close=lambda: closed.append(True))
    monkeypatch.setattr(asking, "chosen_cluster", lambda: chosen)
    monkeypatch.setattr(asking, "open_scheduler", lambda: scheduler)
    monkeypatch.setattr(asking, "model_inputs", lambda _: {"model": 1})
    monkeypatch.setattr(asking, "data_inputs", lambda data: {"data": data})
    data = DataSet(
        name="d",
        calibration=Split({"x": np.zeros((2, 1), np.float32)}),
        evaluation=Split({"x": np.ones((3, 1), np.float32)}),
        held_out=True,
        classes=(),
        digest="0",
    )
    subject: Any = SimpleNamespace(model="m")
    with pytest.raises(KeyError), elsewhere(subject, data, 9) as there:  # noqa: PT012  what is inside must be looked at
        if there is not None:
            inputs: Any = there.inputs
            sent = inputs["data"]
            assert (inputs["model"], there.samples) == (1, 9)
            assert sent.calibration.inputs == {}
            assert sent.evaluation.inputs["x"].tolist() == [[1.0]] * 3
        assert (there is None) is (chosen is None)
        raise KeyError
    assert closed == ([] if chosen is None else [True])
