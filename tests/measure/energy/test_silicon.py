"""Energy by published tables: counted by hand on a layer whose numbers are known."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest

import qexplorer as qx
from qexplorer.core.model import Model
from qexplorer.measure.energy.silicon import OPERAND_TYPES, PROCESSES, Process, _mac, model_energy, operand_types


@pytest.fixture
def digits(shared_workspace: object) -> Model:  # noqa: ARG001 - the fixture sets the workspace
    """A sample model."""
    return qx.load("digits_cnn")


def test_float_costs_what_the_table_says(digits: Model) -> None:
    """Arithmetic is MACs times one multiply and one add; weights are their bytes in words of 64 bits from DRAM,
    activations go to SRAM and back."""
    found = model_energy(digits, digits.path, digits.weight_bytes, Process.NM45)
    macs = sum(layer.macs or 0 for layer in digits.layers)
    assert found.macs == {"fp32": macs}
    assert found.arithmetic_mj == pytest.approx(macs * (3.7 + 0.9) * 1e-9)
    assert found.weights_mj == pytest.approx(digits.weight_bytes / 8 * 1300 * 1e-9)
    assert found.activations_mj == pytest.approx(2 * found.activation_bytes / 8 * 100 * 1e-9)  # written and read
    assert found.total_mj == found.arithmetic_mj + found.weights_mj + found.activations_mj


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        ("w8a8", "int8"),
        ("w4a8", "int8"),
        ("w8a8-dynamic", "int8"),
        ("w8a16", "int16"),
        ("w8", "fp32"),
        ("fp16", "fp16"),
        ("bf16", "bf16"),
        ("w8a8-sym", "int8"),
        ("name: f8\nweights: {format: fp8_e4m3}\nactivations: {format: uint8}\n", "fp32"),
        ("fp8", "fp32"),
    ],
)
def test_the_graph_tells_the_type_of_the_products(digits: Model, recipe: str, kind: str) -> None:
    """Every convolution and product of a uniform recipe is of that recipe's type."""
    quantized = qx.quantize(digits, recipe, "digits", samples=16)
    types = operand_types(digits, onnx.load(str(quantized.path)))
    heavy = [layer.name for layer in digits.layers if layer.macs]
    assert {types[name] for name in heavy} == {kind}


def test_fewer_bits_cost_less(digits: Model) -> None:
    """Int8 is below fp16, which is below float, in every part and in both processes."""
    for process in Process:
        costs = []
        for recipe in ("w8a8", "fp16"):
            made = qx.quantize(digits, recipe, "digits", samples=16)
            costs.append(model_energy(digits, made.path, made.weight_bytes, process))
        costs.append(model_energy(digits, digits.path, digits.weight_bytes, process))
        for part in ("arithmetic_mj", "weights_mj", "activations_mj"):
            values = [getattr(cost, part) for cost in costs]
            assert values == sorted(values)
            assert values[0] < values[-1]


def test_activations_are_as_wide_as_they_are_made(digits: Model) -> None:
    """Of the four bytes of a float 16-bit codes save two and 8-bit codes three."""
    floats = model_energy(digits, digits.path, digits.weight_bytes).activation_bytes
    saved = {}
    for recipe in ("w8a16", "w8a8"):
        made = qx.quantize(digits, recipe, "digits", samples=16)
        saved[recipe] = floats - model_energy(digits, made.path, made.weight_bytes).activation_bytes
    assert 3 * saved["w8a16"] == 2 * saved["w8a8"] > 0


@pytest.mark.parametrize(
    ("process", "kind", "picojoules"),
    [
        (Process.NM45, "int8", 0.2 + 0.1),
        (Process.NM45, "int16", 3.1 + 0.1),
        (Process.NM45, "fp16", 1.1 + 0.4),
        (Process.NM45, "bf16", 1.1 + 0.9),
        (Process.NM45, "fp32", 3.7 + 0.9),
        (Process.NM7, "int8", 0.07 + 0.03),
        (Process.NM7, "int16", 1.48 + 0.03),
        (Process.NM7, "fp16", 0.34 + 0.16),
        (Process.NM7, "bf16", 0.21 + 0.38),
        (Process.NM7, "fp32", 1.31 + 0.38),
    ],
)
def test_a_multiply_accumulate_costs_what_was_published(process: Process, kind: str, picojoules: float) -> None:
    """Horowitz 2014 (figure 1.1.9) and Jouppi et al. 2021 (table 2): codes are summed in int32, bfloat16 in float32,
    for which the older table has fp16 products."""
    assert _mac(PROCESSES[process], kind) == pytest.approx(picojoules)


def test_memory_costs_what_was_published(digits: Model) -> None:
    """A word of 64 bits: 1.3 nJ from DRAM in both, 100 and 14 pJ from 1 MB of SRAM; the newer process where none is
    named."""
    words, bytes_ = digits.weight_bytes / 8, model_energy(digits, digits.path, 0).activation_bytes
    for process, sram in ((Process.NM45, 100), (Process.NM7, 14)):
        found = model_energy(digits, digits.path, digits.weight_bytes, process)
        assert found.weights_mj == pytest.approx(words * 1300e-9)
        assert found.activations_mj == pytest.approx(2 * bytes_ / 8 * sram * 1e-9)
    assert model_energy(digits, digits.path, 0).process is Process.NM7
    assert model_energy(digits, digits.path, 0).lacking == ()


def test_layers_of_unknown_shape_are_named_and_cost_nothing(digits: Model) -> None:
    """Those that multiply nothing are not among them."""
    first = next(i for i, layer in enumerate(digits.layers) if layer.macs)
    unknown = replace(digits.layers[first], macs=None)
    model = replace(digits, layers=(*digits.layers[:first], unknown, *digits.layers[first + 1 :]))
    found, whole = (model_energy(each, digits.path, 0) for each in (model, digits))
    assert found.lacking == (unknown.name,)
    assert whole.macs["fp32"] - found.macs["fp32"] == digits.layers[first].macs


def test_tables_price_every_operand_type() -> None:
    """Each type's sum is in each table; its multiply is too, but for bfloat16 at 45 nm."""
    for process, table in PROCESSES.items():
        for kind, (multiply, add, _) in OPERAND_TYPES.items():
            assert add in table.add
            assert multiply in table.multiply or (kind, process) == ("bf16", Process.NM45)
