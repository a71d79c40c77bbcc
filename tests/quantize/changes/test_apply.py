"""From a recipe with algorithms to one file: stages, order, what is observed again, digests and what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import DataError, RecipeError
from qexplorer.core.plugin_kinds.algorithm import Stage
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.quantize.changes.apply import preview_plan
from qexplorer.quantize.changes.drafts import GraphDraft, PlanDraft
from qexplorer.quantize.quantize import digest_of, quantize_model
from tests.made_up_algorithm import MadeUp
from tests.quantize.given_data import data_of, quantized
from tests.quantize.support import case, run


@dataclass(frozen=True, slots=True)
class Balance(MadeUp):
    """Doubles the weights of the first layer and halves those of the last: a crude equalization over Relu and pool."""

    name: str = "balance"
    stage: Literal[Stage.GRAPH] = Stage.GRAPH

    def foretell(self, draft: GraphDraft, options: Any) -> Mapping[str, str]:  # noqa: ARG002
        """The first layer, and the last."""
        first, *_, last = (node.name for node in draft.proto.graph.node)
        return {first: "will be doubled", last: "is the last"}

    def change_graph(self, draft: GraphDraft, options: Any) -> None:  # noqa: ARG002
        """Every constant of the first layer times 2, and the weight of the second by 2."""
        nodes = {node.name: node for node in draft.proto.graph.node}
        first, second = nodes["conv0"], nodes["conv3"]
        factors = {first.input[1]: 2.0, first.input[2]: 2.0, second.input[1]: 0.5}
        for item in draft.proto.graph.initializer:
            if item.name in factors:
                values = numpy_helper.to_array(item) * np.float32(factors[item.name])
                item.CopyFrom(numpy_helper.from_array(values, item.name))
        draft.remark("conv0", "doubled")


@dataclass(frozen=True, slots=True)
class Lower(MadeUp):
    """Takes one off every positive code of every weight."""

    name: str = "lower"
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: Any) -> Mapping[str, str]:  # noqa: ARG002
        """Every layer with a weight."""
        return dict.fromkeys(draft.plan.constants, "will be lowered")

    def change_plan(self, draft: PlanDraft, options: Any) -> None:  # noqa: ARG002
        """By the codes that are there already, or those of the nearest values."""
        from qexplorer.core.grid import quantize

        for layer, keys in draft.plan.constants.items():
            tensor, values = draft.plan.tensors[keys[1]], draft.values(layer, 1)
            assert values is not None
            codes = quantize(values, tensor.grid) if tensor.codes is None else tensor.codes
            draft.set_codes(layer, 1, np.where(codes > 0, codes - 1, codes).astype(np.int32))
            draft.remark(layer, "lowered")


@pytest.fixture(autouse=True)
def _entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both algorithms beside the registered ones."""
    ALGORITHMS.names()
    for entry in (Balance(), Lower()):
        monkeypatch.setitem(ALGORITHMS._entries, entry.name, entry)


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def test_a_changed_graph_is_observed_again_and_computes_the_same() -> None:
    """The plan is that of the changed weights and of new ranges, says so, and the answers stay near the float model."""
    one = case("cnn")
    data = data_of(one)
    found, plain = quantized(one.model, "w8a8-balance", data), quantized(one.model, "w8a8", data)
    assert found.digest != plain.digest
    assert found.plan.layer("conv0").reason.endswith("; doubled")
    ratio = found.plan.tensors["relu_first_out"].grid.scale / plain.plan.tensors["relu_first_out"].grid.scale
    assert ratio == pytest.approx(2.0, rel=1e-4)
    assert found.model is one.model
    answers = [run(onnx.load(each.path), one.feeds)[0] for each in (found, plain)]
    np.testing.assert_allclose(answers[0], answers[1], atol=3 * max(found.output_scales.values()))


def test_both_stages_in_one_recipe() -> None:
    """The graph is changed first; the bias correction behind it measures against the changed float graph."""
    one = case("cnn")
    data = data_of(one)
    found = quantized(one.model, "w3a8-tensor-balance-bias_correction", data)
    assert "; doubled; bias corrected" in found.plan.layer("conv0").reason.replace("conv0; ", "")
    again = quantized(one.model, "w3a8-tensor-balance-bias_correction", data)
    assert again.plan.to_json() == found.plan.to_json()


def test_algorithms_of_the_plan_see_what_earlier_ones_left() -> None:
    """Bias correction after lowered codes takes their error off too, which it could not before them."""
    one = case("cnn")
    data = data_of(one)
    errors = {}
    for recipe in ("w4-lower", "w4-lower-bias_correction", "w4-bias_correction-lower"):
        found = run(onnx.load(quantized(one.model, recipe, data).path), dict(one.split.inputs))[0]
        errors[recipe] = np.abs((found - run(one.model.proto(), dict(one.split.inputs))[0]).mean(0)).max()
    assert errors["w4-lower-bias_correction"] < 1e-4
    assert errors["w4-bias_correction-lower"] > 100 * errors["w4-lower-bias_correction"]
    assert errors["w4-lower"] > 100 * errors["w4-lower-bias_correction"]


