"""Recipes that were read before: given again while the plug-ins stay, read anew when they change."""

from __future__ import annotations

from typing import Any

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS
from qexplorer.core.plugins import ALGORITHMS, CALIBRATORS
from qexplorer.core.recipe import Recipe
from qexplorer.core.registry import Registry
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


@pytest.mark.parametrize("registry", [ALGORITHMS, CALIBRATORS, FORMATS], ids=lambda registry: registry.kind)
def test_whatever_is_plugged_in_counts(registry: Registry[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibrator or a format that comes, goes or takes another's place may change what a text means, too."""
    text = "weights: {format: int4, calibrator: mse}\nalgorithms: [bias_correction]\n"
    before = Recipe.parse(text)
    with monkeypatch.context() as patch:
        patch.delitem(registry._entries, registry.names()[-1])
        assert Recipe.parse(text) is not before
    assert Recipe.parse(text) is before
