"""Sections of a comparison: sweeps, written texts, the view for a wall; and what is picked to be compared."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError, RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.measure.timing.sweep_types import Cell
from qexplorer.ui.compare import controls, present, sweep, texts
from tests.jobs.orders import DATA, MODEL
from tests.measure.timing.test_sweep import SWEPT
from tests.report.comparisons import comparison, float_run, quantized_run
from tests.report.judged_runs import lossy, sure
from tests.ui.screens import screen_of


@pytest.mark.parametrize(
    ("model", "data", "same"),
    [(SimpleNamespace(sha256="0" * 64), "d", True), (SimpleNamespace(sha256="1"), "d", False),
     (None, "d", False), (SimpleNamespace(sha256="0" * 64), None, False)],
)  # fmt: skip
def test_a_sweep_runs_the_model_that_was_compared(
    model: Any, data: str | None, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its data; else it is said which to choose, and what cannot be read says why."""
    errors: list[Exception] = []
    screen = screen_of(monkeypatch, sweep)
    monkeypatch.setattr(sweep, "current_model", lambda: model)
    monkeypatch.setattr(sweep, "state", lambda: SimpleNamespace(data=data))
    assert sweep._same_model(comparison()) is same
    assert ("Choose the model net and its data" in screen.said) is not same

    def broken() -> None:
        raise InputError("gone")

    monkeypatch.setattr(sweep, "current_model", broken)
    monkeypatch.setattr(sweep, "show_error", errors.append)
    assert not sweep._same_model(comparison())
    assert len(errors) == 1


def test_runs_that_can_be_swept_have_numbers_and_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was chosen is swept on its backend, for as long as was chosen."""
    monkeypatch.setattr(sweep, "model_reference", lambda: MODEL)
    monkeypatch.setattr(sweep, "data_reference", lambda: DATA)
    runs = [quantized_run("w8a8", "torch"), quantized_run("w4", status=Status.REFUSED), quantized_run("w2")]
    recipes = {run.digest: run.recipe for run in runs[:2]}
    whole = comparison(float_run(), *runs, recipes=recipes)
    assert [run.recipe for run in whole.runs if sweep._sweepable(run, whole)] == ["w8a8"]
    screen_of(monkeypatch, sweep, **{"Beside float": "b", "Effort of the sweep": "standard"})
    order = sweep._picks(whole, {"a": runs[2], "b": runs[0]})
    assert order is not None
    assert ([each.name for each in order.recipes], order.backend, order.effort) == (["w8a8"], "torch", "standard")
    monkeypatch.setattr(sweep, "data_reference", lambda: None)
    assert sweep._picks(whole, {"b": runs[0]}) is None


@pytest.mark.parametrize(("running", "lacks"), [(True, True), (False, False), (None, False)])
def test_a_sweep_waits_for_a_comparison(running: bool | None, lacks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As both at once would disturb each other."""
    job = None if running is None else SimpleNamespace(is_running=running)
    monkeypatch.setattr(sweep, "latest_job", lambda _: job)
    assert (sweep._other_work() is not None) is lacks


