"""Trials done by children, as a cluster does them: the same results as in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

import qexplorer as qx
from qexplorer.api.given import fitted, load
from qexplorer.core.errors import RecipeError
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.sweep import TaskSweep
from qexplorer.search.joint import finding
from qexplorer.search.joint.elsewhere import TrialRunner
from qexplorer.search.joint.finding import three_parts
from qexplorer.search.joint.trial import TrialBench, TrialOrder, TrialResult
from qexplorer.search.sensitivity.finding import yardstick_of
from tests.search.joint.test_finding import ASKED


def test_a_trial_is_the_same_wherever_it_is_done(shared_workspace: Path) -> None:  # noqa: ARG001
    """Costs, losses and scores bit for bit, in the order asked; what cannot be applied is refused there as here."""
    model = load("tumour_mlp")
    seen, _, apart = three_parts(fitted(model, None, ""))
    bench = TrialBench(model, seen, statistics_for(model, seen), apart.calibration, yardstick_of(model, apart))
    bad = "weights: {format: int8, granularity: block, calibrator: kl}\nactivations: {format: uint8}"
    orders = [TrialOrder("w8a8", 0, 20), TrialOrder(bad, 0, 20), TrialOrder("w4a8-bias_correction", 20, 50)]
    here = TrialRunner(bench).run(orders)
    with TaskSweep(LocalScheduler(1)) as sweep:
        runner = TrialRunner(bench, sweep)
        assert runner.places == 1
        there = runner.run(orders)
    assert isinstance(here[1], RecipeError)
    assert isinstance(there[1], RecipeError)
    assert str(there[1]) == str(here[1])
    assert isinstance(here[0], TrialResult)
    assert [there[0], there[2]] == [here[0], here[2]]


def test_a_search_whose_trials_are_done_beside_each_other(
    shared_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at a time, its starts are measured as in one process, and no recipe is tried twice."""
    monkeypatch.setattr(finding, "chosen_cluster", lambda: "two children")
    monkeypatch.setattr(finding, "TaskSweep", lambda: TaskSweep(LocalScheduler(2)))
    found = qx.tune("tumour_mlp", **ASKED | {"seed": 1, "trials": 9})
    monkeypatch.undo()
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(shared_workspace))
    alone = qx.tune("tumour_mlp", **ASKED | {"trials": 4})
    known = {trial.choice: (trial.quality, trial.weight_bytes) for trial in alone.trials if trial.why != "the search"}
    assert len(found.trials) == len({trial.choice for trial in found.trials}) == 9
    assert known.items() <= {trial.choice: (trial.quality, trial.weight_bytes) for trial in found.trials}.items()
