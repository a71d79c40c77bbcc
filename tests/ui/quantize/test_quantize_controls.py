"""Controls and rules of page Quantize: which are shown, what they offer, and what a change makes of the recipe."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.core.short_names import examples
from qexplorer.ui.quantize import controls, plan, rules
from tests.ui.editing import LAYERS, NET, EditedSession, layer_called
from tests.ui.screens import screen_of


class _Session(EditedSession):
    """One with a screen of the page's controls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, text: str, *picked: str) -> None:
        super().__init__(monkeypatch, text, *picked, modules=(controls, rules))
        self.screen = screen_of(monkeypatch, controls, rules, plan)

    @property
    def refused(self) -> str:
        """Why the last change was not taken."""
        return str(self.screen.session_state.get(controls._ERROR, ""))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> _Session:
    """One with two rules: a format for a layer, and another layer in float."""
    text = "weights: {format: int8}\nactivations: {format: uint8}\nlayers:\n"
    text += "- {match: conv1, weights: {format: int4, calibrator: mse}, activations: {format: int8}}\n"
    return _Session(monkeypatch, f"{text}- {{match: 'op:Gemm', float: true}}\n")


def test_a_rule_is_a_row_with_what_it_differs_in(session: _Session) -> None:
    """How many layers it hits; what it does not say is as above; a layer in float has neither scale nor activations."""
    rules.draw_rules(NET)
    boxes = session.screen.of("selectbox")
    assert [args[0] for args, _ in boxes[::4]] == ["Rule 1: 1 layer", "Rule 2: 1 layer"]
    shown = [session.screen.session_state[named["key"]] for _, named in boxes]
    assert shown == ["conv1", "int4", "as above", "int8", "op:Gemm", "float", "as above", "as above"]
    assert [named.get("disabled", False) for _, named in boxes] == [False] * 6 + [True, True]
    assert boxes[0][0][1][:3] == ["*", "op:Conv", "op:Gemm"]
    assert "relu" in boxes[0][0][1]
    off = [named["disabled"] for _, named in session.screen.of("button") if "disabled" in named]
    assert off == [True, False, False, True]


def test_a_rule_that_does_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And names what nothing matches as it is."""
    session = _Session(
        monkeypatch, "weights: {format: int8}\nlayers: [{match: 'conv*'}, {match: 'none*', float: true}]\n"
    )
    rules.draw_rules(NET)
    boxes = session.screen.of("selectbox")[::4]
    labels = [args[0] for args, _ in boxes]
    assert labels == ["Rule 1: 2 layers, changes nothing yet", "Rule 2: 0 layers"]
    assert boxes[1][0][1][0] == "none*"


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ({"weights": "int2"}, {"match": "conv1", "weights": {"calibrator": "mse", "format": "int2"}}),
        ({"weights": "float"}, {"match": "conv1", "float": True}),
        ({"match": "conv2"}, {"match": "conv2"}),
        ({"match": None}, {"match": "conv1"}),
        ({"granularity": "tensor"}, {"weights": {"granularity": "tensor", "calibrator": "mse", "format": "int4"}}),
        ({"weights": "as above"}, {"weights": {"calibrator": "mse"}}),
        ({"activations": "as above"}, {"activations": None}),
    ],
)
def test_a_row_that_was_edited_is_its_rule_anew(session: _Session, typed: dict[str, Any], made: dict[str, Any]) -> None:
    """Fields without a control are kept; what is as above is said no more; the other rules stay."""
    fields = {"match": "conv1", "weights": "int4", "granularity": "as above", "activations": "int8"} | typed
    for name, value in fields.items():
        session.screen.session_state[f"rule_0_{name}"] = value
    rules._edited(0)
    assert session.refused == ""
    first, second = session.recipe.layers
    found = first.model_dump(by_alias=True, exclude_none=True, mode="json")
    for name, value in made.items():
        assert found.get(name) == value, name
    assert (second.match, bool(second.model_dump(by_alias=True)["float"])) == ("op:Gemm", True)


def test_rules_are_moved_removed_and_added(session: _Session) -> None:
    """The last match wins, so their order counts; a new one is for the first layer without one."""
    rules._move(0, 1)
    assert [rule.match for rule in session.recipe.layers] == ["op:Gemm", "conv1"]
    rules._move(1, -1)
    assert [rule.match for rule in session.recipe.layers] == ["conv1", "op:Gemm"]
    session.screen.answers = {"Add a rule": True}
    rules.draw_rules(NET)
    assert [rule.match for rule in session.recipe.layers] == ["conv1", "op:Gemm", "conv2"]
    for _ in range(3):
        rules._remove(0)
    assert session.recipe.layers == ()


@pytest.mark.parametrize(
    ("chosen", "label", "rule"),
    [(["conv1", "fc"], "Keep in float", "float"), (["fc"], "int8 weights", "int8"), (["fc"], "int4 weights", "int4")],
)
def test_layers_that_were_chosen_get_a_rule_each(
    chosen: list[str], label: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a row there is nothing to press."""
    session = _Session(monkeypatch, "w8a8")
    plan._act_on([])
    assert session.screen.labels == []
    plan._act_on(chosen)
    assert f"{len(chosen)} chosen:" in session.screen.said
    named = next(named for args, named in session.screen.of("button") if args[0] == label)
    named["on_click"](*named["args"])
    found = [(each.match, each.weights["format"] if each.weights else "float") for each in session.recipe.layers]
    assert found == [(name, rule) for name in chosen]


