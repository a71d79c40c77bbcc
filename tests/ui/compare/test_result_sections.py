"""A finished comparison on the page: verdicts, pictures, files, changed answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.results import Energy, Run, Status
from qexplorer.core.speed import Change
from qexplorer.report.verdict import Verdict
from qexplorer.ui.compare import flips, results
from tests.report.comparisons import comparison, float_run, quantized_run
from tests.report.judged_runs import sure
from tests.ui.screens import Screen, screen_of


def _drawn(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> Screen:
    screen = screen_of(monkeypatch, results, **answers)
    monkeypatch.setattr(results, "once", lambda _, make: make())
    monkeypatch.setattr(results, "draw_present_button", lambda _: screen.called("present", (), {}))
    return screen


def test_the_verdict_leads_and_the_others_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to three at a glance, more of them folded; why others have no numbers at the end, said once for one reason."""
    failed = [quantized_run(name, status=Status.FAILED, reason="no kernel") for name in ("w2", "w3")]
    refused = quantized_run("w5", status=Status.REFUSED, reason="its answers differ")
    for count, folded in ((4, False), (5, True)):
        runs = [sure(f"a{i}", 2.0 - 0.3 * i, (1.95 - 0.3 * i, 2.05 - 0.3 * i)) for i in range(count)]
        screen = _drawn(monkeypatch)
        results._verdict(comparison(float_run(), *runs, *failed, refused))
        first, *others = screen.said.splitlines()
        assert first.startswith("#### :material/verified: a0: ")
        assert [line.split(": ")[1] for line in others[: count - 1]] == [f"a{i}" for i in range(1, count)]
        assert bool(screen.of("expander")) is folded
        assert others[count - 1 : -1] == [
            ":material/block: w2; w3: failed: no kernel.",
            ":material/block: w5: its numbers are not shown: its answers differ.",
        ]
    screen = _drawn(monkeypatch)
    results._verdict(comparison(float_run(), *failed))
    assert screen.said.startswith("#### No recipe gave numbers that can be shown")


def test_each_kind_of_answer_has_its_sign() -> None:
    """As good, better, lost, or not known."""
    assert set(results._ICONS) == set(Change)
    assert results._ICONS[Change.NONE] == results._ICONS[Change.BETTER] != results._ICONS[Change.WORSE]
    assert results._ICONS[Change.UNSURE] == results._ICONS[Change.UNKNOWN] != results._ICONS[Change.NONE]
    told = [Verdict(name, Change.UNKNOWN, Change.UNKNOWN, (why,)) for name, why in (("a", "x"), ("b", "y"), ("c", "x"))]
    assert results._without_numbers(told) == [("a; c", "x"), ("b", "y")]


