"""Algorithms in recipes: how they are written, what is refused, and what a recipe with them needs."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

from qexplorer.core.errors import RecipeError
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from tests.made_up_algorithm import MadeUp


class _Options(AlgorithmOptions):
    strength: float = Field(0.5, ge=0.0, le=1.0)
    way: Literal["up", "down"] = "up"


@pytest.fixture(autouse=True)
def _entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four algorithms beside the registered ones."""
    ALGORITHMS.names()
    for entry in (
        MadeUp("shape_first", stage=Stage.GRAPH, options=_Options),
        MadeUp("look", decides=Decides.GRIDS, needs=Needs.STATISTICS, options=_Options),
        MadeUp("polish", decides=Decides.CODES, needs=Needs.GRADIENTS, options=_Options),
        MadeUp("alone", decides=Decides.GRIDS, options=_Options),
    ):
        monkeypatch.setitem(ALGORITHMS._entries, entry.name, entry)  # type: ignore[arg-type]


def parse(algorithms: str, activations: str = "") -> Recipe:
    """A weights-only recipe with these algorithms, or one with activations."""
    return Recipe.parse(f"weights: {{format: int4}}\n{activations}algorithms: {algorithms}\n")


def test_a_name_and_a_name_with_options_are_read() -> None:
    """Options that are not given take their defaults, so that both forms of the same are equal and have one digest."""
    written = parse("[look, {polish: {strength: 0.25}}]")
    assert [each.options for each in written.algorithms] == [
        {"strength": 0.5, "way": "up"},
        {"strength": 0.25, "way": "up"},
    ]
    assert parse("[{look: {way: up}}]") == parse("[look]") == parse("[{look: }]")
    assert parse("[{look: {way: up}}]").digest == parse("[look]").digest != parse("[{look: {way: down}}]").digest
    assert isinstance(written.algorithms[1].chosen, _Options)


@pytest.mark.parametrize("text", ["[look]", "[{look: {way: down}}, polish]", "[shape_first, alone]", "[]"])
def test_yaml_gives_the_same_back(text: str) -> None:
    """What ``to_yaml`` writes is read to an equal recipe; a plain dump is, too."""
    recipe = parse(text)
    assert Recipe.parse(recipe.to_yaml()) == recipe
    assert Recipe.model_validate(recipe.model_dump(by_alias=True)) == recipe
    assert ("algorithms" in recipe.to_yaml()) == (text != "[]")


def test_short_names_take_algorithms_in_their_order() -> None:
    """``w4a8-mse-look-polish`` is the recipe with both, by default options."""
    recipe = Recipe.parse("w4a8-mse-look-polish")
    assert [each.name for each in recipe.algorithms] == ["look", "polish"]
    assert recipe.activations is not None
    assert recipe.activations.calibrator == "mse"
    assert not Recipe.parse("w4a8-mse").algorithms


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[lok]", "there is no algorithm called 'lok'; allowed: .*; did you mean 'look'?"),
        ("[{look: {speed: 3}}]", "'speed' is not an option of 'look'; allowed: strength, way"),
        ("[{look: {strength: 7}}]", "option 'strength' of 'look': 7 must be at most 1"),
        ("[{look: {way: left}}]", "option 'way' of 'look': 'left' is not one of them; allowed: 'up' or 'down'"),
        ("[{look: 3}]", "written as its name, or as {name: {option: value}}"),
        ("[{look: {}, polish: {}}]", "written as its name, or as {name: {option: value}}"),
        ("[3]", "written as its name, or as {name: {option: value}}"),
        ("[look, look]", "'look' is asked for twice"),
        ("[polish, look]", "'look' goes before 'polish', because .*; put it first"),
        ("[alone, look]", "'alone' and 'look' exclude each other"),
        ("[look, alone]", "'look' and 'alone' exclude each other, because .*; choose one"),
        ("[look, shape_first]", "'shape_first' changes the float graph, so it goes before 'look'"),
    ],
)
def test_what_cannot_be_gets_one_sentence(text: str, said: str) -> None:
    """Unknown names and options, values out of bounds, repetitions and wrong orders are refused in words."""
    with pytest.raises(RecipeError) as caught:
        parse(text)
    first, _, rest = said.partition(".*")
    assert first in caught.value.sentence
    assert rest in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_an_unknown_option_of_a_short_name_lists_the_algorithms() -> None:
    """The sentence about ``w8a8-nothing`` names what may follow, algorithms included."""
    with pytest.raises(RecipeError, match=r"allowed: .*bias_correction.*look"):
        Recipe.parse("w8a8-nothing")


