"""Page Quantize: presets, controls, rules and YAML all change the one recipe; the plan follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from qexplorer.core.short_names import examples
from qexplorer.jobs.kinds.quantize import QUANTIZE
from qexplorer.quantize.quantize import quantized_path
from tests.pages.app import open_app, texts, when_ended


def opened(model: str = "tumour_mlp") -> AppTest:
    """The page with a model loaded."""
    app = open_app()
    app.button(f"use_{model}").click().run()
    return app.switch_page("pages/quantize.py").run()


def recipe(app: AppTest) -> Recipe:
    """The session's recipe."""
    return Recipe.parse(app.session_state["qexplorer_state"].recipe)


def group(app: AppTest, key: str) -> Any:
    """The pills or segments with this key."""
    return next(g for g in app.get("button_group") if g.key == key)


def plan(app: AppTest) -> Any:
    """The table of layers."""
    return next(t.value for t in app.dataframe if "why" in t.value.columns)


def pick(app: AppTest, key: str, value: Any) -> AppTest:
    """Chooses ``value`` in the selectbox with this key."""
    return app.selectbox(key).set_value(value).run()


def test_empty_page_does_something() -> None:
    """Without a model the page says so, and its button loads one."""
    app = open_app("pages/quantize.py")
    assert "No model yet" in texts(app)
    app.button[0].click().run()
    assert app.session_state["qexplorer_state"].model == "digits_cnn"
    assert len(plan(app)) > 10


@pytest.mark.parametrize("name", list(examples()))
def test_every_preset_has_a_plan(name: str) -> None:
    """Each short name can be chosen, means what it says, and every layer has a reason."""
    app = opened()
    group(app, "quantize_preset").set_value(name).run()
    assert not app.exception
    assert not app.error
    assert recipe(app).digest == Recipe.parse(name).digest
    assert examples()[name] in texts(app)
    assert all(plan(app)["why"].str.len() > 10)


def test_controls_change_the_recipe() -> None:
    """Weights, granularity, block, mode and calibrator end up in the recipe, named by its short name."""
    app = opened()
    pick(app, "quantize_weights_format", "int4")
    assert recipe(app).name == "w4a8"
    group(app, "quantize_weights_granularity").set_value("block").run()
    group(app, "quantize_weights_block").set_value(64).run()
    assert recipe(app).name == "w4a8-b64"
    pick(app, "quantize_activations_calibrator", "kl")
    assert recipe(app).name == "w4a8-b64-kl"
    group(app, "quantize_activations_mode").set_value("dynamic").run()
    found = recipe(app).activations
    assert found is not None
    assert (found.mode, found.format) == ("dynamic", "uint8")
    pick(app, "quantize_activations_format", "float")
    assert recipe(app).name == "w4-b64"


def test_half_precision_takes_both_parts() -> None:
    """Choosing fp16 for one part takes it for both, and leaving it gives both integers again."""
    app = opened()
    pick(app, "quantize_activations_format", "fp16")
    assert recipe(app).name == "fp16"
    pick(app, "quantize_weights_format", "int8")
    assert recipe(app).name == "w8a8"


def test_percentile_is_kept() -> None:
    """The percentile's own control appears with the calibrator, and its value is in the recipe."""
    app = opened()
    assert not app.number_input
    pick(app, "quantize_activations_calibrator", "percentile")
    app.number_input("quantize_activations_percentile").set_value(99.5).run()
    found = recipe(app).activations
    assert found is not None
    assert found.percentile == 99.5


def test_sizes_follow() -> None:
    """Fewer bits make the weights smaller, and float leaves them as they are."""
    app = opened()
    ratios = {}
    for name in ("float", "w8", "w4-b32"):
        group(app, "quantize_preset").set_value(name).run()
        ratios[name] = float(next(m.value for m in app.metric if m.label == "Ratio"))
    assert ratios["float"] == 1.0
    assert ratios["w4-b32"] < ratios["w8"] < 0.5


def test_why_float() -> None:
    """The filter keeps the layers that stay in float, each with its reason; together with the rest it is all."""
    app = opened("digits_cnn")
    group(app, "quantize_preset").set_value("w8").run()
    sizes = []
    for name in ("All layers", "Why float?", "Quantized"):
        group(app, "keep:plan_filter").set_value(name).run()
        sizes.append(len(plan(app)))
    assert sizes[0] == sizes[1] + sizes[2]
    group(app, "keep:plan_filter").set_value("Why float?").run()
    assert set(plan(app)["treatment"]) == {"float"}


