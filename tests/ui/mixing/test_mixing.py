"""What page Mixed precision asks for and offers, of reports with known numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.recipe import Recipe
from qexplorer.search.mixing.mix_types import MixPoint, MixReport
from qexplorer.ui.mixing import asked, found
from tests.report.mix_charts.test_mix_words import COSTS, clock, mix
from tests.report.mix_charts.test_mix_words import report as mixed
from tests.ui.screens import Screen, screen_of

MODEL: Any = SimpleNamespace(name="net", untrained=False)
ASKED = Recipe.parse("w8a8")
W4A8 = Recipe.parse("w4a8").to_yaml()
POINTS = tuple(
    MixPoint((0, 0, 0), loss, COSTS | {"weight_bytes": size}) for size, loss in ((50e3, 0.3), (60e3, 0.2), (80e3, 0.1))
)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes from which there are ways on."""
    offered: list[Recipe] = []
    monkeypatch.setattr(found, "draw_recipe_ways", lambda recipe, _: offered.append(recipe))
    return offered


def _shown(report: MixReport, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Screen:
    screen = screen_of(monkeypatch, found)
    monkeypatch.setattr(found, "_explore", lambda *_: screen.called("explore", (), {}))
    found.draw_found(MODEL, report, ASKED, **more)
    return screen


def test_a_mix_is_told_with_ways_on_once_the_search_is_over(
    ways: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it goes on there is a picture of what is known; what was chosen trains as was asked."""
    best = replace(mix(), recipe=W4A8)
    screen = _shown(mixed(best), monkeypatch)
    assert [recipe.weights for recipe in ways] == [Recipe.parse("w4a8").weights]
    assert (len(screen.of("explore")), len(screen.of("draw_whole_table"))) == (1, 1)
    assert "60.0 kB of weights" in screen.said
    assert "No difference in accuracy" in screen.said
    live = _shown(mixed(best), monkeypatch, live=True)
    assert [named["key"] for _, named in live.of("draw_picture")] == ["mix_front_live"]
    assert (len(ways), live.of("explore")) == (1, [])
    bare = replace(mixed(chosen=None), verified=())
    assert "No mix has been measured yet." in _shown(bare, monkeypatch, live=True).said
    assert "No mix is measured." in _shown(bare, monkeypatch).said
    assert len(ways) == 1


@pytest.mark.parametrize(
    ("timed", "again", "pairs"), [(True, len, False), (True, None, False), (False, len, True), (False, None, False)]
)
def test_latencies_can_be_measured_again_where_some_were(
    timed: bool, again: Any, pairs: bool, ways: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And pairs of layers are drawn where some were measured."""
    report = mixed(replace(mix(), recipe=W4A8), clock=clock() if timed else None)
    monkeypatch.setattr(found, "pairs_spec", lambda _: {})
    screen = _shown(replace(report, pairs=("a pair",) if pairs else ()), monkeypatch, again=again)  # type: ignore[arg-type]
    assert screen.labels == (["Measure again"] if timed and again is not None else [])
    assert ("Latencies on ONNX Runtime" in screen.said) is timed
    assert ("What two layers lose together" in screen.said) is pairs
    assert len(ways) == 1


@pytest.mark.parametrize(("percent", "size"), [(40.0, 50e3), (49.9, 50e3), (59.96, 60e3), (59.9, 50e3), (100.0, 80e3)])
def test_of_the_hull_the_best_within_a_budget_is_drawn(percent: float, size: float) -> None:
    """The slider has one decimal, so half of that is given; below all of them the cheapest."""
    assert found._on_hull(mixed(), POINTS, "weight_bytes", percent).costs["weight_bytes"] == size


@pytest.mark.parametrize(
    ("took", "emptied", "drawn"),
    [
        (0.02, 0, ["mix_front_exact", "mix_layers"]),
        (0.5, 1, ["mix_front_hull", "mix_front_exact", "mix_layers"]),
    ],
)
def test_a_picture_is_made_anew_only_where_the_hull_comes_first(
    took: float, emptied: int, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its place is never emptied, so that a browser moves its marks; the layers' picture always stays."""
    screen = screen_of(monkeypatch, found, slider=60.0, segmented_control="weight_bytes")
    screen.session_state[found._TOOK_S] = took
    report = replace(mixed(), front=POINTS)
    monkeypatch.setattr(found, "_solved", lambda *_: POINTS[1])
    monkeypatch.setattr(found, "recipe_in", lambda *_: ASKED)
    for name in ("front_spec", "layers_spec"):
        monkeypatch.setattr(found, name, lambda *_, **__: {})
    found._explore.__wrapped__(MODEL, report, ASKED)  # type: ignore[attr-defined]
    assert len(screen.of("empty")) == emptied
    assert [named["key"] for _, named in screen.of("draw_picture")] == drawn
    assert "Solved exactly at 60.0 %" in screen.said


@pytest.mark.parametrize(
    ("percent", "axis", "limit"), [(60.0, "weight_bytes", 60_050.0), (10.0, "weight_bytes", 50_000.0)]
)
def test_a_budget_is_solved_exactly(percent: float, axis: str, limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """No less than the cheapest mix, without what is spent elsewhere, and with the other budgets; a refusal is told."""
    limits: list[dict[str, float]] = []
    errors: list[Exception] = []
    report = replace(mixed(), budgets={"weight_bytes": 0.6, "latency_ms": 0.9}, other={"weight_bytes": 7.0})
    monkeypatch.setattr(found, "problem_of", lambda *_: "the problem")
    monkeypatch.setattr(found, "left_for", lambda _, others: {f"left {name}": share for name, share in others.items()})
    monkeypatch.setattr(found, "solve", lambda _, given, **__: limits.append(given))
    monkeypatch.setattr(found, "point_of", lambda *_: "a point")
    monkeypatch.setattr(found, "show_error", errors.append)
    assert found._solved(report, axis, percent, POINTS) == "a point"  # type: ignore[comparison-overlap]
    assert limits == [{"left latency_ms": 0.9, axis: pytest.approx(limit - 7.0)}]

    def refused(*_: object, **__: object) -> None:
        raise InputError("nothing fits")

    monkeypatch.setattr(found, "solve", refused)
    assert found._solved(report, axis, percent, POINTS) is None
    assert [str(error) for error in errors] == ["nothing fits"]


@pytest.mark.parametrize(
    ("choices", "mode", "budgets", "lacks"),
    [
        (["int8", "int4"], "budget", ["weight_bytes"], None),
        (["int8"], "budget", ["weight_bytes"], "Choose two choices or more."),
        ([], "float", [], "Choose two choices or more."),
        (["fp16", "float"], "budget", ["weight_bytes"], "One of the choices must be a format with a grid"),
        (["int8", "float"], "budget", [], "Choose at least one cost that has a budget."),
        (["int8", "float"], "drop", [], None),
        (["int8", "float"], "float", [], None),
    ],
)
def test_what_a_search_lacks_is_said_before_it_begins(
    choices: list[str], mode: str, budgets: list[str], lacks: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two choices, one of them on a grid, and a budget where budgets are what is asked for."""
    answers = {"Choices for a layer": choices, "The best mix is": mode, "Budgets": budgets, "slider": 60}
    screen = screen_of(monkeypatch, asked, **answers, **{"with the least": "latency_ms", "toggle": False})
    monkeypatch.setattr(asked, "most_of_int8", lambda *_: {})
    monkeypatch.setattr(asked, "state", lambda: SimpleNamespace(backend="torch"))
    monkeypatch.setattr(asked, "_drop", lambda: 0.01)
    given = asked.draw_asked(ASKED)
    assert (given.lacks or "").startswith(lacks or "")
    assert (given.lacks is None) is (lacks is None)
    assert given.choices == tuple(choices)
    assert given.budgets == (dict.fromkeys(budgets, 0.6) if mode == "budget" else {})
    assert (given.most_drop, given.as_float) == (0.01 if mode == "drop" else None, mode == "float")
    assert given.axis == ("weight_bytes" if mode == "budget" else "latency_ms")
    assert given.backend == ("torch" if mode != "budget" else None)
    assert ("Latency is measured on" in screen.said) is (mode != "budget")


@pytest.mark.parametrize(("activations", "offered"), [("w8a8", True), ("w8", False)])
def test_choices_of_activations_need_activations(
    activations: str, offered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was chosen and is not offered any more is dropped; the order is that of what is offered."""
    screen = screen_of(monkeypatch, asked, **{"Choices for a layer": ["int4", "w4a16", "int8"], "toggle": False})
    screen.session_state["keep:mix_choices"] = ["int8", "w8a16", "gone"]
    monkeypatch.setattr(asked, "_costs", lambda *_: asked.AskedMix((), {"weight_bytes": 0.5}))
    monkeypatch.setattr(asked, "most_of_int8", lambda *_: {})
    monkeypatch.setattr(asked, "state", lambda: SimpleNamespace(backend="torch"))
    given = asked.draw_asked(Recipe.parse(activations))
    assert screen.session_state["keep:mix_choices"] == (["int8", "w8a16"] if offered else ["int8"])
    assert given.choices == (("int8", "int4", "w4a16") if offered else ("int8", "int4"))


@pytest.mark.parametrize(
    ("kind", "most", "kept", "ends", "value"),
    [
        ("weight_bytes", None, None, (10, 400), 60),
        ("weight_bytes", 0.333, None, (10, 100), 60),
        ("weight_bytes", 2.001, 300, (10, 201), 201),
        ("weight_bytes", None, 3, (10, 400), 10),
        ("latency_ms", None, None, (5, 800), 120),
        ("latency_ms", 1.01, 700, (5, 105), 105),
    ],
)
def test_a_budget_ends_where_choices_do(
    kind: str, most: float | None, kept: int | None, ends: tuple[int, int], value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not below int8; what was kept is brought within; the slider is in per cent."""
    screen = screen_of(monkeypatch, asked, slider=50)
    key = "keep:mix_share" + ("" if kind == "weight_bytes" else f"_{kind}")
    if kept is not None:
        screen.session_state[key] = kept
    assert asked._budget(kind, most) == 0.5
    ((args, named),) = screen.of("slider")
    assert (args[1:3], named["key"], screen.session_state[key]) == (ends, key, value)


@pytest.mark.parametrize(("timed", "clocked", "aware", "backend"), [
    (True, False, False, "torch"), (False, True, False, "torch"), (False, False, True, "torch"),
    (False, False, False, None),
])  # fmt: skip
def test_a_backend_is_asked_where_it_decides(
    timed: bool, clocked: bool, aware: bool, backend: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where something is timed, or only what it runs as integers is taken, which times it too and says so."""
    label = "PyTorch integer"
    answers = {f"Time mixes on {label}": clocked, f"Only what {label} runs as integers": aware}
    screen = screen_of(monkeypatch, asked, **answers)
    monkeypatch.setattr(asked, "state", lambda: SimpleNamespace(backend="torch"))
    assert asked._where(timed) == (backend, aware)
    assert ("Latency is measured on PyTorch integer" in screen.said) is (timed or aware)


@pytest.mark.parametrize(("unit", "worse"), [(" (points)", 0.02), ("", 2.0)])
def test_a_drop_is_in_points_of_a_share(unit: str, worse: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else in the metric's own scale; each is remembered apart."""
    screen = screen_of(monkeypatch, asked, number_input=2.0)
    monkeypatch.setattr(asked, "_unit", lambda: unit)
    assert asked._drop() == worse
    assert screen.of("number_input")[0][0][0] == f"Metric may get worse by{unit}"
    assert screen.session_state == {f"keep:mix_drop{unit}": 1.0}
