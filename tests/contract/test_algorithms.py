"""What every algorithm must do, whichever it is: recipe, plan, file, comparison, controls of the app, command line."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from streamlit.testing.v1 import AppTest

import qexplorer as qx
from qexplorer.cli.main import main
from qexplorer.core.dataset import Split
from qexplorer.core.errors import RecipeError, UnknownName
from qexplorer.core.formats.uniform import has_signs
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage, needs_words
from qexplorer.core.plugin_kinds.calibrator_choice import short_calibrators
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import short_name
from qexplorer.core.short_names import OPTIONS
from qexplorer.measure import judging
from qexplorer.measure.effort import PLANS, Effort, TimingPlan
from qexplorer.measure.judge_child import judge
from qexplorer.quantize.changes.apply import preview_plan
from qexplorer.quantize.quantize import digest_of
from qexplorer.ui.quantize.recipe_changes import text_of
from tests.contract.format_checks import command_help
from tests.contract.throw_away import bring
from tests.pages.app import open_app, texts, when_ended
from tests.quantize.given_data import data_of, quantized
from tests.quantize.support import case, run

every = pytest.mark.parametrize("name", ALGORITHMS.names())

SHORT = {"steps": 10, "epochs": 1}
"""How long an algorithm learns here, where it learns long: nothing that is checked hangs on it."""

KINDS = ["w4a8-tensor", "w4a8", "w4a8-b8", "w4-tensor", "w4", "w4-b8", "w8a8-dynamic", "w8a8-tensor-dynamic", "w8a16"]
GRAPHS = ["attention", "cnn", "fixed", "mlp", "shared", "transposed"]

ROUND_DOWN = '''
"""Rounds weights down."""
from dataclasses import dataclass
import numpy as np
from pydantic import Field
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.grid import quantize


class DownOptions(AlgorithmOptions):
    steps: int = Field(1, ge=0, le=3, title="Steps down", description="Codes that are taken off.")


@dataclass(frozen=True)
class Down:
    name: str = "down"
    title: str = "Round down"
    description: str = "Takes steps off positive codes."
    source: str = "nowhere"
    options: type = DownOptions
    needs: Needs = Needs.NOTHING
    decides: Decides = Decides.NOTHING
    stage: Stage = Stage.PLAN

    def foretell(self, draft, options):
        return {layer: f"will go down by {options.steps}" for layer in draft.plan.constants}

    def change_plan(self, draft, options):
        for layer, keys in draft.plan.constants.items():
            if 1 not in keys:
                continue
            tensor = draft.plan.tensors[keys[1]]
            if tensor.codes is None:
                codes = quantize(draft.values(layer, 1), tensor.grid)
                draft.set_codes(layer, 1, np.where(codes > 0, np.maximum(codes - options.steps, 0), codes))
            draft.remark(layer, f"went down by {options.steps}")


ENTRIES = (Down(),)
'''


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An algorithm that is one more file of the folder, and nothing else."""
    bring(monkeypatch, ALGORITHMS, "round_down", ROUND_DOWN, tmp_path)
    return "down"


def asked(kind: str, name: str) -> str:
    """A recipe of this kind with this algorithm, which takes little time; as text."""
    fields = ALGORITHMS.get(name).options.model_fields
    few = {option: n for option, n in SHORT.items() if option in fields and fields[option].default >= 10 * n}
    return Recipe.parse(f"{Recipe.parse(kind).to_yaml()}\nalgorithms: [{{{name}: {json.dumps(few)}}}]\n").to_yaml()


# Each kind and each graph at least once: nothing but the two meets there, and there are many algorithms.
PAIRS = [(GRAPHS[i % len(GRAPHS)], KINDS[i % len(KINDS)]) for i in range(max(len(GRAPHS), len(KINDS)))]


@every
@pytest.mark.parametrize(("graph", "kind"), PAIRS)
@pytest.mark.usefixtures("shared_workspace")
def test_from_recipe_to_file(name: str, kind: str, graph: str) -> None:
    """The recipe survives its YAML, the plan says of some layer what was changed or why nothing was, the digest is
    another one, and the file runs."""
    one = case(graph)
    data = data_of(one)
    recipe = Recipe.parse(asked(kind, name))
    assert Recipe.parse(recipe.to_yaml()) == recipe
    found, plain = quantized(one.model, asked(kind, name), data), quantized(one.model, kind, data)
    assert found.digest != plain.digest
    assert found.plan.to_json() != plain.plan.to_json()
    kept = {layer.name: layer.treatment for layer in found.plan.layers}
    for layer in plain.plan.layers:  # there may be more, which it put in
        assert kept[layer.name] == layer.treatment or layer.name not in plain.plan.constants
    answers = run(onnx.load(found.path), one.feeds)
    assert all(np.isfinite(answer).all() for answer in answers)
    assert preview_plan(one.model, recipe).to_json() != preview_plan(one.model, Recipe.parse(kind)).to_json()


