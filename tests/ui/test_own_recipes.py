"""Recipes of one's own: picked once, under names that tell them apart, and where one that was found goes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.ui import own_recipes, recipe_ways
from qexplorer.ui.quantize.recipe_changes import text_of
from tests.jobs.orders import DATA, MODEL
from tests.ui.editing import NET, EditedSession
from tests.ui.screens import Screen, screen_of


def _named(name: str, bits: int) -> str:
    return f"name: {name}\nweights: {{format: int{bits}}}\n"


def test_recipes_are_picked_once_whatever_they_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that differ, digests that count; the one being edited follows where its name gets a number."""
    session = EditedSession(monkeypatch, _named("ours", 4), _named("ours", 8), "w17")
    assert [recipe.name for recipe in own_recipes.compared()] == ["ours"]
    assert own_recipes.is_compared(Recipe.parse(_named("other", 8)))
    assert not own_recipes.is_compared(session.recipe)
    own_recipes.add_to_comparison(session.recipe, Recipe.parse(_named("other", 8)))
    assert [recipe.name for recipe in own_recipes.compared()] == ["ours", "ours (2)"]
    assert session.recipe.name == "ours (2)"
    assert own_recipes.names_now() == {recipe.digest: recipe.name for recipe in own_recipes.compared()}
    own_recipes.set_recipe(Recipe.parse(_named("ours", 2)))
    assert session.recipe.name == "ours (3)"
    assert own_recipes.names_now()[session.recipe.digest] == "ours (3)"
    own_recipes.set_recipe(Recipe.parse("w8"))
    assert session.recipe.name == "ours", "it is picked under that name"


@pytest.mark.parametrize(
    ("name", "said"),
    [("x" * 41, "too long"), ("w4", "is the short name of another recipe"), ("other", "is called 'other'")],
)
def test_a_name_that_misleads_is_refused(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too long, another's, or says something else; an empty one says what the recipe asks for."""
    session = EditedSession(monkeypatch, _named("ours", 8), _named("ours", 8), _named("other", 4))
    own_recipes.rename_recipe(session.recipe, "  our   own ")
    assert [recipe.name for recipe in own_recipes.compared()] == ["our own", "other"]
    assert session.recipe.name == "our own"
    with pytest.raises(RecipeError, match=said):
        own_recipes.rename_recipe(session.recipe, name if len(name) < 41 else "x" * (own_recipes.MOST_LETTERS + 1))
    own_recipes.rename_recipe(session.recipe, "x" * own_recipes.MOST_LETTERS)
    own_recipes.rename_recipe(session.recipe, "")
    assert session.now.recipe == text_of(Recipe.parse("w8"))


def test_choices_of_one_name_have_labels_that_differ() -> None:
    """What cannot be read is called as it stands; the same text twice is one."""
    one, two = _named("ours", 8), _named("ours", 4)
    assert own_recipes.labels_of([one, two, "w17", one]) == {one: "ours", two: "ours (2)", "w17": "w17"}
    assert [Recipe.parse(text).name for text in own_recipes.texts_once([one, _named("again", 8), two])] == [
        *("ours", "ours (2)"),
    ]


@pytest.mark.parametrize(
    ("recipe", "model", "fails"),
    [
        ("name: k\nweights: {format: nf4, calibrator: kl}\n", None, True),
        ("name: k\nweights: {format: nf4, calibrator: kl}\n", NET, True),
        ("name: k\nweights: {format: int4, calibrator: kl}\n", NET, False),
        ("name: k\nlayers: [{match: fc, weights: {format: nf4, calibrator: kl}}]\n", NET, True),
        ("name: k\nlayers: [{match: fc, weights: {format: nf4, calibrator: kl}}]\n", None, False),
        ("fp16", NET, False),
    ],
)
def test_what_no_data_can_make_good_is_known_beforehand(recipe: str, model: Any, fails: bool) -> None:
    """A calibrator that has no range for such a grid, on any layer that it is asked for."""
    error = own_recipes.bound_to_fail(Recipe.parse(recipe), model)
    assert (error is not None) is fails
    assert error is None or error.where == "k"


@pytest.mark.parametrize(
    ("recipe", "each", "known", "result", "words"),
    [
        ("w8a8", True, True, False, []),
        ("w8a8-qat", False, True, False, ["It is searched without that"]),
        (
            "w8a8-qat",
            True,
            True,
            True,
            ["About 7 trainings of 20 epochs", "takes about 30 s, so all of them about 4 min."],
        ),
        ("w8a8-qat", True, False, True, ["About 7 trainings of 20 epochs"]),
    ],
)
def test_what_training_each_recipe_would_take_is_told(
    recipe: str, each: bool, known: bool, result: bool, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a recipe that trains; the time once it was estimated, and nothing to estimate without data."""
    screen: Screen = screen_of(monkeypatch, recipe_ways, toggle=each)
    found = SimpleNamespace(seconds=32.0)
    monkeypatch.setattr(recipe_ways, "model_reference", lambda: MODEL if known else None)
    monkeypatch.setattr(recipe_ways, "data_reference", lambda: DATA)
    section = SimpleNamespace(result=lambda: found, draw=lambda: None)
    monkeypatch.setattr(recipe_ways, "JobSection", lambda *_: section)
    assert recipe_ways.draw_train_each(Recipe.parse(recipe), 7) is result
    lines = screen.said.splitlines()
    assert len(lines) == len(words)
    assert all(part in line for part, line in zip(words, lines, strict=True))


@pytest.mark.parametrize(
    ("pressed", "does", "page"),
    [("x_take", "set", "quantize"), ("x_compare", "add", "compare"), ("x_train", "set", "train")],
)
def test_a_recipe_that_was_found_has_ways_on(
    pressed: str, does: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To where it is edited, compared or trained, and into a file."""
    done: list[str] = []
    screen = screen_of(monkeypatch, recipe_ways, **{pressed: True})
    monkeypatch.setattr(recipe_ways, "set_recipe", lambda _: done.append("set"))
    monkeypatch.setattr(recipe_ways, "add_to_comparison", lambda _: done.append("add"))
    recipe_ways.draw_recipe_ways(Recipe.parse("w8a8"), "x")
    assert done == [does]
    assert [args for args, _ in screen.of("switch_page")] == [(f"pages/{page}.py",)]
    assert screen.of("download_button")[0][0][2] == "x.yaml"
    for text, lacks in (("float", True), ("fp16", True), ("w8", False)):
        screen = screen_of(monkeypatch, recipe_ways)
        monkeypatch.setattr(recipe_ways, "current_recipe", lambda it=text: Recipe.parse(it))
        assert (recipe_ways.recipe_with_weights("nothing to mix") is None) is lacks
        assert ("so there is nothing to mix" in screen.said) is lacks
