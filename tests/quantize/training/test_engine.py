"""The loop: it learns, the same bits again, goes on after a kill, keeps the best, and says what it cannot do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import qexplorer as qx
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import Cancelled, DataError
from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.training.engine import train
from qexplorer.quantize.training.losses import distance, task_loss
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.options import TrainingOptions
from qexplorer.quantize.training.seen import Epoch, Trained
from qexplorer.quantize.training.watching import Beginning, TrainingStep, Watched
from tests.made_up_algorithm import MadeUp
from tests.quantize.support import case

ONE = TrainingOptions(epochs=3, batch=16, rate=3e-3)


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _network(recipe: str = "w2a8") -> tuple[QuantizedNetwork, Any]:
    one, wanted = case("mlp"), Recipe.parse(recipe)
    plan = make_plan(one.model, wanted, one.statistics)
    algorithm = MadeUp("entry", needs=Needs.DATA | Needs.GRADIENTS)
    draft = PlanDraft(one.model, wanted, plan, Materials(one.statistics), algorithm)  # type: ignore[arg-type]
    return QuantizedNetwork(draft, learn_scales=True), one


def _split(one: Any, labels: np.ndarray | None = None) -> Split:
    return Split(dict(one.split.inputs), labels)


def _train(network: QuantizedNetwork, one: Any, split: Split, options: TrainingOptions = ONE, **given: Any) -> Trained:
    given = {"classes": False, "kept": None, "progress": lambda *_: None} | given
    return train(network, one.model, split, given.pop("loss", None), options, **given)


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


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_run_that_was_ended_comes_to_the_same_end(optimizer: Any, tmp_path: Path) -> None:
    """Stopped in the middle of the third epoch, it goes on from the second, to the same bits and the same curve."""
    options = replace(ONE, epochs=4, optimizer=optimizer)
    whole, one = _network()
    curve = _train(whole, one, _split(one), options).epochs
    kept, calls = tmp_path / "state.pt", 0

    def told(step: str, _: float) -> None:
        nonlocal calls
        calls += 1
        if "epoch 3" in step:
            raise Cancelled("stopped")

    ended, _ = _network()
    with pytest.raises(Cancelled):
        _train(ended, one, _split(one), options, kept=kept, progress=told)
    again, _ = _network()
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


class _Watcher:
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


def test_too_few_samples_and_one_class() -> None:
    """One sample cannot be learned from and judged by; labels of one class can, if to little use."""
    network, one = _network()
    with pytest.raises(DataError, match="1 sample is too few to train on; give more"):
        _train(network, one, _split(one).take(slice(0, 1)))
    labels = np.zeros(one.split.n, np.int64)
    trained = _train(network, one, _split(one, labels), loss=task_loss("cross_entropy"), classes=True)
    assert trained.epochs[-1].metric is None


def test_the_distance_of_probabilities_and_of_numbers() -> None:
    """KL is the same for logits and for the probabilities that they give; other outputs count by their size."""
    random = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 4, generator=random) for _ in range(2))
    plain = distance([one], [other], classes=True, temperature=1.0)
    given = distance([one.softmax(1)], [other.softmax(1)], classes=True, temperature=1.0)
    torch.testing.assert_close(plain, given, rtol=1e-4, atol=1e-6)
    wanted = (other.softmax(1) * (other.log_softmax(1) - one.log_softmax(1))).sum(1).mean()
    torch.testing.assert_close(plain, wanted)
    small = distance([one * 1e-3], [other * 1e-3], classes=False, temperature=1.0)
    torch.testing.assert_close(small, distance([one], [other], classes=False, temperature=1.0))
    assert float(distance([other], [other], classes=True, temperature=3.0)) < 1e-6


def test_losses_of_tasks() -> None:
    """Cross entropy for tables, pictures and rows of tokens; what is no class does not count; squares of numbers."""
    loss, random = task_loss("cross_entropy"), torch.Generator().manual_seed(0)
    assert loss is not None
    for shape, wide in (((6,), (6, 5)), ((2, 3, 4), (2, 5, 3, 4)), ((2, 7), (2, 7, 5))):
        labels = torch.randint(0, 5, shape, generator=random)
        scores = torch.randn(wide, generator=random)
        flat = scores.reshape(-1, 5) if len(wide) == 3 or len(wide) == 2 else scores.movedim(1, -1).reshape(-1, 5)
        wanted = torch.nn.functional.cross_entropy(flat, labels.reshape(-1))
        torch.testing.assert_close(loss([scores], labels), wanted)
        ignored = labels.clone().reshape(-1)
        ignored[0] = 255
        kept = torch.nn.functional.cross_entropy(flat[1:], labels.reshape(-1)[1:])
        torch.testing.assert_close(loss([scores], ignored.reshape(shape)), kept)
    squares = task_loss("squared_error")
    assert squares is not None
    assert float(squares([torch.tensor([[1.0], [3.0]])], torch.tensor([0.0, 1.0], dtype=torch.float64))) == 2.5
    assert task_loss(None) is None


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
    assert "trained for 5 epochs, the state after epoch" in plan.layer("hidden1").reason