def test_a_sweep_says_what_is_noisy_and_what_has_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweet spot that is surely ahead stands out; a map for each variant that has numbers."""
    screen = screen_of(monkeypatch, sweep, select_slider=10.0)
    sweep._pictures.__wrapped__(replace(SWEPT, load="a program ran"), "k")  # type: ignore[attr-defined]
    noisy = sum(not cell.valid and cell.p50_ms is not None for cell in SWEPT.cells)
    assert f"{noisy} of {len(SWEPT.cells)} cells were noisy" in screen.said
    assert "While it was measured, a program ran." in screen.said
    assert [named["key"] for _, named in screen.of("draw_chart")] == [
        "sweep_k",
        "sweep_map_k_float",
        "sweep_map_k_w8a8",
    ]
    assert sum(line.startswith("#### ") for line in screen.said.splitlines()) == (SWEPT.winner(10.0) is not None)
    screen = screen_of(monkeypatch, sweep)
    none = replace(SWEPT, cells=(Cell("f", 1, 1, reason="no memory"),))
    sweep._pictures.__wrapped__(none, "k")  # type: ignore[attr-defined]
    assert screen.of("draw_chart") == screen.of("select_slider") == []
    assert "No numbers, float, batch 1 on 1 thread: no memory" in screen.said
    assert "noisy" not in screen.said


def test_a_text_is_written_by_what_was_compared() -> None:
    """Each recipe once, on the first backend that worked; a prompt that is empty or cannot be read is said."""
    runs = (quantized_run("w8", "torch", status=Status.FAILED), quantized_run("w8", "openvino"), quantized_run("w4"))
    whole = comparison(float_run("torch", status=Status.FAILED), *runs, recipes={runs[0].digest: "w8"})
    compared: Any = SimpleNamespace(model=MODEL, data=DATA)
    order = texts._order(whole, compared, "once", 7, 0.5, 8)
    assert ([each.name for each in order.recipes], order.backend) == (["w8"], "openvino")
    assert (order.prompt, order.tokens, order.temperature, order.seed) == ("once", 7, 0.5, 8)
    assert texts._order(replace(whole, runs=whole.runs[:2]), compared, "x", 1, 0.0, 0).backend == "torch"

    class _Words:
        def encode(self, prompt: str) -> None:
            if prompt == "?":
                raise InputError("'?' is no token")

    words: Any = _Words()
    assert texts._lacks(words, "") == "Type the beginning of a text."
    assert texts._lacks(words, "?") == "'?' is no token."
    assert texts._lacks(words, "once") is None
    assert set(texts._measured(comparison(), "onnxruntime")) == {"float", "w8a8"}
    assert texts._measured(comparison(), "torch") == {}


def test_a_comparison_is_presented_until_somebody_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some quantized run has numbers; that comparison alone."""
    now = SimpleNamespace(choices={})
    screen = screen_of(monkeypatch, present)
    monkeypatch.setattr(present, "state", lambda: now)
    monkeypatch.setattr(present, "keep", lambda _: None)
    present.draw_present_button(comparison())
    assert screen.labels == ["Present"]
    ((_, named),) = screen.of("button")
    named["on_click"](*named["args"])
    assert present.is_presenting()
    assert present.is_presented(comparison())
    assert not present.is_presented(comparison(comparison_id="other"))
    present._present(None)
    assert not present.is_presenting()
    present.draw_present_button(comparison(float_run(), quantized_run(status=Status.FAILED)))
    assert screen.labels == ["Present"]


def test_the_slider_stands_where_there_are_two_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else at its end; moved, it shows what it allows."""
    screen = screen_of(monkeypatch, present)
    places: Any = {text: SimpleNamespace(loss=loss) for text, loss in (("a", 0.1), ("b", 0.2), ("c", 0.3))}
    runs = [sure("w8", 2.0, (1.9, 2.1)), lossy("w4", -0.01)]
    monkeypatch.setattr(present, "two_of", lambda _, loss: runs if loss >= 0.2 else runs[:1])
    whole = comparison(float_run(), *runs)
    assert present._first(whole, places) == "b"
    screen.session_state[f"present_loss_{whole.look}"] = "a"
    present._choose(whole, places)
    assert screen.session_state[f"present_runs_{whole.look}"] == ["w8"]
    monkeypatch.setattr(present, "two_of", lambda *_: runs[:1])
    assert present._first(whole, places) == "c"


def test_what_is_picked_is_offered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that asks for what is picked already, by whatever name, and never float."""
    monkeypatch.setattr(controls, "compared", lambda: [Recipe.parse("name: mine\nweights: {format: int8}\n")])
    monkeypatch.setattr(controls, "examples", lambda: {"float": "", "w8": "", "w4": "", "w8a8": ""})
    monkeypatch.setattr(controls, "_current", lambda: ["w4", "w2"])
    same = Recipe.parse("w8").digest == Recipe.parse("name: mine\nweights: {format: int8}\n").digest
    offered = controls._options(["mine's text"])
    assert offered == ["mine's text", *([] if same else ["w8"]), "w4", "w8a8", "w2"]


def test_what_cannot_be_read_or_done_is_not_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why; what was picked before stays, though it will fail."""
    now = SimpleNamespace(compare=["w4"])
    screen = screen_of(monkeypatch, controls)
    monkeypatch.setattr(controls, "state", lambda: now)
    monkeypatch.setattr(controls, "keep", lambda _: None)
    monkeypatch.setattr(controls, "current_model", lambda: None)
    fails = {"w4", "w2"}
    monkeypatch.setattr(controls, "bound_to_fail", lambda r, _: RecipeError("no range") if r.name in fails else None)
    screen.session_state[controls._PICKED] = ["w4", "w8", "w17", "w8"]
    controls._picked()
    assert [Recipe.parse(text).name for text in now.compare] == ["w4", "w8"]
    assert "w17" in str(screen.session_state[controls._ERROR])
    screen.session_state[controls._PICKED] = ["w8", "w2"]
    controls._picked()
    assert ([Recipe.parse(text).name for text in now.compare], str(screen.session_state[controls._ERROR])) == (
        *(["w8"], "no range"),
    )
