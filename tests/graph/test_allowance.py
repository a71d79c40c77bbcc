"""What a model may take grows with what it and its samples ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest

import qexplorer as qx
from qexplorer.core.model import Model
from qexplorer.graph.allowance import activation_bytes, allowance, allowance_at
from qexplorer.process.limits import BASE, Limits
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of


@pytest.fixture(scope="module")
def model() -> Model:
    """A small model of this program's own."""
    return qx.load("tumour_mlp")


def test_activations_are_counted_for_one_sample(model: Model) -> None:
    """Every tensor that the graph makes, in float32, with a free batch as one."""
    made = sum(64 if "relu" in layer.op.lower() or layer.op == "Gemm" else 0 for layer in model.layers)
    assert made > 0
    assert 4 * 32 <= activation_bytes(model) <= 4 * 64 * 2 * len(model.layers)


@pytest.mark.usefixtures("shared_workspace")
def test_a_batch_that_the_file_insists_on_is_not_counted_twice() -> None:
    """The activations of one sample are as many whether the graph is written for one, for eight or for any number."""
    found = []
    for batch in ("n", 1, 8):
        b = Builder(0)
        b.output(b.node("Relu", b.input("x", (batch, 32))), 2)
        found.append(activation_bytes(model_of(b.model(), f"of_{batch}")))
    assert found == [4 * 32] * 3


def test_it_grows_with_batch_samples_size_and_operations(model: Model) -> None:
    """Each of what is asked for makes it larger, and nothing is granted less than the base."""
    least = allowance(model)
    assert least.resident_bytes is not None
    assert least.quiet_s is not None
    assert BASE.resident_bytes is not None
    assert BASE.quiet_s is not None
    assert least.resident_bytes > BASE.resident_bytes
    assert least.quiet_s > BASE.quiet_s
    larger = (
        allowance(model, batch=64),
        allowance(model, samples=10_000),
        allowance(replace(model, file_bytes=10 * model.file_bytes)),
        allowance(replace(model, layers=10 * model.layers)),
    )
    more = [(each.resident_bytes or 0) - least.resident_bytes for each in larger]
    assert more[:3:2] == [2 * 63 * activation_bytes(model), 8 * 9 * model.file_bytes]
    assert more[1] > 0
    assert 2**20 <= more[3] / (9 * len(model.layers)) <= 2**24  # a layer's statistics
    slower = allowance(replace(model, macs=10**12))
    assert slower.quiet_s is not None
    assert slower.quiet_s > least.quiet_s + 1000
    twice = allowance(replace(model, macs=10**12), batch=2)
    assert twice.quiet_s is not None
    assert twice.quiet_s - slower.quiet_s == pytest.approx(10**12 / 2e8)
    pictures = replace(model, outputs=tuple(replace(each, shape=("n", 2, 3, None)) for each in model.outputs))
    kept = [allowance(pictures, samples=samples).resident_bytes or 0 for samples in (0, 100)]
    assert kept[1] - kept[0] == 2 * 100 * 6 * 4 * len(model.outputs)


def test_a_batch_that_the_file_insists_on_counts_and_not_the_one_that_is_asked_for(model: Model) -> None:
    """Memory and time are those of eight samples, whatever batch would be fed."""
    fixed = replace(model, inputs=tuple(replace(each, shape=(8, *each.shape[1:])) for each in model.inputs))
    assert allowance(fixed) == allowance(fixed, batch=64) == allowance(model, batch=8)


def test_other_limits_stay_as_they_are(model: Model) -> None:
    """What is None stays none, and what has nothing to do with the model is kept."""
    assert allowance(model, base=Limits(wall_s=1.0)) == Limits(wall_s=1.0)
    assert allowance_at(model.path, Limits(cpu_s=7, nice=3)) == Limits(cpu_s=7, nice=3)


def test_a_file_of_which_nothing_is_known_is_granted_by_its_size(model: Model) -> None:
    """Compiling and converting are granted the base and some copies of the file."""
    found = allowance_at(model.path)
    assert found.resident_bytes is not None
    assert BASE.resident_bytes is not None
    assert found.resident_bytes - BASE.resident_bytes == 8 * model.path.stat().st_size
    assert found.quiet_s is not None
    assert BASE.quiet_s is not None
    assert found.quiet_s - BASE.quiet_s == pytest.approx(model.path.stat().st_size / 2e6)
