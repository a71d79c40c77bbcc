"""Remedies that others run ahead of their turn: the repair is the one that one process finds."""

from __future__ import annotations

from pathlib import Path

import pytest

import qexplorer as qx
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.sweep import TaskSweep
from qexplorer.search.repair import ahead, finding
from qexplorer.search.repair.remedies import remedies_for
from qexplorer.search.sensitivity.distances import LaidBeside

_SLOW = "learned rounding (AdaRound)"


def test_a_repair_is_the_same_wherever_remedies_are_tried(
    shared_workspace: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps, gains and the repaired recipe are equal, where what was asked for behind a remedy that is kept is asked
    for anew; nothing that others have run is run here."""
    monkeypatch.setattr(finding, "_LAYERS", 1)
    monkeypatch.setattr(finding, "remedies_for", lambda each: [r for r in remedies_for(each) if r.title != _SLOW])
    here = qx.repair("tumour_mlp", "w2a4-tensor")
    asked, learned = list[list[str]](), list[str]()

    def noted(self: ahead.RemediesAhead, recipes: list[qx.Recipe]) -> None:
        asked.append([recipe.digest for recipe in recipes])
        ask(self, recipes)

    ask, learn = ahead.RemediesAhead.ask, ahead.Verifier.learn

    def heard(self: ahead.Verifier, recipe: qx.Recipe, laid: LaidBeside) -> None:
        learned.append(recipe.digest)
        learn(self, recipe, laid)

    monkeypatch.setattr(ahead, "chosen_cluster", lambda: "two children")
    monkeypatch.setattr(ahead, "TaskSweep", lambda: TaskSweep(LocalScheduler(1)))
    monkeypatch.setattr(ahead.RemediesAhead, "ask", noted)
    monkeypatch.setattr(ahead.Verifier, "learn", heard)
    there = qx.repair("tumour_mlp", "w2a4-tensor")
    assert there == here
    tried = [step for step in there.steps if step.loss is not None]
    assert len(learned) == len(set(learned)) >= len(tried) > 0
    kept = [number for number, step in enumerate(there.steps) if step.kept]
    assert kept[0] < len(there.steps) - 1
    assert len(asked) > 1
