"""What algorithms changed: each against the recipe without it, held to the plans themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.grid import dequantize, quantize
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from qexplorer.measure.effects.effect_types import EffectReport
from qexplorer.measure.effects.effects import effects_of, kept_effects, without
from qexplorer.observe.weights import weight_array
from tests.quantize.given_data import data_of, quantized
from tests.quantize.support import case, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _report(recipe: str) -> EffectReport:
    one = case("cnn")
    return effects_of(one.model, Recipe.parse(recipe), data_of(one))


def test_before_is_the_recipe_without_the_algorithm() -> None:
    """Weight errors and codes before and after are those of the two plans."""
    one, data = case("cnn"), data_of(case("cnn"))
    (effect,) = _report("w3-adaround").algorithms
    assert (effect.algorithm, effect.title, effect.without) == ("adaround", "AdaRound", "w3")
    plans = [quantized(one.model, recipe, data).plan for recipe in ("w3", "w3-adaround")]
    assert effect.layers
    for layer in effect.layers:
        tensors = [plan.tensors[plan.constants[layer.layer][1]] for plan in plans]
        values = weight_array(one.model, tensors[0].name)
        codes = [quantize(values, t.grid) if t.codes is None else t.codes for t in tensors]
        for state, found, tensor in zip((layer.before, layer.after), codes, tensors, strict=True):
            error = np.mean((dequantize(found, tensor.grid) - values.astype(np.float64)) ** 2)
            assert state.weight_mse == pytest.approx(error, rel=1e-9)
            assert state.grid.startswith("int3 per channel")
            assert len(state.levels) == len(np.unique(found - tensor.grid.expanded(found.shape)[1]))
        assert layer.moved == pytest.approx(np.mean(codes[0] != codes[1]))
        assert layer.up == pytest.approx(np.mean(codes[1] > codes[0]))
        assert layer.before.weight_mse < layer.after.weight_mse or not layer.moved, "nearest is best for the weight"
        assert layer.remark.startswith("AdaRound")


def test_outputs_are_compared_with_the_float_model() -> None:
    """The network's SQNR is that of its outputs on the samples; a layer's is that of the tensor that it makes."""
    one, data = case("cnn"), data_of(case("cnn"))
    report = _report("w3-adaround")
    (effect,) = report.algorithms
    assert report.n == one.split.n
    inputs = dict(one.split.inputs)
    plain = run(one.model.proto(), inputs)[0].astype(np.float64)
    for recipe, told in (("w3", effect.output_before_db), ("w3-adaround", effect.output_after_db)):
        found = run(onnx.load(quantized(one.model, recipe, data).path), inputs, simulated=True)[0]
        error = np.square(found - plain).sum()
        assert told == pytest.approx(10 * np.log10(np.square(plain).sum() / error), abs=0.01)
    gains = [layer.gain_db for layer in effect.layers if layer.gain_db is not None]
    assert gains
    assert sum(gains) > 0


def test_histograms_hold_every_weight() -> None:
    """Bars of floats and levels of codes each add up to all weights, and no level lies beyond the grid."""
    for layer in _report("w3a8-tensor-hqq-bias_correction").algorithms[0].layers:
        for state in (layer.before, layer.after):
            assert sum(state.shares) == pytest.approx(1, abs=1e-4)
            assert sum(state.level_shares) == pytest.approx(1, abs=1e-4)
            assert len(state.edges) == len(state.shares) + 1
            assert min(state.levels) >= -4
            assert max(state.levels) <= 3


def test_several_algorithms_are_each_left_out_alone() -> None:
    """Each stands against the recipe with all others; one that changes biases alone moves no code."""
    report = _report("w4a8-tensor-equalize-gptq-bias_correction")
    assert [each.without for each in report.algorithms] == [
        "w4a8-tensor-gptq-bias_correction",
        "w4a8-tensor-equalize-bias_correction",
        "w4a8-tensor-equalize-gptq",
    ]
    equalized, pushed, corrected = report.algorithms
    assert {layer.moved for layer in corrected.layers} == {0.0}
    assert any(layer.moved for layer in pushed.layers)
    assert any(layer.before.reaches != layer.after.reaches for layer in equalized.layers)
    assert all(layer.before.reaches == layer.after.reaches for layer in pushed.layers)
    assert all(each.seconds is not None and each.seconds > 0 for each in report.algorithms)
    assert any(layer.seconds for layer in pushed.layers)
    assert all(layer.seconds is None for layer in equalized.layers), "it goes through pairs again and again"


def test_reports_are_kept_and_read_back() -> None:
    """What was found is there again, equal, under the file's digest and the data's."""
    report, data = _report("w3-adaround"), data_of(case("cnn"))
    assert kept_effects(report.digest, data.digest) == report
    assert EffectReport.from_json(report.to_json()) == report
    assert kept_effects(report.digest, "other data") is None


def test_without_names_what_is_left() -> None:
    """The recipe without an algorithm is called by what it then asks for, and asks for nothing else."""
    recipe = Recipe.parse("w4a8-gptq-bias_correction")
    assert without(recipe, "gptq").name == "w4a8-bias_correction"
    assert without(recipe, "gptq").digest == Recipe.parse("w4a8-bias_correction").digest


def test_no_algorithm_is_one_sentence() -> None:
    """A recipe that only rounds to nearest has nothing to be explained."""
    with pytest.raises(RecipeError, match="the recipe 'w4' has no algorithm; add one, such as adaround"):
        _report("w4")


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_what_every_algorithm_changed_can_be_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it changes, layers before and after are found, outputs are compared, and it says what it took."""
    monkeypatch.setattr("qexplorer.measure.effects.effects.goes_apart", lambda _: False)  # a child each would take long
    effect = _report(f"w4a8-{name}").of(name)
    assert effect is not None
    assert effect.layers
    assert effect.seconds is not None
    assert effect.output_before_db is not None
    assert effect.output_after_db is not None
    assert all(layer.after.output_sqnr_db is not None for layer in effect.layers)
