"""Pictures of how algorithms round a layer: what is drawn are the values themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from qexplorer.measure.lessons.channels import ALPHAS, Side, moves
from qexplorer.measure.lessons.choices import cells_of, other_way, row_errors_of, telling_cell
from qexplorer.measure.lessons.lesson import Around, Lesson
from qexplorer.measure.lessons.pushing import pushing_of
from qexplorer.measure.lessons.scale_walk import STEPS, walk_of
from qexplorer.measure.lessons.stairs import staircase_of, trained
from qexplorer.report.chart_files.saved_charts import chart_svg
from qexplorer.report.lesson_charts import channels, choices
from qexplorer.report.lesson_charts.channels import moved_sentence, moving_spec, range_rows, ranges_spec
from qexplorer.report.lesson_charts.choices import (
    cells_rows,
    cells_spec,
    cost_rows,
    cost_spec,
    other_way_sentence,
    row_error_spec,
)
from qexplorer.report.lesson_charts.pushing import (
    change_rows,
    change_spec,
    hessian_rows,
    hessian_spec,
    left_spec,
    pushing_sentence,
)
from qexplorer.report.lesson_charts.scale_walk import curve_spec, slope_rows, slope_spec, walk_sentence
from qexplorer.report.lesson_charts.stairs import (
    derivative_spec,
    loss_spec,
    stair_rows,
    stairs_spec,
    step_sentence,
    way_spec,
    window_of,
)
from tests.measure.lessons import given_lessons


@cache
def _lesson() -> Lesson:
    return given_lessons.lesson()


def test_cells_say_which_way_and_whether_it_is_nearest() -> None:
    """Up is orange, down blue; a cell is strong where the level is another than nearest; one of them is chosen."""
    lesson, rows, columns = _lesson(), range(5), range(18)
    cells = cells_of(lesson, 3, rows, columns)
    chosen = telling_cell(lesson, 3, rows, columns)
    drawn = cells_rows(lesson, cells, chosen)
    for row, cell in zip(drawn, cells, strict=True):
        assert (row["way"] == "up") == (cell.learned > cell.steps)
        assert (row["strength"] == 1.0) == (cell.learned != cell.nearest)
    assert [(row["row"], row["column"]) for row in drawn if row["chosen"]] == [chosen]
    assert cells_spec(lesson, cells, chosen, 3)["height"] == 5 * 20


def test_costs_add_up_on_the_picture() -> None:
    """Each sum is its two terms, and the sentence tells those with the others as learned."""
    lesson = _lesson()
    found = other_way(lesson, 3, *telling_cell(lesson, 3, range(5), range(18)))
    assert found is not None
    own, nearest, both, learned, total = (row["cost"] for row in cost_rows(found))
    assert both == pytest.approx(own + nearest)
    assert total == pytest.approx(own + learned)
    assert [row["side"] for row in cost_rows(found)][::4] == ["more error", "less error"]
    text = other_way_sentence(found, found.cell)
    assert f"nearest is {found.cell.nearest}, AdaRound chose {found.cell.learned}" in text
    assert f"costs {own:.2g} % by itself" in text or f"costs {own:.0f} % by itself" in text
    assert text.endswith("less error in all")
    assert other_way_sentence(None, found.cell).endswith("no level on its other side")


def test_the_heat_map_is_the_hessian() -> None:
    """Cells are the moments in the order of rounding, in means of the diagonal; at most 28 inputs are drawn."""
    lesson = _lesson()
    found = pushing_of(lesson, 3, 0)
    cells = {(row["one"], row["other"]): row for row in hessian_rows(lesson, found)}
    h = lesson.moments[0]
    mean = np.diag(h).mean()
    for i, j in ((0, 0), (2, 7), (17, 3)):
        value = h[found.order[i], found.order[j]] / mean
        assert cells[i, j]["value"] == pytest.approx(value)
        assert (cells[i, j]["sign"] == "together") == (value >= 0)
    wide = given_lessons.lesson(2, rows=2, columns=40)
    rows = hessian_rows(wide, pushing_of(wide, 3, 0))
    assert len(rows) == 28 * 28
    title = hessian_spec(wide, pushing_of(wide, 3, 0), 5)["title"]["text"]
    assert title.endswith("the first 28 of 40")


def test_bars_are_what_has_moved() -> None:
    """Before the slider weights are rounded and stay, behind it they are in float; axes do not move with it."""
    found = pushing_of(_lesson(), 3, 2)
    for done in (0, 7, 18):
        rows = change_rows(found, done)
        assert [row["change"] for row in rows] == pytest.approx(list(found.changes[done]))
        assert [row["state"] for row in rows].count("rounded") == done
    scales = [change_spec(found, done)["layer"][0]["encoding"]["y"]["scale"] for done in (3, 15)]
    assert scales[0] == scales[1]
    now = left_spec(found, 7)["datasets"]["now"]
    assert [row["error"] for row in now] == pytest.approx([100 * found.nearest[7], 100 * found.pushed[7]])
    assert "nothing is rounded" in pushing_sentence(found, 0)
    assert f"{100 * found.pushed[18]:.2g} %" in pushing_sentence(found, 18)


def test_the_staircase_is_drawn_as_it_rounds() -> None:
    """Between two corners of a flat part lies one level; a fine grid is drawn around the weight alone."""
    stairs = staircase_of(_lesson(), 3, 0, 0)
    window = window_of(stairs, 0.2)
    assert window == (stairs.levels[0] - 1.5, stairs.levels[-1] + 1.5)
    corners = stair_rows(stairs, window)
    for one, other in zip(corners[::2], corners[1::2], strict=True):
        assert one["y"] == other["y"] == stairs.rounded((one["x"] + other["x"]) / 2)
    fine = staircase_of(_lesson(), 8, 0, 0)
    low, high = window_of(fine, 50.0)
    assert (low, high) == (44.0, 56.0)
    assert all(low <= row["x"] <= high for row in stair_rows(fine, (low, high)))


def test_the_derivative_is_stopped_at_the_ends_of_the_grid() -> None:
    """Straight through is 1 on the grid's range and 0 beyond; the true one is 0, with a mark at each jump."""
    stairs = staircase_of(_lesson(), 3, 0, 0)
    sets = derivative_spec(stairs, 0.0)["datasets"]
    through = [(row["x"], row["y"]) for row in sets["lines"] if row["kind"] == "straight through"]
    assert through == [(-4.5, 0), (-3, 0), (-3, 1), (3, 1), (3, 0), (4.5, 0)]
    assert {row["y"] for row in sets["lines"] if row["kind"] == "true"} == {0}
    assert [row["x"] for row in sets["jumps"]] == list(stairs.jumps)


