"""Page Compare and a person's own recipes: told apart by what they ask for, and refused before anybody waits."""

from __future__ import annotations

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


@pytest.mark.parametrize(("recipe", "fails"), [("fp16", False), ("bf16", False), ("w8a8-kl", False), ("nf4-kl", True)])
def test_only_a_range_that_cannot_be_found_is_bound_to_fail(recipe: str, fails: bool) -> None:
    """Half precision has no range to look for, and even levels have one; uneven ones have none for KL."""
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
