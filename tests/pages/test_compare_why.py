"""Page Compare, section Why not faster: what is known at once, the job, causes with their fixes, charts and table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import qexplorer as qx
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Kernels, Status
from qexplorer.core.workspace import workspace
from qexplorer.jobs.history import History
from qexplorer.jobs.records import write_json
from qexplorer.measure.why.explanation import Cause
from qexplorer.ui.compare.why.causes import fixed_recipe
from tests.pages.app import check_cancel, open_app, texts, when_ended
from tests.report.comparisons import BACKEND, comparison, float_run, quantized_run

SESSION = "why-tests"


def kept(*recipes: str, model: str = "digits_cnn") -> Any:
    """A comparison of a sample with made-up numbers and real quantized files."""
    loaded = qx.load(model)
    runs, files, texts_of = [float_run()], {}, {}
    for name in recipes:
        made = qx.quantize(loaded, name)
        run = replace(quantized_run(name), digest=made.digest, kernels=Kernels({"QLinearConv": 5}, {"Conv": 6}))
        runs.append(run)
        files[made.digest], texts_of[made.digest] = str(made.path), made.recipe.to_yaml()
    facts = {"name": model, "sha256": loaded.sha256}
    return replace(comparison(*runs), model=facts, quantized=files, recipes=texts_of)


def show(found: Any, model: str = "digits_cnn", data: str | None = "digits", **state: Any) -> AppTest:
    """The section, on this comparison."""
    History().add(found)
    choices = {"comparison": [found.id, model], "behind": "Why not faster"} | state.pop("choices", {})
    value = {"model": model, "data": data, "choices": choices} | state
    write_json(workspace("sessions") / f"{SESSION}.json", value)
    return open_app("pages/compare.py", session=SESSION)


def said(app: AppTest) -> str:
    """The page's text without the marks that keep Markdown from reading names."""
    return texts(app).replace("\\", "")


def test_what_is_known_stands_there_at_once() -> None:
    """Without a click the section names causes from file and recipe, and says that they are expected."""
    app = show(kept("w8a16"))
    assert not app.exception
    assert "w8a16: 11 of 11 convolutions and 1 of 1 matrix product run in float: 16-bit activations." in said(app)
    assert "expected, not measured" in said(app)
    assert "Use 8-bit activations." in said(app)
    rows = next(t.value for t in app.dataframe if "treatment" in t.value.columns)
    assert set(rows["runs in"]) == {"float (expected)"}
    assert not app.button("why_start").disabled


def test_a_fix_is_added_with_one_click() -> None:
    """The fix of a cause puts its recipe among what is compared, and says that its effect is predicted."""
    app = show(kept("w8a16"), compare=["w8a16"])
    assert "Predicted from the cause, not measured" in said(app)
    app.button("apply_wide_activations").click().run()
    assert app.session_state["qexplorer_state"].compare == ["w8a16", "w8a8"]
    assert "w8a8 is among what is compared" in said(app)
    assert not app.button("compare_wide_activations").disabled


def test_a_real_explanation_through_the_page() -> None:
    """One click profiles both models in a job; then verdict, costs, charts and table are measured, and stay."""
    found = kept("w8a8-sym")
    app = show(found)
    app.button("why_start").click().run()
    job_id = app.session_state["qexplorer_state"].jobs["why"]
    assert app.button(f"cancel_page_why_{job_id}")
    assert when_ended(app, "why").error is None
    again = open_app("pages/compare.py", session=SESSION)
    assert not again.exception
    text = said(again)
    assert "in float: signed activations" in text
    assert "of the profiled run" in text
    assert "Limits measured in the same process" in text
    rows = next(t.value for t in again.dataframe if "treatment" in t.value.columns)
    assert {"float ms", "quantized ms", "quantized GOP/s", "cause"} <= set(rows.columns)
    assert len(again.get("vega_lite_chart")) + len(again.get("arrow_vega_lite_chart")) >= 3
    assert again.button("why_start").label == "Measure again"


