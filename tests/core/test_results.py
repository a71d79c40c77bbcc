"""What results say of themselves, and how records of earlier versions are read."""

from __future__ import annotations

import pytest

from qexplorer.core.results import Accuracy, Latency, Run, Size, Status, Throughput
from qexplorer.core.speed import Change


@pytest.mark.parametrize(
    ("direction", "delta", "gain"),
    [("higher", 0.25, 0.25), ("lower", 0.25, -0.25), ("lower", -0.5, 0.5), ("higher", None, None)],
)
def test_a_gain_has_the_sign_of_better_answers(direction: str, delta: float | None, gain: float | None) -> None:
    """A higher accuracy and a lower RMSE are gains; nothing compared is none."""
    assert Accuracy("m", 1.0, delta=delta, direction=direction).gain == gain


def test_a_metric_without_a_title_is_called_by_its_name() -> None:
    """Older records have the name alone."""
    assert (Accuracy("rmse", 1.0).label, Accuracy("rmse", 1.0, title="RMSE").label) == ("rmse", "RMSE")


@pytest.mark.parametrize(("stored", "widened"), [(None, False), (100, False), (101, True), (99, False)])
def test_codes_are_widened_where_the_file_has_more_bytes_than_they_take(stored: int | None, widened: bool) -> None:
    """As many bytes as packed is not wider, and a record without the number claims nothing."""
    assert Size(1000, 100, stored).widened is widened


@pytest.mark.parametrize(
    ("valid", "load", "doubt"),
    [
        (True, None, None),
        (True, "others took 4 %", None),
        (False, None, "on an unsteady machine"),
        (False, "others took 40 %", "on a busy machine"),
    ],
)
def test_a_latency_says_how_the_machine_was(valid: bool, load: str | None, doubt: str | None) -> None:
    """Only where the milliseconds do not hold; its speed is told with the same words and its own interval."""
    latency = Latency(1.0, 2.0, 3.0, None, 9, 1, 1, valid, 2.0, (1.5, 2.5), load=load)
    assert latency.doubt == doubt
    assert (latency.speed.ratio, latency.speed.ci95, latency.speed.doubt) == (2.0, (1.5, 2.5), doubt)
    assert latency.speed.change is Change.BETTER


def _rates(*rates: tuple[int, float, bool]) -> Run:
    found = {batch: Throughput(value, None, 9, valid) for batch, value, valid in rates}
    return Run("w8a8", "d", "b", Status.OK, throughput_by_batch=found)


@pytest.mark.parametrize(
    ("rates", "batch"),
    [
        ([(1, 500.0, True), (8, 900.0, True), (32, 700.0, True)], 8),
        ([(1, 500.0, True), (8, 900.0, False)], 1),
        ([(1, 500.0, False), (8, 900.0, False)], 8),
        ([], None),
    ],
)
def test_the_best_throughput_is_a_valid_one_if_there_is_any(
    rates: list[tuple[int, float, bool]], batch: int | None
) -> None:
    """A higher number of disturbed rounds does not go before one that holds."""
    found = _rates(*rates).throughput
    assert (None if found is None else found[0]) == batch


def test_results_of_earlier_versions_are_read() -> None:
    """Rates were numbers with their calls beside them, and agreement brought no facts of its own; others stay."""
    plain = _rates().to_json() | {"throughput_by_batch": {"1": 500.0, "8": 900.0}, "throughput_n": {"1": 7}}
    assert Run.from_json(plain).throughput_by_batch == {1: Throughput(500.0, n=7), 8: Throughput(900.0, n=0)}
    told = Accuracy.from_json({"metric": "agreement", "value": 0.9})
    assert (told.label, told.enough) == ("agreement with float", 0.95)
    assert "says what float says on {value} of {n} samples" in told.clause
    other = Accuracy.from_json({"metric": "accuracy", "value": 0.9})
    assert (other.label, other.enough, other.unit) == ("accuracy", None, "%")
    now = Accuracy("agreement", 0.9, title="own", enough=0.5)
    assert Accuracy.from_json(now.to_json()) == now
