"""The bars that show a fault: where each stands, and which ones make it."""

from __future__ import annotations

from qexplorer.report.repair_charts.evidence import evidence_rows, evidence_spec
from qexplorer.search.repair.repair_types import Diagnosis, EvidenceBars, Fault

SPREAD = EvidenceBars(
    "Values", "x", "count", (5.0, 2000.0, 1.0), edges=(-1.0, 0.0, 1.0, 8.0), marked=(2,), lines=(0.9,)
)
NAMED = EvidenceBars("Inputs", "input", "reach", (1.0, 9.0), names=("left", "right"), marked=(1,))


def _diagnosis(shown: EvidenceBars) -> Diagnosis:
    return Diagnosis("conv1", "Conv", Fault.OUTLIER, "one is far", shown=shown)


def test_a_bar_of_a_histogram_lies_between_its_edges() -> None:
    """And the bar that makes the fault is marked."""
    found = [(row["low"], row["high"], row["size"], row["marked"]) for row in evidence_rows(SPREAD)]
    assert found == [(-1.0, 0.0, 5.0, False), (0.0, 1.0, 2000.0, False), (1.0, 8.0, 1.0, True)]
    spec = evidence_spec(_diagnosis(SPREAD))
    assert spec["datasets"]["lines"] == [{"at": 0.9}]
    assert spec["layer"][0]["encoding"]["y"]["axis"]["values"] == [0.0, 1.0, 10.0, 100.0, 1000.0]


def test_other_bars_have_names_or_numbers() -> None:
    """Each on a row of its own, channels side by side; without a line nothing is drawn across."""
    assert [(row["place"], row["name"], row["marked"]) for row in evidence_rows(NAMED)] == [
        (0, "left", False),
        (1, "right", True),
    ]
    (rows,) = evidence_spec(_diagnosis(NAMED))["layer"]
    assert rows["encoding"]["y"]["field"] == "name"
    channels = EvidenceBars("Reaches", "channel", "reach", (1.0, 9.0), marked=(1,))
    (columns,) = evidence_spec(_diagnosis(channels))["layer"]
    assert columns["encoding"]["x"]["field"] == "place"
    assert [row["name"] for row in evidence_rows(channels)] == ["", ""]
