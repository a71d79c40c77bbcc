"""Which state of a training is kept, and checkpoints of versions that chose otherwise."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.plugins import METRICS
from qexplorer.quantize.training.checkpoints import digest_of_state
from qexplorer.quantize.training.judging import Judge
from qexplorer.quantize.training.lessons import Lessons
from qexplorer.quantize.training.seen import Epoch
from qexplorer.quantize.training.watching import Unwatched, Watched
from tests.quantize.training.given_network import ONE, network, split, train_on


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


class Told(Unwatched):
    """Keeps the digest of each epoch's state."""

    def __init__(self) -> None:
        self.states: dict[int, str] = {}

    def epoch(self, epoch: Epoch, best: int, network: Watched) -> None:  # noqa: ARG002 - as the protocol has it
        """Keeps it."""
        self.states[epoch.number] = digest_of_state(network)  # type: ignore[arg-type]


def test_the_metric_chooses_and_the_loss_breaks_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is the state with the highest metric though its loss is larger, of equal ones that of less loss; a
    metric that does not rise ends patience, and says so."""
    worth, losses = (0.5, 0.9, 0.9, 0.8, 0.8), (5.0, 3.0, 2.0, 1.0, 0.5)
    monkeypatch.setattr(
        Lessons, "epoch", lambda _, number, loss, *__: Epoch(number, loss, losses[number], worth[number])
    )
    trainee, one = network()
    judge = Judge(METRICS.get("accuracy"))
    told = Told()
    trained = train_on(trainee, one, split(one), replace(ONE, epochs=9, patience=2), judge=judge, watcher=told)
    assert (trained.best, trained.chosen_by) == (2, "accuracy")
    assert trained.stopped == "accuracy on samples held back did not get better for 2 epochs"
    assert told.states[2] == digest_of_state(trainee), "the weights are those after epoch 2"


def test_a_state_of_an_earlier_version_is_gone_on_from(tmp_path: Path) -> None:
    """A checkpoint that chose by the loss and named no device opens, and is gone on from by its own rule."""
    kept, options = tmp_path / "state.pt", replace(ONE, epochs=2)
    trainee, one = network()
    judge = Judge(METRICS.get("accuracy"))
    first = train_on(trainee, one, split(one), replace(options, until=1), kept=kept, judge=judge)
    assert first.chosen_by == "accuracy"
    parts = torch.load(io.BytesIO(read_sealed(kept) or b""), weights_only=True)
    assert parts["head"].pop("device") in ("cpu", "cuda")
    del parts["head"]["chosen_by"]
    buffer = io.BytesIO()
    torch.save(parts | {"schema": 2, "head": parts["head"] | {"least": 1.0}}, buffer)
    write_sealed(kept, buffer.getvalue())
    again, _ = network()
    trained = train_on(again, one, split(one), options, kept=kept, judge=judge)
    assert trained.epochs[:2] == first.epochs
    assert len(trained.epochs) == 3
    assert trained.chosen_by is None
    assert trained.epochs[trained.best].held_back == min(each.held_back for each in trained.epochs)
