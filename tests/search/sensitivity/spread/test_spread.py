"""The exact method as tasks: the report that one process finds, whatever the cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.search.sensitivity import finding
from qexplorer.search.sensitivity.finding import find_sensitivity
from qexplorer.search.sensitivity.question import Inquiry
from qexplorer.search.sensitivity.sensitivity_types import Rounded, SensitivityReport, Setup
from qexplorer.search.sensitivity.spread import tasks
from qexplorer.search.sensitivity.spread.tasks import parts_of
from qexplorer.search.sensitivity.variants import Trial
from tests.quantize.given_data import data_of
from tests.quantize.support import case

_ASKED = {"rounded": tuple(Rounded), "setups": tuple(Setup)}


def _found(samples: int, passes: float) -> SensitivityReport:
    one = case("residual")
    question = Inquiry(Recipe.parse("w4a8-bias_correction"), samples=samples, passes=passes, **_ASKED)
    return find_sensitivity(one.model, data_of(one), question)


def test_tasks_find_what_one_process_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses, intervals and metrics are equal to the last bit where other processes find them, trials and samples
    parted, and some trials run on fewer samples."""
    monkeypatch.setattr(finding, "goes_apart", lambda _: False)
    monkeypatch.setattr(finding, "_BATCH", 4)
    here = _found(20, 4.0)
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(finding, "chosen_cluster", lambda: "a child")
    monkeypatch.setattr(tasks, "_PASSES", 2.0)
    asked: list[int] = []

    def counted(given: list[object]) -> object:
        asked.append(len(given))
        return run_tasks(given, scheduler=LocalScheduler(1))

    monkeypatch.setattr(tasks, "run_tasks", counted)
    there = _found(20, 4.0)
    assert there.layers == here.layers
    assert there == here
    assert asked[0] > 5
    assert any("fewer samples" in note for note in there.notes)


def test_a_task_has_as_many_trials_as_are_worth_a_float_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials go together until they cost what is allowed; one that costs more goes alone, and no trial is one task."""
    monkeypatch.setattr(tasks, "_PASSES", 2.0)
    costs = (1.0, 1.0, 0.5, 3.0, 0.5, 0.5)
    trials = [Trial("", Setup.ALONE, Rounded.BOTH, 0, (), False, False, cost) for cost in costs]
    assert parts_of(trials, [0, 1, 2, 3, 4, 5]) == [[0, 1], [2], [3], [4, 5]]
    assert parts_of(trials, [0, 2, 4, 5]) == [[0, 2, 4], [5]]
    assert parts_of(trials, []) == [[]]
