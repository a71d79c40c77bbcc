"""Shapes as networks: what torch trains is what the file computes; which are drawn, and which go on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

from qexplorer.report.network_charts.network_words import (
    network_cells,
    networks_sentence,
    rounds_sentence,
    unlearned_sentence,
)
from qexplorer.report.network_charts.networks import network_rows, network_spec
from qexplorer.search.architecture.architecture_types import (
    ArchitectureQuestion,
    ArchitectureReport,
    JudgedNetwork,
    TriedNetwork,
)
from qexplorer.search.architecture.finding import better_half, unlearned
from qexplorer.search.architecture.networks import as_onnx, as_torch, folded
from qexplorer.search.architecture.shapes import CHOICES, NetworkShape, convolutions, drawn_shapes

_SMALL = NetworkShape(6, 1, 3, False, "relu", "w8a8")


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_the_file_computes_what_torch_learned(separable: bool, activation: str) -> None:
    """With statistics of normalization that are not the first ones, within float32."""
    shape = NetworkShape(6, 2, 5, separable, activation, "w4a8")
    torch.manual_seed(0)
    network = as_torch(shape, 2, 3)
    pictures = torch.randn(16, 2, 20, 20) * 3
    network(pictures)  # moves the statistics
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
    network.eval()
    file = as_onnx(shape, "image", (2, 20, 20), 3, folded(shape, 2, network))
    session = onnxruntime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    given = session.run(None, {"image": pictures.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(given, network(pictures).numpy(), rtol=1e-3, atol=1e-3)


def test_a_separable_block_has_two_convolutions() -> None:
    """One for each channel, and one over channels; the picture is halved in both stages."""
    plain, split = (convolutions(NetworkShape(8, 2, 3, kind, "relu", "w8a8"), 1) for kind in (False, True))
    assert [each.wanted for each in plain] == [8, 16, 16, 32, 32]
    assert [each.stride for each in plain] == [2, 2, 1, 2, 1]
    assert len(split) == 9
    assert [each.groups for each in split] == [1, 8, 1, 16, 1, 16, 1, 32, 1]


def test_shapes_are_drawn_with_every_choice_alike_and_the_same_for_a_seed() -> None:
    """No shape twice; no more than there are."""
    shapes = drawn_shapes(16, 3)
    assert shapes == drawn_shapes(16, 3) != drawn_shapes(16, 4)
    assert len(set(shapes)) == 16
    for name, choices in CHOICES.items():
        counts = [sum(getattr(shape, name) == choice for shape in shapes) for choice in choices]
        assert min(counts) > 0
    every = drawn_shapes(10_000, 0)
    assert len(every) == len(set(every)) == np.prod([len(choices) for choices in CHOICES.values()])


def test_the_better_half_is_that_of_fronts() -> None:
    """The dominated go first, whatever their accuracy; the failed never go on."""

    def tried(right: int, weight_bytes: int, macs: int = 1, failed: str | None = None) -> TriedNetwork:
        return TriedNetwork(_SMALL, 1, 1, right=right, n=100, weight_bytes=weight_bytes, macs=macs, failed=failed)

    best, small, beaten = tried(90, 50), tried(60, 10), tried(89, 60)
    broken = tried(99, 1, failed="no")
    assert better_half([beaten, best, broken, small]) == [best, small]
    assert better_half([best, tried(90, 50)]) == [best]


def test_what_was_found_is_told_good_or_bad() -> None:
    """Within the interval of the hand-made one, or not; the front holds both kinds."""
    made = JudgedNetwork("digits_cnn", None, "w8a8", 590, 597, 150_000, 170_000, 0.15, (0.14, 0.16), True, "a")
    small = JudgedNetwork("small", _SMALL, "w8a8-qat", 585, 597, 10_000, 15_000, 0.03, None, False, "b")
    bad = JudgedNetwork("bad", _SMALL, "w4a8-qat", 400, 597, 5_000, 9_000, None, None, False, "c")
    asked = ArchitectureQuestion()
    empty = ArchitectureReport("digits_cnn", "digits", asked, 384, 128)
    report = ArchitectureReport("digits_cnn", "digits", asked, 384, 128, judged=(made, small, bad))
    assert rounds_sentence(empty) == "No network was tried yet."
    assert networks_sentence(empty) == ""
    assert [each.name for each in report.as_accurate] == ["small"]
    assert "15 times smaller" in networks_sentence(report)
    assert "5.0 times faster (timed on a busy machine)" in networks_sentence(report)
    assert [each.name for each in report.front] == ["bad", "small", "digits_cnn"]
    assert [each["name"] for each in network_rows(report, "latency_ms")["front"]] == ["small", "digits_cnn"]
    spans = [(row["least"], row["cost"], row["most"]) for row in network_rows(report, "latency_ms")["judged"]]
    assert spans == [(0.14, 0.15, 0.16), (0.03, 0.03, 0.03)]
    honest = ArchitectureReport("digits_cnn", "digits", asked, 384, 128, judged=(made, bad))
    assert "none of the found networks is within that: the best has 67.0 %" in networks_sentence(honest)
    assert [row[-1] for row in network_cells(report)] == ["0.15", "0.03 (busy)", "not known"]
    assert len(network_rows(report, "latency_ms")["judged"]) == 2
    low, high = network_spec(report)["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < 100 * min(each.ci95[0] for each in report.judged)
    assert high > 100, "a network that has all right is a whole point"
    assert ArchitectureReport.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    ("right", "n", "before", "said"),
    [
        (590, 597, 120, None),
        (330, 597, 118, None),  # small, and as good as it gets
        (320, 597, 118, "it knows less than half of what digits_cnn knows"),
        (560, 597, 100, "its accuracy still rose by 16 points when it was trained twice as long"),
        (560, 597, None, None),  # nobody knows
    ],
)
def test_a_network_was_trained_far_enough_or_is_on_no_front(
    right: int, n: int, before: int | None, said: str | None
) -> None:
    """It is not where it knows too little, or where twice the training still helped beyond chance."""
    made = JudgedNetwork("digits_cnn", None, "w8a8", 590, n, 150_000, 170_000, 0.15, (0.14, 0.16), True, "a")
    judged = JudgedNetwork("small", _SMALL, "w8a8-qat", right, n, 10_000, 15_000, 0.03, None, True, "b")
    tried = TriedNetwork(_SMALL, 3, 8, right=120, n=128, before=before)
    assert unlearned(tried, judged, made, 10) == said
    judged = replace(judged, unlearned=said)
    report = ArchitectureReport("digits_cnn", "digits", ArchitectureQuestion(), 384, 128, judged=(made, judged))
    assert ("small" in [each.name for each in report.front]) == (said is None)
    assert (unlearned_sentence(report) == "") == (said is None)
    kinds = [row["kind"] for row in network_rows(report, "weight_bytes")["judged"]]
    assert kinds == ["hand-made", "found" if said is None else "undertrained"]
    if said is not None:
        assert "train for longer" in networks_sentence(report)
        assert said in unlearned_sentence(report)
        assert network_cells(report)[1][2].endswith("(undertrained)")
