"""Explanations: rows, parts, verdicts, keeping them; and a real profile of ONNX Runtime from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Kernels
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.why import explain
from qexplorer.measure.why.explain import WhyOrder, kept_why, known_why, measure_why, why_from
from qexplorer.measure.why.explanation import Calls, Cause, Part, Parts, Why
from qexplorer.measure.why.fixes import changed_recipe, exactly
from qexplorer.measure.why.profile_child import profiles
from qexplorer.measure.why.verdict import verdict_sentence
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Executed, KernelKind
from tests.measure.why_models import FUSED, SHAPE, found_of, kernel, make_net, order_of


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """The network with something of everything."""
    return make_net(tmp_path)


def quantized_kernels() -> list[dict[str, object]]:
    """A run in which a ReLU that float fuses stays alone, with a conversion and a layout change."""
    return [
        kernel("conv1", KernelKind.INTEGER, 0.5, "conv1"),
        kernel("r1/bounded/Clip", KernelKind.FLOAT, 0.1, op="Clip"),
        kernel("r1/codes/QuantizeLinear", KernelKind.CONVERTS, 0.2, op="QuantizeLinear"),
        kernel("Transpose_token_1", KernelKind.MOVES, 0.05, op="Transpose"),
        *(kernel(layers[0], KernelKind.INTEGER, 0.25, *layers) for layers in FUSED[1:]),
        kernel("flat", KernelKind.MOVES, 0.01, "flat", op="Flatten"),
    ]


def test_rows_join_what_either_run_fuses(model: Model) -> None:
    """A layer's row holds its kernels of both runs, and what quantizing added for it."""
    found = why_from(order_of(model, "w8a8"), OnnxRuntimeCpu(), found_of(quantized_kernels()))
    row = found.layers[0]
    assert (row.name, row.layers) == ("conv1", ("conv1", "relu1"))
    assert (row.float_ms, row.kind, row.kernel) == (1.0, KernelKind.INTEGER, "Conv")
    assert row.quantized_ms == pytest.approx(0.6)
    assert row.convert_ms == pytest.approx(0.2)
    assert row.gain_ms == pytest.approx(0.2)
    names = [row.name for row in found.layers]
    assert names == ["conv1", "deep", "conv2", "soft", "conv3", "pool", "flat", "linear"]


def test_intensity_counts_what_a_row_reads_and_writes(model: Model) -> None:
    """Operations for each byte: a fused ReLU adds no traffic, and integers have a quarter of it."""
    row = why_from(order_of(model, "w8a8"), OnnxRuntimeCpu(), found_of(quantized_kernels())).layers[0]
    values, weights = 8 * 144 + 16 * 144, 16 * 8 * 9
    assert row.macs == 144 * weights
    assert row.float_bytes == 4 * (values + weights)
    assert row.quantized_bytes == values + weights
    assert row.quantized_intensity == pytest.approx(2 * row.macs / row.quantized_bytes)
    assert row.float_gops == pytest.approx(2 * row.macs / 1e6)


def test_parts_add_up_to_the_profile(model: Model) -> None:
    """Kernels, conversions and layout changes of the profile, and what the call takes beyond them."""
    found = why_from(order_of(model, "w8a8"), OnnxRuntimeCpu(), found_of(quantized_kernels(), quantized_ms=3.0))
    parts = found.quantized_parts
    assert parts is not None
    assert parts.ms[Part.INTEGER] == pytest.approx(2.0)
    assert parts.ms[Part.FLOAT] == pytest.approx(0.1)
    assert parts.ms[Part.CONVERT] == pytest.approx(0.2)
    assert parts.ms[Part.LAYOUT] == pytest.approx(0.05)
    assert parts.ms[Part.OTHER] == pytest.approx(0.01)
    assert parts.whole_ms == pytest.approx(3.0)


