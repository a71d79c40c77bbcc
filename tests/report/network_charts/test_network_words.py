"""Sentences and cells about found networks, of a report with known numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qexplorer.report.network_charts.network_words import (
    front_sentence,
    network_cells,
    networks_sentence,
    rounds_sentence,
)
from qexplorer.report.network_charts.networks import network_rows, network_spec
from qexplorer.search.architecture.architecture_types import (
    ArchitectureQuestion,
    ArchitectureReport,
    JudgedNetwork,
    TriedNetwork,
)
from qexplorer.search.architecture.shapes import NetworkShape

SHAPE = NetworkShape(6, 1, 3, False, "relu", "w8a8")
MADE = JudgedNetwork("digits_cnn", None, "w8a8", 95, 100, 150_000, 170_000, 0.3, (0.2, 0.4), True, "a")
FOUND = JudgedNetwork("net, w4a8", SHAPE, "w4a8 qat", 94, 100, 10_000, 15_000, 0.1, None, True, "b")


def report(*judged: JudgedNetwork, tried: tuple[TriedNetwork, ...] = ()) -> ArchitectureReport:
    """What came of a search in three rounds."""
    return ArchitectureReport("digits_cnn", "digits", ArchitectureQuestion(), 800, 200, tried, judged)


def test_rounds_are_counted_to_the_last_that_any_came_to() -> None:
    """One network or several, and those that came to nothing."""
    one, two = TriedNetwork(SHAPE, 1, 5), TriedNetwork(SHAPE, 2, 10)
    told = "of 3 rounds, trained on 16,384 moved pictures, drawn from 800, and chosen by 200 others"
    assert rounds_sentence(report()) == "No network was tried yet."
    assert rounds_sentence(report(tried=(one,))) == f"1 network in 1 {told}."
    failed = replace(one, failed="no memory")
    assert rounds_sentence(report(tried=(one, two, failed))) == f"3 networks in 2 {told}; 1 came to nothing."


def test_a_record_without_drawn_pictures_names_none() -> None:
    """Formerly networks learned from the samples themselves; that is what such a record says."""
    kept = report(tried=(TriedNetwork(SHAPE, 1, 5),)).to_json()
    del kept["question"]["pictures"]
    told = rounds_sentence(ArchitectureReport.from_json(kept))
    assert told == "1 network in 1 of 3 rounds, trained on 800 pictures and chosen by 200 others."


def test_a_front_of_one_network_is_no_line() -> None:
    """The caption speaks of a dashed line only where one is drawn."""
    assert "dashed line" in front_sentence(report(MADE, FOUND))
    assert "dashed line" not in front_sentence(report(MADE, replace(FOUND, right=95)))


def test_a_found_network_stands_beside_the_hand_made_one() -> None:
    """How many times smaller and faster, or larger and slower, whole numbers from ten on; and where none is as good."""
    beside = "digits_cnn in w8a8 has 95.0 % (88.8 to 97.8 %)"
    within = f"{beside}; the smallest found network within that has 94.0 % and "
    told = f"{within}10.0 kB of weights, 15 times smaller, and takes 0.1 ms, 3.0 times faster"
    assert networks_sentence(report(MADE, FOUND)) == f"{told}."
    for made, found in ((replace(MADE, valid=False), FOUND), (MADE, replace(FOUND, valid=False))):
        assert networks_sentence(report(made, found)) == f"{told} (timed on a busy machine)."
    worse = replace(FOUND, weight_bytes=300_000, latency_ms=0.6)
    slow = f"{within}300 kB of weights, 2.0 times larger, and takes 0.6 ms, 2.0 times slower."
    assert networks_sentence(report(MADE, worse)) == slow
    for size, words in ((15_000, "10 times smaller"), (15_060, "10 times smaller"), (15_500, "9.7 times smaller")):
        assert words in networks_sentence(report(MADE, replace(FOUND, weight_bytes=size)))
    for made, words in ((MADE, "about as large"), (replace(MADE, weight_bytes=158_000), "1.1 times larger")):
        same = replace(FOUND, weight_bytes=made.weight_bytes if made is MADE else 170_000, latency_ms=0.31)
        assert f", {words}, and takes 0.31 ms, about as fast." in networks_sentence(report(made, same))
    for made, found in ((replace(MADE, latency_ms=None), FOUND), (MADE, replace(FOUND, latency_ms=None))):
        assert networks_sentence(report(made, found)).endswith("15 times smaller.")
    far = (replace(FOUND, right=30), replace(FOUND, right=80))
    assert (
        networks_sentence(report(MADE, *far))
        == f"{beside}; none of the found networks is within that: the best has 80.0 %."
    )
    assert networks_sentence(report(MADE)) == networks_sentence(report(FOUND)) == ""


def test_a_row_for_each_judged_network() -> None:
    """A found one by its shape and bits; a time says that the machine was busy, or that there is none."""
    made, found, untimed = network_cells(report(MADE, replace(FOUND, valid=False), replace(FOUND, latency_ms=None)))
    assert made == ("digits_cnn", "w8a8", "95.0 %", "88.8 to 97.8 %", "150 kB", "170 kB", "0.3")
    assert found[:3] == ("net", "w4a8", "94.0 %")
    assert (found[-1], untimed[-1]) == ("0.1 (busy)", "not known")


def test_a_picture_has_every_network_at_its_cost() -> None:
    """In kilobytes or milliseconds with their interval; tried ones over bytes alone, and none that failed."""
    tried = (TriedNetwork(SHAPE, 2, 9, 50, 60, 100, 5_000), TriedNetwork(SHAPE, 1, 9, failed="no memory"))
    short = replace(FOUND, unlearned="its loss still fell", right=99)
    rows = network_rows(report(MADE, FOUND, short, tried=tried), "weight_bytes")
    assert [(row["cost"], row["least"], row["most"], row["accuracy"], row["kind"]) for row in rows["judged"]] == [
        (150.0, 150.0, 150.0, 95.0, "hand-made"),
        (10.0, 10.0, 10.0, 94.0, "found"),
        (10.0, 10.0, 10.0, 99.0, "undertrained"),
    ]
    assert [row["name"] for row in rows["judged"]] == ["digits_cnn, w8a8", "net, w4a8", "net, w4a8"]
    assert (rows["judged"][0]["low"], rows["judged"][0]["high"]) == pytest.approx((88.8, 97.8), abs=0.05)
    assert [(row["cost"], row["accuracy"]) for row in rows["tried"]] == [(5.0, 50.0)]
    assert rows["tried"][0]["name"].endswith(", round 2")
    assert [(row["cost"], row["name"]) for row in rows["front"]] == [(10.0, "net, w4a8"), (150.0, "digits_cnn")]
    times = network_rows(report(MADE, FOUND, replace(FOUND, latency_ms=None), tried=tried), "latency_ms")
    assert times["tried"] == []
    assert [(row["cost"], row["least"], row["most"]) for row in times["judged"]] == [(0.3, 0.2, 0.4), (0.1, 0.1, 0.1)]


def test_the_axis_of_accuracy_begins_below_what_was_judged() -> None:
    """What was not trained far enough stretches it only where there is nothing else; it never begins below zero."""

    def begins(*judged: JudgedNetwork) -> float:
        spec = network_spec(report(*judged))
        (y,) = {str(domain): domain for domain in _domains(spec)}.values()
        assert y[1] >= 100
        return y[0]

    short = replace(FOUND, unlearned="its loss still fell", right=30)
    assert begins(MADE, short) == pytest.approx(100 * MADE.ci95[0] - 1.5)
    assert begins(short) == pytest.approx(30 - 1.5)
    assert begins(replace(FOUND, right=1)) == 0.0
    assert begins() == 0.0


def _domains(spec: Any) -> list[list[float]]:
    """The ends of every axis of accuracy in the chart."""
    if isinstance(spec, list):
        return [found for each in spec for found in _domains(each)]
    if not isinstance(spec, dict):
        return []
    own = [spec["scale"]["domain"]] if spec.get("title") == "accuracy, %" else []
    return own + [found for each in spec.values() for found in _domains(each)]
