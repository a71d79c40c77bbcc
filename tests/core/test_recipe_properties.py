"""Recipes: reading, writing, digests and the order of rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import LayerRule, Recipe
from qexplorer.core.recipe_words.names import short_name
from qexplorer.core.short_names import examples
from tests.core.strategies import recipe_fields, rules


@given(fields=recipe_fields())
def test_yaml_gives_an_equal_recipe_back(fields: dict[str, Any]) -> None:
    """What ``to_yaml`` writes, ``parse`` reads to an equal recipe with the same digest."""
    recipe = Recipe.model_validate(fields)
    again = Recipe.parse(recipe.to_yaml())
    assert again == recipe
    assert again.digest == recipe.digest


@pytest.mark.parametrize("name", examples())
def test_short_names_round_trip_through_yaml(name: str) -> None:
    """Every example decodes, keeps its name, and survives its own YAML."""
    recipe = Recipe.parse(name)
    assert recipe.name == name
    assert Recipe.parse(recipe.to_yaml()) == recipe


SHORT_NAMES = st.builds(
    lambda w, a, options: f"w{w}" + (f"a{a}" if a else "") + "".join(f"-{o}" for o in options),
    st.sampled_from([2, 3, 4, 5, 6, 7, 8, 16]),
    st.sampled_from([None, 2, 4, 8, 16]),
    st.tuples(
        st.sampled_from([(), ("tensor",), ("b32",)]),
        st.sampled_from([(), ("asym",)]),
        st.sampled_from([(), ("kl",), ("mse",), ("percentile",), ("average",)]),
        st.sampled_from([(), ("embed8",)]),
    )
    .map(lambda kinds: [option for kind in kinds for option in kind])
    .flatmap(st.permutations),
)
"""One option of a kind at most: two would undo each other, which is refused."""


@given(name=SHORT_NAMES)
def test_short_names_decode_to_the_bits_that_they_say(name: str) -> None:
    """``w4a8`` has int4 weights and uint8 activations; ``w4`` leaves activations in float."""
    recipe = Recipe.parse(name)
    bits, _, rest = name.partition("-")[0][1:].partition("a")
    assert recipe.weights is not None
    assert recipe.weights.format == f"int{bits}"
    assert (recipe.activations.format if recipe.activations else None) == (f"uint{rest}" if rest else None)
    assert recipe.needs_calibration == bool(rest)


@given(fields=recipe_fields(), name=st.text("abc", min_size=1))
def test_the_digest_does_not_depend_on_the_name(fields: dict[str, Any], name: str) -> None:
    """Two recipes that ask for the same have one digest, whatever they are called."""
    recipe = Recipe.model_validate(fields)
    assert recipe.model_copy(update={"name": name}).digest == recipe.digest


def test_the_digest_depends_on_what_is_asked_for() -> None:
    """All short names that mean different things have different digests."""
    assert len({Recipe.parse(name).digest for name in examples()}) == len(examples())


_CHANGES: list[dict[str, Any]] = [
    {},
    {"weights": {"format": "int8"}},
    {"weights": {"format": "int4", "granularity": "tensor"}},
    {"weights": {"format": "int4", "granularity": "block"}},
    {"weights": {"format": "int4", "granularity": "block", "block": 64}},
    {"weights": {"format": "int4", "symmetric": False}},
    {"weights": {"format": "int4", "calibrator": "mse"}},
    {"weights": {"format": "int4", "calibrator": "percentile"}},
    {"weights": {"format": "int4", "calibrator": "percentile", "percentile": 99}},
    {"activations": None},
    {"activations": {"format": "int8"}},
    {"activations": {"mode": "dynamic"}},
    {"activations": {"symmetric": True}},
    {"activations": {"calibrator": "kl"}},
    {"algorithms": ["bias_correction"]},
    {"algorithms": ["equalize", "bias_correction"]},
    {"algorithms": [{"bias_correction": {"samples": 7}}]},
    {"layers": [{"match": "a", "float": True}]},
    {"layers": [{"match": "b", "float": True}]},
    {"layers": [{"match": "a", "float": True}, {"match": "a*", "weights": {"format": "int8"}}]},
    {"layers": [{"match": "a*", "weights": {"format": "int8"}}, {"match": "a", "float": True}]},
    {"layers": [{"match": "a", "activations": {"format": "int8"}}]},
]


def test_the_digest_covers_every_part() -> None:
    """What is kept of one recipe, a file or a judgement, is never given out for another."""
    base = {"weights": {"format": "int4"}, "activations": {"format": "uint8"}}
    digests = [Recipe.model_validate(base | change).digest for change in _CHANGES]
    assert len(set(digests)) == len(_CHANGES)
    assert {len(digest) for digest in digests} == {16}


@pytest.mark.parametrize(
    ("text", "is_float", "casts"),
    [
        ("float", True, False),
        ("fp16", False, True),
        ("w8a8", False, False),
        ("layers: [{match: a, float: true}]", True, False),
        ("layers: [{match: a, float: true}, {match: b, weights: {format: int8}}]", False, False),
        ("layers: [{match: b, weights: {format: bf16, granularity: tensor}}]", False, True),
        ("weights: {}\nlayers: [{match: b, activations: {format: fp16}}]", False, True),
        ("weights: {}\nlayers: [{match: b, activations: {symmetric: true}}]", False, False),
    ],
)
def test_what_is_float_and_what_is_cast(text: str, is_float: bool, casts: bool) -> None:
    """Exceptions in float quantize nothing; a narrower float anywhere is a cast, whole codes are none."""
    recipe = Recipe.parse(text)
    assert (recipe.is_float, recipe.casts) == (is_float, casts)


def test_a_rule_behind_one_for_float_starts_from_the_recipe_again() -> None:
    """What it does not name is as in the recipe, and the rule that decided is the last that matches."""
    rules = [{"match": "a", "float": True}, {"match": "a", "weights": {"symmetric": False}}, {"match": "b"}]
    base = Recipe.model_validate({"weights": {"format": "int4"}, "activations": {"format": "int8"}})
    found = Recipe.model_validate(base.model_dump() | {"layers": rules}).for_layer("a", "Conv")
    assert found.weights is not None
    assert (found.weights.format, found.weights.symmetric, found.rule) == ("int4", False, "a")
    assert found.activations == base.activations
    assert base.for_layer("a", "Conv").rule is None


def test_too_many_rules_with_calibrators_are_told() -> None:
    """64 settings before one with an option alone are read; one more is not, as each is checked with each."""

    def text(rules: int) -> str:
        first = "".join(
            f"- {{match: l{i}, weights: {{calibrator: percentile, percentile: {50 + i / 10}}}}}\n" for i in range(rules)
        )
        return f"weights: {{}}\nlayers:\n{first}- {{match: last, weights: {{percentile: 99}}}}\n"

    assert len(Recipe.parse(text(63)).layers) == 64
    with pytest.raises(RecipeError, match="the rule for 'last' follows too many with calibrators; name the calibrator"):
        Recipe.parse(text(64))


@given(fields=recipe_fields(), last=rules())
def test_the_last_rule_that_matches_wins(fields: dict[str, Any], last: dict[str, Any]) -> None:
    """Whatever earlier rules say, the fields of a last rule for every layer are what each layer gets."""
    everywhere = {**last, "match": "*"}
    recipe = Recipe.model_validate({**fields, "layers": [*fields.get("layers", []), everywhere]})
    spec = recipe.for_layer("layer1", "Conv")
    assert spec.rule == "*"
    if last.get("float"):
        assert spec.weights is None
        assert spec.activations is None
        return
    for found, wanted in ((spec.weights, last["weights"]), (spec.activations, last["activations"])):
        assert found is not None
        assert {k: v for k, v in found.model_dump(mode="json").items() if k in wanted} == wanted


def test_tables_have_bits_of_their_own() -> None:
    """``embed8`` is a rule for layers that look rows up, and for no others; a name with it is a short one."""
    recipe = Recipe.parse("w4-b32-embed8-gptq")
    table, other = (recipe.for_layer("a", op).weights for op in ("Gather", "MatMul"))
    assert table is not None
    assert (table.format, table.granularity) == ("int8", "channel")
    assert other == Recipe.parse("w4-b32").weights
    assert short_name(recipe) == recipe.name
    with pytest.raises(RecipeError, match="'embed17' is not an option"):
        Recipe.parse("w4-embed17")


def test_rules_match_by_name_and_by_operator() -> None:
    """``op:`` looks at the operator type, anything else at the name; others keep the recipe's own settings."""
    written = ["{match: 'op:Conv', weights: {format: int4}}", "{match: 'head*', float: true}"]
    text = "weights: {format: int8}\nlayers:\n" + "".join(f"  - {rule}\n" for rule in written)
    recipe = Recipe.parse(text)
    formats = [recipe.for_layer(*layer).weights for layer in (("a", "Conv"), ("a", "Gemm"), ("head.1", "Conv"))]
    assert [spec and spec.format for spec in formats] == ["int4", "int8", None]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("w17a8", "there is no recipe called 'w17a8'"),
        ("int8", "allowed: float, fp16"),
        ("w8a8-nothing", "'nothing' is not an option"),
        ("w8-dynamic", "'dynamic' is not an option"),
        ("weights: {format: int17}", "'int17' is not a number format"),
        ("weights: {bits: 8}", "weights.bits"),
        ("weights: [1", "not YAML"),
        ("- 1\n- 2", "a recipe holds fields"),
        ("algorithms: [rounding_magic]\nweights: {}", "no algorithm called 'rounding_magic'"),
        ("weights: {format: fp16}", "weights and activations alike"),
        ("weights: {format: fp16, granularity: tensor}\nactivations: {format: bf16}", "weights and activations alike"),
        ("activations: {format: int16, mode: dynamic}", "dynamic activations are uint8"),
        ("activations: {format: int8, mode: dynamic}", "dynamic activations are uint8"),
        ("w4-b7", "block"),
        ("w4-b32-b64", "'b32' and 'b64' both say what shares a scale; name one of them"),
        ("w8-tensor-b32", "'tensor' and 'b32' both say what shares a scale"),
        ("w4-embed8-embed4", "'embed8' and 'embed4' both say the bits of embeddings"),
        ("w8a8-mse-kl", "'mse' and 'kl' both say which ranges are taken"),
        ("nowhere.yaml", "there is no such file"),
    ],
)
def test_a_recipe_that_cannot_be_read_gets_one_sentence(text: str, fact: str) -> None:
    """The message is one line and names what is wrong."""
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text)
    assert fact in caught.value.sentence
    assert "\n" not in caught.value.sentence
    assert caught.value.exit_code == 2


