"""What a training makes small: means over samples, whatever the batches, of what labels and the float network say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.plugins import METRICS
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.training.engine import train
from qexplorer.quantize.training.judging import Judge
from qexplorer.quantize.training.lessons import Lessons
from qexplorer.quantize.training.losses import task_loss
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.options import TrainingOptions
from qexplorer.quantize.training.parts import held_back_rows, parts
from tests.made_up_algorithm import MadeUp
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of, run
from tests.quantize.training.given_network import LSQ, ONE, network, split, train_on

SAMPLES = np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)
CROSS_ENTROPY = task_loss("cross_entropy")


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def test_every_epoch_shows_every_sample_once_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of the size that was asked for, the last one smaller; an epoch's loss is the mean over samples."""
    seen: list[tuple[np.ndarray, float]] = []
    plain = Lessons.value

    def noted(self: Lessons, samples: Split, rows: np.ndarray) -> Tensor:
        value = plain(self, samples, rows)
        seen.append((rows, float(value.detach())))
        return value

    monkeypatch.setattr(Lessons, "value", noted)
    trainee, one = network()
    trained = train_on(trainee, one, split(one), replace(ONE, epochs=2, batch=17))
    learned = np.sort(parts(one.split.n, ONE.held_back, None)[0])
    sizes = [17] * (len(learned) // 17) + [len(learned) % 17]
    assert [len(rows) for rows, _ in seen] == 2 * sizes
    epochs = seen[: len(sizes)], seen[len(sizes) :]
    orders = [np.concatenate([rows for rows, _ in each]) for each in epochs]
    for order, each, epoch in zip(orders, epochs, trained.epochs[1:], strict=True):
        np.testing.assert_array_equal(np.sort(order), learned)
        assert epoch.loss == pytest.approx(np.average([value for _, value in each], weights=sizes))
    assert not np.array_equal(*orders)


@pytest.mark.parametrize(("n", "share", "held"), [(64, 0.1, 6), (10, 0.01, 1), (10, 0.99, 9), (8, 0.5, 4)])
def test_some_samples_are_held_back_and_some_are_learned_from(n: int, share: float, held: int) -> None:
    """At least one of each, no sample in both."""
    learned, judged = parts(n, share, None)
    assert len(judged) == held
    assert sorted((*learned, *judged)) == list(range(n))


def test_a_recipe_that_does_not_train_holds_nothing_back() -> None:
    """And one that does holds back those that its own share says."""
    samples = Split({"": np.zeros((40, 2), np.float32)})
    data = DataSet("given", samples, samples.head(3), held_out=True, classes=(), digest="d")
    assert held_back_rows(Recipe.parse("w8a8"), data).size == 0
    np.testing.assert_array_equal(held_back_rows(Recipe.parse("w4a8-qat"), data), parts(40, 0.1, None)[1])


def _lessons(options: TrainingOptions, labels: np.ndarray | None, loss: Any) -> tuple[Lessons, QuantizedNetwork, Any]:
    trainee, one = network()
    lessons, samples = Lessons(trainee, one.model, loss, options, 1, Judge()), split(one, labels)
    lessons.teach(samples, np.arange(5), lambda *_: None)
    return lessons, trainee, (one, samples)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("damping", [0.0, 3.0])
def test_labels_and_the_float_network_share_the_loss(share: float, damping: float) -> None:
    """Cross entropy with the labels, the divergence from the float network's classes at a temperature, by hand."""
    options = replace(ONE, distillation=share, temperature=3.0, damping=damping)
    labels = np.arange(64) % 3
    lessons, trainee, (one, samples) = _lessons(options, labels, CROSS_ENTROPY)
    rows = np.array([3, 1, 4, 0])
    found = float(lessons.value(samples, rows).detach())
    feeds = {name: values[rows] for name, values in one.split.inputs.items()}
    with torch.no_grad():
        (scores,) = trainee(*(torch.from_numpy(feeds[name]) for name in trainee.input_names))
        wavering = float(trainee.wavering())
    (wanted,) = run(one.model.proto(), feeds)
    of_labels = float(functional.nll_loss(scores.log(), torch.from_numpy(labels[rows])))
    soft = [(torch.as_tensor(each).log() / 3).softmax(1) for each in (scores, wanted)]
    of_floats = 9 * float((soft[1] * (soft[1] / soft[0]).log()).sum(1).mean())
    assert found == pytest.approx((1 - share) * of_labels + share * of_floats + damping * wavering, rel=1e-4)


def test_without_a_loss_on_labels_the_float_network_is_all() -> None:
    """Whatever the share that was asked for."""
    given = [_lessons(replace(ONE, distillation=share), None, None) for share in (0.0, 1.0)]
    values = [float(lessons.value(samples, np.arange(8)).detach()) for lessons, _, (_, samples) in given]
    assert values[0] == values[1] > 0


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_is_held_back_is_judged_alike_whatever_the_batch(share: float) -> None:
    """The mean over samples: of batches of different sizes each sample counts the same, for both networks."""
    labels, rows, found = np.arange(64) % 3, np.array([9, 2, 33, 60, 7]), []
    for batch in (2, 3, 64):
        options = replace(ONE, distillation=share, batch=batch)
        trainee, one = network()
        lessons, samples = Lessons(trainee, one.model, CROSS_ENTROPY, options, 1, Judge()), split(one, labels)
        lessons.teach(samples, rows, lambda *_: None)
        epoch = lessons.epoch(4, 0.5, samples, rows)
        assert (epoch.number, epoch.loss) == (4, 0.5)
        found.append((epoch.held_back, lessons.of_float(samples, rows).loss))
    np.testing.assert_allclose(found[1:], [found[0]] * 2, rtol=1e-5)
    wanted = run(one.model.proto(), {name: values[rows] for name, values in one.split.inputs.items()})[0]
    float_loss = (1 - share) * -np.log(wanted[np.arange(5), labels[rows]]).mean()
    assert found[0][1] == pytest.approx(float_loss, rel=1e-4)


def test_progress_goes_from_nothing_to_all_of_the_steps() -> None:
    """The share that is done rises with the steps, and says which epoch it is."""
    trainee, one = network()
    told: list[tuple[str, float]] = []
    train(
        trainee, one.model, split(one), None, replace(ONE, epochs=3, batch=4), axis=None, kept=None,
        progress=lambda text, share: told.append((text, share)),
    )  # fmt: skip
    steps = [(text, share) for text, share in told if text.startswith("training")]
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.1
    assert 0.8 < shares[-1] < 1
    assert all(f"epoch {1 + int(3 * share + 1e-9)} of 3, loss " in text for text, share in steps)


def test_a_batch_that_is_filled_up_counts_its_real_samples() -> None:
    """Of a file that takes four samples at a time the losses on seven, and on three, are those of a file that takes
    any number."""
    found = []
    for batch in ("n", 4):
        b = Builder(2)
        h = b.node("Relu", b.node("Gemm", b.input("x", (batch, 6)), b.normal(6, 8), b.normal(8)))
        b.output(b.node("Gemm", h, b.normal(8, 3)), 2)
        model, samples = model_of(b.model(), f"of {batch}"), Split({"x": SAMPLES}, np.arange(12) % 3)
        asked = Recipe.parse("w3a8")
        plan = make_plan(model, asked, collect(model, samples, threads=1))
        algorithm: Any = MadeUp("entry", needs=Needs.DATA | Needs.GRADIENTS)
        trainee = QuantizedNetwork(PlanDraft(model, asked, plan, Materials(), algorithm), learns=LSQ)
        lessons = Lessons(trainee, model, None, replace(ONE, batch=4), 1, Judge(METRICS.get("accuracy"), 0.5))
        rows = np.array([0, 5, 9, 2, 3, 7, 1])
        lessons.teach(samples, rows, lambda *_: None)
        values = [float(lessons.value(samples, part).detach()) for part in (rows[:4], rows[4:])]
        epoch = lessons.epoch(1, None, samples, rows)
        assert epoch.metric is not None
        found.append([*values, epoch.held_back, epoch.metric])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
    assert found[0][2] == pytest.approx((4 * found[0][0] + 3 * found[0][1]) / 7, rel=1e-4)
