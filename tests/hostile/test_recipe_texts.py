"""What a stranger calls a recipe becomes a recipe or one sentence, and nothing else."""

from __future__ import annotations

from itertools import islice

import pytest

from qexplorer.core.recipe import Recipe
from tests.hostile.recipe_texts import mutated, named, verdict

_TAKEN = {"a date that is none", "a rule for each of many layers", "a pattern that could be tried in many ways"}


@pytest.mark.parametrize("name", named())
def test_named(name: str) -> None:
    """What only looks odd is taken; the rest is refused in one short line."""
    sentence = verdict(named()[name])
    assert (sentence == "") == (name in _TAKEN)
    assert "\n" not in sentence
    assert len(sentence) < 4000


def test_mutations() -> None:
    """Three hundred damaged recipes: each is a recipe that reads back, or a refusal of one line."""
    found = [verdict(text) for text in islice(mutated(1), 300)]
    assert 5 < sum(sentence == "" for sentence in found) < 295
    assert all("\n" not in sentence and len(sentence) < 4000 for sentence in found)


def test_a_pattern_with_many_stars_is_matched_at_once() -> None:
    """What could be tried in more ways than there are atoms is tried in one."""
    rule = Recipe.parse(named()["a pattern that could be tried in many ways"]).layers[0]
    assert not rule.matches("a" * 5000 + "b", "Conv")
