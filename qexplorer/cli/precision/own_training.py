"""What becomes of the training that a recipe asks for, in the verbs that measure many recipes."""

from __future__ import annotations

import argparse

from qexplorer.cli.terminal import warn
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.training.recipes import asked_of
from qexplorer.search.training_apart import trained_as

__all__ = ["recipe_text", "say_of_training"]


def say_of_training(order: argparse.Namespace) -> None:
    """Says beforehand whether all that is measured is trained; nothing where the recipe asks for no training."""
    training = asked_of(Recipe.parse(order.recipe))
    if training is None:
        return
    if order.train_each:
        epochs = training.options["epochs"]
        count = f"{epochs} epoch{'' if epochs == 1 else 's'}"
        warn(f"every recipe that is measured is trained for {count}, each as long as 'qexplorer qat' takes")
    else:
        warn("recipes are measured without the training of this one, and what is found has it again (--train-each)")


def recipe_text(found: Recipe, order: argparse.Namespace) -> bytes:
    """What was found as YAML, with the training that the recipe asked for."""
    return trained_as(found, Recipe.parse(order.recipe)).to_yaml().encode()
