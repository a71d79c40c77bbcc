"""Saturating pair sums: the emulation against plain loops, the bound against brute force, the report end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.recipe import Recipe
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.measure.arithmetic.integer_layers import integer_layers
from qexplorer.measure.arithmetic.pair_sums import HIGH, LOW, change_by_saturation, move_of, pair_risk, why_exact
from qexplorer.measure.arithmetic.saturation import kept_saturation, reduced_recipe, saturates_here, saturation
from qexplorer.measure.arithmetic.saturation_types import SaturationReport
from qexplorer.measure.arithmetic.stages import StagedModel
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import BACKENDS
from tests.measure.integer_graphs import conv_graph, gemm_graph, saturated_sum, windows

REFERENCE = BACKENDS.get("onnxruntime")
EXTREME = st.sampled_from([-128, -127, -100, -64, -1, 0, 1, 64, 100, 126, 127])
CONVS: list[dict[str, Any]] = [
    {},
    {"pads": [1, 1, 1, 1]},
    {"pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 2]},
    {"group": 2, "pads": [1, 1, 1, 1]},
]


@given(st.integers(1, 7), st.integers(1, 3), st.data())
def test_a_matrix_product_saturates_as_the_instruction_does(k: int, n: int, data: st.DataObject) -> None:
    """Exact sums plus the change are the sums of a plain loop that clips each pair, and so is the count."""
    weight = np.array(data.draw(st.lists(EXTREME, min_size=k * n, max_size=k * n)), np.int8).reshape(k, n)
    codes = np.array(data.draw(st.lists(st.integers(0, 255), min_size=2 * k, max_size=2 * k)), np.uint8).reshape(2, k)
    (layer,), _ = integer_layers(gemm_graph(weight))
    change, count, pairs = change_by_saturation(layer, [pair_risk(layer.weight[0], layer.low, layer.high)], codes)
    exact = codes.astype(np.int64) @ weight.astype(np.int64)
    loops = [[saturated_sum(row, column) for column in weight.T.tolist()] for row in codes.tolist()]
    assert (exact + change).tolist() == [[total for total, _ in row] for row in loops]
    assert count == sum(clipped for row in loops for _, clipped in row)
    assert pairs == 2 * n * ((k + 1) // 2)


@pytest.mark.parametrize("settings", CONVS)
def test_a_convolution_saturates_by_kernel_position_then_channel(settings: dict[str, Any]) -> None:
    """With pads, strides, dilations and groups, the change is that of plain loops over the kernel's order of K."""
    rng = np.random.default_rng(4)
    groups, outputs, channels, zero = settings.get("group", 1), 4, 3, 7
    weight = rng.choice([-128, -120, 90, 110, 127], (outputs, channels, 3, 2)).astype(np.int8)
    codes = rng.integers(0, 256, (2, channels * groups, 5, 6)).astype(np.uint8)
    (layer,), _ = integer_layers(conv_graph(weight, zero=zero, **settings))
    risks = [pair_risk(group, layer.low, layer.high) for group in layer.weight]
    change, count, _ = change_by_saturation(layer, risks, codes)
    clipped_in_all = 0
    for i, r, c, covered in windows(codes, (3, 2), zero, settings):
        for m in range(outputs):
            group = m // (outputs // groups)
            mine = [x for places in covered for x in places[group * channels : (group + 1) * channels]]
            weights = [int(w) for w in np.moveaxis(weight[m], 0, -1).reshape(-1)]
            total, clipped = saturated_sum(mine, weights)
            exact = sum(a * w for a, w in zip(mine, weights, strict=True))
            assert change[i, m, r, c] == total - exact
            clipped_in_all += clipped
    assert count == clipped_in_all > 0


@given(EXTREME, EXTREME, st.integers(0, 255), st.integers(0, 255))
def test_the_bound_is_reached_and_never_passed(u: int, v: int, one: int, other: int) -> None:
    """Over all codes of a range, the largest pair sum is the bound, and a pair counts as risky if that does not fit."""
    low, high = min(one, other), max(one, other)
    risk = pair_risk(np.array([[u], [v]], np.int32), low, high)
    ends = [a * u + b * v for a in (low, high) for b in (low, high)]
    assert risk.largest == max(0, *map(abs, ends))
    assert (risk.columns.size == 1) == any(s > HIGH or s < LOW for s in ends)


def test_seven_bits_always_fit() -> None:
    """255 * 63 * 2 is within int16, 255 * 64 * 2 is too: no weight of 7 bits can saturate; 127 can."""
    seven = np.array([[-64, 63, 63], [-64, 63, -64]], np.int32)
    assert pair_risk(seven, 0, 255).columns.size == 0
    assert pair_risk(np.array([[127], [2]], np.int32), 0, 255).columns.size == 1
    assert pair_risk(np.array([[127], [1]], np.int32), 0, 255).columns.size == 0


def test_kernels_that_widen_are_exact() -> None:
    """A depthwise convolution never adds in int16, whatever its weights."""
    (layer,), _ = integer_layers(conv_graph(np.full((3, 1, 3, 3), 127, np.int8), group=3))
    assert "depthwise" in (why_exact(layer) or "")
    (plain,), _ = integer_layers(conv_graph(np.full((3, 3, 3, 3), 127, np.int8)))
    assert why_exact(plain) is None