def test_a_path_is_read(tmp_path: Path) -> None:
    """A YAML file gives its recipe, called by the file's stem if it names itself nothing else."""
    path = tmp_path / "mine.yaml"
    path.write_text("weights: {format: int4, granularity: block, block: 64}\n")
    recipe = Recipe.parse(path)
    assert recipe.name == "mine"
    assert recipe == Recipe.parse(str(path))


@pytest.mark.parametrize(
    ("match", "name", "fits"),
    [
        ("blocks[0].fc", "blocks[0].fc", True),
        ("blocks[*].fc", "blocks[12].fc", True),
        ("blocks[0].*", "blocks[0].fc", True),
        ("blocks[0].fc", "blocks[1].fc", False),
        ("conv[12]", "conv2", True),
        ("conv[12]", "conv3", False),
        ("fc?", "fc1", True),
        ("conv*", "Conv1", False),
        ("op:Conv", "Conv1", True),
        ("op:Con?", "Conv1", True),
        ("op:Gemm", "Gemm", False),
    ],
)
def test_brackets_stand_for_themselves_or_for_a_set(match: str, name: str, fits: bool) -> None:
    """Layers of torch have brackets in their names; a shell's sets work as well."""
    assert LayerRule(match=match).matches(name, "Conv") is fits


def test_a_rule_may_name_a_format_without_zero_points_alone() -> None:
    """Its grid is symmetric although the recipe's own activations are not; other layers stay what they were."""
    rules = [{"match": "a", "activations": {"format": "log"}}]
    recipe = Recipe.model_validate({"weights": {}, "activations": {"format": "uint8"}, "layers": rules})
    found, other = recipe.for_layer("a", "Conv").activations, recipe.for_layer("b", "Conv").activations
    assert found is not None
    assert (found.format, found.symmetric) == ("log", True)
    assert other is not None
    assert (other.format, other.symmetric) == ("uint8", False)


@pytest.mark.parametrize("format", ["int8", "uint16"])
def test_a_format_with_zero_points_in_a_rule_keeps_the_symmetry(format: str) -> None:
    """Only the format was named, so the grid stays asymmetric."""
    rules = [{"match": "a", "activations": {"format": format}}]
    found = Recipe.model_validate({"activations": {"format": "uint8"}, "layers": rules}).for_layer("a", "Conv")
    assert found.activations is not None
    assert (found.activations.format, found.activations.symmetric) == (format, False)