def test_a_step_is_told_with_its_numbers() -> None:
    """Weight, gradient, rate and new weight of the last step are those of training; the level too."""
    lesson = _lesson()
    training, stairs = trained(lesson, 3, 1, 3, 0.9), staircase_of(lesson, 3, 1, 4)
    text = step_sentence(training, 4, stairs)
    before, after = training.weights[2:4, 4] * stairs.scale
    assert f"step 3: weight {before:.5g}, gradient {training.gradients[2, 4]:+.3g}" in text
    assert f"new weight {after:.5g}" in text
    assert after == pytest.approx(before - training.rate * training.gradients[2, 4], rel=1e-6)
    jumped = replace(training, levels=training.levels + np.arange(4)[:, None])
    assert f"goes from {jumped.levels[2, 4]:.0f} to {jumped.levels[3, 4]:.0f}" in step_sentence(jumped, 4, stairs)
    assert "take a step" in step_sentence(trained(lesson, 3, 1, 0, 0.9), 4, stairs)


def test_the_path_is_drawn_up_to_the_step() -> None:
    """Points are the scales that were visited; marks stand at the start, at the least error and at the step."""
    walk = walk_of(_lesson(), 3)
    sets = curve_spec(walk, 20)["datasets"]
    assert [row["scale"] for row in sets["path"]] == pytest.approx(list(walk.path[:21]))
    start, best, now = sets["marks"]
    assert (start["scale"], now["scale"]) == (walk.path[0], walk.path[20])
    assert best["error"] == min(row["error"] for row in sets["curve"])
    slopes = slope_rows(walk, float(walk.path[20]))
    inside = [row for row in slopes if row["kind"].startswith("LSQ") and abs(row["x"]) <= walk.path[20] * 3]
    assert max(abs(row["slope"]) for row in inside) <= 0.5 + 1e-9
    assert "0.0 % of the weights are clipped" in walk_sentence(walk, 0)


def test_every_picture_can_be_saved() -> None:
    """Each specification is drawn without a browser, at its ends too."""
    lesson = _lesson()
    found, walk = pushing_of(lesson, 3, 0), walk_of(lesson, 3)
    other = other_way(lesson, 3, *telling_cell(lesson, 3, range(5), range(18)))
    assert other is not None
    specs = [
        cells_spec(lesson, cells_of(lesson, 3, range(5), range(18)), (0, 0), 3),
        cost_spec(other),
        row_error_spec(row_errors_of(lesson, 3)),
        *(make(found, done) for make in (change_spec, left_spec) for done in (0, 18)),
        *(hessian_spec(lesson, found, done) for done in (0, 18)),
        *(make(walk, step) for make in (slope_spec, curve_spec) for step in (0, STEPS)),
    ]
    for bits in (2, 8):
        stairs = staircase_of(lesson, bits, 0, 0)
        specs += [stairs_spec(stairs, 0.3, bits), derivative_spec(stairs, 0.3)]
        for steps in (0, 5):
            training = trained(lesson, bits, 0, steps, 0.9)
            specs += [way_spec(training, 0, stairs), loss_spec(training)]
    for spec in specs:
        assert chart_svg({**spec, "width": 320}).startswith("<svg")


