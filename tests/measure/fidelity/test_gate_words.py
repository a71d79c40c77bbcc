"""What the gate says of answers that it lets through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.fidelity.gate import Difference
from qexplorer.measure.fidelity.gate_words import compared_text, cost_of, why_right

SEEN = Alone(1.0, "a", 24, 48, conclusive=True)
FOUND = Difference(32, 100, 97, 1.0, None, exact=False)


@pytest.mark.parametrize(
    ("alone", "share", "text"),
    [
        (SEEN, None, "single steps add up: each of its 24 rounding points alone is within 1 step (n = 48)"),
        (
            replace(SEEN, last="head", allowed=3, sizes=(8,)),
            0.999,
            "single steps add up from 'head' on: each of its 24 rounding points alone is within 3 steps "
            "(n = 48, at batch 8)",
        ),
        (
            replace(SEEN, grows="late", parts="early", last="head"),
            0.998,
            "single steps add up from 'late' on, 99.80 % of the outputs are within 1 step: "
            "each of its 24 rounding points alone is within 1 step (n = 48)",
        ),
        (
            replace(SEEN, parts="early", last="head", blind=1),
            None,
            "no piece of it is wrong by itself as far as can be seen from 'early' on: 24 of 25 rounding points are "
            "within 1 step, 1 cannot be read without changing the answers (n = 48)",
        ),
        (replace(SEEN, points=0), 0.5, "float arithmetic of this graph explains the difference (n = 48)"),
        (
            replace(SEEN, points=0, blind=2),
            None,
            "no piece of it is wrong by itself as far as can be seen: 0 of 2 rounding points are within 1 step, "
            "2 cannot be read without changing the answers (n = 48)",
        ),
    ],
)
def test_why_a_gap_may_be_shown(alone: Alone, share: float | None, text: str) -> None:
    """Where it begins (steps before codes before the last point), how many outputs are near, and what was not seen."""
    assert why_right(alone, share) == text


def test_what_was_compared_names_samples_and_batches() -> None:
    """The first entry in full, the last behind an "and"."""
    assert compared_text({}) == ""
    assert compared_text({1: 1}) == "1 sample at batch 1"
    assert compared_text({32: 597, 1: 16}) == "597 samples at batch 32 and 16 at batch 1"
    assert compared_text({32: 597, 1: 16, 8: 32}) == "597 samples at batch 32, 16 at batch 1 and 32 at batch 8"


@pytest.mark.parametrize(
    ("same", "text"),
    [
        (97, "3 of 100 samples get another class"),
        (99, "1 of 100 samples gets another class"),
        (100, "none of 100 samples gets another class"),
    ],
)
def test_a_gap_costs_classes(same: int, text: str) -> None:
    """Counted at the evaluation batch, against whatever it was compared with."""
    found = [replace(FOUND, same_classes=same), replace(FOUND, batch=1, same_classes=0)]
    assert cost_of(found, "simulation", None) == f"{text} than in the simulation"
    assert cost_of(found, "exact integers", None) == f"{text} than with exact integers"


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "text"),
    [
        ("accuracy", 0.95, 0.96, "accuracy 95.0 %, in the simulation 96.0 %"),
        ("rmse", 0.512, 0.5, "RMSE 0.512, in the simulation 0.5"),
        ("sqnr", 31.26, 31.5, "SQNR 31.3 dB, in the simulation 31.5 dB"),
    ],
)
def test_without_classes_it_costs_what_the_task_counts(name: str, ours: float, theirs: float, text: str) -> None:
    """Shares in per cent, anything else in its unit; nothing where nothing was compared or is counted."""
    found, primary = [replace(FOUND, same_classes=None)], {"name": name, "ours": ours, "theirs": theirs}
    assert cost_of(found, "simulation", primary) == text
    assert (cost_of(found, "simulation", None), cost_of([], "simulation", primary)) == (None, None)
