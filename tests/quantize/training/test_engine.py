"""The loop: it learns, the same bits again, goes on after a kill, keeps the best, and says what it cannot do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper, numpy_helper

import qexplorer as qx
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import Cancelled, DataError, ModelError
from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.training.engine import train
from qexplorer.quantize.training.inner import inner_distance
from qexplorer.quantize.training.losses import task_loss
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.rounding.quantizers import FIXED, GridQuantizer, Learns
from qexplorer.quantize.training.seen import Epoch
from qexplorer.quantize.training.watching import Beginning, TrainingStep, Unwatched, Watched
from qexplorer.torchgraph.executor import GraphModule
from tests.made_up_algorithm import MadeUp
from tests.quantize.support import model_of
from tests.quantize.training.given_network import LSQ, ONE
from tests.quantize.training.given_network import network as _network
from tests.quantize.training.given_network import split as _split
from tests.quantize.training.given_network import train_on as _train


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _state(network: QuantizedNetwork) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}


def _same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_it_learns_without_labels_from_the_float_network() -> None:
    """The distance on samples held back falls, and what is left is the best state seen."""
    network, one = _network()
    trained = _train(network, one, _split(one), replace(ONE, epochs=12))
    losses = [each.held_back for each in trained.epochs]
    assert len(losses) == 13
    assert min(losses) < 0.7 * losses[0]
    assert losses[trained.best] == min(losses)


def test_the_same_again_and_other_seeds() -> None:
    """Bit for bit; another seed goes another way."""
    states = []
    for seed in (0, 0, 1):
        network, one = _network()
        _train(network, one, _split(one), replace(ONE, seed=seed))
        states.append(_state(network))
    assert _same(states[0], states[1])
    assert not _same(states[0], states[2])


WAYS: dict[str, tuple[dict[str, Any], Learns]] = {
    "adamw": ({}, Learns()),
    "sgd": ({"optimizer": "sgd", "schedule": "linear", "clip": 1.0}, Learns(zero=True)),
    "stages": ({"stages": (8,), "warm_up": 0.2, "damping": 1.0}, Learns(ends=True)),
    "inner": ({"inner": 1.0, "inner_layers": 2, "schedule": "constant", "patience": 9}, Learns(power=True)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_was_ended_comes_to_the_same_end(way: str, tmp_path: Path) -> None:
    """Stopped in the middle of the third epoch, it goes on from the second, to the same bits and the same curve."""
    given, learns = WAYS[way]
    options = replace(ONE, epochs=4, **given)
    whole, one = _network(learns=learns)
    curve = _train(whole, one, _split(one), options).epochs
    kept, calls = tmp_path / "state.pt", 0

    def told(step: str, _: float) -> None:
        nonlocal calls
        calls += 1
        if "epoch 3" in step:
            raise Cancelled("stopped")

    ended, _ = _network(learns=learns)
    with pytest.raises(Cancelled):
        _train(ended, one, _split(one), options, kept=kept, progress=told)
    again, _ = _network(learns=learns)
    seen: list[str] = []
    trained = _train(again, one, _split(one), options, kept=kept, progress=lambda step, _: seen.append(step))
    assert not any("epoch 1" in step or "epoch 2" in step for step in seen)
    assert trained.epochs == curve
    assert _same(_state(again), _state(whole))


def test_until_leaves_what_a_run_had_come_to(tmp_path: Path) -> None:
    """Stopped after an epoch it is the best state by then, whether it was trained for that, goes on from a state that
    was kept on the way, or comes after a run that had gone further; and the longer run is not disturbed."""
    options = replace(ONE, epochs=4, rate=2e-2)
    whole, one = _network()
    curve = _train(whole, one, _split(one), options, kept=tmp_path / "whole.pt").epochs
    for until in (1, 2, 3):
        fresh, _ = _network()
        alone = _train(fresh, one, _split(one), replace(options, until=until), kept=None)
        assert alone.epochs == curve[: until + 1]
        after, _ = _network()
        again = _train(after, one, _split(one), replace(options, until=until), kept=tmp_path / "whole.pt")
        assert (again.epochs, again.best) == (alone.epochs, alone.best)
        assert _same(_state(after), _state(fresh))
    part, _ = _network()
    _train(part, one, _split(one), replace(options, until=2), kept=tmp_path / "part.pt")
    on, _ = _network()
    assert _train(on, one, _split(one), options, kept=tmp_path / "part.pt").epochs == curve
    last, _ = _network()
    assert _train(last, one, _split(one), options, kept=tmp_path / "whole.pt").epochs == curve
    assert _same(_state(on), _state(whole))
    assert _same(_state(last), _state(whole))


class _Watcher(Unwatched):
    """Wants to know of every second step."""

    def __init__(self) -> None:
        self.beginning: Beginning | None = None
        self.steps: list[TrainingStep] = []
        self.epochs: list[Epoch] = []
        self.asked = 0
        self.moved: dict[str, float] = {}
        self.looked: dict[str, Any] = {}

    def begins(self, beginning: Beginning, network: Watched) -> None:
        assert network.layers()
        self.beginning = beginning

    def wants(self) -> bool:
        self.asked += 1
        return self.asked % 2 == 0

    def step(self, step: TrainingStep, network: Watched) -> None:
        assert network.ratios()
        self.steps.append(step)

    def epoch(self, epoch: Epoch, best: int, network: Watched) -> None:
        assert best <= epoch.number
        self.epochs.append(epoch)
        self.moved = dict(network.ratios())
        self.looked = {layer: network.look(layer) for layer in network.layers()}


def test_a_watcher_is_told_and_changes_nothing() -> None:
    """Steps that it wants with norms, every epoch, weights with their grids; the weights come out the same."""
    quiet, one = _network()
    _train(quiet, one, _split(one))
    network, _ = _network()
    watcher = _Watcher()
    trained = _train(network, one, _split(one), watcher=watcher)
    assert _same(_state(network), _state(quiet))
    begun = watcher.beginning
    assert begun is not None
    assert (begun.learned + begun.judged, begun.epochs, begun.before) == (one.split.n, 3, tuple(trained.epochs[:1]))
    assert begun.float_.loss == pytest.approx(0, abs=1e-6)
    assert [step.number for step in watcher.steps] == list(range(2, 3 * begun.steps + 1, 2))
    assert all(step.of_weights > 0 and step.of_grids is not None and step.of_grids > 0 for step in watcher.steps)
    assert watcher.epochs == trained.epochs[1:]
    assert any(abs(ratio - 1) > 1e-3 for ratio in watcher.moved.values())
    for weights, grid in watcher.looked.values():
        assert weights.ndim == 2
        assert grid.format.name == "int2"


def test_a_damaged_state_is_begun_again(tmp_path: Path) -> None:
    """Rubbish, an empty file and one of another network are as good as none."""
    network, one = _network()
    _train(network, one, _split(one))
    wanted = _state(network)
    kept = tmp_path / "state.pt"
    for rubbish in (b"", b"rubbish", b"PK\x03\x04"):
        kept.write_bytes(rubbish)
        network, _ = _network()
        _train(network, one, _split(one), kept=kept)
        assert _same(_state(network), wanted)


def test_a_state_of_another_network_touches_nothing(tmp_path: Path) -> None:
    """Its shapes do not fit, in the middle of reading: training begins as if it were not there."""
    network, one = _network()
    _train(network, one, _split(one))
    wanted, kept = _state(network), tmp_path / "state.pt"
    other, _ = _network("w2a8-tensor")
    _train(other, one, _split(one), kept=kept)
    again, _ = _network()
    _train(again, one, _split(one), kept=kept)
    assert _same(_state(again), wanted)


def test_a_loss_that_is_no_number_stops_with_the_best_state_so_far() -> None:
    """A rate beyond reason, or a loss that breaks: it says in which epoch, and nothing that is left is NaN."""
    network, one = _network()
    calls = 0

    def breaks(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        value = torch.nn.functional.mse_loss(outputs[0][:, 0], labels)
        return value * float("nan") if calls > 9 else value

    labels = np.zeros(one.split.n, np.float32)
    trained = _train(network, one, _split(one, labels), loss=breaks)
    assert trained.stopped == "the loss was no number in epoch 2"
    assert all(np.isfinite(value).all() for value in _state(network).values())


def test_a_trained_file_wins_back_what_rounding_lost() -> None:
    """tumour_mlp with 2 bits: more right than without, on samples that nobody learned from, and the plan says how."""
    data: DataSet = qx.data("tumour")
    model = qx.load("tumour_mlp")
    runs = {each.recipe: each for each in qx.compare(model, ["w2a8-tensor", "w2a8-tensor-qat"], data).runs}
    plain, trained = runs["w2a8-tensor"].accuracy.value, runs["w2a8-tensor-qat"].accuracy.value
    assert plain is not None
    assert trained is not None
    assert trained > plain
    plan = qx.quantize(model, "w2a8-tensor-qat", data).plan
    assert "trained for 20 epochs, the state after epoch" in plan.layer("hidden1").reason


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"take": 1}, "1 sample is too few to train on; allowed: 8 or more; give more calibration data"),
        ({"take": 7}, "7 samples are too few"),
        ({"labels": 3}, "all 64 calibration samples are of class 3, so that there is nothing to tell apart; give"),
        ({"distillation": 0.0}, "there are no labels, and distillation is 0, so that there is nothing to learn from"),
        ({"distillation": 0.0, "labels": 3, "loss": None}, "this task has no loss on labels, and distillation is 0"),
        ({"stages": (8, 6, 4)}, "3 epochs are too few for 4 stages; train longer, or name fewer widths"),
    ],
)
def test_where_there_is_nothing_to_learn_it_says_so(given: dict[str, Any], says: str) -> None:
    """One sentence for each: too few samples, one class, nothing to make small, no epoch for a stage."""
    network, one = _network()
    split = _split(one, np.full(one.split.n, given["labels"]) if "labels" in given else None)
    options = replace(ONE, **{name: given[name] for name in ("distillation", "stages") if name in given})
    loss = given.get("loss", task_loss("cross_entropy"))
    with pytest.raises(DataError) as raised:
        _train(network, one, split.take(slice(0, given.get("take", split.n))), options, loss=loss, axis=1)
    assert str(raised.value).startswith(says)


def test_labels_of_one_class_do_not_matter_to_distillation_alone() -> None:
    """Where labels have no weight the float network teaches."""
    network, one = _network()
    split = _split(one, np.zeros(one.split.n, np.int64))
    _train(network, one, split, replace(ONE, epochs=1, distillation=1.0), loss=task_loss("cross_entropy"), axis=1)


def test_patience_ends_training_and_says_why() -> None:
    """Rates that are next to nothing make no state better than the one before; a run that goes on ends there too."""
    network, one = _network(learns=FIXED)
    options = replace(ONE, epochs=9, patience=2, rate=1e-12)
    trained = _train(network, one, _split(one), options)
    assert trained.stopped == "the loss on samples held back did not get better for 2 epochs"
    assert len(trained.epochs) - 1 == trained.best + 2 < 9


def test_stages_go_down_to_the_own_width_and_are_judged_on_it() -> None:
    """The grid is finer in the first epochs, whatever is judged is not, and the end learned more than nothing."""
    network, one = _network()
    seen: list[int] = []
    forward = network.graph.tensors

    def noted(*given: Any) -> Any:
        if torch.is_grad_enabled():
            seen.append(next(each.finer for each in network._constants.values() if isinstance(each, GridQuantizer)))
        return forward(*given)

    network.graph.tensors = noted  # type: ignore[method-assign]
    trained = _train(network, one, _split(one), replace(ONE, epochs=15, stages=(8, 4)))
    steps = len(seen) // 15
    assert [seen[number * steps] for number in range(15)] == [64] * 5 + [4] * 5 + [1] * 5
    assert all(each.finer == 1 for each in network._constants.values() if isinstance(each, GridQuantizer))
    assert trained.epochs[trained.best].held_back < trained.epochs[0].held_back


def test_distillation_by_layer_brings_inner_activations_nearer() -> None:
    """With a large weight the compared activations end nearer to the float network's than without."""
    errors = []
    for inner in (0.0, 20.0):
        network, one = _network("w3a8")
        places = network.inner_places(2)
        assert places
        _train(network, one, _split(one), replace(ONE, epochs=20, inner=inner, inner_layers=2))
        feeds = [torch.from_numpy(one.feeds[name]) for name in network.input_names]
        teacher = GraphModule(one.model.proto())
        with torch.no_grad():
            _, found = network.with_inner(feeds, places)
            wanted = teacher.tensors(dict(zip(teacher.input_names, feeds, strict=True)), places)
        errors.append(float(inner_distance(found, wanted, places)))
    assert errors[1] < errors[0]


def test_what_has_no_gradient_is_named() -> None:
    """An answer that is a class number cannot be learned: the operator that cuts it off is named."""
    random = np.random.default_rng(0)
    weight = numpy_helper.from_array(random.normal(size=(6, 4)).astype(np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"], "dense"),
        helper.make_node("ArgMax", ["y"], ["class"], "last", axis=1, keepdims=0),
    ]
    ends = [helper.make_tensor_value_info("x", 1, ["n", 6])], [helper.make_tensor_value_info("class", 7, ["n"])]
    graph = helper.make_graph(nodes, "argmax", *ends, [weight])
    model = model_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), "argmax")
    wanted, algorithm = Recipe.parse("w4"), MadeUp("entry", needs=Needs.DATA | Needs.GRADIENTS)
    draft = PlanDraft(model, wanted, make_plan(model, wanted, None), Materials(), algorithm)  # type: ignore[arg-type]
    network = QuantizedNetwork(draft, learns=LSQ)
    split = Split({"x": random.normal(size=(16, 6)).astype(np.float32)})
    with pytest.raises(ModelError, match="no gradient passes through ArgMax, so that nothing in front of it can learn"):
        train(network, model, split, None, ONE, axis=None, kept=None, progress=lambda *_: None)
