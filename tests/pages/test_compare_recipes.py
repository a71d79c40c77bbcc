"""Page Compare and a person's own recipes: told apart by what they ask for, and refused before anybody waits."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.records import write_json
from qexplorer.ui.own_recipes import bound_to_fail
from tests.pages.app import open_app, texts
from tests.report.comparisons import comparison, float_run, quantized_run

SESSION = "compare-recipes"
IDLE = "weights: {format: fp16, calibrator: kl}\nactivations: {format: fp16}\n"


def opened(**state: Any) -> AppTest:
    """The page in a session that has a model."""
    write_json(workspace("sessions") / f"{SESSION}.json", {"model": "tumour_mlp", "data": "tumour"} | state)
    return open_app("pages/compare.py", session=SESSION)


def test_a_recipe_that_must_fail_is_said_when_it_is_picked() -> None:
    """A calibrator without a range for the levels asked for is refused at once; one picked before is named."""
    app = opened()
    app.multiselect("compare_picked").set_value(["w8a8", "nf4-kl"]).run()
    assert app.session_state["qexplorer_state"].compare == ["w8a8"]
    assert "needs evenly spaced levels" in app.error[0].value
    app.run()
    assert not app.error
    assert "It will fail" in texts(opened(compare=["w8a8", "nf4-kl"]))


@pytest.mark.parametrize(("recipe", "fails"), [("fp16", False), (IDLE, False), ("w8a8-kl", False), ("nf4-kl", True)])
def test_only_a_range_that_cannot_be_found_is_bound_to_fail(recipe: str, fails: bool) -> None:
    """Half precision never asks its calibrator for one, and even levels have one; uneven ones have none for KL."""
    assert (bound_to_fail(Recipe.parse(recipe), None) is not None) == fails


def test_recipes_of_one_name_from_an_earlier_version_are_told_apart() -> None:
    """Two recipes that a session calls by one name are two chips, and the order measures both."""
    own = [f"name: mine\nweights: {{format: int{bits}}}\n" for bits in (8, 4)]
    app = opened(compare=own, choices={"compare_samples": 20})
    assert app.multiselect("compare_picked").options[:2] == ["mine", "mine (2)"]
    app.button("compare_start").click().run()
    order = COMPARE.order_of(manager.state(app.session_state["qexplorer_state"].jobs["compare"]))
    manager.cancel(app.session_state["qexplorer_state"].jobs["compare"])
    assert order is not None
    assert [(r.name, r.weights and r.weights.format) for r in order.recipes] == [("mine", "int8"), ("mine (2)", "int4")]


def test_good_results_stand_above_failures() -> None:
    """What has numbers comes first; runs that failed for one reason are one line below."""
    bad = [quantized_run(n, status=Status.FAILED, reason="no kernel", accuracy=None) for n in ("w4", "w2")]
    kept = comparison(float_run(), *bad, quantized_run(), quantized_run("w4a8"))
    History().add(kept)
    said = texts(opened(choices={"comparison": [kept.id, "tumour_mlp"]})).replace("\\", "")
    assert said.index("w4a8:") < said.index("w4; w2: failed: no kernel")


def test_results_are_called_what_their_recipes_are_called_today() -> None:
    """A recipe that was renamed since has today's name in verdict, list and files; one that nobody renamed keeps its
    own, also where another recipe has taken the name meanwhile."""
    slim, other = (
        Recipe.parse(f"name: mine{n}\nweights: {{format: int{bits}}}\n") for n, bits in (("", 4), (" (2)", 3))
    )
    runs = [quantized_run(recipe.name, digest=recipe.digest) for recipe in (slim, other)]
    kept = comparison(float_run(), *runs)
    kept = dataclasses.replace(kept, recipes={each.digest: each.to_yaml() for each in (slim, other)})
    History().add(kept)
    renamed = slim.model_copy(update={"name": "slim"}).to_yaml()
    app = opened(compare=[renamed], choices={"comparison": [kept.id, "tumour_mlp"], "history_of": "All models"})
    said = texts(app).replace("\\", "")
    assert "slim: " in said
    assert "mine (2): " in said
    assert "mine: " not in said
    assert next(box for box in app.selectbox if box.label == "Take away").options == ["slim", "mine (2)"]
    listed = next(frame.value for frame in app.dataframe if "recipes" in frame.value)
    assert [text.partition(" ")[0] for text in listed["recipes"][0].split("; ")] == ["slim", "mine"]
