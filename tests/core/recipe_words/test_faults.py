"""What is wrong with a recipe is said with its line, its rule and field, and what is allowed."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n\nweights:\n  format: int8\n  blok: 3\n", "line 5, weights.blok: neither a field nor"),
        (
            "weights: {format: int8, granularity: row}\n",
            "line 1, weights.granularity: 'row' is not one of them; allowed",
        ),
        ("weights: {}\nlayers: {match: a}\n", "line 2, layers: must be a list: lines that begin with '- '"),
        ("weights: 4\n", "line 1, weights: 4 must hold fields, written 'field: value'"),
        ("wieghts: {}\n", "line 1, wieghts: no such field; allowed: name, weights, activations, algorithms, layers"),
        (
            "layers:\n- match: a\n- match: c*\n  flaot: true\n",
            "line 4, rule 2 ('c*'), flaot: no such field; allowed: match",
        ),
        ("layers:\n- float: true\n", "line 2, rule 1, match: is missing"),
        (
            "layers:\n- match: a\n  float: perhaps\n",
            "line 3, rule 1 ('a'), float: 'perhaps' is not one of them; allowed: true",
        ),
        ("weights: {format: int8, block: 2, granularity: block}\n", "line 1, weights.block: 2 must be at least 8"),
        ("weights: {format: int8\nname: x\n", "line 2 is not YAML: a bracket is not closed"),
        ("name: x\nweights: a: b\n", "line 2 is not YAML: there is a second ':'"),
        ("weights:\n  format: int8\n activations: x\n", "line 3 is not YAML: it is indented otherwise"),
        ("- a\n- b\n", "a recipe holds fields, written 'field: value'; allowed: name"),
    ],
)
def test_the_place_and_what_is_allowed_are_named(text: str, said: str) -> None:
    """One sentence, none of it in a library's words."""
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text)
    assert said in caught.value.sentence
    assert not any(words in caught.value.sentence for words in ("Input should", "validation error", "<unicode", "\n"))