@pytest.mark.parametrize(
    ("recipe", "drawn"),
    [
        ("w8a8", ["weights granularity", "activations mode"]),
        ("w4-b32", ["weights granularity", "weights block"]),
        ("w8a8-dynamic", ["weights granularity", "activations mode"]),
        ("float", []),
        ("fp16", []),
    ],
)
def test_a_control_that_does_not_apply_is_not_shown(
    recipe: str, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks have a size, ranges of static activations a calibrator, floats neither."""
    session = _Session(monkeypatch, recipe)
    monkeypatch.setattr(controls, "draw_option", lambda *_args, **_named: None)
    monkeypatch.setattr(controls, "draw_refused", lambda *_: None)
    controls.draw_controls(NET)
    keys = [named["key"] for _, named in session.screen.of("segmented_control")]
    assert keys == [f"quantize_{each.replace(' ', '_')}" for each in drawn]
    ranges = sum(args[0] == "Range by" for args, _ in session.screen.of("selectbox"))
    assert ranges == len([each for each in drawn if each.endswith("granularity")]) + (recipe == "w8a8")
    formats = [session.screen.session_state[f"quantize_{part}_format"] for part in ("weights", "activations")]
    spec = Recipe.parse(recipe)
    assert formats == [each.format if each else "float" for each in (spec.weights, spec.activations)]
    if recipe == "w4-b32":
        blocks = next(args[1] for args, named in session.screen.of("segmented_control") if "block" in named["key"])
        assert 32 in blocks
        assert blocks == sorted(blocks)


@pytest.mark.parametrize(
    ("recipe", "gather", "shown", "note"),
    [
        ("w4-b32", True, True, False),
        ("w4-b32", False, False, False),
        ("w8a8", True, False, False),
        ("w4-b32-embed8", True, True, False),
        ("weights: {format: int4}\nlayers: [{match: 'op:Gather', weights: {format: int2}}]\n", True, True, True),
        ("weights: {format: int8}\nlayers: [{match: 'op:Gather', float: true}]\n", True, True, True),
    ],
)
def test_tables_are_asked_for_where_they_need_more_bits(
    recipe: str, gather: bool, shown: bool, note: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a model that has some; where a rule says something else of them that is said."""
    session = _Session(monkeypatch, recipe)
    model: Any = SimpleNamespace(
        quantizable_layers=(*LAYERS[:3], *([layer_called("embed", "Gather")] if gather else []))
    )
    spec = session.recipe.weights
    assert spec is not None
    controls._tables(session.recipe, spec, model)
    assert bool(session.screen.of("segmented_control")) is shown
    assert ("Now by a rule for `op:Gather`" in session.screen.said) is note


def test_a_change_that_cannot_be_says_why_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and the recipe stays; a second click on what is chosen changes nothing."""
    session = _Session(monkeypatch, "w8a8")
    shown: list[Exception] = []
    monkeypatch.setattr(controls, "show_error", shown.append)

    def refused(_: Recipe) -> Recipe:
        raise RecipeError("it cannot be")

    controls.try_change(refused, "rules")
    assert session.now.recipe == "w8a8"
    controls.draw_refused_change("controls")
    assert shown == []
    for _ in range(2):
        controls.draw_refused_change("rules")
    assert [str(error) for error in shown] == ["it cannot be"]
    session.screen.session_state["quantize_weights_format"] = None
    controls._edited("weights", "format")
    assert session.now.recipe == "w8a8"
    session.screen.session_state["quantize_weights_format"] = "int4"
    controls._edited("weights", "format")
    assert session.recipe.digest == Recipe.parse("w4a8").digest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("w8a8", "**w8a8**: "),
        ("name: ours\nweights: {format: int4}\n", "**ours**: your own recipe, int4 weights, float activations"),
        (
            "name: m\nactivations: {format: uint8}\nlayers: [{match: a, float: true}]\n",
            "float weights, uint8 activations, 1 exception",
        ),
        (
            "name: m\nweights: {format: int4}\nalgorithms: [gptq]\nlayers: [{match: a}, {match: b}]\n",
            ", GPTQ, 2 exceptions",
        ),
    ],
)
def test_a_recipe_is_told_in_words(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset by what its name means, one of one's own by what it asks for; float has no name of one's own."""
    session = _Session(monkeypatch, text)
    controls.draw_presets()
    assert words in session.screen.said
    assert session.screen.session_state["quantize_preset"] == (text if text in examples() else None)
    assert len(session.screen.of("popover")) == 1
    bare = _Session(monkeypatch, "float")
    controls.draw_presets()
    assert bare.screen.of("popover") == []
