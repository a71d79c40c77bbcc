"""The gate: which answers may be shown."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.results import Fidelity, Run, Status
from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.fidelity.gate import Difference, differences, explained, verdict
from qexplorer.measure.fidelity.gate_words import why_right
from qexplorer.measure.judging import _fidelity

SCALE = np.float32(0.037)


def on_grid(codes: list[int]) -> np.ndarray:
    """Values of codes on a grid, as DequantizeLinear gives them: rounded to float32."""
    return (np.array(codes, np.float32).reshape(1, -1) * SCALE).astype(np.float32)


@given(st.lists(st.integers(-128, 127), min_size=2, max_size=30), st.data())
def test_steps_are_counted_exactly(codes: list[int], data: st.DataObject) -> None:
    """The worst difference of codes is the worst difference in steps, a whole number, whatever float32 rounds."""
    shift = data.draw(st.lists(st.integers(-3, 3), min_size=len(codes), max_size=len(codes)))
    other = [c + s for c, s in zip(codes, shift, strict=True)]
    found = differences([on_grid(other)], [on_grid(codes)], ["y"], {"y": float(SCALE)}, batch=1, n=1)
    assert found.max_lsb == max(map(abs, shift))
    assert found.exact == (max(map(abs, shift)) == 0)
    assert (verdict([found]) is None) == (max(map(abs, shift)) <= 1)


def test_equal_answers_are_exact_and_pass() -> None:
    """Answers that are equal bit by bit, NaN included, are exact."""
    x = np.array([[1.0, np.nan, np.inf]], np.float32)
    found = differences([x], [x.copy()], ["y"], {}, batch=1, n=1)
    assert found.exact
    assert verdict([found]) is None


FLOATS = pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])


@FLOATS
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_answers_that_stop_being_finite_are_refused(dtype: type, bad: float) -> None:
    """NaN or infinity where the simulation has a number is wrong, however small the rest differs, and the reverse."""
    pair = [np.array([[1.0, last]]).astype(dtype) for last in (bad, 2.0)]
    for ours, expected in (pair, pair[::-1]):
        found = differences([ours], [expected], ["y"], {}, batch=8, n=1)
        assert (found.exact, found.values) == (False, 0)
        assert "infinite or NaN" in (verdict([found]) or "")


@FLOATS
def test_nan_in_the_same_place_is_the_same_answer(dtype: type) -> None:
    """In every width of float; what is finite beside it is compared."""
    ours = np.array([[1.0, np.nan, -np.inf]]).astype(dtype)
    assert differences([ours], [ours.copy()], ["y"], {}, batch=1, n=1).exact
    other = np.array([[4.0, np.nan, -np.inf]]).astype(dtype)
    found = differences([ours], [other], ["y"], {}, batch=1, n=1)
    assert (found.wrong, found.exact, found.max_relative, found.equal, found.values) == (None, False, 0.75, 2, 3)


@pytest.mark.parametrize("other", [-np.inf, np.nan])
def test_another_infinity_in_the_same_place_is_refused(other: float) -> None:
    """Minus infinity or NaN where the simulation has infinity is wrong, although none of them is finite."""
    expected = np.array([[1.0, np.inf]], np.float32)
    found = differences([np.array([[1.0, other]], np.float32)], [expected], ["y"], {}, batch=8, n=1)
    assert "infinite or NaN" in (verdict([found]) or "")


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
def test_one_rounding_of_a_16_bit_output_passes_however_deep_the_graph_is(dtype: type) -> None:
    """One place in the last of 11 or 8 bits passes; two ask for a look, also behind a hundred layers."""
    unit = float(ml_dtypes.finfo(dtype).eps) / 2
    expected = np.full((1, 4), 1.0).astype(dtype)
    for places, passes in ((1, True), (2, False)):
        ours = np.full((1, 4), 1 + 2 * unit * places).astype(dtype)
        found = differences([ours], [expected], ["y"], {}, batch=1, n=1, layers=100)
        assert explained(found) == passes
        assert (verdict([found]) is None) == passes


def test_an_output_on_no_grid_is_explained_by_the_rounding_of_its_floats_alone() -> None:
    """What eight roundings at each layer add up to passes; a tenth more asks for a look, and fails without."""
    expected = np.linspace(-2, 2, 50).reshape(5, 10).astype(np.float32)
    noise = 8 * 2.0**-24 * 20
    off = np.zeros_like(expected)
    for share, passes in ((noise * 0.9, True), (noise * 1.1, False)):
        off[2, 3] = 2 * share
        found = differences([expected + off], [expected], ["y"], {}, batch=32, n=5, layers=20)
        assert found.max_lsb is None
        assert explained(found) == passes
        assert (verdict([found]) is None) == passes
        right = Alone(0.0, "", 0, 8, conclusive=True, ends=1, end="y", end_times=0.5)
        assert verdict([found], right) is None, "as large as it is: float64 tells that this graph does so"
    wrong = Alone(0.0, "", 3, 8, conclusive=True, ends=1, end="y", end_times=40.0, last="head")
    assert "output 'y' is not what the layers behind 'head' make of it" in (verdict([found], wrong) or "")


def test_no_share_of_an_output_range_decides() -> None:
    """A gap of a third of the range passes where every piece alone is right, and a hundredth fails where one is not."""
    expected = np.linspace(-2, 2, 50).reshape(5, 10).astype(np.float32)
    wide = differences([expected * np.float32(1.3)], [expected], ["y"], {}, batch=32, n=5)
    small = differences([expected * np.float32(1.01)], [expected], ["y"], {}, batch=32, n=5)
    assert verdict([wide], Alone(1.0, "a", 30, 32, conclusive=True, ends=1)) is None
    assert "'conv7' is the first" in (verdict([small], Alone(9.0, "conv7", 30, 32, conclusive=True, ends=1)) or "")


def test_a_look_that_proves_nothing_refuses_nothing() -> None:
    """Single steps stay shown where codes read from another run look wrong; a gap of steps is refused then as well."""
    unsure = Alone(9.0, "conv7", 30, 32, conclusive=False, ends=1)
    near = differences([on_grid([1, 3])], [on_grid([1, 2])], ["y"], {"y": float(SCALE)}, batch=1, n=1)
    far = differences([on_grid([1, 9])], [on_grid([1, 2])], ["y"], {"y": float(SCALE)}, batch=1, n=1)
    assert verdict([near], unsure) is None
    assert verdict([far], unsure) is not None


def test_a_rounding_that_leans_is_wrong_although_it_is_within_a_step() -> None:
    """Rounding down is never off by more than one step: it is refused by name for leaning."""
    off = differences([on_grid([1, 3])], [on_grid([1, 2])], ["y"], {"y": float(SCALE)}, batch=1, n=1)
    assert not explained(off), "half of the values differ"
    assert verdict([off]) is None, "without a look, one step is one step"
    floor = Alone(1.0, "c", 30, 4, conclusive=True, layer="conv2", leans=0.5)
    assert "'conv2' is the first that is wrong by itself, it rounds 50 % of its values to one side" in (
        verdict([off], floor) or ""
    )


def test_what_was_not_seen_is_said() -> None:
    """Where a third of the points cannot be read, nobody says that each of them is within a step."""
    some = Alone(1.0, "a", 24, 48, conclusive=True, blind=10, allowed=2, sizes=(1, 8, 32), grows="conv3")
    text = why_right(some, 0.88)
    assert "24 of 34 rounding points are within 2 steps, 10 cannot be read" in text
    assert "single steps add up" not in text
    assert text.endswith("(n = 48, at batch 1, 8 and 32)")


def test_one_bad_batch_size_is_enough() -> None:
    """Answers that are right at batch 1 and wrong at batch 32 are refused, and the reason names the batch."""
    fine = differences([on_grid([1, 2])], [on_grid([1, 2])], ["y"], {"y": float(SCALE)}, batch=1, n=1)
    bad = differences([on_grid([1, 9])], [on_grid([1, 2])], ["y"], {"y": float(SCALE)}, batch=32, n=1)
    assert "up to 7 steps" in (verdict([fine, bad]) or "")
    assert "at batch 32" in (verdict([fine, bad]) or "")


def test_another_shape_and_other_class_numbers_are_refused() -> None:
    """A missing row, or one class number in ten that differs, is not let through."""
    short = differences([np.zeros((1, 2), np.float32)], [np.zeros((2, 2), np.float32)], ["y"], {}, batch=1, n=2)
    assert "another shape" in (verdict([short]) or "")
    classes = np.arange(10)
    changed = classes.copy()
    changed[0] = 5
    found = differences([changed], [classes], ["y"], {}, batch=1, n=10)
    assert found.same_classes == 9
    assert verdict([found]) is not None


def test_codes_may_differ_by_one_step() -> None:
    """An output of integer codes is compared in steps of one code."""
    codes = np.array([[3, 4, 5]], np.uint8)
    assert differences([codes + 1], [codes], ["y"], {}, batch=1, n=1).max_lsb == 1
    assert verdict([differences([codes + 2], [codes], ["y"], {}, batch=1, n=1)]) is not None


def test_more_than_one_step_passes_only_where_each_layer_alone_is_right() -> None:
    """Three steps pass if every layer alone is within one; a layer that is not is named."""
    off = differences([on_grid([4, 2])], [on_grid([1, 2])], ["y"], {"y": float(SCALE)}, batch=1, n=1)
    assert "up to 3 steps" in (verdict([off]) or "")
    assert verdict([off], Alone(1.0, "a", 30, 4, conclusive=True)) is None
    assert "'conv7' is the first" in (verdict([off], Alone(9.0, "conv7", 30, 4, conclusive=True)) or "")
    assert "cannot be told" in (verdict([off], Alone(1.0, "a", 30, 4, conclusive=False)) or "")
    assert "from 'conv3' on" in (verdict([off], Alone(1.0, "a", 9, 4, conclusive=False, grows="conv3")) or "")
    assert "'fused' is the first" in (verdict([off], Alone(3.0, "fused", 9, 4, conclusive=True, allowed=2)) or "")
    assert verdict([off], Alone(2.0, "fused", 9, 4, conclusive=True, allowed=2)) is None


def test_values_within_a_step_are_counted_and_the_worst_sample_is_known() -> None:
    """Of eight values one is two steps off; the sample that holds it is told."""
    off = differences(
        [on_grid([1, 2, 3, 4, 5, 8, 7, 9]).reshape(4, 2)],
        [on_grid([1, 2, 3, 4, 5, 6, 7, 8]).reshape(4, 2)],
        ["y"],
        {"y": float(SCALE)},
        batch=4,
        n=4,
    )
    assert (off.elements, off.within_one, off.worst_row) == (8, 7, 2)


def test_below_999_of_1000_within_a_step_the_layer_is_named() -> None:
    """Answers that may be shown although fewer than 99.9 % are within a step say from which layer on they differ."""
    off = Difference(32, 10, 10, 3.0, None, exact=False, elements=100, within_one=90)
    alone = Alone(1.0, "conv1", 30, 32, conclusive=True, parts="conv1", grows="conv7")
    found = _fidelity([off], alone)
    assert found.within_one_step == 0.9
    last = Alone(0.0, "conv1", 30, 32, conclusive=True, last="head")
    assert "from 'head' on, 90.00 %" in (_fidelity([off], last).reason or ""), "no code differs: it is behind the last"
    assert "from 'conv7' on, 90.00 % of the outputs are within 1 step" in (found.reason or "")


def test_an_old_record_has_no_share_within_a_step() -> None:
    """A run that was kept before the field was there is read, with None in its place."""
    run = Run("w8a8", "d", "onnxruntime", Status.OK, fidelity=Fidelity(1.0, 1.0, False, 40))
    value = run.to_json()
    del value["fidelity"]["within_one_step"]
    assert Run.from_json(value) == run


def test_one_value_two_steps_away_is_not_explained() -> None:
    """One of a thousand may be a step away without a look; two steps ask for one, however rare they are."""
    expected = on_grid([1] * 1000)
    for steps, passes in ((1, True), (2, False)):
        ours = on_grid([1] * 999 + [1 + steps])
        found = differences([ours], [expected], ["y"], {"y": float(SCALE)}, batch=1, n=1)
        assert explained(found) == passes


def test_a_rounding_that_strays_to_both_sides_is_refused_by_name() -> None:
    """It is never off by more than a step, and leans to neither side."""
    off = differences([on_grid([1, 3])], [on_grid([1, 2])], ["y"], {"y": float(SCALE)}, batch=1, n=1)
    lost = Alone(1.0, "c", 30, 4, conclusive=True, layer="conv2", strays=0.5)
    assert not lost.right
    assert "'conv2' is the first that is wrong by itself, it rounds 50 % of its values to a code that is not" in (
        verdict([off], lost) or ""
    )


def test_all_outputs_are_compared_each_in_its_own_terms() -> None:
    """Steps and floats by the worst output, values by all of them; the samples are those of the first that differs, the
    worst first."""
    grid = np.arange(12.0).reshape(6, 2)
    moved = grid + np.array([[0, 0], [0, 1], [0, 0], [2, 0], [0, 0], [0, 3]])
    floats = np.full((6, 1), 8.0, np.float32)
    near = floats + np.float32([[0], [0], [1], [0], [0], [0]])
    codes = np.arange(6, dtype=np.int16).reshape(6, 1)
    pairs = [(floats, floats), (moved, grid), (codes + np.int16(4), codes), (near, floats)]
    found = differences(
        *([pair[side] for pair in pairs] for side in (0, 1)), list("abcd"), {"b": 1.0}, batch=6, n=6, threshold=None
    )
    assert (found.max_lsb, found.max_relative, found.noise) == (4.0, 0.125, 0.125 / (8 * 2.0**-24))
    assert (found.elements, found.within_one, found.values, found.equal) == (18, 10, 30, 6 + 9 + 0 + 5)
    assert (found.rows, found.worst_row, found.exact, found.wrong) == ((5, 3, 1), 5, False, None)
    swapped = differences([moved, near], [grid, floats], list("bd"), {"b": 1.0}, batch=6, n=6, threshold=None)
    assert (swapped.rows, swapped.exact) == ((5, 3, 1), False)
    assert not differences([near, grid], [floats, grid], list("db"), {"b": 1.0}, batch=6, n=6).exact


def test_an_output_without_samples_has_no_rows() -> None:
    """A number for all of them, or another number of rows; of nothing at all everything is explained."""
    for ours, expected in ((np.float32(2), np.float32(1)), (np.ones(3, np.float32), np.zeros(3, np.float32))):
        found = differences([np.asarray(ours)], [np.asarray(expected)], ["y"], {}, batch=1, n=2)
        assert (found.rows, found.worst_row) == ((), None)
    empty = np.zeros((2, 0), np.float32)
    for scales in ({}, {"y": 0.5}):
        found = differences([empty], [empty], ["y"], scales, batch=1, n=2, threshold=None)
        assert (found.exact, explained(found), verdict([found])) == (True, True, None)


def test_an_output_that_was_not_given_is_not_passed_over() -> None:
    """Whoever compares gives as many answers as names."""
    with pytest.raises(ValueError, match="shorter"):
        differences([np.zeros(2)], [np.zeros(2), np.ones(2)], ["y", "z"], {}, batch=1, n=2)


@pytest.mark.parametrize(
    ("kind", "steps", "share"),
    [("int8", 3.0, None), ("uint16", 3.0, None), ("int32", None, 0.5), ("int64", None, 0.5), ("bool", None, 0.5)],
)
def test_small_integers_are_codes_and_others_are_names(kind: str, steps: float | None, share: float | None) -> None:
    """Codes differ in steps; of class numbers and truth values the share that is another counts, and none may be."""
    expected = np.array([[0], [0]]).astype(kind)
    ours = np.array([[0], [3]]).astype(kind)
    found = differences([ours], [expected], ["y"], {}, batch=2, n=2)
    assert (found.max_lsb, found.max_relative, explained(found)) == (steps, share, False)
    same = differences([ours], [ours.copy()], ["y"], {}, batch=2, n=2)
    assert (same.max_lsb, same.max_relative) == (None if steps is None else 0.0, None if share is None else 0.0)
    assert explained(same)


def test_floats_are_compared_with_the_largest_that_is_finite() -> None:
    """Which an infinity is not; where all are zero, with one. A graph without a layer rounds once all the same."""
    for expected, share in (([4.0, np.inf], 0.25), ([0.0, 0.0], 1.0), ([-8.0, 1.0], 0.125)):
        ours = np.array([[expected[0] + 1, expected[1]]], np.float32)
        found = differences([ours], [np.array([expected], np.float32)], ["y"], {}, batch=1, n=1, layers=0)
        assert found.max_relative == pytest.approx(share)
        assert found.noise == pytest.approx(share / (8 * 2.0**-24))


@pytest.mark.parametrize("many", [False, True])
def test_single_steps_ask_for_a_look_where_more_than_one_of_a_hundred_is_off(*, many: bool) -> None:
    """One of a hundred is not too many, two are."""
    item = Difference(1, 8, None, 1.0, None, exact=False, values=200, equal=197 if many else 198)
    assert explained(item) is not many
    assert explained(replace(item, noise=1.0)), "on no grid the rounding of floats decides"
    assert not explained(replace(item, wrong="it is NaN"))
