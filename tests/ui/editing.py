"""A session whose recipe is being edited, for modules of pages that run without Streamlit."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.model import Layer
from qexplorer.core.recipe import Recipe
from qexplorer.ui import own_recipes

__all__ = ["LAYERS", "NET", "EditedSession", "layer_called"]


def layer_called(name: str, op: str = "Conv", *, able: bool = True) -> Layer:
    """A layer that is known by no more than its name and operator."""
    return Layer(name, op, ("x",), ("y",), None, (), 0, 0, 0, able, None)


LAYERS = (
    layer_called("conv1"),
    layer_called("conv2"),
    layer_called("fc", "Gemm"),
    layer_called("relu", "Relu", able=False),
)
NET: Any = SimpleNamespace(layers=LAYERS, quantizable_layers=LAYERS[:3])


class EditedSession:
    """What ``own_recipes`` and ``modules`` take for the person's session.

    Args:
        monkeypatch: of the test.
        text: the recipe.
        picked: recipes that are to be compared.
        modules: further ones that look at the session.
        more: whatever else the session knows.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        text: str,
        *picked: str,
        modules: tuple[ModuleType, ...] = (),
        **more: Any,
    ) -> None:
        self.now = SimpleNamespace(recipe=text, compare=list(picked), choices={}, **more)
        for module in (own_recipes, *modules):
            for name, asked in {"current_recipe": lambda: self.recipe, "state": lambda: self.now}.items():
                if hasattr(module, name):
                    monkeypatch.setattr(module, name, asked)
        monkeypatch.setattr(own_recipes, "keep", lambda _: None)

    @property
    def recipe(self) -> Recipe:
        """As it is now."""
        return Recipe.parse(self.now.recipe)
