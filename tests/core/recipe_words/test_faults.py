"""What is wrong with a recipe is said with its line, its rule and field, and what is allowed."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.faults import words_of


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
        ("layers:\n- match: a\n  recipe: w8\n", "line 3, rule 1 ('a'), recipe: no such field; allowed: match, "),
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


class Fields(BaseModel):
    """A field for each kind of bound."""

    whole: int = 0
    real: float = Field(0.0, allow_inf_nan=False)
    switch: bool = False
    text: str = Field("x", min_length=1)
    parts: list[int] = []
    one: Literal["a", "b"] = "a"
    least: int = Field(5, ge=2)
    above: float = Field(5.0, gt=0.5)
    most: int = Field(5, le=9)
    below: float = Field(0.5, lt=1.0)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("whole", "x", "'x' must be a whole number"),
        ("whole", 1.5, "1.5 must be a whole number"),
        ("whole", [], "must be a whole number"),
        ("real", "x", "'x' must be a number"),
        ("real", float("inf"), "inf must be a number"),
        ("switch", "perhaps", "'perhaps' is not one of them; allowed: true, false"),
        ("switch", [], "allowed: true, false"),
        ("text", 3, "3 must be text; put it in quotes"),
        ("text", "", "must not be empty"),
        ("parts", 3, "3 must be a list: lines that begin with '- '"),
        ("one", "c", "'c' is not one of them; allowed: 'a' or 'b'"),
        ("least", 1, "1 must be at least 2"),
        ("above", 0.5, "0.5 must be more than 0.5"),
        ("most", 10, "10 must be at most 9"),
        ("below", 1.0, "1.0 must be less than 1"),
    ],
)
def test_what_was_given_stands_beside_what_is_allowed(field: str, value: Any, said: str) -> None:
    """A single value is repeated; a list or what is missing is not."""
    with pytest.raises(ValidationError) as caught:
        Fields.model_validate({field: value})
    assert words_of(caught.value.errors()[0]) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\n\tweights: {}\n", "line 2 is not YAML: it begins with a tab or a character"),
        ("name: 'x\n", "is not YAML: a quotation mark is not closed"),
        ("name: x\nweights\nlayers: []\n", "line 3 is not YAML: "),
        ("weights: [a\n", "is not YAML: a bracket is not closed, or a comma is missing"),
    ],
)
def test_what_is_no_yaml_is_told_in_words(text: str, said: str) -> None:
    """With the line where reading it came to an end."""
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text)
    assert said in caught.value.sentence
