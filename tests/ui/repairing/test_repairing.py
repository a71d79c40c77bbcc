"""What page Repair says and offers of reports with known numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.search.repair.repair_types import Diagnosis, Fault
from qexplorer.ui.repairing import panel as repairing
from tests.report.repair_charts.test_repair_words import KEPT, TRIED
from tests.report.repair_charts.test_repair_words import report as repaired
from tests.ui.screens import Screen, screen_of

MODEL: Any = SimpleNamespace(name="net", untrained=False)
ASKED = Recipe.parse("w8a8")
W4A8 = Recipe.parse("w4a8").to_yaml()


def _repair(report: Any, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Screen:
    screen = screen_of(monkeypatch, repairing, **more.pop("answers", {}))
    for name in ("repair_spec", "evidence_spec"):
        monkeypatch.setattr(repairing, name, lambda *_: {})
    repairing._draw(MODEL, report, ASKED, **more)
    return screen


WORST = Diagnosis("conv1", "Conv", Fault.OUTLIER, "one is far", loss=0.25, tensor="w", shown="drawn")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("steps", "live", "ended", "told", "ways"),
    [
        ((KEPT, TRIED), False, True, True, True),
        ((TRIED,), False, True, True, False),
        ((TRIED,), False, False, False, False),
        ((KEPT,), False, False, True, True),
        ((KEPT,), True, True, False, False),
    ],
)
def test_a_repair_is_told_where_it_ended_or_kept_something(
    steps: Any, live: bool, ended: bool, told: bool, ways: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ways on lead from what was kept; evidence is for who has time to look."""
    report = repaired(*steps, repaired=W4A8, diagnoses=(WORST,), notes=("mind this",))
    answers = {"Evidence": "conv1: outlier channel"}
    screen = _repair(report, monkeypatch, live=live, ended=ended, answers=answers)
    words = "remedy kept" if KEPT in steps else "Nothing was changed"
    assert (words in screen.said) is told
    assert ("Take the repaired recipe" in screen.labels) is ways
    assert ("One is far." in screen.said) is not live
    assert "Mind this." in screen.said
    assert "What was tried" in screen.said
    assert len(screen.of("dataframe")) == 2


def test_faults_of_one_name_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their tensors; one without a picture is not offered; without any there is nothing to choose."""
    faults = (WORST, replace(WORST, tensor="other"), replace(WORST, layer="", shown=None), replace(WORST, layer=""))
    second = {"Evidence": "conv1: outlier channel (other)"}
    screen = _repair(repaired(diagnoses=faults), monkeypatch, answers=second)
    assert screen.of("selectbox")[0][0][1] == [
        *("conv1: outlier channel", "conv1: outlier channel (other)", "the whole model: outlier channel"),
    ]
    screen = _repair(repaired(diagnoses=(replace(WORST, shown=None),)), monkeypatch)
    assert screen.of("selectbox") == []
    assert len(screen.of("dataframe")) == 1


@pytest.mark.parametrize(("pressed", "page"), [("repair_take", "quantize"), ("repair_compare", "compare")])
def test_a_repaired_recipe_is_taken_or_compared(pressed: str, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the one that was asked for."""
    done: list[tuple[Recipe, ...]] = []
    screen_of(monkeypatch, repairing)
    monkeypatch.setattr(repairing, "set_recipe", lambda *given: done.append(given))
    monkeypatch.setattr(repairing, "add_to_comparison", lambda *given: done.append(given))
    screen = _repair(repaired(KEPT, repaired=W4A8), monkeypatch, answers={pressed: True})
    names = [[recipe.name for recipe in given] for given in done]
    assert names == [["w4a8"] if page == "quantize" else ["w8a8", "w4a8"]]
    assert [args for args, _ in screen.of("switch_page")] == [(f"pages/{page}.py",)]
