"""Recipes changed one control at a time: what changes along, and what a person reads of it."""

from __future__ import annotations

from typing import Any

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.ui.quantize.recipe_changes import (
    FLOAT,
    TABLES,
    add_rule,
    algorithm_option,
    algorithms_chosen,
    changed,
    read_recipe,
    rules_replaced,
    tables_changed,
    tables_of,
    text_of,
)

NAMED = "name: ours\nweights: {format: int8}\nactivations: {format: uint8}\n"


@pytest.mark.parametrize(
    ("recipe", "part", "field", "value", "made"),
    [
        ("w8a8", "weights", "format", "int4", "w4a8"),
        ("w8a8", "weights", "format", FLOAT, "name: a\nweights: null\nactivations: {format: uint8}\n"),
        ("w8a8", "activations", "format", FLOAT, "w8"),
        ("w8a8", "weights", "format", "bf16", "bf16"),
        ("w8a8", "activations", "format", "fp16", "fp16"),
        ("bf16", "weights", "format", "int8", "w8a8"),
        ("bf16", "activations", "format", "uint8", "w8a8"),
        ("bf16", "activations", "format", "fp16", "fp16"),
        ("w8a8", "activations", "mode", "dynamic", "w8a8-dynamic"),
        ("w8a8-sym", "activations", "mode", "dynamic", "w8a8-dynamic"),
        ("w8a8-dynamic", "activations", "format", "uint8", "w8a8-dynamic"),
        ("w8a8-dynamic", "activations", "mode", "static", "w8a8"),
        ("w8a8-dynamic", "weights", "format", "int4", "w4a8-dynamic"),
    ],
)
def test_a_control_changes_what_must_change_along(recipe: str, part: str, field: str, value: Any, made: str) -> None:
    """Halves go together and leave together; dynamic activations are uint8 and asymmetric."""
    assert changed(Recipe.parse(recipe), part, field, value).digest == Recipe.parse(made).digest


def test_another_format_of_dynamic_activations_makes_them_static() -> None:
    """Only uint8 is found in every call."""
    found = changed(Recipe.parse("w8a8-dynamic"), "activations", "format", "uint16").activations
    assert found is not None
    assert (found.format, found.mode) == ("uint16", "static")


def test_float_takes_the_other_half_with_it() -> None:
    """A model of 16-bit floats has no float part of its own."""
    for part in ("weights", "activations"):
        found = changed(Recipe.parse("fp16"), part, "format", FLOAT)
        assert (found.weights, found.activations) == (None, None)


def test_a_calibrator_comes_with_its_own_options() -> None:
    """Those of the one before are gone, and the other fields stay."""
    recipe = changed(Recipe.parse("w8a8-sym"), "activations", "calibrator", "percentile")
    assert recipe.activations is not None
    assert "percentile" in recipe.to_yaml()
    again = changed(recipe, "activations", "calibrator", "minmax").activations
    assert again is not None
    assert (again.calibrator, again.symmetric) == ("minmax", True)
    assert type(again.options) is not type(recipe.activations.options)


def test_a_format_takes_what_it_can_have() -> None:
    """Levels of a table have no zero point; a format of small blocks brings its own."""
    table = changed(Recipe.parse(NAMED.replace("int8}", "int8, symmetric: false}")), "weights", "format", "nf4")
    assert table.weights is not None
    assert table.weights.symmetric
    blocks = changed(Recipe.parse("w8a8"), "weights", "format", "mxfp4").weights
    assert blocks is not None
    assert (blocks.granularity.value, blocks.block) == ("block", 32)


def test_a_name_that_a_person_gave_stays() -> None:
    """One that was made follows what is asked for."""
    assert changed(Recipe.parse(NAMED), "weights", "format", "int4").name == "ours"
    assert changed(Recipe.parse("w8a8"), "weights", "format", "int4").name == "w4a8"


def test_rules_are_added_and_replaced() -> None:
    """A rule for the same match takes the place of the one before, at the end; others stay."""
    one = add_rule(Recipe.parse("w8a8"), {"match": "a", "float": True})
    two = add_rule(one, {"match": "b", "float": True})
    again = add_rule(two, {"match": "a", "weights": {"format": "int4"}})
    assert [rule.match for rule in again.layers] == ["b", "a"]
    assert again.layers[1].weights == {"format": "int4"}
    assert [rule.match for rule in rules_replaced(again, [{"match": "c", "float": True}]).layers] == ["c"]
    assert rules_replaced(again, []).layers == ()


def test_tables_get_bits_of_their_own() -> None:
    """The option of the short name, before rules for single layers, which keep the last word; and taken back."""
    as_weights, wide = TABLES
    plain = Recipe.parse("w4-b32-gptq")
    made = tables_changed(plain, wide)
    assert text_of(made) == "w4-b32-embed8-gptq"
    assert [tables_of(each) for each in (plain, made)] == [as_weights, wide]
    assert tables_changed(made, as_weights).digest == plain.digest
    one = tables_changed(add_rule(plain, {"match": "a", "float": True}), wide)
    assert [rule.match for rule in one.layers] == ["op:Gather", "a"]
    other = add_rule(plain, {"match": "op:Gather", "float": True})
    assert tables_of(other) is None
    assert tables_changed(other, wide).digest == made.digest


def test_algorithms_keep_their_options_and_their_order() -> None:
    """What changes the graph comes before what changes the plan; an option is set of the one that it belongs to."""
    recipe = algorithms_chosen(Recipe.parse("w8a8"), ["adaround", "equalize"])
    assert [each.name for each in recipe.algorithms] == ["equalize", "adaround"]
    set_ = algorithm_option(recipe, "adaround", "steps", 7)
    assert [each.options.get("steps") for each in set_.algorithms] == [None, 7]
    kept = algorithms_chosen(set_, ["adaround"])
    assert [(each.name, each.options["steps"]) for each in kept.algorithms] == [("adaround", 7)]
    assert [rule.match for rule in algorithms_chosen(add_rule(kept, {"match": "a", "float": True}), []).layers] == ["a"]


def test_what_a_person_types_is_read() -> None:
    """A short name or YAML; a path of this machine is never opened, and what to do says nothing of files."""
    assert read_recipe(" w8a8 ").digest == Recipe.parse("w8a8").digest
    assert read_recipe(NAMED).name == "ours"
    for text in ("/etc/passwd", "nonsense"):
        with pytest.raises(RecipeError) as caught:
            read_recipe(text)
        assert caught.value.do == "or make your own on page Quantize"
    with pytest.raises(RecipeError):
        read_recipe("some.yaml")


def test_the_shortest_text_reads_back_to_the_recipe() -> None:
    """A short name where it says all, and a person's own name with the whole text."""
    assert text_of(Recipe.parse("w8a8")) == "w8a8"
    own = Recipe.parse(NAMED)
    assert text_of(own).startswith("name: ours")
    assert Recipe.parse(text_of(own)).digest == own.digest
