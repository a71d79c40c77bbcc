"""Recipes that were read before: given again while the plug-ins stay, read anew when they change."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from tests.made_up_algorithm import MadeUp

TEXT = "weights: {format: int4}\nalgorithms: [made_up]\n"


def test_a_text_is_read_once() -> None:
    """The same text, YAML or short name, gives the very same recipe again."""
    for text in ("w5a8", "weights: {format: int4}\n"):
        assert Recipe.parse(text) is Recipe.parse(text)


def test_a_text_is_read_anew_when_plug_ins_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be read can be once its algorithm is there, and cannot any more when that is gone."""
    with pytest.raises(RecipeError, match="made_up"):
        Recipe.parse(TEXT)
    with monkeypatch.context() as patch:
        patch.setitem(ALGORITHMS._entries, "made_up", MadeUp("made_up"))
        assert [each.name for each in Recipe.parse(TEXT).algorithms] == ["made_up"]
    with pytest.raises(RecipeError, match="made_up"):
        Recipe.parse(TEXT)
