"""A comparison whose answers are judged, and whose times are taken, by others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Run, Status
from qexplorer.measure.assemble import make_run
from qexplorer.measure.compare import compare
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.elsewhere import asking
from qexplorer.measure.elsewhere.found import named_here
from qexplorer.measure.judging import Judged
from qexplorer.measure.metrics.results import Scored
from qexplorer.measure.timing.latency import Timed
from qexplorer.measure.variant import float_variant, subject_of
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.task import SweepTask
from tests.measure.models import data_set, make_cnn

_ANSWERS = ("recipe", "digest", "backend", "status", "reason", "accuracy", "metrics", "size", "fidelity", "kernels")


class _Children(LocalScheduler):
    """Child processes, and what they were asked for."""

    asked: list[SweepTask]
    takes_timings = True

    def start(self, task: SweepTask, told: Any) -> None:
        self.asked.append(task)
        super().start(task, told)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> type[_Children]:
    """Stand for a cluster."""
    monkeypatch.setattr(_Children, "asked", [], raising=False)
    monkeypatch.setattr(asking, "chosen_cluster", lambda: "children")
    monkeypatch.setattr(asking, "open_scheduler", lambda: _Children(1))
    return _Children


def _judged(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in _ANSWERS}


def _found(folder: Path) -> Comparison:
    return compare(make_cnn(folder), [Recipe.parse("w8a8"), Recipe.parse("w4")], data_set(24, labels=False))


def test_answers_are_those_of_one_process_and_times_of_one_machine(
    tmp_path: Path, children: type[_Children], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metrics that compare with float's answers included; all times come from one task that has its machine to itself,
    every run says where it was measured, and what was judged once is not judged again."""
    there = _found(tmp_path)
    assert [run.status for run in there.runs] == [Status.OK] * 3
    assert [task.exclusive for task in children.asked] == [False, False, False, True]
    assert all(run.notes[-1] == f"measured on {named_here()}" for run in there.runs)
    assert there.machine_text.endswith(f" of {there.machine['name']}")
    assert all(run.latency_ms is not None and run.latency_ms.n > 0 for run in there.runs)
    again = _found(tmp_path)
    assert [task.exclusive for task in children.asked[4:]] == [True]
    assert [_judged(run) for run in again.runs] == [_judged(run) for run in there.runs]
    monkeypatch.setattr(asking, "chosen_cluster", lambda: None)
    here = _found(tmp_path)
    assert [_judged(run) for run in there.runs] == [_judged(run) for run in here.runs]
    assert "name" not in here.machine


def test_where_no_worker_gives_its_machine_the_asking_one_takes_the_times(
    tmp_path: Path, children: type[_Children], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is timed elsewhere, and runs say so."""
    monkeypatch.setattr(children, "takes_timings", False)
    found = _found(tmp_path)
    assert [task.exclusive for task in children.asked] == [False] * 3
    assert all(run.notes[-1].endswith(f"on {named_here()}, times on this machine") for run in found.runs)
    assert all(run.latency_ms is not None and run.latency_ms.n > 0 for run in found.runs)
    assert "name" not in found.machine


def test_a_run_says_which_machine_found_what(tmp_path: Path) -> None:
    """Answers of one machine beside times of another are told apart."""
    model = make_cnn(tmp_path)
    judged = Judged(scored=Scored(), where="lab-1 (one)")
    timed = Timed.from_json(
        {
            "latency": {"p50": 1, "p90": 1, "p99": 1, "ci95": None, "n": 1, "batch": 1, "threads": 1, "valid": True},
            "throughput": {},
            "energy": {"value": None, "ci95": None, "source": "estimated"},
            "where": "lab-2 (other)",
        }
    )
    run = make_run(
        float_variant(model), "onnxruntime", subject_of(model, data_set(4, labels=False), None), judged, None, timed
    )
    assert run.notes == ("answers, kernels and memory were found on lab-1 (one), times on lab-2 (other)",)


def test_a_machine_with_other_packages_is_refused(
    tmp_path: Path, children: type[_Children], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says which machine has what; nothing is judged by another version."""
    monkeypatch.setattr(asking, "versions_of", lambda _: {"onnxruntime": "9.9"})
    with pytest.raises(InputError, match=r"has onnxruntime .*and the machine that asks 9\.9; install the same"):
        _found(tmp_path)
    assert not any(task.exclusive for task in children.asked)
