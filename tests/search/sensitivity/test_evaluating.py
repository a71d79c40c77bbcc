"""The exact method: what is found for a layer is what really quantizing that layer gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.errors import Cancelled
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import index_of
from qexplorer.quantize.emit.graph import emit
from qexplorer.search.sensitivity import finding
from qexplorer.search.sensitivity.evaluating import Evaluation
from qexplorer.search.sensitivity.finding import find_sensitivity
from qexplorer.search.sensitivity.groups import groups_of
from qexplorer.search.sensitivity.question import Inquiry, with_format
from qexplorer.search.sensitivity.restricted import restricted
from qexplorer.search.sensitivity.sensitivity_types import Rounded, SensitivityReport, Setup
from qexplorer.search.sensitivity.stretches import stretches_of
from qexplorer.search.sensitivity.variants import Trial, batches_for, passes_of
from tests.quantize.given_data import data_of, given, quantized
from tests.quantize.support import case, model_of, run

SETUPS = (Setup.ALONE, Setup.ALL_BUT_ONE, Setup.CUMULATIVE)
EVERYTHING = (Rounded.WEIGHTS, Rounded.ACTIVATIONS, Rounded.BOTH)


pytestmark = pytest.mark.usefixtures("shared_workspace")  # cases are observed once for the whole session


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done in this process."""
    monkeypatch.setattr(finding, "goes_apart", lambda _: False)


def _report(name: str, recipe: str, **asked: object) -> SensitivityReport:
    one = case(name)
    question = Inquiry(Recipe.parse(recipe), samples=one.split.n, passes=None, **asked)  # type: ignore[arg-type]
    return find_sensitivity(one.model, data_of(one), question)


def _loss(name: str, proto: onnx.ModelProto) -> float:
    """Squared error over the float output's power, the mean over outputs, of a graph run as a whole."""
    one = case(name)
    inputs = dict(one.split.inputs)
    found = []
    for answer, plain in zip(run(proto, inputs, simulated=True), run(one.model.proto(), inputs), strict=True):
        x, y = plain.astype(np.float64), answer.astype(np.float64)
        found.append(np.square(x - y).mean() / np.square(x).mean())
    return float(np.mean(found))


def test_a_layer_alone_is_the_recipe_with_every_other_layer_in_float() -> None:
    """Weights of one layer: the loss is that of the file which the recipe with a rule for all others gives."""
    one, data = case("cnn"), data_of(case("cnn"))
    report = _report("cnn", "w4")
    assert len(report.layers) > 2
    for layer in report.layers:
        rules = f"layers: [{{match: '*', float: true}}, {{match: '{layer.name}', weights: {{format: int4}}}}]"
        made = quantized(one.model, f"name: alone\nweights: {{format: int4, granularity: channel}}\n{rules}", data)
        found = layer.exact()
        assert found is not None
        assert found.loss == pytest.approx(_loss("cnn", onnx.load(made.path)), rel=1e-3), layer.name
        assert found.n == one.split.n


@pytest.mark.parametrize("name", ["cnn", "residual", "attention"])
def test_every_trial_is_its_graph_run_as_a_whole(name: str) -> None:
    """Alone, all but one, cumulative; weights, activations, both: losses of stretches are those of whole graphs."""
    one, data = case(name), data_of(case(name))
    made = quantized(one.model, "w8a8", data)
    view = index_of(one.model)
    groups = groups_of(made.plan, view)
    report = _report(name, "w8a8", rounded=EVERYTHING, setups=SETUPS)
    whole = report.whole
    assert whole is not None
    assert whole.evaluated.loss == pytest.approx(_loss(name, onnx.load(made.path)), rel=0.02)
    for place, (layer, group) in enumerate(zip(report.layers, groups, strict=True)):
        chosen = {Setup.ALONE: [group], Setup.CUMULATIVE: list(groups[: place + 1])}
        chosen[Setup.ALL_BUT_ONE] = [each for each in groups if each is not group]
        for setup in SETUPS:
            for rounded in EVERYTHING if setup is Setup.ALONE else (Rounded.BOTH,):
                found = layer.exact(rounded, setup)
                if found is None:
                    assert layer.reasons[rounded]
                    continue
                proto = emit(one.model, made.recipe, restricted(made.plan, view, chosen[setup], rounded))
                assert found.loss == pytest.approx(_loss(name, proto), rel=0.02, abs=1e-9), (layer.name, setup, rounded)


@pytest.mark.parametrize("name", ["cnn", "residual", "attention", "branches"])
def test_stretches_are_the_graph(name: str, tmp_path: Path) -> None:
    """Stretches run one after the other give what the graph gives, hold every node that counts, and cost one in all."""
    one, data = case(name), data_of(case(name))
    plan, view = quantized(one.model, "w8a8", data).plan, index_of(one.model)
    groups = groups_of(plan, view)
    stretches = stretches_of(one.model, view, groups, tmp_path)
    assert [group for each in stretches for group in each.groups] == list(groups)
    assert sum(each.cost for each in stretches) == pytest.approx(1.0)
    values = Evaluation(one.model, plan, view, stretches)._chain(dict(one.feeds), quantized=False)
    for output, wanted in zip(view.outputs, run(one.model.proto(), one.feeds), strict=True):
        np.testing.assert_allclose(values[output], wanted, rtol=1e-4, atol=1e-5)


