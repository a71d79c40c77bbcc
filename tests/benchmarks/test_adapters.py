"""What adapters ask of packages that are not installed here: each is stood in for by one that notes what it is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from benchmarks.against_references import answered
from benchmarks.references.adapters import ai_edge_quantizer, nncf, onnxruntime, torchao
from benchmarks.references.protocol import Case, Job
from tests.quantize.graphs import Builder

X = np.random.default_rng(0).normal(size=(20, 32)).astype(np.float32)


def _job(**settings: Any) -> Job:
    """Two products, the second of a weight that outliers of the first meet."""
    b = Builder()
    h = b.node("Relu", b.node("MatMul", b.input("x", ("n", 32)), b.normal(32, 32), name="one"))
    b.output(b.node("MatMul", h, b.normal(32, 4), name="two"), 2)
    return Job(b.model(), {"x": X}, {"x": X[:8]}, settings)


def _settings(cases: tuple[Case, ...], word: str) -> dict[str, Any]:
    return dict(next(case.settings for case in cases if word in case.what))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Puts a module of this name, with these parts, in the place of whatever is installed."""

    def put(name: str, **parts: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(parts)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return put


@pytest.fixture
def nncf_calls(fake: Callable[..., ModuleType]) -> list[tuple[str, dict[str, Any]]]:
    """What NNCF is asked for."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def asked(name: str) -> Callable[..., onnx.ModelProto]:
        def call(model: onnx.ModelProto, samples: Any = None, **more: Any) -> onnx.ModelProto:
            seen = more.pop("dataset") if samples is None else samples
            calls.append((name, more | {"seen": seen}))
            return model

        return call

    fake(
        "nncf", Dataset=list, quantize=asked("quantize"), compress_weights=asked("compress"),
        CompressWeightsMode=SimpleNamespace(INT4_SYM="int4_sym"), ModelType=SimpleNamespace(TRANSFORMER="transformer"),
        IgnoredScope=lambda types, **_: tuple(types),
    )  # fmt: skip
    fake("nncf.quantization")
    parameters = {"AdvancedQuantizationParameters": dict, "AdvancedSmoothQuantParameters": dict}
    fake("nncf.quantization.advanced_parameters", **parameters)
    return calls


_SMOOTH = {"smooth_quant_alphas": {"matmul": 0.95, "convolution": -1}}


@pytest.mark.parametrize(
    ("word", "function", "told"),
    [
        ("SmoothQuant", "quantize", {"advanced_parameters": _SMOOTH, "model_type": "transformer"}),
        ("fast bias", "quantize", {"fast_bias_correction": True}),
        ("w8a8, bias", "quantize", {"advanced_parameters": {"disable_bias_correction": False}}),
        ("AWQ", "compress", {"awq": True, "group_size": 16, "ratio": 1.0, "ignored_scope": ("Gather",)}),
        ("scale estimation", "compress", {"scale_estimation": True, "mode": "int4_sym"}),
    ],
)
def test_nncf_is_asked_for_what_the_case_says(
    nncf_calls: list[tuple[str, dict[str, Any]]], word: str, function: str, told: dict[str, Any]
) -> None:
    """The function, its options, and every calibration sample; without the algorithm, that one is off."""
    case = next(case for case in nncf.CASES if word in case.what)
    for settings in (case.settings, case.settings_plain or {}):
        assert isinstance(nncf.quantized(_job(**settings)), onnx.ModelProto)
    (name, with_it), (_, plain) = nncf_calls
    assert name == function
    assert with_it | told == with_it
    np.testing.assert_array_equal(np.concatenate([each["x"] for each in with_it["seen"]]), X)
    differs = {key for key in with_it | plain if key != "seen" and with_it.get(key) != plain.get(key)}
    assert differs <= {"advanced_parameters", "fast_bias_correction", "awq", "scale_estimation"}
    assert differs


class _Rounded(nn.Linear):
    """Weights on a few levels, one scale for all."""

    def __init__(self, of: nn.Linear) -> None:
        super().__init__(of.in_features, of.out_features, of.bias is not None)
        step = of.weight.abs().max() / 7
        self.weight = nn.Parameter((of.weight / step).round() * step, requires_grad=False)


class _Observed(nn.Linear):
    """Notes what it is fed; its factors are 2, so that weights are doubled and inputs halved."""

    def __init__(self, of: nn.Linear) -> None:
        super().__init__(of.in_features, of.out_features, of.bias is not None)
        self.weight, self.seen = of.weight, 0
        self.act_obs = SimpleNamespace(calculate_qparams=lambda: torch.full((of.in_features,), 2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += len(x)
        return super().forward(x)


@pytest.fixture
def torchao_steps(fake: Callable[..., ModuleType]) -> list[Any]:
    """What torchao is asked for, layer by layer."""
    steps: list[Any] = []

    def quantize_(module: nn.Module, config: Any, filter_fn: Any = None) -> None:
        if isinstance(module, nn.Linear):
            steps.append(("alone", config))
            module.weight = _Rounded(module).weight
            return
        steps.append(getattr(config, "step", config))
        for at, layer in enumerate(module.all):
            if filter_fn is not None and not filter_fn(layer, ""):
                continue
            prepare = getattr(config, "step", "") == "prepare"
            if getattr(config, "step", "") == "convert":
                assert layer.seen == len(X), "every calibration sample is observed"
            module.all[at] = _Observed(layer) if prepare else _Rounded(layer)

    def config(name: str) -> Any:
        return lambda *args, **more: SimpleNamespace(name=name, args=args, **more)

    granular = {"PerTensor": lambda: "tensor", "PerRow": lambda: "row", "PerGroup": lambda size: f"group {size}"}
    fake("torchao")
    quantization = fake(
        "torchao.quantization", quantize_=quantize_, MappingType=SimpleNamespace(ASYMMETRIC="asymmetric"),
        IntxWeightOnlyConfig=config("intx"), Int8DynamicActivationInt8WeightConfig=config("int8"), **granular,
    )  # fmt: skip
    vars(sys.modules["torchao"])["quantization"] = quantization
    fake("torchao.quantization.quantize_")
    choices = SimpleNamespace(HQQ_SCALE_ONLY="hqq", AFFINE="affine")
    fake("torchao.quantization.quantize_.workflows", IntxChooseQParamsAlgorithm=choices)
    fake("torchao.prototype")
    fake("torchao.prototype.awq", AWQConfig=config("awq"))
    fake("torchao.prototype.smoothquant", SmoothQuantConfig=config("smoothquant"))
    return steps


@pytest.mark.parametrize(("algorithm", "choice"), [("nearest", "affine"), ("hqq", "hqq")])
def test_torchao_rounds_layers_in_place(torchao_steps: list[Any], algorithm: str, choice: str) -> None:
    """One call with the case's width and choice of scales; answers are those of the rounded layers."""
    job = _job(algorithm=algorithm)
    (found,) = torchao.quantized(job)
    (config,) = torchao_steps
    assert (config.granularity, config.intx_choose_qparams_algorithm) == ("group 16", choice)
    assert config.weight_dtype is torch.int4
    assert np.abs(found - answered(job.model, job.evaluation)).max() > 1e-2


def test_torchao_observes_before_it_rounds(torchao_steps: list[Any]) -> None:
    """SmoothQuant: prepared, run on all samples, converted, at int8 with a scale a channel and zero points a tensor."""
    torchao.quantized(_job(**_settings(torchao.CASES, "SmoothQuant")))
    assert torchao_steps == ["prepare", "convert"]
    plain = torchao._config("dynamic")
    assert (plain.granularity, plain.act_mapping_type) == (["tensor", "row"], "asymmetric")


def test_factors_of_torchao_divide_what_the_doubled_weights_read(torchao_steps: list[Any]) -> None:
    """AWQ: with factors of 2 and one scale for all weights, answers are those of plain rounding."""
    found, plain = (torchao.quantized(_job(algorithm=each))[0] for each in ("awq", "nearest"))
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-4)
    assert torchao_steps[0] == "prepare"
    assert [step[0] for step in torchao_steps[1:3]] == ["alone", "alone"]