@pytest.mark.parametrize(
    ("runs", "bars", "dots", "estimated"),
    [
        ((float_run(), quantized_run()), False, False, True),
        ((float_run(accuracy=None), quantized_run(accuracy=None)), True, False, True),
        ((float_run(), quantized_run(), quantized_run(backend="torch")), False, True, True),
        ((float_run(), quantized_run(backend="torch", status=Status.FAILED)), False, False, True),
        ((float_run(energy_mj=Energy(0.2, None, "measured:rapl")),), False, False, False),
    ],
)
def test_a_metric_stands_against_each_cost(
    runs: tuple[Run, ...], bars: bool, dots: bool, estimated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one there are the costs alone; colours are explained where there are several backends."""
    screen = _drawn(monkeypatch)
    drawn: list[str] = []
    monkeypatch.setattr(results, "_trade", lambda *_: drawn.append("trade"))
    monkeypatch.setattr(results, "_bars", lambda *_: drawn.append("bars"))
    results._pictures(comparison(*runs))
    assert drawn == ["bars" if bars else "trade"] * 3
    assert bool(screen.of("html")) is dots
    assert ("energy is an estimate" in screen.said) is estimated


@pytest.mark.parametrize(("task", "offered"), [("sequences", True), ("classification", False), (None, False)])
def test_texts_are_for_language_models(task: str | None, offered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """All other sections are for any model; the one that was chosen is drawn."""
    screen = _drawn(monkeypatch, Show="Kernels")
    shown: list[str] = []
    sections = {name: lambda _, _name=name: shown.append(_name) for name in results._SECTIONS}
    monkeypatch.setattr(results, "_SECTIONS", sections)
    results._details(comparison(data={"task": task} if task else {}))
    names = screen.of("segmented_control")[0][0][1]
    assert ("Generated text" in names, "Energy" in names, shown) == (offered, True, ["Kernels"])


@pytest.mark.parametrize("section", ["_latency", "_throughput", "_kernels"])
def test_numbers_behind_it_are_bars_with_reasons(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without such a number says why; a table lists kernels that ran."""
    screen = _drawn(monkeypatch)
    bare = quantized_run("w4", latency_ms=None, kernels=None, throughput_by_batch={})
    getattr(results, section)(comparison(float_run(), quantized_run(), bare))
    assert len(screen.of("draw_chart")) == 1
    assert "Not drawn, w4: " in screen.said
    assert len(screen.of("dataframe")) == (section == "_kernels")
    if section == "_kernels":
        found = [(row["run"], row["kind"], row["kernels"]) for row in screen.of("dataframe")[0][0][0]]
        assert {("float", 13), ("w8a8", 13)} == {(run, kernels) for run, _, kernels in found}
    screen = _drawn(monkeypatch)
    getattr(results, section)(comparison(bare))
    assert screen.of("draw_chart") == screen.of("dataframe") == []


def test_what_can_be_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's file while it is there and whole, its recipe where it is known, all results, and notes on the file."""
    file = tmp_path / "q.onnx"
    file.write_bytes(b"0")
    run = quantized_run(notes=("a note", "another"))
    whole = comparison(float_run(), run, quantized_run("w2", status=Status.FAILED), quantized={run.digest: str(file)})
    monkeypatch.setattr(results, "read_written", lambda _: {})
    screen = _drawn(monkeypatch, **{"Take away": "w8a8"})
    results._take_away(whole)
    assert screen.of("selectbox")[0][0][1] == ["w8a8"]
    assert screen.labels == ["ONNX", "Recipe", "Results as JSON", "Results as CSV"]
    assert "How this file ran on ONNX Runtime: a note; another." in screen.said
    monkeypatch.setattr(results, "read_written", lambda _: None)
    screen = _drawn(monkeypatch, **{"Take away": "w8a8"})
    results._take_away(replace(whole, recipes={}))
    assert screen.labels == ["Results as JSON", "Results as CSV"]
    assert "The quantized file is gone; compare again" in screen.said
    screen = _drawn(monkeypatch)
    results._take_away(comparison(float_run()))
    assert (screen.of("selectbox"), screen.labels) == ([], ["Results as JSON", "Results as CSV"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "No answer changed on 10 samples."),
        ({"predictions": {}}, "An answer of this model is no class"),
        ({"runs": (float_run(accuracy=None), quantized_run(accuracy=None))}, "the model is untrained"),
    ],
)
def test_without_a_changed_answer_that_is_said(
    changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or why nobody could tell."""
    screen = screen_of(monkeypatch, flips)
    accuracy = replace(quantized_run().accuracy, flipped=())  # type: ignore[type-var]
    more = {name: value for name, value in changes.items() if name != "runs"}
    flips.draw_flips(comparison(*changes.get("runs", (float_run(), quantized_run(accuracy=accuracy))), **more))
    assert said in screen.said


def test_changed_answers_are_counted_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the run that was chosen, a page at a time."""
    screen = screen_of(monkeypatch, flips, Run="w8a8")
    shown: list[Any] = []
    monkeypatch.setattr(flips, "_samples", lambda _, page: shown.extend(page))
    flips.draw_flips(comparison())
    assert "1 answer changed: 1 broken." in screen.said
    assert [flip.position for flip in shown] == [4]


@pytest.mark.parametrize(
    ("count", "page", "said", "back", "on"),
    [
        (12, 0, None, None, None),
        (13, 0, "1 to 12 of 13", True, False),
        (13, 1, "13 to 13 of 13", False, True),
        (13, 9, "13 to 13 of 13", False, True),
        (25, 1, "13 to 24 of 25", False, False),
        (0, 0, None, None, None),
    ],
)
def test_many_samples_have_pages(
    count: int, page: int, said: str | None, back: bool | None, on: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twelve; the first has none before it and the last none after it."""
    screen = screen_of(monkeypatch, flips)
    screen.session_state["k"] = page
    assert flips._page(count, "k") == min(page, max(0, (count - 1) // 12))
    assert screen.said == (said or "")
    buttons = [named["disabled"] for _, named in screen.of("button")]
    assert buttons == ([] if said is None else [back, on])
    for (_, named), step in zip(screen.of("button"), (-1, 1), strict=False):
        named["on_click"](*named["args"])
        assert screen.session_state["k"] == min(page, (count - 1) // 12) + step