@every
@pytest.mark.usefixtures("shared_workspace")
def test_the_digest_covers_what_it_declares(name: str) -> None:
    """Other data, or other statistics, give another digest exactly where it says that it reads them."""
    one, needs = case("cnn"), ALGORITHMS.get(name).needs
    recipe = Recipe.parse(f"w4-{name}")
    data, other = data_of(one), data_of(one, seed=1)
    reads_data = bool(needs & (Needs.DATA | Needs.GRADIENTS))
    differs = digest_of(one.model, recipe, None, data) != digest_of(one.model, recipe, None, other)
    assert differs == reads_data
    statistics = [digest_of(one.model, recipe, each.statistics, data) for each in (one, case("mlp"))]
    assert (len(set(statistics)) == 2) == (Needs.STATISTICS in needs)


@every
@pytest.mark.usefixtures("shared_workspace")
def test_the_same_data_give_the_same_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit, in two workspaces."""
    one, files = case("residual"), []
    for folder in ("first", "second"):
        monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path / folder))
        files.append(quantized(one.model, asked("w3a8-tensor", name), data_of(one)).onnx)
    assert files[0] == files[1]


@every
@pytest.mark.usefixtures("shared_workspace")
def test_samples_that_judge_leave_no_trace(name: str) -> None:
    """Other samples to judge on change no byte of the file, neither through ranges nor through the algorithm."""
    one = case("residual")
    data = data_of(one)
    judged = Split({key: -3 * values - 11 for key, values in data.evaluation.inputs.items()})
    other = replace(data, evaluation=judged, digest="other")
    found, again = (quantized(one.model, asked("w3a8-tensor", name), each) for each in (data, other))
    assert found.path != again.path
    assert found.onnx == again.onnx


@every
def test_it_says_what_it_is_and_its_options_have_controls(name: str) -> None:
    """Title, one sentence, source and stage; every option has a default, a title and a description."""
    entry = ALGORITHMS.get(name)
    assert name == name.lower()
    assert name.isidentifier()
    assert name not in (*OPTIONS, *short_calibrators())
    assert [each.title for each in ALGORITHMS].count(entry.title) == 1
    assert entry.description.endswith(".")
    assert entry.source
    assert entry.stage in Stage
    assert issubclass(entry.options, AlgorithmOptions)
    for field in entry.options.model_fields.values():
        assert field.title
        assert field.description
        assert not field.is_required()


@every
def test_its_name_is_short_and_in_the_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``w4a8-tensor-NAME`` is a recipe whose shortest text is just that, and the help of two commands lists it."""
    recipe = Recipe.parse(f"w4a8-tensor-{name}")
    assert [each.name for each in recipe.algorithms] == [name]
    assert short_name(recipe) == text_of(recipe) == f"w4a8-tensor-{name}"
    for command in ("quantize", "compare"):
        assert f"-{name} ({ALGORITHMS.get(name).title})" in command_help(command, capsys)