@pytest.mark.parametrize("side", ["inputs", "front"])
def test_moved_channels_are_drawn_and_said(side: Side) -> None:
    """Channels stand by their size in front, both sides before and after; the curve has the error of each alpha."""
    random = np.random.default_rng(0)
    lesson = _lesson()
    feeds = random.normal(size=(1, 60, 18)).astype(np.float32) * np.geomspace(20, 0.1, 18, dtype=np.float32)
    low, high = feeds.min((0, 1)).astype(np.float64), feeds.max((0, 1)).astype(np.float64)
    front = random.normal(size=(18, 7)).astype(np.float32)
    around = Around(feeds, np.arange(18, dtype=np.int32)[None], low, high, front, "before")
    found = moves(replace(lesson, around=around), 8, side)
    now = found[1 + ALPHAS.index(0.5)]
    rows = range_rows(found[0], now, side)
    fronts = [row["before"] for row in rows[:18]]
    assert fronts == sorted(fronts, reverse=True)
    assert [row["after"] for row in rows[:18]] == pytest.approx([row["after"] for row in rows[18:]])
    spec = moving_spec(found, now, side)
    assert spec["datasets"]["marks"][0]["error"] == 100 * now.error
    assert len(spec["datasets"]["held"]) == (1 if side == "inputs" else 2)
    said = moved_sentence(found, now, side)
    assert said.startswith("at alpha 0.5 the largest channel has")
    assert f"with nothing moved {100 * found[0].error:.2f} %" in said or f"{100 * found[0].error:.1f} %" in said
    for each in (spec, ranges_spec(found[0], now, side)):
        assert chart_svg(each).startswith("<svg")


def test_a_grid_of_up_to_seventeen_levels_is_drawn_as_a_whole() -> None:
    """A finer one around the weight, or around its last level where the weight lies beyond."""
    stairs = staircase_of(_lesson(), 3, 0, 0)
    for count, whole in ((17, True), (18, False)):
        some = replace(stairs, levels=tuple(range(count)), jumps=tuple(k + 0.5 for k in range(count - 1)))
        low, high = window_of(some, 5.0)
        assert (low, high) == ((-1.5, count + 0.5) if whole else (-1.0, 11.0))
        assert window_of(some, 99.0) == ((-1.5, count + 0.5) if whole else (11.0, 23.0))


def test_a_slope_ends_where_the_grid_does_and_not_where_the_picture_does() -> None:
    """Inside of a fine grid it is 1 from edge to edge; at its end it falls to 0 there."""
    fine = staircase_of(_lesson(), 8, 0, 0)
    last = fine.levels[-1]

    def through(at: float) -> list[tuple[float, int]]:
        rows = derivative_spec(fine, at)["datasets"]["lines"]
        return [(row["x"], row["y"]) for row in rows if row["kind"] == "straight through"]

    assert through(0.0) == [(-6.0, 1), (6.0, 1)]
    assert through(float(last)) == [(last - 6.0, 1), (last, 1), (last, 0), (last + 6.0, 0)]
    assert through(float(fine.levels[0])) == [
        *((fine.levels[0] - 6.0, 0), (fine.levels[0], 0)),
        *((fine.levels[0], 1), (fine.levels[0] + 6.0, 1)),
    ]
    jumps = [row["x"] for row in derivative_spec(fine, 0.0)["datasets"]["jumps"]]
    assert jumps == [k + 0.5 for k in range(-6, 6)]


def test_weights_that_wait_are_told_by_how_far_they_have_moved() -> None:
    """The farthest of those that are still in float; nothing of the kind at either end."""
    found = pushing_of(_lesson(), 3, 2)
    text = pushing_sentence(found, 7)
    moved = np.abs(found.changes[7][7:]).max()
    assert text.startswith(
        f"7 of 18 weights are on the grid; those still in float have moved by up to {moved:.2g} steps"
    )
    assert f"{100 * found.pushed[7]:.2g} %, rounded to nearest {100 * found.nearest[7]:.2g} %" in text
    assert pushing_sentence(found, 18).startswith("all 18 weights are on the grid: ")


def test_what_a_scale_clips_is_a_share_of_the_weights() -> None:
    """On both sides of the grid."""
    walk = walk_of(_lesson(), 3)
    narrow = replace(walk, path=np.full_like(walk.path, 1e-9))
    assert "100.0 % of the weights are clipped" in walk_sentence(narrow, 3)
    low, high = (walk.path[5] * end for end in walk.levels)
    share = 100 * np.mean((walk.values < low) | (walk.values > high))
    assert f"{share:.1f} % of the weights are clipped" in walk_sentence(walk, 5)


def test_sums_stand_out_among_the_terms() -> None:
    """Two of five; a percentage has two digits, or is whole from ten on."""
    other = other_way(_lesson(), 3, *telling_cell(_lesson(), 3, range(5), range(18)))
    assert other is not None
    assert [row["sum"] for row in cost_rows(other)] == [False, False, True, False, True]
    told = [choices._percent(value) for value in (-12.4, 9.5, 9.49, 0.123)]
    assert told == ["12 %", "10 %", "9.5 %", "0.12 %"]
    assert [channels._error(share) for share in (0.01, 0.0099)] == ["1.0 %", "0.99 %"]