@pytest.mark.parametrize(("word", "looks"), [("GPTQ", True), ("Hadamard", False)])
def test_ai_edge_calibrates_where_it_asks_to(
    fake: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, word: str, looks: bool
) -> None:
    """Samples go in one by one under the converter's names, and answers come back in order, a sample at a time."""
    asked: dict[str, Any] = {}

    class Quantizer:
        def __init__(self, content: bytes) -> None:
            assert content == b"float"
            self.need_calibration = looks

        def add_weight_only_config(self, match: str, operation: str, bits: int, algorithm_key: str) -> None:
            asked.update(match=match, operation=operation, bits=bits, algorithm=algorithm_key)

        def calibrate(self, seen: dict[str, Any], num_threads: int) -> dict[str, Any]:
            assert num_threads
            return seen

        def quantize(self, seen: dict[str, Any] | None) -> Any:
            asked["seen"] = seen
            return SimpleNamespace(quantized_model=b"rounded")

    class Interpreter:
        def __init__(self, content: bytes, names: list[str], one: dict[str, Any], threads: int) -> None:
            assert (content, names, len(one["x"]), threads) == (b"rounded", ["x"], 1, 1)

        def run(self, feeds: dict[str, Any]) -> list[Any]:
            return [feeds["x"] + 1]

    names = {"GPTQ": "GPTQ", "DECOMPOSED_HADAMARD_ROTATION": "rotation"}
    fake(
        "ai_edge_quantizer", quantizer=SimpleNamespace(Quantizer=Quantizer, AlgorithmName=names),
        qtyping=SimpleNamespace(TFLOperationName=SimpleNamespace(FULLY_CONNECTED="fc")),
    )  # fmt: skip
    monkeypatch.setattr("qexplorer.run.litert.interpreter.PreparedInterpreter", Interpreter)
    monkeypatch.setattr(ai_edge_quantizer, "_converted", lambda _: (["x"], b"float"))
    (found,) = ai_edge_quantizer.quantized(_job(**_settings(ai_edge_quantizer.CASES, word)))
    np.testing.assert_array_equal(found, X[:8] + 1)
    assert (asked["operation"], asked["bits"], asked["algorithm"]) == ("fc", 4, names[_algorithm(word)])
    if looks:
        samples = asked["seen"]["serving_default"]
        assert len(samples) == len(X)
        np.testing.assert_array_equal(samples[3]["args_0"], X[3:4])
    else:
        assert asked["seen"] is None