def test_verdicts_give_the_reason(model: Model) -> None:
    """Slower and equal runs name the dearest cause; faster ones what the rest of their time goes into."""
    kernels = [kernel(layers[0], KernelKind.FLOAT, 1.0, *layers) for layers in FUSED]
    order = order_of(model, "w8a16")
    slower = why_from(order, OnnxRuntimeCpu(), found_of(kernels, float_ms=5.0, quantized_ms=10.0))
    assert slower.verdict.startswith("2.00 times slower (1.95 to 2.05), because 4 of 4 convolutions and 1 of 1 matrix")
    assert "16-bit activations" in slower.verdict
    equal = why_from(order, OnnxRuntimeCpu(), found_of(kernels, float_ms=5.0, quantized_ms=5.0))
    assert "no difference in speed that 70 calls could show, 0.97 to 1.02 times as fast, because" in equal.verdict
    quick = [kernel(layers[0], KernelKind.INTEGER, 0.25, *layers) for layers in FUSED]
    faster = why_from(order_of(model, "w8a8"), OnnxRuntimeCpu(), found_of(quick, float_ms=7.0, quantized_ms=1.75))
    assert faster.verdict.startswith("4.00 times faster (3.90 to 4.10); what is left goes into 100 % integer kernels")


def test_a_faster_run_names_a_cause_that_takes_much_of_it(model: Model) -> None:
    """Where a cause takes a quarter of a run that is faster, the verdict says why it is not faster still."""
    kernels = [
        kernel(n[0], KernelKind.FLOAT if n[0] == "conv3" else KernelKind.INTEGER, 1.0, *n)
        for n in FUSED[:1] + FUSED[4:5]
    ]
    found = why_from(order_of(model, "w8a8-sym"), OnnxRuntimeCpu(), found_of(kernels, float_ms=7.0, quantized_ms=2.0))
    assert "and not more because 1 of 4 convolutions runs in float: signed activations" in found.verdict


def test_a_busy_machine_is_said(model: Model) -> None:
    """Where rounds differ much nothing is said of the time outside of kernels, and the reason stands there."""
    sent = found_of(quantized_kernels(), quantized_ms=3.0)
    sent["rounds"]["quantized"] = [3_000_000, 3_000_000, 9_000_000, 8_000_000, 7_000_000, 9_000_000, 3_000_000]
    found = why_from(order_of(model, "w8a8"), OnnxRuntimeCpu(), sent)
    assert found.quantized_parts is not None
    assert found.quantized_parts.ms[Part.OUTSIDE] == 0.0
    assert any("the machine was busy" in text for text in found.missing)


def test_a_backend_without_a_profiler_says_so(model: Model) -> None:
    """Without kernels there are no times of layers, but calls, the expected kinds, and the reason."""
    found = why_from(order_of(model, "w8"), OnnxRuntimeCpu(), found_of([], floats=[]))
    assert not found.profiled
    assert all(row.predicted and row.float_ms is None for row in found.layers)
    assert any("no times of single layers" in text for text in found.missing)
    assert found.verdict.startswith("1.43 times slower (1.39 to 1.47), because")


@pytest.mark.parametrize(("known", "other"), [("float", "quantized"), ("quantized", "float")])
def test_a_profile_of_one_model_alone_is_said_with_its_reason(model: Model, known: str, other: str) -> None:
    """Nor is a ceiling of a GPU."""
    sent = found_of(quantized_kernels(), ceiling=None, unprofiled={other: "the profiler gave up"})
    sent[other] = []
    found = why_from(order_of(model, "w8a8"), OnnxRuntimeCpu(), sent)
    assert found.missing == (
        "only one of the two models could be profiled on ONNX Runtime: the profiler gave up",
        "no roofline: the limits of a GPU are not measured here",
    )
    assert (found.float_parts is None, found.quantized_parts is None) == (known != "float", known == "float")


@pytest.mark.parametrize("slower", ["float", "quantized"])
@pytest.mark.parametrize(("times", "said"), [(1.14, False), (1.16, True)])
def test_a_quarter_of_the_rounds_must_not_take_much_longer_than_the_quickest(
    model: Model, slower: str, times: float, said: bool
) -> None:
    """From 15 % on times are not relied on, whichever of the models they are of; medians and the quickest are told."""
    sent = found_of(quantized_kernels(), float_ms=1.0, quantized_ms=4.0)
    sent["rounds"] = {key: each[:1] * 9 for key, each in sent["rounds"].items()}
    sent["rounds"][slower][6:] = [round(times * each) for each in sent["rounds"][slower][6:]]
    calls = why_from(order_of(model, "w8a8"), OnnxRuntimeCpu(), sent).calls
    assert calls is not None
    reason = "a quarter of the rounds took 16 % longer than the quickest, or more"
    assert calls.noisy == (reason if said else None)
    assert (calls.float_ms, calls.quantized_ms, calls.least_ms, calls.n) == (1.0, 4.0, (1.0, 4.0), 70)
    assert calls.speedup == pytest.approx(0.25)


