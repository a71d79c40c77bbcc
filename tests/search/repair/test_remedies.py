"""What remedies make of a recipe, and where there is nothing for them to change."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.search.repair.remedies import REMEDIES, remedies_for
from qexplorer.search.repair.repair_types import Diagnosis, Fault


def _changed(recipe: Recipe, fault: Fault, title: str) -> Recipe | None:
    remedy = next(each for each in remedies_for(Diagnosis("layer", "Conv", fault, "")) if title in each.title)
    return remedy.change(recipe, Diagnosis("layer", "Conv", fault, ""))


def test_smoothquant_comes_behind_the_equalization_that_was_kept() -> None:
    """In the order in which they go together; on its own it is the first of all."""
    equalized = _changed(Recipe.parse("w8a8-bias_correction"), Fault.OUTLIER, "equalization")
    assert equalized is not None
    both = _changed(equalized, Fault.OUTLIER, "SmoothQuant")
    assert both is not None
    assert [each.name for each in both.algorithms] == ["equalize", "smoothquant", "bias_correction"]
    alone = _changed(Recipe.parse("w8a8-bias_correction"), Fault.OUTLIER, "SmoothQuant")
    assert alone is not None
    assert [each.name for each in alone.algorithms] == ["smoothquant", "bias_correction"]


def test_what_does_not_go_together_is_refused_in_a_sentence() -> None:
    """AdaRound where GPTQ decides the same codes."""
    with pytest.raises(RecipeError, match="adaround"):
        _changed(Recipe.parse("w8a8-gptq"), Fault.SENSITIVE, "AdaRound")


@pytest.mark.parametrize("fault", list(REMEDIES))
def test_a_layer_in_float_has_no_grids_to_mend(fault: Fault) -> None:
    """Its own remedies change nothing, so that none brings its grids back; those of all layers still do."""
    floated = Recipe.model_validate(
        Recipe.parse("w8a8-tensor").model_dump(by_alias=True) | {"layers": [{"match": "layer", "float": True}]}
    )
    for remedy in remedies_for(Diagnosis("layer", "Conv", fault, "")):
        changed = remedy.change(floated, Diagnosis("layer", "Conv", fault, ""))
        assert changed is None or changed.for_layer("layer", "Conv").weights is None
        assert changed is None or changed.layers == floated.layers