def _algorithm(word: str) -> str:
    return str(_settings(ai_edge_quantizer.CASES, word)["algorithm"])


def test_zero_points_of_onnxruntime_are_rounded_and_then_codes(shared_workspace: Path) -> None:
    """Values in units of their scale lie on whole numbers, and no further from the weight than half a step inside."""
    assert shared_workspace
    job = _job(algorithm="hqq", block=16, rounded=True)
    given = onnxruntime.quantized(_job(algorithm="hqq", block=16))
    found = onnxruntime.quantized(job)
    assert isinstance(found, onnx.ModelProto)
    assert isinstance(given, onnx.ModelProto)
    stored, real, grids = (_stored(each) for each in (found, job.model, given))
    nodes = [node for node in given.graph.node if node.op_type == "MatMulNBits"]
    assert len(nodes) == 2
    for node in nodes:
        name = next(n.input[1] for n in job.model.graph.node if n.output[0] == node.output[0])
        scale, zero = (grids[each].reshape(real[name].shape[1], -1, 1) for each in node.input[2:4])
        assert not np.array_equal(zero, np.round(zero)), "they are not integers as they come"
        levels = stored[name].T.reshape(len(scale), scale.shape[1], -1) / scale
        np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
        off = np.abs(levels - real[name].T.reshape(levels.shape) / scale)
        inside = (levels + np.round(zero) > 0.5) & (levels + np.round(zero) < 14.5)
        assert off[inside].max() < 0.501


def _stored(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
