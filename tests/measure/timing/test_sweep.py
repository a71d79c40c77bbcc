"""Batch sizes times threads: which cells there are, what is refused, and which cell is the sweet spot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, ChildError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.effort import Effort
from qexplorer.measure.prepare import Prepared
from qexplorer.measure.timing import sweep as sweeping
from qexplorer.measure.timing.sweep import sweep, thread_counts
from qexplorer.measure.timing.sweep_child import _cell
from qexplorer.measure.timing.sweep_types import Cell, Sweep
from qexplorer.measure.timing.timed_calls import Turns
from qexplorer.measure.variant import Variant, subject_of
from tests.measure.models import data_set, make_cnn

W8A8 = Recipe.parse("w8a8")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that last a hundredth of a second: every step is taken, no time means anything."""
    monkeypatch.setitem(sweeping.CELL_S, Effort.QUICK, 0.01)


@pytest.fixture(scope="module")
def data() -> DataSet:
    """Random samples with labels."""
    return data_set()


@pytest.mark.parametrize(
    ("logical", "physical", "counts"),
    [
        (1, 1, (1,)),
        (2, 1, (1, 2)),
        (6, 3, (1, 2, 3, 4, 6)),
        (16, 8, (1, 2, 4, 8, 16)),
        (12, None, (1, 2, 4, 8, 12)),
        (4, 64, (1, 2, 4)),
    ],
)
def test_threads_go_up_by_twos_to_all_processors(logical: int, physical: int | None, counts: tuple[int, ...]) -> None:
    """Powers of two, the physical cores and all logical ones; never more than this process may use."""
    assert thread_counts(logical, physical) == counts


