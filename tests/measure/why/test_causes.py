"""Every rule about causes, on profiles made up by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Kernels
from qexplorer.measure.why import explain as why
from qexplorer.measure.why.explain import known_why, why_from
from qexplorer.measure.why.explanation import Cause, Why
from qexplorer.measure.why.fixes import changed_recipe
from qexplorer.measure.why.rules import LAYER_RULES
from qexplorer.quantize.plan import make_plan
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Capabilities, KernelKind
from tests.measure.why_models import FUSED, found_of, kernel, make_net, order_of, plain

INT, FLOAT, CONVERTS = KernelKind.INTEGER, KernelKind.FLOAT, KernelKind.CONVERTS
FEATURES = ("avx2", "avx512f", "avx512_vnni")
UINT8 = {"format": "uint8", "symmetric": False}
WITH_RULE = "name: mine\nweights: {format: int8}\nactivations: {format: uint8}\nlayers: [{match: conv2, float: true}]\n"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """The network with something of everything."""
    return make_net(tmp_path)


@pytest.fixture(autouse=True)
def _processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with VNNI, whatever runs these tests."""
    monkeypatch.setattr(why, "cpu_features", lambda: FEATURES)


def run(model: Model, recipe: str, kernels: list[dict[str, Any]], **changes: Any) -> Why:
    """The explanation of this profile."""
    return why_from(order_of(model, recipe), OnnxRuntimeCpu(), found_of(kernels, **changes))


def fast(*slow: str, kind: KernelKind = INT, ms: float = 1.0, op: str = "Conv") -> list[dict[str, Any]]:
    """A quantized run in integers, four times as fast as float, but for the kernels that begin with ``slow``."""
    found = []
    for layers in FUSED:
        is_slow = layers[0] in slow
        float_one = layers[0] == "soft" or (is_slow and kind is FLOAT)
        took = ms if is_slow else 1.0 if layers[0] == "soft" else 0.25
        found.append(kernel(layers[0], FLOAT if float_one else INT, took, *layers, op=op))
    return found


def cause(found: Why, key: str) -> Cause:
    """The cause with this key, which must be there."""
    return next(c for c in found.causes if c.key == key)


def keys(found: Why) -> dict[str, str | None]:
    """The cause of each row, by the row's name."""
    return {row.name: row.cause for row in found.layers}


@pytest.mark.parametrize(
    ("recipe", "layer", "key", "change"),
    [
        ("w8a16", "conv1", "wide_activations", {"activations": UINT8}),
        ("w4a8-b32", "conv1", "block_weights", {"weights": {"granularity": "channel"}}),
        (
            "w16a8",
            "conv1",
            "wide_weights",
            {"weights": {"format": "int8", "granularity": "channel", "symmetric": True}},
        ),
        ("w8a8-sym", "conv1", "signed_float", {"activations": UINT8}),
        ("w8a8", "conv1", "no_kernel", {"float": ["conv1"]}),
        ("w8a8", "linear", "no_kernel", {"float": ["op:Gemm"]}),
        ("w8a8-dynamic", "conv1", "dynamic_float", {"activations": {"mode": "static"}}),
        (WITH_RULE, "conv2", "rule", {"drop_rules": ["conv2"]}),
    ],
)
def test_a_layer_in_float_is_counted_under_what_keeps_it_there(
    model: Model, recipe: str, layer: str, key: str, change: dict[str, Any]
) -> None:
    """A float kernel in a quantized run has the cause that its recipe gives it, and the change that takes it away."""
    found = run(model, recipe, fast(layer, kind=FLOAT))
    assert keys(found)[layer] == key
    assert cause(found, key).layers == (layer,)
    assert cause(found, key).change == change
    assert cause(found, key).cost_ms == pytest.approx(1.0)


def test_an_operator_without_a_quantized_form_is_named(model: Model) -> None:
    """Softplus, in float between integer layers, is a cause that no setting changes."""
    found = run(model, "w8a8", fast())
    assert keys(found)["soft"] == "no_form"
    assert "Softplus cannot be quantized" in cause(found, "no_form").title
    assert cause(found, "no_form").change is None


@pytest.mark.parametrize(
    ("recipe", "key"),
    [("w8", "weight_only"), ("w4-b32", "weight_only"), ("nf4-b32", "decoded_weights"), ("bf16", "half_no_hardware")],
)
def test_recipes_without_integers_say_so(model: Model, recipe: str, key: str) -> None:
    """Weight-only and half-precision recipes run in float throughout, and the fix is 8 bits for both."""
    found = run(model, recipe, plain())
    assert {keys(found)[name] for name in ("conv1", "deep", "conv2", "conv3", "linear")} == {key}
    fixed = changed_recipe(Recipe.parse(recipe), cause(found, key).change or {})
    assert fixed.digest == Recipe.parse("w8a8").digest