@pytest.mark.usefixtures("shared_workspace")
def test_a_comparison_judges_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every algorithm in a static, dynamic or weight-only run beside the plain ones, each with its own digest and an
    accuracy: all in one comparison, judged in this process, and hardly timed."""
    monkeypatch.setattr(judging, "run_in_child", lambda _, arguments, **__: judge(arguments, lambda _: None))
    monkeypatch.setitem(PLANS, Effort.QUICK, TimingPlan(0.01, 1.0, 1, 1, 1.0, 0.01, 0.0, loads=1, warm_ms=1.0))
    kinds = ("w4a8", "w8a8-dynamic", "w4")
    in_turn = zip(ALGORITHMS.names(), itertools.cycle(kinds), strict=False)
    recipes = {kind: kind for kind in kinds} | {f"{kind}-{name}": asked(kind, name) for name, kind in in_turn}
    runs = [each for each in qx.compare("tumour_mlp", list(recipes.values())).runs if each.recipe != "float"]
    assert [each.recipe.partition(" with ")[0] for each in runs] == list(recipes)
    assert len({each.digest for each in runs}) == len(recipes)
    assert {
        each.recipe: each.reason for each in runs if each.accuracy is None or (each.accuracy.value or 0.0) <= 0.7
    } == {}


def _quantize_page() -> AppTest:
    app = open_app()
    app.button("use_tumour_mlp").click().run()
    return app.switch_page("pages/quantize.py").run()


def _recipe(app: AppTest) -> Recipe:
    return Recipe.parse(app.session_state["qexplorer_state"].recipe)


@every
def test_the_controls_of_quantize(name: str) -> None:
    """The list offers it by its title; chosen, it is in the recipe and its options have controls."""
    app, entry = _quantize_page(), ALGORITHMS.get(name)
    assert entry.title in app.multiselect("quantize_algorithms").options
    app.multiselect("quantize_algorithms").set_value([name]).run()
    assert not app.exception
    assert not app.error
    assert app.session_state["qexplorer_state"].recipe == f"w8a8-{name}"
    assert entry.description in texts(app)
    assert needs_words(entry.needs) in texts(app)
    shown = {w.key for kind in ("number_input", "selectbox", "toggle", "text_input") for w in app.get(kind)}
    assert {f"quantize_algorithm_{name}_{option}" for option in entry.options.model_fields} <= shown


def test_other_controls_leave_algorithms_where_they_are() -> None:
    """Another format and a rule for one layer do; the list takes an algorithm out again."""
    app, name = _quantize_page(), ALGORITHMS.names()[0]
    app.multiselect("quantize_algorithms").set_value([name]).run()
    app.selectbox("quantize_weights_format").set_value("int4").run()
    assert app.session_state["qexplorer_state"].recipe == f"w4a8-{name}"
    app.button("rule_add").click().run()
    assert [each.name for each in _recipe(app).algorithms] == [name]
    app.multiselect("quantize_algorithms").set_value([]).run()
    assert not _recipe(app).algorithms


def test_no_algorithm_is_offered_where_nothing_is_quantized() -> None:
    """The float recipe has no such control."""
    app = _quantize_page()
    next(g for g in app.get("button_group") if g.key == "quantize_preset").set_value("float").run()
    assert not app.multiselect


def test_an_unknown_name_raises_everywhere() -> None:
    """Registry, YAML, short name and the interface for programs."""
    with pytest.raises(UnknownName, match="there is no algorithm called 'magic'"):
        ALGORITHMS.get("magic")
    for text in ("weights: {format: int8}\nalgorithms: [magic]\n", "weights: {}\nalgorithms: [{magic: {}}]\n"):
        with pytest.raises(RecipeError, match=r"there is no algorithm called 'magic'; allowed: .*bias_correction"):
            qx.quantize("tumour_mlp", text)
    with pytest.raises(RecipeError, match="'magic' is not an option"):
        Recipe.parse("w8a8-magic")


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_is_all_that_an_algorithm_needs(down: str, kind: str) -> None:
    """Its codes are those of plan and file at every granularity, its option counts, and the plan says what it did."""
    one = case("cnn")
    data = data_of(one)
    plain, found = quantized(one.model, kind, data), quantized(one.model, f"{kind}-{down}", data)
    assert found.digest != plain.digest
    changed = [key for key, tensor in found.plan.tensors.items() if tensor.codes is not None]
    assert len(changed) == 3
    stored = {item.name: numpy_helper.to_array(item) for item in onnx.load(found.path).graph.initializer}
    for key in changed:
        tensor = found.plan.tensors[key]
        assert tensor.codes is not None
        codes = tensor.grid.with_signs(tensor.codes)[0] if has_signs(tensor.grid.format) else tensor.codes
        held = [np.asarray(array, np.int32) for name, array in stored.items() if name.startswith(f"{key}/codes")]
        assert any(np.array_equal(each if each.shape == codes.shape else each.T, codes) for each in held)
    assert found.plan.layer("classifier").reason.endswith("; went down by 1")
    spec = Recipe.parse(f"{kind}-{down}")
    yaml = spec.to_yaml().replace("- down", "- down: {steps: 2}")
    further = quantized(one.model, yaml, data)
    assert len({plain.digest, found.digest, further.digest}) == 3
    assert further.plan.layer("classifier").reason.endswith("; went down by 2")


def test_a_new_algorithm_is_in_the_help_and_the_output_of_commands(
    down: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``qexplorer quantize`` takes it in a short name and prints what it changed; it is compared like any other."""
    assert f"-{down} (Round down)" in command_help("quantize", capsys)
    code = main(["quantize", "tumour_mlp", "--recipe", f"w4-{down}", "-o", str(tmp_path / "out.onnx"), "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert any("went down by 1" in layer["reason"] for layer in printed["plan"]["layers"])
    onnx.checker.check_model(onnx.load(tmp_path / "out.onnx"))
    runs = {each.recipe: each for each in qx.compare("tumour_mlp", ["w2a8", f"w2a8-{down}"]).runs}
    assert runs[f"w2a8-{down}"].accuracy.value != runs["w2a8"].accuracy.value


def test_a_new_algorithm_is_in_the_app(down: str) -> None:
    """Its option is drawn from type, bounds and texts, and counts; the table foretells what it will do, and once a job
    has made the file, says what it did."""
    app = _quantize_page()
    app.multiselect("quantize_algorithms").set_value([down]).run()
    control: Any = app.number_input(f"quantize_algorithm_{down}_steps")
    assert (control.min, control.max, control.value, control.label) == (0, 3, 1, "Steps down")
    control.set_value(2).run()
    assert _recipe(app).algorithms[0].options == {"steps": 2}
    assert _reasons(app).str.contains("will go down by 2").any()
    next(b for b in app.button if b.label == "Quantize to ONNX").click().run()
    assert when_ended(app, "quantize").error is None
    app.run()
    assert _reasons(app).str.contains("went down by 2").any()
    assert not _reasons(app).str.contains("will go down").any()


def _reasons(app: AppTest) -> Any:
    return next(table.value for table in app.dataframe if "why" in table.value.columns)["why"]