def test_a_spoilt_layer_is_found_by_both_methods() -> None:
    """A channel a hundred times as large, with one scale for the tensor, makes its layer the worst, and foretold so."""
    one = case("cnn")
    proto = one.model.proto()
    report = _report("cnn", "w8-tensor")
    spoilt = next(layer for layer in reversed(report.layers) if layer.op == "Conv")
    node = next(each for each in proto.graph.node if each.name == spoilt.name)
    weight = next(each for each in proto.graph.initializer if each.name == node.input[1])
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0] *= 100
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    found = find_sensitivity(
        model_of(proto, "spoilt"), given(dict(one.split.inputs)), Inquiry(Recipe.parse("w8-tensor"), 64, passes=None)
    )
    assert found.worst()[0].name == spoilt.name
    told = {layer.name: layer.foretold["both"].loss for layer in found.layers}
    assert max(told, key=lambda name: told[name]) == spoilt.name


def test_what_is_asked_again_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked on in a child, a report comes in parts, what few samples foretell first, and is kept.

    Of one that was cancelled the gradients are kept, and no more.
    """
    monkeypatch.setattr(finding, "goes_apart", lambda _: True)
    one = case("cnn")
    question = Inquiry(Recipe.parse("w5"), 16)

    def stop(step: str, done: float) -> None:
        if step.startswith("evaluating") and done > 0:
            raise Cancelled("enough")

    partly: list[SensitivityReport] = []
    with pytest.raises(Cancelled):
        find_sensitivity(one.model, data_of(one), question, progress=stop, partly=partly.append)
    told = [report.layers[0].foretold["both"].n for report in partly]
    assert (told[0], told[-1]) == (8, 16)
    partly, steps = [], list[str]()
    found = find_sensitivity(
        one.model, data_of(one), question, progress=lambda step, _: steps.append(step), partly=partly.append
    )
    assert not any(step.startswith("gradients") for step in steps)
    assert any(step.startswith("evaluating") for step in steps)
    assert partly[0].whole is None
    assert all(layer.foretold for layer in partly[0].layers)
    assert find_sensitivity(one.model, data_of(one), question, progress=stop) == found


def test_a_bound_on_the_work_is_kept_and_said() -> None:
    """With less work allowed than all takes, layers foretold worst are evaluated on all samples, and notes tell it."""
    one = case("attention")
    found = find_sensitivity(one.model, data_of(one), Inquiry(Recipe.parse("w8a8"), 64, passes=1.5))
    told = sorted(found.layers, key=lambda layer: -layer.foretold["both"].loss)
    counts = [0 if seen is None else seen.n for seen in (layer.exact() for layer in told)]
    assert counts[:3] == [64] * 3
    assert 0 < min(counts) < 64
    assert "fewer samples" in found.notes[-1]


def test_batches_follow_from_costs() -> None:
    """Work is spread as the docstring says: the worst whole, others what is left, sums and pools the least."""
    alone = (Setup.ALONE, Rounded.BOTH, 0, (), False, False)
    trials = [Trial(f"l{i}", *alone, cost=1.0) for i in range(5)] + [Trial("add", *alone, cost=1.0, leads=False)]
    worst = {"l4": 3.0, "l0": 2.0, "l1": 1.0, "l2": 0.5}
    assert batches_for(trials, 160, 16, None, worst) == [10] * 6
    found = batches_for(trials, 160, 16, 4.1, worst)
    assert found == [10, 10, 5, 5, 10, 1]
    assert passes_of(trials, found, 10) == pytest.approx(4.1)


def test_another_format_is_put_into_a_recipe() -> None:
    """The weights' format is another one and so is the name; activations stay."""
    recipe = with_format(Recipe.parse("w8a8"), "int4")
    assert recipe.name == "w4a8"
    assert recipe.digest == Recipe.parse("w4a8").digest


def test_gradients_of_another_number_type_are_not_taken_for_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one processor foretold in bfloat16 is foretold again where products are of float32."""
    monkeypatch.setattr(finding, "goes_apart", lambda _: False)
    monkeypatch.setattr(finding, "LARGE_MACS", 0)
    one, steps = case("cnn"), list[str]()
    question = Inquiry(Recipe.parse("w5"), 8, evaluate=False)
    counts = []
    for narrow in (False, True, True):
        monkeypatch.setattr("qexplorer.search.sensitivity.narrow.multiplies_bfloat16", lambda narrow=narrow: narrow)
        find_sensitivity(one.model, data_of(one), question, progress=lambda step, _: steps.append(step))
        counts.append(sum(step.startswith("gradients") for step in steps))
    assert 0 < counts[0] < counts[1] == counts[2]