def test_signed_codes_saturate_as_the_unsigned_ones_that_they_become() -> None:
    """Codes and zero point 128 lower, on a signed grid: the same pairs are at risk, and change by as much."""
    rng = np.random.default_rng(3)
    weight = rng.choice([-128, -120, 90, 110, 127], (4, 3, 3, 2)).astype(np.int8)
    codes = rng.integers(0, 256, (2, 3, 5, 6)).astype(np.uint8)
    (plain,), _ = integer_layers(conv_graph(weight, zero=131, pads=[1, 1, 1, 1]))
    lower = {"low": plain.low - 128, "high": plain.high - 128, "zero": plain.zero - 128}
    signed = replace(plain, code_type="int8", **lower)
    assert why_exact(signed) is None
    found = []
    for layer, fed in ((plain, codes), (signed, (codes.astype(np.int16) - 128).astype(np.int8))):
        risks = [pair_risk(group, layer.low + move_of(layer), layer.high + move_of(layer)) for group in layer.weight]
        found.append(change_by_saturation(layer, risks, fed))
    assert found[0][1:] == found[1][1:]
    assert found[0][1] > 0
    np.testing.assert_array_equal(found[0][0], found[1][0])


def test_stages_compute_what_the_whole_computes(tmp_path: Path) -> None:
    """A graph that is stopped at its layer and goes on unchanged gives the very answers of the whole."""
    import onnx

    weight = np.random.default_rng(0).integers(-128, 128, (6, 4)).astype(np.int8)
    model = gemm_graph(weight, bias=np.array([5, -900, 0, 7], np.int32))
    path = tmp_path / "whole.onnx"
    onnx.save(model, str(path))
    x = np.random.default_rng(1).uniform(0, 12, (9, 6)).astype(np.float32)
    whole = REFERENCE.load(path, SessionOptions(Mode.SIMULATED)).run({"x": x})
    (layer,), _ = integer_layers(model)
    staged = StagedModel(model, [(layer.codes, layer.output)], REFERENCE, tmp_path)
    seen: list[str] = []

    def keep(index: int, codes: Any, output: Any) -> Any:
        seen.append(f"{index} {codes.dtype} {output.shape}")
        return output

    assert np.array_equal(staged.run({"x": x}, keep)[0], whole[0])
    assert seen == ["0 uint8 (9, 4)"]
    assert not np.array_equal(staged.run({"x": x}, lambda _i, _c, y: y + 50)[0], whole[0])


def test_features_decide_whether_sums_saturate_here() -> None:
    """AVX2 alone saturates; with VNNI or AMX, or on Arm, nothing does."""
    assert saturates_here(("avx2",)) is True
    assert saturates_here(("avx2", "avx512bw")) is True
    assert saturates_here(("avx2", "avx512_vnni")) is False
    assert saturates_here(("avx2", "avx_vnni")) is False
    assert saturates_here(("asimddp",)) is False


def test_the_remedy_keeps_everything_else_of_a_recipe() -> None:
    """Only 8-bit weights become 7-bit ones, in rules too; a recipe without them needs no remedy."""
    mine = Recipe.parse(
        "name: mine\nweights: {format: int8}\nactivations: {format: uint8, mode: static}\n"
        "layers:\n  - {match: 'a*', weights: {format: int8}}\n  - {match: 'b*', weights: {format: int4}}\n"
    )
    reduced = reduced_recipe(mine)
    assert reduced is not None
    assert reduced.name == "mine, 7-bit weights"
    assert reduced.weights is not None
    assert reduced.weights.format == "int7"
    assert reduced.activations == mine.activations
    assert [rule.weights for rule in reduced.layers] == [{"format": "int7"}, {"format": "int4"}]
    assert (reduced_recipe(Recipe.parse("w8a8")) or mine).name == "w7a8"
    assert reduced_recipe(Recipe.parse("w4a8")) is None


def test_digits_at_eight_bits_saturate_and_at_seven_do_not() -> None:
    """Every layer is at risk by bound, some saturate on samples and answers change; 7-bit weights end all of it."""
    model = load_model("digits_cnn")
    data = fit_to_model(load_data("digits"), model)
    told: list[float] = []
    found = saturation(model, Recipe.parse("w8a8"), data, samples=60, progress=lambda _t, done: told.append(done))
    assert len(found.layers) == len(found.at_risk) == 12
    assert found.layers[0].saturated is not None
    assert found.layers[0].saturated > 0.01
    assert found.worst_steps is not None
    assert found.worst_steps > 1
    assert found.exact.value is not None
    assert found.saturating.delta is not None
    assert found.changed == len(found.saturating.flipped)
    assert all(layer.accumulator_bits < 32 for layer in found.layers)
    assert all((layer.data_largest or 0) <= layer.accumulator_bound for layer in found.layers)
    assert found.reduced is not None
    assert (found.reduced.recipe, found.reduced.at_risk) == ("w7a8", 0)
    assert found.reduced.accuracy is not None
    assert found.reduced.accuracy.flipped == ()
    assert found.switch is not None
    assert found.switch.ratio is not None
    assert found.switch.ratio_ci95 is not None
    assert told == sorted(told)
    assert 0.9 <= told[-1] <= 1
    assert kept_saturation(found.digest, data.digest, 60) == found
    assert SaturationReport.from_json(found.to_json()) == found
    assert kept_saturation(found.digest, data.digest, 61) is None
