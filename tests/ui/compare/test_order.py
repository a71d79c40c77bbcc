"""What is ordered, what is promised of its time, and what was compared before, without a page around it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from qexplorer.core.recipe import Recipe
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import Record, RunLine
from qexplorer.measure.effort import Effort
from qexplorer.ui.compare import controls
from qexplorer.ui.compare.flips import flips_of
from qexplorer.ui.compare.history import history_rows, order_again
from tests.jobs.orders import DATA, MODEL
from tests.report.comparisons import comparison, float_run, quantized_run


@pytest.fixture
def picked(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A session in which recipes and a backend were picked."""
    now = SimpleNamespace(compare=["w8a8", "w4a8"], choices={}, backend="torch")
    for name, value in (
        ("state", lambda: now),
        ("_backends", lambda: ["torch", "openvino"]),
        ("model_reference", lambda: MODEL),
        ("data_reference", lambda: DATA),
        ("compared", lambda: [Recipe.parse(text) for text in now.compare]),
    ):
        monkeypatch.setattr(controls, name, value)
    return now


def test_an_order_is_what_was_picked(picked: SimpleNamespace) -> None:
    """Quick and on all samples unless somebody chose; two recipes of one name get names that differ."""
    order = controls.order_now()
    assert (order.model, order.data, order.backends) == (MODEL, DATA, ("torch", "openvino"))
    assert [recipe.name for recipe in order.recipes] == ["w8a8", "w4a8"]
    assert (order.effort, order.samples) == ("quick", None)
    picked.choices |= {"effort": "report", "compare_samples": 300}
    picked.compare = [f"name: mine\nweights: {{format: int{bits}}}\n" for bits in (8, 4, 8)]
    order = controls.order_now()
    assert (order.effort, order.samples, [recipe.name for recipe in order.recipes]) == (
        "report",
        300,
        ["mine", "mine (2)"],
    )
    picked.choices["compare_samples"] = 0
    assert controls.order_now().samples is None


def test_the_time_that_is_promised_is_that_of_the_order(
    picked: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Model, recipes, backends, effort and samples of both parts, as they would be ordered."""
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    said: list[str] = []

    def expected(*args: Any, **named: Any) -> float:
        asked.append((args, named))
        return 42.0

    data = SimpleNamespace(calibration=SimpleNamespace(n=11), evaluation=SimpleNamespace(n=22))
    monkeypatch.setattr(controls, "expected_seconds", expected)
    monkeypatch.setattr(controls, "current_model", lambda: "the model")
    monkeypatch.setattr(controls, "current_data", lambda: data)
    monkeypatch.setattr(st, "caption", said.append)
    controls._estimate()
    picked.choices |= {"effort": "report", "compare_samples": 300}
    controls._estimate()
    recipes = [Recipe.parse("w8a8"), Recipe.parse("w4a8")]
    both = {"calibration": 11, "evaluation": 22}
    assert asked == [
        (("the model", recipes, ["torch", "openvino"], Effort.QUICK), both | {"samples": None}),
        (("the model", recipes, ["torch", "openvino"], Effort.REPORT), both | {"samples": 300}),
    ]
    assert said[0] == ":material/schedule: About 40 s in all; the numbers of the first backend come first."
    monkeypatch.setattr(controls, "current_data", lambda: None)
    controls._estimate()
    assert len(said) == 2


def test_a_kept_comparison_is_shown_while_its_model_is_chosen(
    picked: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until another model is chosen, or somebody goes back."""
    monkeypatch.setattr(controls, "keep", lambda _: None)
    picked.model = "one"
    controls.open_kept("c1")
    assert controls.opened() == "c1"
    picked.model = "other"
    assert controls.opened() is None
    picked.model = "one"
    controls.open_kept(None)
    assert controls.opened() is None


def _record(created: str, *recipes: str) -> Record:
    order = CompareOrder(model=MODEL, data=DATA, recipes=tuple(Recipe.parse(text) for text in recipes), samples=7)
    lines = (
        RunLine("float", "torch", "ok", 0.99, 1.0),
        *(RunLine(text, "torch", "ok", 0.981, 2.0, asked=Recipe.parse(text).digest) for text in recipes),
    )
    return Record("id", created, "net", "points", lines, order)


def test_a_row_of_the_list_has_each_recipe_with_what_came_of_it() -> None:
    """By its name of today, without float; a run without numbers has its status, a speed that is not known none."""
    failed = RunLine("w2", "torch", "failed", None, None)
    ratio = RunLine("w4", "torch", "ok", 23.14, None, unit="dB", form=".1f", digest="4")
    record = _record("2026-01-02T03:04:05+00:00", "w8a8")
    record = Record("id", record.created, "net", "points", (*record.lines, failed, ratio), record.order)
    (row,) = history_rows([record], {Recipe.parse("w8a8").digest: "mine"})
    assert row == {
        "when (UTC)": "2026-01-02 03:04",
        "model": "net",
        "data": "points",
        "recipes": "mine 98.1 % 2.00\u00d7; w2 failed; w4 23.1 dB",
    }
    assert history_rows([_record("2026", "w8a8")], {})[0]["recipes"].startswith("w8a8 98.1 %")


def test_several_are_made_again_as_one() -> None:
    """Each recipe once, everything else as the first of them asked."""
    order = order_again([_record("2026", "w8a8", "w4a8"), _record("2025", "w4a8", "w8")])
    assert ([recipe.name for recipe in order.recipes], order.samples) == (["w8a8", "w4a8", "w8"], 7)


def test_changed_answers_are_told_apart_and_the_broken_ones_come_first() -> None:
    """Right before and wrong now, the reverse, both wrong; without labels they are changed; classes by their names."""
    base, run = float_run(), quantized_run()
    assert run.accuracy is not None
    flipped = quantized_run(accuracy=type(run.accuracy)("accuracy", 0.5, n=10, flipped=(9, 7, 5, 3)))
    said = {
        f"{base.backend}/{base.digest}": (0, 0, 0, 0, 0, 1, 0, 0, 0, 0),
        f"{flipped.backend}/{flipped.digest}": (0, 0, 0, 1, 0, 0, 0, 1, 0, 2),
    }
    labels = (0, 0, 0, 0, 0, 0, 0, 2, 0, 0)
    whole = comparison(base, flipped, predictions=said, labels=labels)
    found = flips_of(whole, flipped)
    assert [(flip.position, flip.kind) for flip in found] == [
        (3, "broken"),
        (9, "broken"),
        (5, "fixed"),
        (7, "both wrong"),
    ]
    assert [(flip.label, flip.float_said, flip.said) for flip in found[:2]] == [
        ("left", "left", "right"),
        ("left", "left", "2"),
    ]
    unlabelled = flips_of(comparison(base, flipped, predictions=said, labels=None), flipped)
    assert [(flip.position, flip.kind, flip.label) for flip in unlabelled] == [
        (p, "changed", None) for p in (3, 5, 7, 9)
    ]
    assert flips_of(comparison(flipped, predictions=said), flipped) == []
