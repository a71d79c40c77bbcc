"""The network that is trained computes what the quantized file computes, and what it learned is in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.rounding.quantizers import Learns
from tests.made_up_algorithm import MadeUp
from tests.quantize.support import case, run

KINDS = ["w8a8", "w4a4", "w4a8-tensor", "w4a8-b8", "w3", "w4-b8", "w8a8-dynamic", "nf4", "fp8", "ternary", "binary-b8"]
UNEVEN = ("fp8_e4m3", "fp8_e5m2", "log", "pot")
KINDS += [f"{{weights: {{format: int8}}, activations: {{format: {name}}}}}" for name in UNEVEN]
KINDS += ["codebook2"]
GRAPHS = ["cnn", "mlp", "residual", "depthwise", "shared", "attention", "transposed", "unmoved", "concat", "long_rows"]


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _draft(graph: str, recipe: str) -> PlanDraft:
    one, wanted = case(graph), Recipe.parse(recipe)
    plan = make_plan(one.model, wanted, one.statistics)
    algorithm = MadeUp("entry", needs=Needs.DATA | Needs.GRADIENTS)
    return PlanDraft(one.model, wanted, plan, Materials(one.statistics), algorithm)  # type: ignore[arg-type]


def _answers(network: QuantizedNetwork, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    with torch.no_grad():
        return [each.numpy() for each in network(*(torch.from_numpy(feeds[name]) for name in network.input_names))]


def _close(found: list[np.ndarray], wanted: list[np.ndarray], most: float) -> bool:
    return all(float(np.mean((a - b) ** 2)) <= most * float(np.mean(b**2)) for a, b in zip(found, wanted, strict=True))


PAIRS = [(graph, kind) for i, graph in enumerate(GRAPHS) for j, kind in enumerate(KINDS) if (i + j) % 3 == 0]


@pytest.mark.parametrize(("graph", "kind"), PAIRS)
def test_it_computes_what_the_file_computes(graph: str, kind: str) -> None:
    """Before training, but for a code here and there that rounding in another order moves; float is farther away."""
    one, draft = case(graph), _draft(graph, kind)
    network = QuantizedNetwork(draft, learns=Learns())
    wanted = run(emit(one.model, draft.recipe, draft.plan), one.feeds, simulated=True)
    assert _close(_answers(network, one.feeds), wanted, 1e-3)


@pytest.mark.parametrize(("graph", "kind"), PAIRS)
def test_what_it_learned_is_what_the_file_computes(graph: str, kind: str) -> None:
    """Weights, biases and scales were moved at random, as a step of training would: the settled plan follows."""
    one, draft = case(graph), _draft(graph, kind)
    network = QuantizedNetwork(draft, learns=Learns(zero=True))
    before = _answers(network, one.feeds)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.of_constants():
            parameter *= 1 + 0.3 * torch.randn(parameter.shape, generator=generator)
        for parameter in network.of_grids():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    network.settle(draft)
    learned = _answers(network, one.feeds)
    found = run(emit(one.model, draft.recipe, draft.plan), one.feeds, simulated=True)
    assert _close(found, learned, 2e-3)
    assert not _close(before, learned, 5e-3)


def test_every_weight_and_scale_has_a_gradient() -> None:
    """What learns is reached from the outputs."""
    one, draft = case("cnn"), _draft("cnn", "w4a8")
    network = QuantizedNetwork(draft, learns=Learns())
    outputs = network(*(torch.from_numpy(one.feeds[name]) for name in network.input_names))
    outputs[0].square().sum().backward()  # type: ignore[no-untyped-call]
    assert len(network.of_constants()) == 6
    assert network.of_grids()
    assert all(each.grad is not None for each in (*network.of_constants(), *network.of_grids()))


def test_codes_that_are_only_moved_keep_one_scale() -> None:
    """The grids in front of and behind a MaxPool learn as one."""
    draft = _draft("cnn", "w8a8")
    network = QuantizedNetwork(draft, learns=Learns())
    with torch.no_grad():
        for number, parameter in enumerate(network.of_grids()):
            parameter += 0.01 * (number + 1)
    network.settle(draft)
    nodes = draft.view.nodes
    pool = next(node for node in nodes.values() if node.op_type == "MaxPool")
    grids = [draft.plan.tensors[name].grid for name in (pool.input[0], pool.output[0])]
    assert grids[0].scale == grids[1].scale


def test_wavering_is_the_distance_from_the_level() -> None:
    """Nothing on the grid, a quarter of a squared step half-way between."""
    draft = _draft("mlp", "w4")
    network = QuantizedNetwork(draft)
    with torch.no_grad():
        for quantizer, values in network._weights():
            values.copy_(quantizer(values))
        assert float(network.wavering()) < 1e-9
        for quantizer, values in network._weights():
            inside = values.abs() < 3 * quantizer.steps_of(values)
            values += 0.499 * quantizer.steps_of(values) * inside
    assert 0.1 < float(network.wavering()) <= 0.25