def test_another_batch_is_another_explanation() -> None:
    """What was measured with one sample in a call is not shown for eight."""
    app = show(kept("w8a8"))
    group = next(g for g in app.get("button_group") if g.key == "keep:why_batch")
    group.set_value(8).run()
    assert not app.exception
    assert app.session_state["qexplorer_state"].choices["why_batch"] == 8


def test_a_cancelled_job_is_said() -> None:
    """After a cancel the section says so, and the button is there again."""
    check_cancel(show(kept("w8a8")), "why")


def test_a_failed_job_says_why() -> None:
    """A job that dies on a broken file leaves the reason in the section, the button, and what was known before."""
    found = kept("w8a16")
    app = show(found)
    (path,) = found.quantized.values()
    Path(path).write_bytes(b"no model at all")
    app.button("why_start").click().run()
    job = when_ended(app, "why")
    assert job.status == "failed"
    assert job.error is not None
    again = open_app("pages/compare.py", session=SESSION)
    assert not again.exception
    assert any("Explaining failed" in box.value and "is gone" in box.value for box in again.main.error)
    assert job.error in said(again)
    assert "expected, not measured" in said(again)
    assert not again.button("why_start").disabled


def test_without_data_the_button_says_what_is_missing() -> None:
    """Profiling needs something to run on; what is known stands there without."""
    app = show(kept("w8"), data=None)
    assert app.button("why_start").disabled
    assert "only their weights are quantized" in said(app)


def test_another_model_is_asked_for() -> None:
    """A comparison of a model that is not the session's any more names the model to choose."""
    other = replace(kept("w8"), model={"name": "digits_cnn", "sha256": "1" * 64})
    assert "Choose the model digits_cnn in the sidebar" in said(show(other))


def test_without_a_quantized_file_there_is_nothing_to_explain() -> None:
    """A float run alone, or runs whose files are gone, are one sentence."""
    loaded = qx.load("digits_cnn")
    bare = replace(comparison(), model={"name": "digits_cnn", "sha256": loaded.sha256})
    assert "No quantized file of this comparison is there" in said(show(bare))


@pytest.mark.parametrize(("recipe", "said_so"), [("w8", True), ("w8a8", False)])
def test_recipes_that_run_in_float_are_named_before_anybody_waits(recipe: str, said_so: bool) -> None:
    """Under what is picked stands which recipe computes in float on which backend, and why."""
    app = show(kept("w8a8"), compare=[recipe], choices={"compare_backends": [BACKEND]})
    assert ("will run in float on ONNX Runtime" in said(app)) is said_so


def test_only_runs_with_recipe_and_file_can_be_picked() -> None:
    """Of three runs, the one whose file is gone is not offered."""
    found = kept("w8a8", "w8", "w4-b32")
    gone = found.runs[3].digest
    app = show(replace(found, quantized={k: v for k, v in found.quantized.items() if k != gone}))
    assert len(next(g for g in app.get("button_group") if g.key == "keep:why_run").options) == 2


def test_refused_runs_are_not_explained() -> None:
    """Where answers left the tolerance no number is shown, so there is no speed to explain."""
    found = kept("w8a8")
    refused = replace(found.runs[1], status=Status.REFUSED, reason="answers left the tolerance")
    assert "No quantized file of this comparison is there" in said(show(replace(found, runs=(found.runs[0], refused))))


def test_a_fix_is_named_by_what_it_changes() -> None:
    """A changed recipe has its short name where it has one, and else says which layers it leaves in float."""
    recipe = Recipe.parse("w8a8")
    one = Cause("k", "t", "s", ("stem.conv",), None, "f", {"float": ["stem.conv"]})
    assert fixed_recipe(recipe, one).name == "w8a8 with stem.conv in float"
    two = replace(one, layers=("a", "b"), change={"float": ["a", "b"]})
    assert fixed_recipe(recipe, two).name == "w8a8 with 2 layers in float"
    wide = replace(one, change={"activations": {"format": "uint8"}})
    assert fixed_recipe(Recipe.parse("w8a16"), wide).name == "w8a8"
