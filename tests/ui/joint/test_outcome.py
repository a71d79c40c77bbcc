"""What page Joint search says and offers of reports with known numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.ui.joint import outcome
from qexplorer.ui.joint import panel as joint
from tests.report.joint_charts.test_joint_words import BEST, DEARER
from tests.report.joint_charts.test_joint_words import report as tuned
from tests.ui.screens import screen_of

ASKED = Recipe.parse("w8a8")


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes from which there are ways on."""
    offered: list[Recipe] = []
    monkeypatch.setattr(outcome, "draw_recipe_ways", lambda recipe, _: offered.append(recipe))
    return offered


def test_a_joint_search_is_told_while_it_goes_on_and_offers_its_front_at_the_end(
    ways: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is chosen meanwhile; on a shared host nobody is told where files are."""
    screen = screen_of(monkeypatch, outcome, select_slider=1)
    monkeypatch.setattr(outcome, "is_shared", lambda: False)
    monkeypatch.setattr(outcome, "current_recipe", lambda: ASKED)
    trials = tuple(replace(each, choice=()) for each in (BEST, DEARER))
    report = replace(tuned(trials=trials), parameters=(), notes=("mind this",), float_metric=0.98)
    report = replace(report, question=replace(report.question, recipe="w8a8"))
    outcome._choose.__wrapped__(report, "settings")  # type: ignore[attr-defined]
    assert "**w8a8**: " in screen.said
    assert screen.of("select_slider")[0][1]["value"] == 0
    assert len(ways) == 1
    one = replace(report, trials=trials[:1])
    screen = screen_of(monkeypatch, outcome)
    outcome._choose.__wrapped__(one, "settings")  # type: ignore[attr-defined]
    assert ("**w4a8**: " in screen.said, screen.of("select_slider")) == (True, [])
    monkeypatch.setattr(outcome, "_choose", lambda *_: screen.called("choose", (), {}))
    for live in (False, True):
        screen = screen_of(monkeypatch, outcome)
        outcome.draw_outcome(report, live=live)
        assert "Mind this." in screen.said
        assert len(screen.of("choose")) == (not live)
        assert ("The float network: " in screen.said, bool(screen.of("code"))) == (not live, not live)
        assert len(screen.of("draw_picture")) == 1 + live
    monkeypatch.setattr(outcome, "is_shared", lambda: True)
    screen = screen_of(monkeypatch, outcome)
    outcome.draw_outcome(replace(report, float_metric=None))
    assert ("The float network" in screen.said, screen.of("code")) == (False, [])
    screen = screen_of(monkeypatch, outcome)
    outcome.draw_outcome(tuned(trials=()))
    assert screen.of("draw_picture") == []


@pytest.mark.parametrize(("trials", "label"), [(60, "Go on with 40 more recipes"), (None, None)])
def test_a_joint_search_can_go_on_until_it_has_tried_enough(
    trials: int | None, label: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more of them, and the control says how many it is then."""
    order: Any = SimpleNamespace(trials=joint._MOST if trials is None else trials)
    screen = screen_of(monkeypatch, joint)
    monkeypatch.setattr(joint, "_MORE", 40)
    joint._go_on(order)
    assert screen.labels == ([label] if label else [])
    last: Any = SimpleNamespace(trials=joint._MOST - 3)
    joint._go_on(last)
    assert screen.labels[-1] == "Go on with 3 more recipes"