STATIC = "activations: {format: uint8}\n"


@pytest.mark.parametrize(
    ("algorithms", "activations", "statistics", "samples"),
    [
        ("[]", "", False, False),
        ("[]", STATIC, True, False),
        ("[alone]", "", False, False),
        ("[look]", "", True, False),
        ("[polish]", "", False, True),
        ("[look, polish]", "", True, True),
        ("[bias_correction]", "", False, True),
        ("[bias_correction]", STATIC, True, True),
        ("[shape_first]", "", False, False),
        ("[shape_first]", STATIC, True, True),
    ],
)
def test_what_a_recipe_needs(algorithms: str, activations: str, statistics: bool, samples: bool) -> None:
    """Ranges for static activations and algorithms that read them; samples for those that measure, and where a changed
    graph is observed again; calibration data for either."""
    recipe = parse(algorithms, activations)
    assert (recipe.needs_statistics, recipe.needs_samples) == (statistics, samples)
    assert recipe.needs_calibration == (statistics or samples)


def test_a_new_algorithm_has_its_place_by_what_it_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names no other: the sentence tells what both decide, or what the later is built on; where it decides nothing
    that others do, it stands anywhere."""
    for name, decides in (("fine", Decides.CODES | Decides.BIASES), ("free", Decides.NOTHING)):
        monkeypatch.setitem(ALGORITHMS._entries, name, MadeUp(name, decides=decides))  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="'hqq' goes before 'fine', because it finds the scales that codes are"):
        parse("[fine, hqq]")
    for other, both in (("gptq", "choose the codes of weights"), ("bias_correction", "correct the same biases")):
        with pytest.raises(RecipeError, match=f"'fine' and '{other}' exclude each other, because both {both}; choose"):
            parse(f"[fine, {other}]")
    for text in ("[hqq, fine]", "[free, hqq, fine]", "[hqq, fine, free]", "[fine, free]"):
        assert parse(text).algorithms


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("smoothquant-awq", "both choose the factors between the same layers"),
        ("gptq-qat", "both choose the codes of weights"),
        ("learned_scales-qat", "both let scales learn"),
        ("absorb-equalize", "'equalize' goes before 'absorb', because it makes the high biases that this absorbs"),
        ("qat-bias_correction", "because training starts from its biases"),
        ("qat-hqq", "because training starts from its scales"),
        ("learned_scales-hqq", "because scales learn from where it left them"),
        ("brecq-learned_scales", "because it finds the scales that codes are chosen on"),
        ("rotation-smoothquant", "because behind a rotation channels are all alike"),
        ("outlier_split-rotation", "because it may leave no outliers to split"),
    ],
)
def test_why_algorithms_exclude_or_follow_each_other(names: str, said: str) -> None:
    """Each reason is told in the recipe's one sentence, with what to do."""
    with pytest.raises(RecipeError, match=f"{said}; (choose one|put it first)"):
        Recipe.parse(f"w4a8-{names}")


@pytest.mark.parametrize(
    "names", ["equalize-absorb-awq-rotation-outlier_split", "hqq-learned_scales-brecq", "gptq-bias_correction"]
)
def test_what_is_built_on_each_other_goes_together(names: str) -> None:
    """Algorithms in the order of their decisions make a recipe, and so do those that have none in common."""
    assert "-".join(each.name for each in Recipe.parse(f"w4a8-{names}").algorithms) == names