def test_weights_that_are_unpacked_in_every_call_are_told_with_their_time(model: Model) -> None:
    """A weight-only layer that is slower than float, and unpacks, is told so; one as fast as float is not."""
    kernels = [k | {"op": "MatMulNBits (int8 weights)", "ms": 20.0} if k["name"] == "linear" else k for k in plain()]
    kernels.append(kernel("w3/dequantized/DequantizeLinear", CONVERTS, 2.0, op="DequantizeLinear"))
    found = run(model, "w8", kernels)
    assert keys(found)["linear"] == keys(found)["conv3"] == "unpacked_in_calls"
    assert keys(found)["conv1"] == "weight_only"
    told = cause(found, "unpacked_in_calls")
    assert "23.0 ms, in float 2.00 ms" in told.sentence
    assert told.cost_ms == pytest.approx(23.0)
    assert changed_recipe(Recipe.parse("w8"), told.change or {}).digest == Recipe.parse("w8a8").digest


def test_a_layer_that_the_recipe_does_not_reach_is_named_with_its_reason(model: Model) -> None:
    """Pooling has a quantized form, but no weights that a weight-only recipe could reach: only the plan says why."""
    found = run(model, "w8", plain())
    assert keys(found)["pool"] == "float_island"
    told = cause(found, "float_island")
    assert told.layers == ("pool",)
    assert (
        told.sentence
        == next(p.reason for p in make_plan(model, Recipe.parse("w8"), None).layers if p.name == "pool") + "."
    )
    assert told.change is None
    assert keys(run(model, "w8a8", fast()))["pool"] is None