def test_rules_in_their_order() -> None:
    """A rule is added, which does nothing until told, changed, moved and removed; the last match wins in the plan."""
    app = opened()
    app.button("rule_add").click().run()
    assert "float" not in set(plan(app)["treatment"])
    assert "1 layer, changes nothing yet" in app.selectbox("rule_0_match").label
    pick(app, "rule_0_match", "op:Gemm")
    pick(app, "rule_0_weights", "float")
    assert "float" in set(plan(app)["treatment"])
    app.button("rule_add").click().run()
    pick(app, "rule_1_match", "*")
    pick(app, "rule_1_weights", "int4")
    assert [r.match for r in recipe(app).layers] == ["op:Gemm", "*"]
    assert any("int4" in str(w) for w in plan(app)["weights"])
    app.button("rule_1_up").click().run()
    assert [r.match for r in recipe(app).layers] == ["*", "op:Gemm"]
    assert not any("int4" in str(w) for w in plan(app)["weights"])
    app.button("rule_1_delete").click().run()
    assert [r.match for r in recipe(app).layers] == ["*"]
    assert "1 exception" in texts(app)


def test_a_rule_keeps_what_has_no_control() -> None:
    """Changing a rule's format keeps its calibrator, which only YAML can say."""
    app = opened()
    yaml = "weights: {format: int8}\nlayers:\n- {match: 'op:Gemm', weights: {format: int4, calibrator: mse}}\n"
    app.text_area("quantize_yaml").set_value(yaml)
    app.button("quantize_apply").click().run()
    pick(app, "rule_0_weights", "int6")
    assert recipe(app).layers[0].weights == {"calibrator": "mse", "format": "int6"}