def test_two_data_sets_give_two_files_and_the_same_data_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weights-only recipe with a data-driven algorithm: digests and bytes follow the data, in any workspace."""
    one = case("cnn")
    first, other = data_of(one), data_of(one, seed=1)
    made = [quantized(one.model, "w4-bias_correction", data) for data in (first, other)]
    assert made[0].digest != made[1].digest
    assert made[0].path != made[1].path
    assert made[0].onnx != made[1].onnx
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path / "elsewhere"))
    again = quantized(one.model, "w4-bias_correction", first)
    assert again.digest == made[0].digest
    assert again.onnx == made[0].onnx


def test_the_digest_covers_what_algorithms_read() -> None:
    """Samples, options and statistics change it where they are read, and nowhere else."""
    one = case("cnn")
    data, moved, statistics = data_of(one), data_of(one, seed=2), case("cnn").statistics
    w4, corrected, lowered = (Recipe.parse(text) for text in ("w4", "w4-bias_correction", "w4-lower"))
    base = digest_of(one.model, corrected, None, data)
    assert digest_of(one.model, corrected, None, moved) != base
    assert digest_of(one.model, corrected, None, data, samples=5) != base
    assert digest_of(one.model, corrected, None, data, samples=10**6) == base, "there are 64 samples, whoever asks"
    fewer = Recipe.parse("weights: {format: int4}\nalgorithms: [{bias_correction: {samples: 5}}]")
    assert digest_of(one.model, fewer, None, data) != base
    assert digest_of(one.model, w4, None, data) == digest_of(one.model, w4, None)
    assert digest_of(one.model, lowered, None, data) == digest_of(one.model, lowered, None)
    assert digest_of(one.model, lowered, None) != digest_of(one.model, w4, None)
    static = Recipe.parse("w4a8-bias_correction")
    assert digest_of(one.model, static, statistics, data) != digest_of(one.model, static, case("mlp").statistics, data)


def test_a_plan_that_is_shown_before_there_are_data_foretells() -> None:
    """Each layer says what will happen to it, and why not; algorithms of the graph too, and they do not work there."""
    model = case("attention").model
    plan = preview_plan(model, Recipe.parse("w8a8-balance-lower-bias_correction"))
    assert not plan.calibrated
    reasons = " ".join(layer.reason for layer in plan.layers)
    assert "will be lowered" in reasons
    assert plan.layers[0].reason.split("; ")[1] == "will be doubled"
    assert "bias not corrected: it has no bias" in reasons
    assert "its bias will be corrected on calibration data" in reasons
    assert "mean error" not in reasons


def test_missing_data_are_one_sentence() -> None:
    """No data for samples, no sample in the data, and a changed graph that cannot be observed again."""
    one = case("cnn")
    nothing = DataSet("empty", Split({}), Split({}), False, (), "0")
    with pytest.raises(DataError, match="empty: there is no calibration sample for 'bias_correction'"):
        quantize_model(one.model, Recipe.parse("w4-bias_correction"), None, nothing)
    with pytest.raises(RecipeError, match="needs calibration samples for 'balance'"):
        quantize_model(one.model, Recipe.parse("w8a8-balance"), one.statistics)
    assert quantize_model(one.model, Recipe.parse("w8-balance"), None).path.exists()


def test_the_work_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call takes what was found from beside the file; if that is lost it is found again, the same."""
    one = case("mlp")
    data, recipe = data_of(one), Recipe.parse("w5a8-bias_correction")
    statistics = statistics_for(one.model, data)
    first = quantize_model(one.model, recipe, statistics, data)
    kept = first.path.with_suffix(".npz")
    kept.unlink()
    again = quantize_model(one.model, recipe, statistics, data)
    assert again.plan.to_json() == first.plan.to_json()

    def broken(*_: Any) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("qexplorer.quantize.algorithms.bias_correction.channel_means", broken)
    assert quantize_model(one.model, recipe, statistics, data).plan.to_json() == first.plan.to_json()


def test_what_each_algorithm_said_and_took_is_in_the_plan_and_is_kept() -> None:
    """Seconds and clauses by algorithm, in their order, are told again by whoever reads the kept changes."""
    one = case("cnn")
    data = data_of(one)
    found, again = (quantized(one.model, "w3a8-tensor-balance-gptq-bias_correction", data) for _ in range(2))
    for each in (found, again):
        graph, *_ = each.plan.worked
        assert [one.algorithm for one in each.plan.worked] == ["balance", "gptq", "bias_correction"]
        assert graph.remarks == {"conv0": ("doubled",)}
        assert all(one.seconds > 0 for one in each.plan.worked)
    for first, second in zip(found.plan.worked[1:], again.plan.worked[1:], strict=True):
        assert (first.seconds, dict(first.layers)) == (second.seconds, dict(second.layers))
        assert dict(first.remarks) == dict(second.remarks)
        assert first.layers.keys() <= first.remarks.keys()
        assert 0 < sum(first.layers.values()) <= first.seconds
    assert found.ready is not None
    assert found.ready.sha256 != one.model.sha256