def test_an_explanation_is_found_again_for_the_very_same_alone(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another model, file, backend, number of threads or batch has none; the child is told all of them."""
    given: list[dict[str, Any]] = []

    def child(_: str, arguments: dict[str, Any], **__: Any) -> dict[str, Any]:
        given.append(arguments)
        return found_of(quantized_kernels())

    monkeypatch.setattr(explain, "run_in_child", child)
    order = order_of(model, "w8a8", threads=2, batch=4, path=model.path.with_name("quantized.onnx"))
    found = measure_why(order, {"x": "samples.npy"})
    assert kept_why(order) == found
    assert given[0] == {
        "backend": "onnxruntime",
        "float": str(model.path),
        "quantized": str(order.path),
        "files": {"x": "samples.npy"},
        "threads": 2,
        "batch": 4,
    }
    others: list[dict[str, Any]] = [{"model": replace(model, sha256="0" * 64)}, {"digest": "e" * 16}]
    others += [{"backend": "openvino"}, {"threads": 1}, {"batch": 1}]
    assert [kept_why(replace(order, **each)) for each in others] == [None] * 5
    monkeypatch.setattr(Model, "fixed_batch", 8)
    assert (order.samples, kept_why(order)) == (8, None)


def test_kernels_that_ran_in_float_leave_what_is_expected(model: Model) -> None:
    """Only where none did is nothing expected to."""
    order = order_of(model, "w8a8-sym")
    for floats, expected in (({"Conv": 1}, True), ({}, False)):
        keys = {cause.key for cause in known_why(order, Kernels({"QLinearConv": 5}, floats)).causes}
        assert ("signed_expected" in keys) is expected


def test_an_explanation_survives_json(model: Model) -> None:
    """What is kept reads back equal."""
    found = why_from(order_of(model, "w8a8-sym"), OnnxRuntimeCpu(), found_of(quantized_kernels()))
    assert Why.from_json(json.loads(json.dumps(found.to_json()))) == found
    known = known_why(order_of(model, "w8"))
    assert Why.from_json(json.loads(json.dumps(known.to_json()))) == known


def test_changes_of_a_recipe() -> None:
    """A change for all takes what rules say otherwise with it; names that look like patterns stand for themselves."""
    text = "name: mine\nweights: {format: int8}\nactivations: {format: int8, symmetric: true}\nlayers:\n"
    text += "- {match: a, activations: {format: int16}}\n- {match: b, float: true}\n"
    recipe = Recipe.parse(text)
    fixed = changed_recipe(
        recipe, {"activations": {"format": "uint8", "symmetric": False}, "float": [exactly("x[0]*")]}
    )
    assert fixed.activations is not None
    assert (fixed.activations.format, fixed.activations.symmetric) == ("uint8", False)
    assert [rule.match for rule in fixed.layers] == ["b", "x[[]0][*]"]
    assert fixed.for_layer("x[0]*", "Conv").weights is None
    assert fixed.for_layer("x0", "Conv").weights is not None
    assert changed_recipe(recipe, {"drop_rules": ["b"]}).layers[-1].match == "a"


def test_a_rule_loses_what_is_set_for_all_and_keeps_the_rest() -> None:
    """Field by field; one that says nothing more is gone, and a recipe without weights or activations gets them."""
    text = "name: mine\nweights: {format: int8}\nlayers:\n"
    text += "- {match: a, weights: {format: int4}, activations: {format: int16}}\n"
    text += "- {match: b, weights: {format: int4, granularity: tensor}}\n- {match: c, weights: {format: int4}}\n"
    fixed = changed_recipe(Recipe.parse(text), {"weights": {"format": "int7"}, "activations": {"mode": "dynamic"}})
    assert fixed.weights is not None
    assert fixed.activations is not None
    assert (fixed.weights.format, fixed.activations.mode, fixed.name) == ("int7", "dynamic", "mine")
    assert [(rule.match, rule.weights, rule.activations) for rule in fixed.layers] == [
        ("a", None, {"format": "int16"}),
        ("b", {"granularity": "tensor"}, None),
    ]
    bare = changed_recipe(Recipe.parse("name: n\nactivations: {format: uint8}\n"), {"weights": {"format": "int4"}})
    assert (bare.weights is not None and bare.weights.format) == "int4"


@pytest.fixture
def real(model: Model) -> WhyOrder:
    """The network quantized with signed activations, on ONNX Runtime."""
    from qexplorer.core.dataset import Split

    samples = np.random.default_rng(0).normal(size=(16, *SHAPE)).astype(np.float32)
    quantized = quantize_model(model, Recipe.parse("w8a8-sym"), collect(model, Split({"x": samples})))
    return WhyOrder(model, quantized.recipe, quantized.path, quantized.digest, "onnxruntime", batch=4)


def test_a_real_profile_from_end_to_end(real: WhyOrder) -> None:
    """ONNX Runtime on signed activations: layers are timed in both runs, some are in float for their sign."""
    samples = np.random.default_rng(1).normal(size=(6, *SHAPE)).astype(np.float32)
    steps: list[str] = []
    with scratch() as folder:
        found = measure_why(real, keep_samples(folder, {"x": samples}), progress=lambda step, _: steps.append(step))
    assert found.profiled
    assert all("the machine was busy" in text for text in found.missing)
    assert found.ceiling is not None
    assert found.ceiling.int8_gops
    assert {"conv1", "deep", "conv2", "conv3", "linear"} <= {row.name for row in found.layers}
    assert all(row.float_ms is not None for row in found.layers if row.macs)
    assert any(row.kind is KernelKind.FLOAT and row.cause == "signed_float" for row in found.layers)
    assert kept_why(real) == found
    assert steps[0] == "measuring this machine's ceiling"


class Uneven:
    """A session whose second profile is the least disturbed one."""

    def __init__(self) -> None:
        self.times = [3.0, 1.0, 2.0]

    def profile(self, feeds: object, runs: int) -> tuple[Executed, ...]:
        """One kernel."""
        assert feeds == {}
        assert runs == 5
        return (Executed("conv1", "Conv", KernelKind.FLOAT, self.times.pop(0), ("conv1",)),)


class Failing:
    """A session whose profiler gives up."""

    def profile(self, feeds: object, runs: int) -> tuple[Executed, ...]:
        """Raises BackendError."""
        raise BackendError(f"no profile of {runs} runs on {feeds}")


def test_the_quickest_turn_of_a_profile_counts() -> None:
    """Of several profiles the one with the least time is taken; one that fails says why and costs only itself."""
    found, why = profiles({"float": Uneven(), "quantized": Failing()}, {}, 5)  # type: ignore[dict-item]
    assert [kernel.ms for kernel in found["float"]] == [1.0]
    assert found["quantized"] == ()
    assert "no profile of 5 runs" in why["quantized"]


@pytest.mark.parametrize(("share", "named"), [(0.24, False), (0.26, True)])
def test_a_cause_is_named_from_a_quarter_of_the_time_on(share: float, named: bool) -> None:
    """A faster run says why it is not faster still where the dearest cause takes a quarter of its time, not before."""
    parts = Parts({Part.INTEGER: 0.91, Part.CONVERT: 0.09}, 2, 0.01)
    cause = Cause("conversions", "they are converted", "why", ("a",), share, "fix")
    said = verdict_sentence(Calls(2.0, 1.0, 2.0, (1.9, 2.1), 70, (2.0, 1.0)), parts, (cause,), ())
    assert ("and not more because they are converted" in said) is named
    if not named:
        assert said == "2.00 times faster (1.90 to 2.10); what is left goes into 91 % integer kernels"
