"""Recipes that other processes run come to the very numbers that this one finds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.core.errors import ChildError
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import TaskEnd
from qexplorer.search.mixing import elsewhere
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.sensitivity.finding import yardstick_of


@pytest.fixture(autouse=True)
def kept(shared_workspace: Path) -> Path:
    """Statistics are those of the session."""
    return shared_workspace


def verifier() -> Verifier:
    """Of a small network, judged on 20 samples at a temperature."""
    model, data = qx.load("tumour_mlp"), qx.data("tumour")
    apart = data.calibration.take(np.arange(20))
    return Verifier(model, data, statistics_for(model, data), apart, yardstick_of(model, data, 3.0))


def test_children_find_what_this_process_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses, intervals, metrics and costs are equal to the last bit, an algorithm that reads samples among them, and
    nothing is made again here."""
    recipes = [Recipe.parse(name) for name in ("w8a8", "w4a8", "w4a8-bias_correction")]
    monkeypatch.setattr(elsewhere, "_LEAST_S", 0.0)
    monkeypatch.setattr(elsewhere, "run_tasks", partial(run_tasks, scheduler=LocalScheduler(1)))
    spread, here, told = verifier(), verifier(), list[tuple[str, float]]()
    spread.prepare(recipes, lambda *each: told.append(each))
    assert told[-1] == ("measuring recipe 3 of 3", 1.0)
    monkeypatch.setattr(Verifier, "_answers", _only_float(Verifier._answers))
    monkeypatch.setattr(Verifier, "made", lambda *_: pytest.fail("it was made by somebody else already"))
    for recipe in recipes:
        assert spread.losses(recipe).mean() == spread.judged(recipe).found.loss
    monkeypatch.undo()
    for recipe in recipes:
        found, own = spread.judged(recipe), here.judged(recipe)
        assert (found.found, found.costs, found.paired) == (own.found, own.costs, own.paired)


def _only_float(answers: Any) -> Any:
    """Answers of the float network alone: nothing that was prepared is run again."""

    def asked(self: Verifier, path: object) -> Any:
        assert path == self.model.path, "it was run by somebody else already"
        return answers(self, path)

    return asked


def test_what_fails_elsewhere_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that ended in an error leaves its recipe to this process."""
    monkeypatch.setattr(elsewhere, "_LEAST_S", 0.0)

    def failing(tasks: Any) -> Any:
        return (TaskEnd(task, error=ChildError("it died")) for task in tasks)

    monkeypatch.setattr(elsewhere, "run_tasks", failing)
    spread = verifier()
    spread.prepare([Recipe.parse("w8a8")], lambda *_: None)
    assert spread.losses(Recipe.parse("w8a8")).mean() > 0


def test_small_searches_start_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this process is done before children have imported what they need, none is started."""
    monkeypatch.setattr(elsewhere, "run_tasks", lambda _: pytest.fail("a child for this"))
    verifier().prepare([Recipe.parse("w8a8")], lambda *_: None)