def test_yaml_both_ways() -> None:
    """The text shows the recipe; applied text becomes the recipe, and controls follow it."""
    app = opened()
    assert Recipe.parse(app.text_area("quantize_yaml").value).digest == Recipe.parse("w8a8").digest
    app.text_area("quantize_yaml").set_value("name: tight\nweights: {format: int5}\n")
    app.button("quantize_apply").click().run()
    assert recipe(app).name == "tight"
    assert app.selectbox("quantize_weights_format").value == "int5"
    assert app.selectbox("quantize_activations_format").value == "float"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weights: {format: int17}\n", "int17"),
        ("weights: [\n", "not YAML"),
        ("wat8", "no recipe called 'wat8'"),
        ("colour: red\n", "line 1, colour: no such field; allowed: name, weights"),
        ("weights:\n  format: int8\nlayers: 3\n", "line 3, layers: 3 must be a list"),
        ("/etc/hostname.yaml", "a recipe holds fields"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(text: str, said: str) -> None:
    """Text that is no recipe gets one sentence, stays in the box to be corrected, and changes nothing."""
    app = opened()
    app.text_area("quantize_yaml").set_value(text)
    app.button("quantize_apply").click().run()
    assert len(app.error) == 1
    assert said in app.error[0].value.replace("\\", "")
    assert "Traceback" not in app.error[0].value
    assert recipe(app).name == "w8a8"
    assert app.text_area("quantize_yaml").value == text
    app.run()
    assert not app.error


def test_a_contradiction_is_refused() -> None:
    """A rule that cannot be is refused in one sentence and the rules stay."""
    app = opened()
    app.button("rule_add").click().run()
    pick(app, "rule_0_match", "op:Gemm")
    app.text_area("quantize_yaml").set_value("activations: {format: uint16, mode: dynamic}\n")
    app.button("quantize_apply").click().run()
    assert "dynamic activations are uint8" in app.error[0].value
    assert len(recipe(app).layers) == 1


def press(app: AppTest, label: str) -> AppTest:
    """Presses the button that says so."""
    return next(b for b in app.button if b.label == label).click().run()


def test_add_to_comparison() -> None:
    """The recipe joins the comparison once."""
    app = opened()
    group(app, "quantize_preset").set_value("w8").run()
    press(app, "Add to comparison")
    assert app.session_state["qexplorer_state"].compare == ["w8a8", "w4a8", "w8"]
    assert next(b for b in app.button if b.label == "In the comparison").disabled


def test_own_recipes_have_names_of_their_own() -> None:
    """Two recipes without a short name, added one after the other, are two in the comparison and among its chips."""
    app = opened()
    pick(app, "quantize_activations_calibrator", "percentile")
    app.number_input("quantize_activations_percentile").set_value(99.0).run()
    press(app, "Add to comparison")
    app.number_input("quantize_activations_percentile").set_value(98.0).run()
    press(app, "Add to comparison")
    own = [Recipe.parse(text) for text in app.session_state["qexplorer_state"].compare[2:]]
    assert [each.name for each in own] == [
        "w8a8-percentile with percentile 99.0",
        "w8a8-percentile with percentile 98.0",
    ]
    assert len({each.digest for each in own}) == 2
    assert recipe(app).name == own[1].name
    app.switch_page("pages/compare.py").run()
    picks = app.multiselect("compare_picked")
    assert len(set(picks.options)) == len(picks.options)
    picks.unselect(app.session_state["qexplorer_state"].compare[2]).run()
    assert [Recipe.parse(t).name for t in app.session_state["qexplorer_state"].compare] == ["w8a8", "w4a8", own[1].name]


def test_a_recipe_is_renamed_where_it_stands() -> None:
    """A new name is the recipe's everywhere in the session; a name that is another's is refused beside the field."""
    app = opened()
    pick(app, "quantize_weights_format", "int6")
    press(app, "Add to comparison")
    app.text_input("quantize_name").set_value("slim").run()
    state = app.session_state["qexplorer_state"]
    assert [Recipe.parse(text).name for text in (state.recipe, state.compare[2])] == ["slim", "slim"]
    assert Recipe.parse(state.recipe).digest == Recipe.parse("w6a8").digest
    app.text_input("quantize_name").set_value("w4a8").run()
    assert "short name of another recipe" in app.error[0].value
    assert recipe(app).name == "slim"
    app.text_input("quantize_name").set_value("").run()
    assert recipe(app).name == "w6a8"


def test_quantize_to_onnx() -> None:
    """The button makes the file in a job, and then it can be downloaded."""
    app = opened()
    next(b for b in app.button if b.label == "Quantize to ONNX").click().run()
    job = when_ended(app, "quantize")
    assert job.error is None
    result = QUANTIZE.result_of(job)
    assert result is not None
    assert quantized_path(result.digest).is_file()
    app.run()
    assert "Download ONNX" in [d.proto.label for d in app.get("download_button")]


def test_a_recipe_that_cannot_be_read_has_a_way_out(workspace_folder: Path) -> None:
    """A session whose recipe is no recipe says so and offers to start again."""
    folder = workspace_folder / "sessions"
    folder.mkdir(parents=True)
    (folder / "broken-recipe.json").write_text('{"model": "tumour_mlp", "data": "tumour", "recipe": "w99a99"}')
    app = open_app("pages/quantize.py", session="broken-recipe")
    assert any("w99a99" in e.value for e in app.error)
    next(b for b in app.button if b.label == "Start again from w8a8").click().run()
    assert recipe(app).name == "w8a8"
    assert not app.error


def test_blocks_take_a_calibrator_that_has_ranges_for_them() -> None:
    """One scale for each block gives the percentile up, as another format would; nothing that cannot be is left."""
    app = opened()
    pick(app, "quantize_weights_calibrator", "percentile")
    group(app, "quantize_weights_granularity").set_value("block").run()
    found = recipe(app).weights
    assert found is not None
    assert (found.granularity, found.calibrator) == ("block", "minmax")
    assert len(plan(app))


@pytest.mark.parametrize("of_one_layer", [False, True])
def test_a_refused_calibrator_has_no_plan(of_one_layer: bool) -> None:
    """Such a recipe shows why in place of another's plan, and cannot be made or compared; its YAML can be mended."""
    app = opened()
    refused = "{format: nf4, calibrator: kl}"
    rule = "layers: [{match: '*', weights: " + refused + "}]"
    weights = f"weights: {{format: int4}}\n{rule}" if of_one_layer else f"weights: {refused}"
    app.text_area("quantize_yaml").set_value(f"name: own\n{weights}\n").run()
    app.button("quantize_apply").click().run()
    assert not app.exception
    (error,) = (each.value for each in app.error)
    assert "the calibrator 'kl' needs evenly spaced levels" in error
    assert "granularity" not in error
    assert not app.metric
    assert not any("why" in table.value.columns for table in app.dataframe)
    assert app.button("quantize_start").disabled
    assert next(button for button in app.button if button.label == "Add to comparison").disabled
    app.text_area("quantize_yaml").set_value("name: own\nweights: {format: nf4}\n").run()
    app.button("quantize_apply").click().run()
    assert not app.error
    assert len(plan(app))


def test_tables_of_embeddings_are_widened_in_one_click() -> None:
    """Asked only where a model has some and its weights fewer than 8 bits; the name and the plan follow."""
    app = opened("text_lm")
    assert not shows_tables(app)
    group(app, "quantize_preset").set_value("w4-b32").run()
    assert group(app, "quantize_tables").value == "as weights"
    group(app, "quantize_tables").set_value("8 bits").run()
    assert recipe(app).name == "w4-b32-embed8"
    told = plan(app)
    assert set(told.loc[told["operator"] == "Gather", "weights"].str.contains("int8")) == {True}
    assert not shows_tables(opened("tumour_mlp"))


def shows_tables(app: AppTest) -> bool:
    """Whether the page asks how wide tables are."""
    return any(each.key == "quantize_tables" for each in app.get("button_group"))
