"""Blocks run one after the other are the quantized file, no block gets worse, and what was learned is in the plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from qexplorer.core.errors import Cancelled
from qexplorer.core.grid import quantize
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.reconstruct.choices import ScaleChoice, SoftRounding
from qexplorer.quantize.reconstruct.engine import LearningEffort, Method, reconstruct
from qexplorer.quantize.reconstruct.flow import Flow
from qexplorer.quantize.reconstruct.mixing import MixedRounding, mixed
from qexplorer.quantize.reconstruct.network import learned_weights
from qexplorer.quantize.training.rounding.quantizers import GridQuantizer
from tests.quantize.reconstruct.support import draft_of, network_of
from tests.quantize.support import case, run

GRAPHS = ["residual", "attention", "depthwise", "mlp", "concat", "transposed"]


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _adam(weights: list[torch.nn.Parameter], scales: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam([{"params": weights, "lr": 0.03}, {"params": scales, "lr": 1e-3}])


SOFT = Method("Made up", SoftRounding, _adam, lambda *_: None, 1.0)
SCALES = Method("Made up", ScaleChoice, _adam, lambda *_: None)


@pytest.mark.parametrize("recipe", ["w4a8", "w3-b8"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_blocks_in_a_row_are_the_quantized_file(graph: str, recipe: str) -> None:
    """With weights rounded to nearest their last outputs are those of the file, and the float parts those of the
    float model, whatever blocks are cut."""
    one, draft = case(graph), draft_of(graph, recipe)
    weights, _ = learned_weights(draft)
    for chain in (1, 3):
        network = network_of(draft, chain)
        flow = Flow.of(one.model, draft.calibration, 8)
        modules = {
            key: SoftRounding(draft.values(each.layers[0], each.position), draft.plan.tensors[key].grid)  # type: ignore[arg-type]
            for key, each in weights.items()
        }
        for each in modules.values():
            each.hold(*each.nearest())
        found: list[tuple[torch.Tensor, ...]] = []
        for block in network.blocks:
            module = network.module(block, dict(modules))
            flow.want(network.floats(block), None if block.start is None else network.twin(block.start))
            with torch.no_grad():
                found = [module(*flow.given(module, block.start, i)) for i in range(len(flow.feeds))]
            flow.go_on(module, block.start)
        feeds = {name: value.numpy() for name, value in flow.feeds[0].items()}
        for proto, answers in ((emit(one.model, draft.recipe, draft.plan), found), (one.model.proto(), flow.wanted)):
            wanted = run(proto, feeds, simulated=True)
            off = [float(np.mean((a.numpy() - b) ** 2)) for a, b in zip(answers[0], wanted, strict=True)]
            size = [float(np.mean(b**2)) for b in wanted]
            assert all(a <= 1e-3 * b for a, b in zip(off, size, strict=True))


@pytest.mark.parametrize("method", [SOFT, SCALES])
@pytest.mark.parametrize("graph", ["residual", "attention", "mlp"])
def test_no_block_is_worse_than_nearest(graph: str, method: Method) -> None:
    """However little was learned; what the plan then writes has the error at the end that the remark tells."""
    draft = draft_of(graph, "w3a8")
    reconstruct(draft, method, LearningEffort(64, 30, 16, 3, scales=True, drop=0.5))
    said = [clause for clauses in draft.remarks.values() for clause in clauses if "the error at the end is" in clause]
    assert said
    for clause in said:
        after, before = (float(clause.split(word)[1].split()[0].rstrip(";")) for word in ("at the end is", "before"))
        assert after <= before
    one, last = case(graph), said[-1]
    inputs = dict(one.split.inputs)
    found = run(emit(one.model, draft.recipe, draft.plan), inputs, simulated=True)[0]
    real = run(one.model.proto(), inputs)[0]
    error = float(np.sqrt(np.mean((found - real) ** 2) / np.mean(real**2)))
    assert error == pytest.approx(float(last.split("at the end is")[1].split()[0]), rel=0.03)


def test_the_share_of_other_codes_is_told_as_it_is() -> None:
    """Beside the nearest ones on the grid that the weight began with, and more than none."""
    draft = draft_of("mlp", "w3a8")
    first = dict(draft.plan.tensors)
    reconstruct(draft, SOFT, LearningEffort(64, 20, 16))
    told = {layer: said[-1] for layer, said in draft.remarks.items() if "of its codes are other ones" in said[-1]}
    assert told
    for layer, clause in told.items():
        key, values = draft.plan.constants[layer][1], draft.values(layer, 1)
        codes = draft.plan.tensors[key].codes
        assert codes is not None
        assert values is not None
        share = float(np.mean(codes != quantize(values, first[key].grid)))
        assert share > 0
        assert f"; {share:.1%} of its codes are other ones" in clause


def test_the_same_seed_gives_the_same_codes_and_another_one_others() -> None:
    """Bit for bit; chance decides on batches and on what is dropped."""
    found = []
    for seed in (0, 0, 1):
        draft = draft_of("residual", "w3a8")
        reconstruct(draft, SOFT, LearningEffort(64, 20, 16, drop=0.5, scales=True, seed=seed))
        tensors = draft.changes.tensors
        found.append({key: (each.grid.scale.tobytes(), each.codes) for key, each in tensors.items()})
    assert all(np.array_equal(found[0][key][1], found[1][key][1]) for key in found[0])  # type: ignore[arg-type]
    assert {key: each[0] for key, each in found[0].items()} == {key: each[0] for key, each in found[1].items()}
    assert any(found[0][key][0] != found[2].get(key, (b"", None))[0] for key in found[0])


def test_it_can_be_cancelled_in_a_block() -> None:
    """What it is at is told with the gain so far, and telling may stop it; the plan is as it was."""
    draft = draft_of("residual", "w3a8")
    told: list[tuple[str, float]] = []

    def tell(step: str, share: float) -> None:
        told.append((step, share))
        if len(told) == 6:
            raise Cancelled("stopped")

    draft.tell = tell  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        reconstruct(draft, SOFT, LearningEffort(64, 40, 16))
    assert any("of the output's size, nearest" in step for step, _ in told)
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert not draft.changes.tensors


def test_a_loss_that_is_no_number_leaves_the_best_state() -> None:
    """A rate that throws everything out of range changes nothing for the worse."""
    wild = Method("Made up", ScaleChoice, lambda w, s: torch.optim.SGD([*w, *s], lr=1e30), lambda *_: None)
    draft = draft_of("mlp", "w4a8")
    reconstruct(draft, wild, LearningEffort(64, 10, 16, scales=True))
    assert all(np.isfinite(each.grid.scale).all() for each in draft.plan.tensors.values())
    assert all("left its weight as it was" in clauses[-1] for clauses in draft.remarks.values())


def test_what_is_dropped_is_float_within_its_bounds() -> None:
    """The share that is asked for, and a Relu that the grid stands for still holds."""
    draft = draft_of("cnn", "w4a8")
    grid = next(each.grid for each in draft.plan.tensors.values() if each.kind == "activation")
    generator = torch.Generator().manual_seed(0)
    point = MixedRounding(GridQuantizer(grid), (0.0, float("inf")), 0.25, generator)
    x = torch.randn(10000, generator=generator)
    rounded = point(x)
    assert torch.equal(rounded, point.quantizer(x))
    point.mixing = True
    found = point(x)
    kept = found == x.clamp(min=0)
    assert torch.all(kept | (found == rounded))
    assert 0.2 < float((kept & (rounded != x.clamp(min=0))).float().mean()) < 0.3
    assert torch.equal(mixed(rounded, x, 1.0, generator), x)


def test_bounds_of_absorbed_activations_are_known() -> None:
    """A Relu that its grid stands for is open above; a Clip has both ends."""
    network = network_of(draft_of("cnn", "w4a8"))
    bounds = {name: each.bounds for name, each in network.activations.items()}
    assert bounds["relu_first_out"] == (0.0, float("inf"))
    assert bounds["relu6_out"] == (0.0, 6.0)
    assert bounds["classifier_out"] == (-float("inf"), float("inf"))
