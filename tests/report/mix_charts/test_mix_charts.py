"""The pictures of a mix as data: where points stand, and in units of what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.report.mix_charts.front import front_rows, front_spec
from qexplorer.report.mix_charts.layers import layer_mix_rows, pair_rows, pairs_spec
from qexplorer.search.mixing.mix_types import MixGroup, MixPair, MixPoint
from tests.report.mix_charts.test_mix_words import COSTS, TIMED, clock, mix, report


@pytest.mark.parametrize(
    ("axis", "place"),
    [
        ("weight_bytes", (60.0, 60.0, 60.0)),
        ("bit_operations", (37.5, 37.5, 37.5)),
        ("latency_ms", (20.0, 18.0, 22.0)),
        ("energy_mj", (37.5, 33.75, 41.25)),
    ],
)
def test_a_measured_mix_stands_in_per_cent_of_int8_beside_it(axis: str, place: tuple[float, float, float]) -> None:
    """Times and energies that were measured, with their interval; the others as they are counted."""
    (row,) = front_rows(report(TIMED, clock=clock()), axis)["measured"]
    assert (row["size"], row["left"], row["right"]) == pytest.approx(place)


def test_a_mix_that_was_not_timed_stands_where_it_was_predicted() -> None:
    """And without an energy its time stands for it."""
    for found in (report(mix(), clock=clock()), report(TIMED), report(TIMED, clock=clock(plain=()))):
        (row,) = front_rows(found, "latency_ms")["measured"]
        assert (row["size"], row["left"], row["right"]) == pytest.approx((50.0, 50.0, 50.0))
    (row,) = front_rows(report(replace(TIMED, energy=None), clock=clock()), "energy_mj")["measured"]
    assert row["size"] == pytest.approx(20.0)


def test_losses_have_their_interval_and_a_place_on_a_logarithmic_axis() -> None:
    """The chosen mix is marked; what is predicted is in the order of the front, of the report or another one."""
    wide = replace(mix(0.03), found=replace(mix(0.03).found, ci95=(-0.01, 0.05)))
    found = report(mix(0.0), wide, chosen=1)
    rows = front_rows(found)
    assert [(row["loss"], row["low"], row["high"], row["kind"]) for row in rows["measured"]] == [
        (1e-9, 1e-9, 1e-9, "measured"),
        (0.03, 1e-9, 0.05, "chosen"),
    ]
    assert rows["predicted"] == []
    front = [MixPoint((0, 1, 1), 0.0, COSTS), MixPoint((0, 0, 1), 0.01, {**COSTS, "weight_bytes": 80_000.0})]
    own = [{"size": 60.0, "loss": 1e-9, "order": 0}, {"size": 80.0, "loss": 0.01, "order": 1}]
    assert front_rows(found, front=front)["predicted"] == own
    assert front_rows(replace(found, front=tuple(front)))["predicted"] == own
    data = front_spec(found, front[1], budget=70.0)["datasets"]
    assert (data["here"], data["budget"]) == ([{"size": 80.0, "loss": 0.01}], [{"size": 70.0}])
    assert (front_spec(found)["datasets"]["here"], front_spec(found)["datasets"]["budget"]) == ([], [])


def test_each_layer_has_a_square_for_each_choice() -> None:
    """With its loss, bytes and time there; the choice of this mix is marked; layers that go together are counted."""
    groups = (
        MixGroup(("a",), 10, ("int8", "int4"), (0.0, 0.1), {"weight_bytes": (10.0, 5.0)}, "gradient"),
        MixGroup(
            ("b", "c", "d"),
            10,
            ("int8", "int4"),
            (0.2, 0.3),
            {"weight_bytes": (8.0, 4.0), "latency_ms": (0.5, 0.25)},
            "evaluated",
        ),
    )
    rows = layer_mix_rows(replace(report(), groups=groups), MixPoint((1, 0), 0.0, COSTS))
    assert [(row["place"], row["layer"], row["choice"], row["loss"], row["bytes"], row["ms"]) for row in rows] == [
        (0, "a", "int8", 0.0, 10.0, None),
        (0, "a", "int4", 0.1, 5.0, None),
        (1, "b (+2)", "int8", 0.2, 8.0, 0.5),
        (1, "b (+2)", "int4", 0.3, 4.0, 0.25),
    ]
    assert [row["chosen"] for row in rows] == [False, True, True, False]
    assert [row["source"] for row in rows] == ["gradient", "gradient", "evaluated", "evaluated"]


def test_a_pair_is_coloured_only_where_samples_tell_it_from_none() -> None:
    """Both ways round; errors that cancel each other are below zero; both colours reach as far."""
    found = replace(report(), pairs=(MixPair(0, 1, -0.2, 0.1), MixPair(2, 0, 0.05, 0.06)))
    told = [(row["first"], row["second"], row["loss"], row["counted"], row["text"]) for row in pair_rows(found)]
    assert told == [
        ("a", "b", -0.2, -0.2, "-0.2"),
        ("b", "a", -0.2, -0.2, "-0.2"),
        ("c", "a", 0.05, 0.0, "none"),
        ("a", "c", 0.05, 0.0, "none"),
    ]
    for of, ends in ((found, 0.2), (report(), 1.0), (replace(found, pairs=found.pairs[1:]), 1.0)):
        domain = pairs_spec(of)["layer"][0]["encoding"]["opacity"]["scale"]["domain"]
        assert domain == [0, ends]
