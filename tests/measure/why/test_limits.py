"""From where on something is a cause, and how layers and times are named: numbers made up by hand, no model."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.model import Layer
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.core.speed import Change
from qexplorer.measure.why.causes import causes_of
from qexplorer.measure.why.explanation import Calls, Cause, LayerTime, Part, Parts
from qexplorer.measure.why.facts import LayerFacts, expected_kind
from qexplorer.measure.why.rule_types import Case, Found, World, needs_a_cause
from qexplorer.measure.why.rules import LAYER_RULES
from qexplorer.measure.why.verdict import verdict_sentence
from qexplorer.measure.why.words import counted, listed, milliseconds, operators
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import KernelKind
from tests.measure.why_models import CEILING

INT, FLOAT = KernelKind.INTEGER, KernelKind.FLOAT
ROW = LayerTime("a", "Conv", ("a",), "quantized", INT, predicted=False, float_ms=1.0, quantized_ms=0.95, macs=1000)
LAYER = Layer("a", "Conv", ("x",), ("y",), "w", (16, 16, 3, 3), 0, 2304, 1000, True, None)
FACT = LayerFacts(LAYER, "quantized", "it is", None, WeightSpec(format="int8"), ActivationSpec(format="uint8"), False)
WORLD = World(Recipe.parse("w8a8"), OnnxRuntimeCpu(), None, CEILING, {"a": FACT}, (ROW,), call_ms=10.0, least_ms=0.01)


def rows(*ops: str) -> list[LayerTime]:
    """A row for each operator type."""
    return [replace(ROW, name=str(i), op=op) for i, op in enumerate(ops)]


def key(row: LayerTime, fact: LayerFacts = FACT, world: World = WORLD) -> str:
    """The first rule that applies to a layer, whether or not it needs a cause."""
    return next(rule.key for rule in LAYER_RULES if rule.applies(Case(row, fact, world)))


def test_layers_are_counted_by_what_they_multiply() -> None:
    """Matrix products of both operators together; a noun of one; layers where none multiplies."""
    whole = rows("Conv", "Conv", "Gemm", "MatMul", "Add")
    assert counted(whole[:1], whole) == "1 of 2 convolutions"
    assert counted(whole[1:4], whole) == "1 of 2 convolutions and 2 of 2 matrix products"
    assert counted(rows("Conv"), rows("Conv", "Add")) == "1 of 1 convolution"
    assert counted(rows("Add"), whole) == "1 of 5 layers"
    assert counted(rows("Add"), rows("Add")) == "1 of 1 layer"
    assert operators(whole) == "Conv, Gemm, MatMul and Add"
    assert Found(tuple(rows("Conv")), replace(WORLD, rows=whole)).run == "1 of 2 convolutions runs"
    assert Found(tuple(rows("Conv", "Conv")), replace(WORLD, rows=whole)).run == "2 of 2 convolutions run"
    reasons = {str(i): replace(FACT, reason=f"reason {max(i, 1)}") for i in range(5)}
    told = Found(tuple(whole), replace(WORLD, facts=reasons)).reasons
    assert told == "reason 1; reason 2; reason 3."


@pytest.mark.parametrize(
    ("names", "text"),
    [("", ""), ("a", "a"), ("ab", "a and b"), ("abcd", "a, b, c and d"), ("abcde", "a, b, c and 2 more")],
)
def test_a_list_names_four_at_most(names: str, text: str) -> None:
    """Beyond that the rest is counted."""
    assert listed(list(names)) == text
    assert listed("abcde", 9) == "a, b, c, d and e"


def test_short_times_are_in_microseconds() -> None:
    """Below a tenth of a millisecond."""
    assert [milliseconds(value) for value in (1.234, 0.1, 0.0999)] == ["1.23 ms", "0.100 ms", "99.9 µs"]


@pytest.mark.parametrize(
    ("changes", "needs"),
    [
        ({}, True),
        ({"quantized_ms": 0.89}, False),
        ({"quantized_ms": 0.91}, True),
        ({"float_ms": 0.1, "quantized_ms": 0.1}, False),
        ({"float_ms": 0.1, "quantized_ms": 0.1, "convert_ms": 0.001}, True),
        ({"float_ms": None}, False),
        ({"float_ms": None, "predicted": True}, True),
        ({"kind": KernelKind.MOVES}, False),
        ({"kind": FLOAT}, True),
        ({"kind": FLOAT, "macs": 0}, True),
        ({"kind": FLOAT, "macs": 0, "quantized_ms": 0.4}, True),
        ({"kind": FLOAT, "treatment": "float", "quantized_ms": 0.4}, True),
        ({"kind": FLOAT, "treatment": "float"}, True),
        ({"kind": FLOAT, "macs": 0, "treatment": "float"}, True),
        ({"kind": FLOAT, "macs": 0, "treatment": "float", "quantized_ms": 0.5}, False),
        ({"kind": FLOAT, "macs": 0, "treatment": "float", "predicted": True}, False),
    ],
)
def test_who_needs_a_cause(changes: dict[str, object], needs: bool) -> None:
    """In a call of 10 ms: a float layer that multiplies, should be integer, or takes over 0.5 ms; an integer layer that
    gains less than a tenth and takes over 0.1 ms."""
    assert needs_a_cause(replace(ROW, **changes), WORLD) is needs  # type: ignore[arg-type]


def test_what_a_profile_does_not_resolve_needs_no_cause() -> None:
    """Four times the shortest kernel, where that is more than a hundredth of the call."""
    assert not needs_a_cause(ROW, replace(WORLD, least_ms=0.24))
    assert needs_a_cause(ROW, replace(WORLD, least_ms=0.23))


def test_features_are_lacking_only_where_they_are_known_to() -> None:
    """Of a processor that has none of them; not where the system does not say, and not where one is enough."""
    assert replace(WORLD, features=("avx2",)).lacks(("avx512_vnni", "avx_vnni"))
    assert not replace(WORLD, features=("avx2",)).lacks(("avx2", "avx_vnni"))
    assert not WORLD.lacks(("avx2",))
    assert not replace(WORLD, features=("avx2",)).lacks(())


@pytest.mark.parametrize(("took", "found"), [(1.19, "weight_only"), (1.21, "unpacked_in_calls")])
def test_unpacking_in_calls_is_slower_than_float_by_a_fifth(took: float, found: str) -> None:
    """By kernel or by a conversion in front of it; without either nothing is known to be unpacked."""
    row = replace(ROW, treatment="weight-only", kind=FLOAT, quantized_ms=took, kernel="MatMulNBits (int8 weights)")
    assert key(row) == found
    assert key(replace(row, kernel="Conv", quantized_ms=took - 0.1, convert_ms=0.1)) == found
    assert key(replace(row, kernel="Conv")) == "weight_only"


@pytest.mark.parametrize(
    ("reached", "signed", "slow"), [(59.0, 40.0, True), (61.0, 40.0, False), (40.0, 50.0, True), (40.0, 51.0, False)]
)
def test_signed_products_are_slow_where_the_machine_says_so(reached: float, signed: float, slow: bool) -> None:
    """Where signed products reach at most half of what unsigned ones do, and the layer less than 1.5 times that."""
    ceiling = replace(CEILING, int8_gops=100.0, int8_signed_gops=signed)
    row = replace(ROW, op="MatMul", macs=int(reached * 1e6 / 2), quantized_ms=1.0, float_ms=1.0)
    fact = replace(FACT, activations=ActivationSpec(format="int8"))
    assert (key(row, fact, replace(WORLD, ceiling=ceiling)) == "signed_slow") is slow
    for unknown in (replace(row, macs=None), replace(row, op="Conv"), replace(row, kind=FLOAT)):
        assert key(unknown, fact, replace(WORLD, ceiling=ceiling)) != "signed_slow"
    assert key(row, fact, replace(WORLD, ceiling=None)) != "signed_slow"
    assert key(row, fact, replace(WORLD, ceiling=replace(ceiling, int8_gops=None))) != "signed_slow"


def test_the_rest_is_told_by_size_and_by_what_is_measured() -> None:
    """Conversions of 30 %, sums over four channels, memory that limits; in that order, and else the kernel itself."""
    quick = replace(CEILING, memory_gb_per_s=10.0, fp32_gflops=100.0)
    world = replace(WORLD, ceiling=quick)
    assert key(replace(ROW, quantized_ms=0.69, convert_ms=0.31), world=world) == "conversions"
    assert key(replace(ROW, quantized_ms=0.71, convert_ms=0.29), world=world) == "slower_kernel"
    for channels, found in ((4, "few_channels"), (5, "slower_kernel")):
        fact = replace(FACT, layer=replace(LAYER, weight_shape=(16, channels, 3, 3)))
        assert key(ROW, fact, world) == found
    thin = replace(FACT, layer=replace(LAYER, weight_shape=(16, 1, 3, 3)), depthwise=True)
    assert key(ROW, thin, world) == "depthwise"
    for read, found in ((201, "memory_bound"), (199, "slower_kernel")):
        assert key(replace(ROW, quantized_bytes=read), world=world) == found


@pytest.mark.parametrize(
    ("treatment", "changes", "kind"),
    [
        ("float", {}, FLOAT),
        ("half", {}, FLOAT),
        ("weight-only", {}, FLOAT),
        ("passthrough", {}, KernelKind.MOVES),
        ("quantized", {}, INT),
        ("dynamic", {}, INT),
        ("quantized", {"weights": WeightSpec(format="int4", granularity="block", block=32)}, FLOAT),
        ("quantized", {"weights": WeightSpec(format="nf4")}, FLOAT),
        ("quantized", {"weights": None}, INT),
        ("quantized", {"activations": ActivationSpec(format="uint16")}, FLOAT),
        ("quantized", {"layer": replace(LAYER, op="HardSwish")}, FLOAT),
    ],
)
def test_what_a_kernel_is_expected_to_work_on(treatment: str, changes: dict[str, object], kind: KernelKind) -> None:
    """By what the recipe asks and the backend declares."""
    fact = replace(FACT, treatment=treatment, **changes)  # type: ignore[arg-type]
    assert expected_kind(fact, OnnxRuntimeCpu()) is kind


def parts(**ms: float) -> Parts:
    """Ten kernels of at least 0.01 ms, and integer kernels for the rest of 1 ms."""
    rest = {Part[name.upper()]: value for name, value in ms.items()}
    return Parts(dict.fromkeys(Part, 0.0) | {Part.INTEGER: 1.0 - sum(ms.values())} | rest, 10, 0.01)


def calls(speedup: float, *, noisy: str | None = None) -> Calls:
    """Known to a twentieth."""
    return Calls(speedup, 1.0, speedup, (0.95 * speedup, 1.05 * speedup), 70, (speedup, 1.0), noisy)


@pytest.mark.parametrize(
    ("ms", "keys", "words"),
    [
        ({"outside": 0.19}, [], ""),
        ({"outside": 0.21}, ["too_small"], "the model is small"),
        ({"outside": 0.39}, ["too_small"], "the model is small"),
        ({"outside": 0.41}, ["too_small"], "the model is too small"),
        ({"convert": 0.1, "layout": 0.04}, [], ""),
        ({"convert": 0.1, "layout": 0.06}, ["converting"], "takes 16 % of the time"),
        ({"convert": 0.4, "outside": 0.21}, ["converting", "too_small"], "takes 40 % of the time"),
    ],
)
def test_causes_of_the_whole_run(ms: dict[str, float], keys: list[str], words: str) -> None:
    """Starting from 30 % of the call on, converting from 15 % on, the dearest first."""
    found = causes_of(replace(WORLD, rows=()), parts(**ms), calls(1.0))[1]
    assert [cause.key for cause in found] == keys
    assert not found or words in found[0].title
    assert causes_of(replace(WORLD, rows=()), parts(**ms), None) == ((), ())
    whole = parts(**ms)
    longer = Parts({part: 4 * took for part, took in whole.ms.items()}, whole.kernels, 4 * whole.least_kernel_ms)
    again = causes_of(replace(WORLD, rows=()), longer, calls(1.0))[1]
    assert [cause.title for cause in again] == [cause.title for cause in found], "shares are of the whole"


def test_a_small_model_is_told_what_starting_takes() -> None:
    """Ten kernels of at least a hundredth of a millisecond, and what is outside of any."""
    (found,) = causes_of(replace(WORLD, rows=()), parts(outside=0.41), calls(1.0))[1]
    assert found.cost_ms == pytest.approx(0.51)
    assert found.sentence == (
        "The call takes 1.00 ms. 10 kernels of at least 10.0 µs each, and 0.410 ms outside of any, come to about "
        "0.510 ms that no format makes shorter."
    )


def test_conversions_are_told_where_they_cost_most() -> None:
    """The eight dearest layers, the dearest first; layers without any are not among them."""
    names = "abcdefghij"
    taking = [replace(ROW, name=name, convert_ms=i / 100 or None, float_ms=9.0) for i, name in enumerate(names)]
    world = replace(WORLD, rows=tuple(taking), facts=dict.fromkeys(names, FACT))
    (found,) = causes_of(world, parts(convert=0.3, layout=0.06), calls(1.0))[1]
    assert (found.key, found.cost_ms) == ("converting", pytest.approx(0.36))
    assert found.layers == tuple("jihgfedc")
    assert "takes 0.300 ms, changing layouts 60.0 µs, most at j, i, h and 5 more:" in found.sentence


def test_a_cause_below_a_hundredth_of_the_time_is_none() -> None:
    """A row keeps its key; where times are not known every cause is told."""
    row = replace(ROW, kind=FLOAT, treatment="weight-only", float_ms=0.01)
    for took, count in ((0.0099, 0), (0.0101, 1)):
        (found,), causes = causes_of(replace(WORLD, rows=(replace(row, quantized_ms=took),)), parts(), calls(1.0))
        assert (found.cause, len(causes)) == ("weight_only", count)
    unknown = replace(row, predicted=True, float_ms=None, quantized_ms=None)
    (cause,) = causes_of(replace(WORLD, rows=(unknown,)), None, None)[1]
    assert cause.cost_ms is None
    (cause,) = causes_of(replace(WORLD, rows=(replace(row, quantized_ms=0.001),)), None, None)[1]
    assert cause.cost_ms == 0.001, "of how much nobody knows"


def test_what_the_recipe_leaves_in_float_has_its_own_reason() -> None:
    """A rule, an operator without a form, or neither; a layer that it quantizes lacks a kernel, whatever rules say."""
    left, ruled = replace(ROW, kind=FLOAT, treatment="float"), replace(FACT, rule="a")
    assert key(left, ruled) == "rule"
    assert key(left, replace(FACT, layer=replace(LAYER, quantizable=False))) == "no_form"
    assert key(left) == "float_island"
    assert key(replace(ROW, kind=FLOAT), ruled) == "no_kernel"
    assert key(replace(left, kind=INT), ruled) == "slower_kernel"


def test_formats_are_told_that_a_backend_has_kernels_for() -> None:
    """For activations and for weights; where there are none it says so."""
    sentence = next(rule.sentence for rule in LAYER_RULES if rule.key == "format")
    assert callable(sentence)
    able = WORLD.backend.capabilities
    bare = replace(able, weight_formats=frozenset(), activation_formats=frozenset({"uint8"}))
    backend: Any = SimpleNamespace(label="It", capabilities=bare)
    assert sentence(Found((ROW,), replace(WORLD, backend=backend))) == (
        "It computes in integers on weights of no format and activations of uint8."
    )


def test_memory_is_told_with_its_speed_and_the_least_that_is_done_for_a_byte() -> None:
    """2,000 operations on 400 and on 800 bytes, at 10 GB a second."""
    quick = replace(CEILING, memory_gb_per_s=10.0, fp32_gflops=100.0)
    bound = tuple(replace(ROW, quantized_bytes=size) for size in (400, 800))
    sentence = next(rule.sentence for rule in LAYER_RULES if rule.key == "memory_bound")
    assert callable(sentence)
    told = sentence(Found(bound, replace(WORLD, ceiling=quick)))
    assert told.startswith("They do 2.5 operations and more for each byte: at the 10 GB/s measured here")


def test_the_verdict_says_where_the_rest_goes() -> None:
    """Parts from a tenth on, the three dearest layers; what is known where nothing was timed; doubt where there is."""
    cause = Cause("k", "they are slow", "why", ("a",), 0.5, "fix")
    taking = [replace(ROW, name=name, quantized_ms=ms) for name, ms in zip("abcd", (1.0, 4.0, 3.0, 2.0), strict=True)]
    told = verdict_sentence(calls(2.0), parts(convert=0.1, float=0.09), (), tuple(taking))
    assert told == (
        "2.00 times faster (1.90 to 2.10); what is left goes into 81 % integer kernels and 10 % quantize, dequantize, "
        "cast; most in b, c and d"
    )
    assert verdict_sentence(calls(2.0), None, (cause,), ()) == "2.00 times faster (1.90 to 2.10)"
    assert verdict_sentence(None, None, (cause,), ()) == "They are slow"
    assert verdict_sentence(None, None, (), ()) == "nothing is known that would make it slow"
    busy = calls(0.5, noisy="busy")
    assert busy.speed.change is Change.WORSE
    assert verdict_sentence(busy, None, (cause,), ()).endswith("slower, on a busy machine, because they are slow")
    few = replace(calls(2.0), speedup_ci95=None)
    assert verdict_sentence(few, None, (), ()) == "no speed that 70 calls could tell"