def test_half_precision_with_hardware_and_no_gain_is_another_cause(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the processor has the feature, it is the backend that does not gain from it."""
    monkeypatch.setattr(why, "cpu_features", lambda: (*FEATURES, "avx512_bf16"))
    assert keys(run(model, "bf16", plain()))["conv1"] == "half"


def test_a_slow_product_of_signed_codes_is_told_by_the_ceiling(model: Model) -> None:
    """A matrix product on signed codes that reaches only what signed products reach here is slow for that."""
    kernels = fast("linear", "conv3", op="QLinearMatMul")
    found = run(model, "w8a8-sym", kernels)
    assert keys(found)["linear"] == "signed_slow"
    assert keys(found)["conv3"] != "signed_slow", "convolutions make their codes unsigned first"
    assert "40 GOP/s" in cause(found, "signed_slow").sentence


def test_dynamic_layers_that_do_not_gain(model: Model) -> None:
    """A dynamic layer slower than float is told what its parts take, and the fix is static ranges."""
    kernels = fast("conv1", ms=2.0)
    kernels.append(kernel("x/DynamicQuantizeLinear", CONVERTS, 0.5, op="DynamicQuantizeLinear"))
    found = run(model, "w8a8-dynamic", kernels)
    assert keys(found)["conv1"] == "dynamic"
    told = cause(found, "dynamic")
    assert "takes 2.00 ms" in told.sentence
    assert "0.500 ms" in told.sentence
    assert changed_recipe(Recipe.parse("w8a8-dynamic"), told.change or {}).digest == Recipe.parse("w8a8").digest


def test_conversions_that_cost_what_integers_save(model: Model) -> None:
    """An integer layer whose conversions eat its gain is to stay in float."""
    kernels = [*fast("conv3", ms=0.3), kernel("p/codes/QuantizeLinear", CONVERTS, 0.8, op="QuantizeLinear")]
    found = run(model, "w8a8", kernels)
    row = next(row for row in found.layers if row.name == "soft")
    assert row.convert_ms == pytest.approx(0.8), "what is quantized is the Softplus' output"
    kernels[-1] = kernel("c3/codes/QuantizeLinear", CONVERTS, 0.8, op="QuantizeLinear")
    found = run(model, "w8a8", kernels)
    assert keys(found)["conv3"] == "conversions"
    assert cause(found, "conversions").change == {"float": ["conv3"]}


def test_what_falls_back_is_put_right_before_its_neighbours(model: Model) -> None:
    """While other layers fall back to float, keeping an integer layer in float is not proposed."""
    kernels = [*fast("conv3", ms=0.3), kernel("c3/codes/QuantizeLinear", CONVERTS, 0.8, op="QuantizeLinear")]
    kernels = [k | {"kind": "float", "ms": 1.0} if k["name"] == "conv1" else k for k in kernels]
    assert cause(run(model, "w8a8", kernels), "conversions").change is None


def test_depthwise_memory_and_slow_kernels(model: Model) -> None:
    """Integer layers that do not gain: a depthwise one, one that memory limits, and one that is left over."""
    found = run(model, "w8a8", fast("deep", "linear", "conv3"))
    assert keys(found)["deep"] == "depthwise"
    assert keys(found)["linear"] == "memory_bound"
    assert keys(found)["conv3"] == "slower_kernel"
    assert "20 GB/s" in cause(found, "memory_bound").sentence


def test_a_first_layer_of_few_channels(tmp_path: Path) -> None:
    """A convolution over three input channels that does not gain has that for its cause."""
    picture = make_net(tmp_path, channels=3)
    found = run(picture, "w8a8", fast("conv1"))
    assert keys(found)["conv1"] == "few_channels"
    assert cause(found, "few_channels").change == {"float": ["conv1"]}


def test_a_processor_without_dot_products(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without VNNI or its like integer layers that do not gain have that for a reason, said before anything runs."""
    monkeypatch.setattr(why, "cpu_features", lambda: ("avx2",))
    assert keys(run(model, "w8a8", fast("conv3")))["conv3"] == "no_dot_products"
    assert "no_dot_products" in {c.key for c in known_why(order_of(model, "w8a8")).causes}


def test_nothing_is_said_of_layers_that_gain(model: Model) -> None:
    """A run whose integer layers are all faster has no cause but the operator that cannot be quantized."""
    assert {c.key for c in run(model, "w8a8", fast(), quantized_ms=2.5).causes} == {"no_form"}


def test_no_fix_turns_the_model_back_into_the_float_one(model: Model) -> None:
    """Where every product would have to stay in float, that is no change of the recipe to propose."""
    found = run(model, "w8a8", fast("conv1", "deep", "conv2", "conv3", "linear", kind=FLOAT))
    assert cause(found, "no_kernel").change is None


def test_formats_that_a_backend_does_not_declare(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a backend has kernels for signed activations only, the fix is signed activations."""
    only = Capabilities("cpu", frozenset({"int8"}), frozenset({"int8"}), simulates=True)
    monkeypatch.setattr(OnnxRuntimeCpu, "capabilities", only)
    known = known_why(order_of(model, "w8a8"))
    assert cause(known, "format").change == {"activations": {"format": "int8", "symmetric": True}}


def test_a_model_that_is_too_small(model: Model) -> None:
    """Where starting kernels takes a third of the call, that is a cause, whatever the kernels are."""
    kernels = [k | {"ms": 0.004} for k in fast()]
    found = run(model, "w8a8", kernels, floats=[k | {"ms": 0.004} for k in plain()], float_ms=0.05, quantized_ms=0.06)
    told = cause(found, "too_small")
    assert told.cost_ms == pytest.approx(0.06)
    assert "7 kernels" in told.sentence


def test_much_converting(model: Model) -> None:
    """Conversions and layout changes that take a sixth of the call are a cause with the layers they are at."""
    kernels = [
        *fast(),
        kernel("p/codes/QuantizeLinear", CONVERTS, 1.0, op="QuantizeLinear"),
        kernel("Transpose_token_3", KernelKind.MOVES, 0.5, op="Transpose"),
    ]
    told = cause(run(model, "w8a8", kernels), "converting")
    assert told.cost_ms == pytest.approx(1.5)
    assert told.layers == ("soft",)


def test_known_without_running(model: Model) -> None:
    """Before anything runs the recipe tells what will be float; kernels that were seen can take that back."""
    signed = order_of(model, "w8a8-sym")
    assert "signed_expected" in {c.key for c in known_why(signed).causes}
    seen = Kernels({"QLinearConv": 5}, {})
    assert "signed_expected" not in {c.key for c in known_why(signed, seen).causes}
    assert {c.key for c in known_why(order_of(model, "w8")).causes} >= {"weight_only"}
    assert all(c.cost_ms is None for c in known_why(order_of(model, "w8")).causes)


def test_every_rule_has_a_test_here() -> None:
    """Rules that no test in this file names are found out."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert not {rule.key for rule in LAYER_RULES if f'"{rule.key}"' not in text}