def test_every_cell_is_there(cnn: Model, data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Float and one recipe at two batch sizes on one and two threads: eight cells, each with its numbers; progress
    never falls and ends at 1."""
    monkeypatch.setitem(sweeping.CELL_S, Effort.QUICK, 0.2)  # a call that a busy machine held up leaves no cell out
    shares: list[float] = []
    told = lambda _text, share, _cells: shares.append(share)  # noqa: E731 - shorter than a function
    found = sweep(cnn, [W8A8], data, batches=(4, 1), threads=(2, 1), tell=told)
    assert (found.batches, found.threads) == ((1, 4), (1, 2))
    assert [name for _, name in found.variants] == ["float", "w8a8"]
    assert len({(cell.digest, cell.batch, cell.threads) for cell in found.cells}) == len(found.cells) == 8
    for cell in found.cells:
        assert cell.p50_ms is not None
        assert cell.worst_ms is not None
        assert cell.per_s == pytest.approx(cell.batch * 1e3 / cell.p50_ms)
        low, high = cell.per_s_ci95 or (cell.per_s, cell.per_s)  # a busy machine may leave too few rounds for one
        assert low <= cell.per_s <= high
        assert cell.p50_ms <= (cell.p90_ms or cell.worst_ms) <= cell.worst_ms
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert Sweep.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_worst_of_a_cell_is_a_call_and_not_a_round() -> None:
    """One call of 9 ms among others of one: no median of a round shows it."""
    rounds = [[1_000_000, 9_000_000, 1_000_000], *[[1_000_000] * 3] * 5]
    cell = _cell("of a model", 4, 1, Turns(lambda: None, rounds=rounds, shares=[1.0] * 6), None)
    assert (cell.p50_ms, cell.worst_ms, cell.n) == (1.0, 9.0, 18)


def test_a_fixed_batch_leaves_threads_only(tmp_path: Path, data: DataSet) -> None:
    """A file that insists on 2 samples has cells of batch 2 alone."""
    found = sweep(make_cnn(tmp_path, batch=2), [], data, threads=(1, 2))
    assert {cell.batch for cell in found.cells} == {2}
    assert {cell.threads for cell in found.cells} == {1, 2}


@pytest.mark.usefixtures("trials")
@pytest.mark.parametrize(
    ("trouble", "why"),
    [("wrong", "numbers are not shown"), ("crash", "SIGABRT"), ("crash-timed", "timing it failed")],
)
def test_a_variant_that_is_wrong_or_crashes_has_reasons_for_numbers(
    trouble: str, why: str, cnn: Model, int8: Variant, data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong answers, and a crash while answers are checked or calls are timed, cost numbers and give a reason; the
    float model keeps its numbers wherever the crash left them."""
    made = [Prepared(W8A8, int8.digest, int8, None)]
    monkeypatch.setattr(sweeping, "prepare", lambda *_args, **_kwargs: iter(made))
    found = sweep(cnn, [W8A8], data, backend=f"trial-{trouble}", batches=(1,), threads=(1,))
    cells = {found.name(cell.digest): cell for cell in found.cells}
    assert cells["w8a8"].p50_ms is None
    assert why in (cells["w8a8"].reason or "")
    if trouble != "crash-timed":
        assert cells["float"].p50_ms is not None
    assert found.sweet_spot(1e9, cells["w8a8"].digest) is None


def test_a_recipe_that_cannot_be_applied_says_so(cnn: Model, data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe without a file has cells with the reason; float is swept all the same."""
    made = [Prepared(W8A8, "d", None, "there is nothing to quantize")]
    monkeypatch.setattr(sweeping, "prepare", lambda *_args, **_kwargs: iter(made))
    found = sweep(cnn, [W8A8], data, batches=(1,), threads=(1,))
    cells = {found.name(cell.digest): cell for cell in found.cells}
    assert cells["w8a8"].reason == "there is nothing to quantize"
    assert cells["float"].p50_ms is not None


@pytest.mark.parametrize(("allowed", "cores", "counts"), [(3, 2, (1, 2, 3)), (4, 8, (1, 2, 4)), (1, 4, (1,))])
def test_threads_are_those_that_this_process_may_use(
    allowed: int, cores: int, counts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many processors the machine has."""
    monkeypatch.setattr(sweeping.os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    monkeypatch.setattr("psutil.cpu_count", lambda **_: cores)
    assert sweeping._counts_here() == counts


def test_cells_that_were_timed_stay_when_the_child_dies(
    cnn: Model, data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the batch that it died at, and of later ones, have the reason; other cells stay as they are."""
    asked: list[dict[str, object]] = []

    def child(_: str, arguments: dict[str, object], *, on_event: Callable[[object], None], **__: object) -> None:
        asked.append(arguments)
        on_event({"event": "cells", "cells": [asdict(Cell(d, 1, 2, 1.0, per_s=1e3, valid=True)) for d in "fq"]})
        raise ChildError("it crashed")

    monkeypatch.setattr(sweeping, "run_in_child", child)
    subject = replace(subject_of(cnn, data, 4), batches=(1, 8))
    earlier = Cell("q", 8, 1, 1.0)
    told = lambda *_: None  # noqa: E731 - shorter than a function
    work = sweeping._SweepWork(subject, {}, "onnxruntime", 0.25, None, told, [earlier], 4)
    assert sweeping._time(2, {"f": "f.onnx", "q": "q.onnx"}, work) is None
    assert [(cell.digest, cell.batch, cell.threads, cell.reason) for cell in work.cells[1:]] == [
        ("f", 1, 2, None),
        ("q", 1, 2, None),
        ("f", 8, 2, "timing it failed: it crashed"),
        ("q", 8, 2, "timing it failed: it crashed"),
    ]
    assert (asked[0]["batches"], asked[0]["threads"], asked[0]["cell_s"]) == ([1, 8], 2, 0.25)


def test_cancelling_ends_it(cnn: Model, data: DataSet) -> None:
    """A sweep that is cancelled raises, and nothing comes back."""
    with pytest.raises(Cancelled):
        sweep(cnn, [W8A8], data, batches=(1,), threads=(1,), cancelled=lambda: True)


def test_cancelling_while_files_are_made_ends_it(cnn: Model, data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is judged; until then each step is told with the share that is done."""

    def prepare(*_: object, progress: Callable[[str, float], None]) -> Iterator[Prepared]:
        progress("observing", 0.5)
        cancelled.append(1)
        progress("observing", 0.6)
        yield Prepared(W8A8, "d", None, None)

    cancelled: list[int] = []
    told: list[tuple[str, float]] = []
    monkeypatch.setattr(sweeping, "prepare", prepare)
    work = sweeping._SweepWork(
        subject_of(cnn, data, 4),
        {},
        "onnxruntime",
        0.25,
        lambda: bool(cancelled),
        lambda text, share, _: told.append((text, share)),
        [],
        4,
        1,
    )
    with pytest.raises(Cancelled):
        sweeping._variants(cnn, [W8A8], data, work)
    assert told == [("observing", 0.25)]


def cell(batch: int, threads: int, p90: float | None, per_s: float, *, digest: str = "q", valid: bool = True) -> Cell:
    """A cell whose longest call took 10 ms."""
    return Cell(digest, batch, threads, 1.0, p90, 10.0, per_s, 40, valid)


SWEPT = Sweep(
    "net",
    "onnxruntime",
    "2026-01-02T03:04:05+00:00",
    "A CPU",
    "quick",
    (("f", "float"), ("q", "w8a8")),
    (1, 8),
    (1, 2),
    (
        cell(1, 1, 1.0, 1000),
        cell(8, 1, 4.0, 2000),
        cell(8, 2, 3.0, 3000),
        cell(1, 2, 0.5, 9000, valid=False),
        cell(32, 1, None, 8000),
        cell(1, 1, 2.0, 500, digest="f"),
        Cell("f", 8, 1, reason="left out"),
    ),
)


@pytest.mark.parametrize(
    ("limit", "digest", "expected"),
    [
        (0.4, None, None),
        (0.6, None, 9000),
        (1.0, None, 1000),
        (3.0, None, 3000),
        (9.9, None, 3000),
        (10.0, None, 8000),
        (10.0, "f", 500),
        (1.9, "f", None),
    ],
)
def test_the_sweet_spot_is_the_most_throughput_within_the_limit(
    limit: float, digest: str | None, expected: float | None
) -> None:
    """Noisy cells win only where no other keeps the limit, a cell with too few calls for a p90 must keep it in its
    longest one, and a limit that nothing keeps has no sweet spot."""
    spot = SWEPT.sweet_spot(limit, digest)
    assert (None if spot is None else spot.per_s) == expected


def test_a_sweep_tells_the_cells_of_a_variant_and_every_latency() -> None:
    """Those that can be promised, ascending; a variant by its name, or by its digest where it has none."""
    assert [(each.batch, each.digest) for each in SWEPT.of("f")] == [(1, "f"), (8, "f")]
    assert SWEPT.latencies_ms == (0.5, 1.0, 2.0, 3.0, 4.0, 10.0)
    assert (SWEPT.name("q"), SWEPT.name("x")) == ("w8a8", "x")


def test_a_variant_stands_out_only_where_intervals_part() -> None:
    """Whichever median is larger, no variant is ahead while the intervals of the sweet spots share something."""

    def swept(*rates: tuple[float, tuple[float, float] | None]) -> Sweep:
        cells = [
            replace(cell(1, 1, 1.0, per_s, digest=digest), per_s_ci95=ends)
            for digest, (per_s, ends) in zip("fq", rates, strict=True)
        ]
        return replace(SWEPT, cells=tuple(cells))

    assert swept((1000, (900, 1100)), (1050, (950, 1150))).winner(2.0) is None
    assert swept((1050, (950, 1150)), (1000, (900, 1100))).winner(2.0) is None
    ahead = swept((1000, (900, 1100)), (1300, (1200, 1400))).winner(2.0)
    assert ahead is not None
    assert ahead.digest == "q"
    assert swept((1000, None), (1300, (1200, 1400))).winner(2.0) is None
    assert SWEPT.winner(0.1) is None
    third = replace(cell(1, 1, 1.0, 1150, digest="r"), per_s_ci95=(1050, 1250))
    two = swept((1000, (900, 1100)), (1300, (1200, 1400)))
    three = replace(two, variants=(*two.variants, ("r", "w4")), cells=(*two.cells, third))
    assert three.winner(2.0) is None, "ahead of one of two is not ahead"
