"""What the gate says of answers that it lets through, and of those that it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.measure.fidelity.alone import LEANS, Alone
from qexplorer.measure.fidelity.gate import Difference, verdict
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


SINGLE = Alone(1.0, "a", 3, 8, conclusive=True)
END = replace(SINGLE, ends=1, end="y", end_times=1.5)
UNKNOWN = "; which layer is to blame cannot be told, because"
DISTURBED = f"{UNKNOWN} it answers otherwise while being looked into"


@pytest.mark.parametrize(
    ("alone", "blamed"),
    [
        (None, f"{UNKNOWN} the backend does not let anybody look into it"),
        (replace(SINGLE, points=0), DISTURBED),
        (replace(SINGLE, conclusive=False, parts="p"), f"{DISTURBED}; they part at 'p'"),
        (
            replace(SINGLE, conclusive=False, parts="p", grows="g"),
            f"{DISTURBED}; they differ by more than one step from 'g' on",
        ),
        (replace(SINGLE, worst_steps=2.0), ": 'a' is the first that is wrong by itself, by 2 steps"),
        (
            replace(SINGLE, leans=0.5),
            ": 'a' is the first that is wrong by itself, it rounds 50 % of its values to one side",
        ),
        (
            replace(SINGLE, layer="conv", leans=LEANS, strays=0.5),
            ": 'conv' is the first that is wrong by itself, it rounds 50 % of its values to a code that is not the "
            "nearest",
        ),
        (replace(SINGLE, layer="conv", worst_steps=1.5), ": 'conv' is the first that is wrong by itself, by 1.5 steps"),
        (END, ": output 'y' is not what the layers make of it"),
        (
            replace(END, blind=2, last="head"),
            ": output 'y' is not what the layers behind 'head' make of it, with a step granted to each of the 2 "
            "roundings that cannot be seen",
        ),
        (replace(END, conclusive=False), f": output 'y' is not what the layers make of it{DISTURBED}"),
    ],
)
def test_a_refusal_names_what_is_to_blame(alone: Alone | None, blamed: str) -> None:
    """The first wrong layer or output, or why none can be named."""
    off = Difference(32, 100, 97, 3.0, None, exact=False)
    gap = "its answers differ from exact integers by up to 3 steps of the output's grid (at batch 32, over 100 samples)"
    assert verdict([off], alone, "exact integers") == f"{gap}{blamed}, so its numbers are not shown"


@pytest.mark.parametrize(
    ("steps", "noise", "gap"),
    [
        (1.0, None, "1 step of the output's grid"),
        (2.5, 1.0, "2.5 steps of the output's grid"),
        (1.0, 1.5, "0.031 of the largest"),
        (None, 9.0, "0.031 of the largest"),
        (None, 0.5, "0.031 of the largest"),
        (None, None, "0.031 of the largest"),
    ],
)
def test_a_gap_is_told_in_steps_unless_floats_are_farther_off(
    steps: float | None, noise: float | None, gap: str
) -> None:
    """Floats count where they differ by more than rounding adds up to."""
    off = Difference(1, 8, None, steps, 0.0312, exact=False, noise=noise)
    wrong = replace(SINGLE, worst_steps=9.0)
    assert (verdict([off], wrong) or "").startswith(f"its answers differ from the simulation by up to {gap} (at batch")


def test_a_wrong_piece_is_told_with_the_worst_gap() -> None:
    """At the first batch size that is off; where none is, at the worst one; where nothing was compared, none."""
    wrong = replace(SINGLE, worst_steps=9.0)
    one, two = (Difference(batch, 8, None, 1.0, 0.1, exact=False, noise=batch / 10) for batch in (2, 4))
    exact = Difference(8, 8, None, 0.0, None, exact=True)
    assert "(at batch 4, " in (verdict([one, two, exact], wrong) or "")
    assert "(at batch 1, " in (verdict([exact, replace(exact, batch=1, max_lsb=1.0)], wrong) or "")
    assert "(at batch 3, " in (verdict([two, replace(one, batch=3, max_lsb=2.0)], wrong) or "")
    assert verdict([], wrong) is None
    assert verdict([one], replace(wrong, points=0)) is None, "nothing was looked at"
    assert verdict([one], replace(wrong, points=0, ends=1)) is not None
