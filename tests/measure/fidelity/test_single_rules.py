"""The small rules of looking at pieces, each on numbers made up by hand: no graph is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from qexplorer.core.formats import get_format
from qexplorer.measure.fidelity import single_points
from qexplorer.measure.fidelity.alone import Observation, PointDifference
from qexplorer.measure.fidelity.code_readout import CodeReader, Readout, rows_of, same_answers
from qexplorer.measure.fidelity.comparing import Compared
from qexplorer.measure.fidelity.gate import Difference, differences, explained, verdict, within
from qexplorer.measure.fidelity.pieces import _nudged, _worst
from qexplorer.measure.fidelity.rounding_points import Point
from qexplorer.measure.fidelity.single_points import _with_witnessed, _within_noise

F32 = np.float32


def point(name: str, *, joins: bool = False, kind: int = TensorProto.UINT8, **more: Any) -> Point:
    """A rounding point called ``name``."""
    return Point(f"{name}/codes", name, name, "Conv", kind, joins=joins, **more)


@pytest.mark.parametrize(("off", "same"), [(1.9e-5, True), (2.1e-5, False)])
def test_answers_are_the_same_up_to_a_hundred_thousandth_of_their_range(off: float, same: bool) -> None:
    """Of a range of 2; infinities and NaN stand where they stand, whole numbers and shapes are equal."""
    plain = np.array([-1.0, 1.0, np.inf, np.nan])
    moved = plain + np.array([off, 0.0, 0.0, 0.0])
    assert same_answers([moved], [plain]) is same
    assert not same_answers([plain[::-1]], [plain])
    assert not same_answers([np.zeros((1, 2), F32)], [np.zeros(2, F32)])
    assert same_answers([np.array([3])], [np.array([3])])
    assert not same_answers([plain, np.array([3])], [plain, np.array([4])])


class Reader(CodeReader):
    """Cannot look at some points together with others, and notes who was asked for."""

    def ask(self, points: Any) -> Readout:
        """The codes of each; answers that change where ``bad`` is among several, or is asked for at all."""
        names = [each.tensor for each in points]
        self.folder.asked.append("".join(names))  # type: ignore[attr-defined]
        changed = "x" in names or ("b" in names and len(names) > 1)
        return Readout([[np.full(1, float(changed), F32)]], {each.codes: [np.zeros(1)] for each in points})


@pytest.mark.parametrize(
    ("looks", "asked", "seen"),
    [
        (24, ["abcx", "ab", "a", "b", "cx", "c", "x", "jk"], "abcjk"),
        (4, ["abcx", "ab", "a", "b"], "ab"),
        (1, ["abcx"], ""),
    ],
)
def test_groups_are_halved_until_what_cannot_be_seen_is_alone(looks: int, asked: list[str], seen: str) -> None:
    """The first half first; what joins two activations last, by itself; never more looks than are granted."""
    folder: Any = SimpleNamespace(asked=[])
    reader = Reader(None, None, [], None, folder, [[np.zeros(1, F32)]])  # type: ignore[arg-type]
    points = [*(point(name) for name in "abcx"), *(point(name, joins=True) for name in "jk")]
    told: list[float] = []
    found = reader.by_groups(points, looks=looks, told=told.append)
    assert folder.asked == asked
    assert sorted(found) == [f"{name}/codes" for name in seen]
    assert told == pytest.approx([(i + 1) / looks for i in range(len(asked))])


def test_no_more_than_24_graphs_are_loaded_to_look() -> None:
    """Each costs the backend a loading and a run, however many points cannot be seen."""
    folder: Any = SimpleNamespace(asked=[])
    reader = Reader(None, None, [], None, folder, [[np.zeros(1, F32)]])  # type: ignore[arg-type]
    assert reader.by_groups([point("x")] * 100) == {}
    assert len(folder.asked) == 24


def test_some_samples_of_a_batch_are_its_rows() -> None:
    """All where none is named; an array that has no row for each sample has no samples."""
    array = np.arange(8).reshape(4, 2)
    assert rows_of(array, (3, 0), 4).tolist() == [[6, 7], [0, 1]]
    assert rows_of(array, (), 9) is array
    for other, size in ((array, 3), (np.float32(1), 1)):
        with pytest.raises(Exception, match="no row for each sample"):
            rows_of(np.asarray(other), (0,), size)


@pytest.mark.parametrize(("off", "within"), [(0.2, True), (0.21, False), (np.nan, False)])
@pytest.mark.parametrize(("natural", "step"), [(0.1, 0.05), (0.0, 0.1)])
def test_looking_may_change_answers_by_twice_what_separates_them_anyway(
    off: float, within: bool, natural: float, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the simulation, or a step where that is more; nothing is told of what is no number."""
    monkeypatch.setattr(single_points, "output_scales", lambda _: {"y": step})
    graph = SimpleNamespace(output=[SimpleNamespace(name="y")])
    simulated = [{"y": np.zeros(2)}]
    pieces: Any = SimpleNamespace(model=SimpleNamespace(graph=graph), whole=lambda _: simulated)
    looked, plain = np.array([natural, 0.0]), np.array([natural + off, 0.0])
    assert _within_noise(pieces, (), Readout([[plain]], {}), Readout([[looked]], {})) is within


def difference(tensor: str, *, leans: float = 0.0, strays: float = 0.0) -> PointDifference:
    """One within its step."""
    return PointDifference(tensor, tensor, "Conv", 0, 0.0, 0.0, 1, 0.5, 1, leans, strays)


def test_of_a_disturbed_run_what_leans_or_strays_is_believed() -> None:
    """Only of points that the undisturbed one does not see, in the order of execution."""
    seen = Observation((difference("b"), difference("d")), 5, 8, conclusive=True, disturbed=False)
    told = (difference("a", leans=0.3), difference("b", leans=0.9), difference("c"), difference("e", strays=0.4))
    disturbed = Observation(told, 5, 8, conclusive=True, disturbed=True)
    found = _with_witnessed(seen, disturbed, [point(name) for name in "abcde"])
    assert [each.tensor for each in found.found] == ["a", "b", "d", "e"]
    assert found.found[1].leans == 0.0
    assert not found.disturbed


@pytest.mark.parametrize(
    ("kind", "ends"), [("uint8", (0, 255)), ("int8", (-128, 127)), ("int16", (-(2**15), 2**15 - 1))]
)
def test_a_nudged_code_is_a_neighbour_or_the_same(kind: str, ends: tuple[int, int]) -> None:
    """To either side, and never beyond its type; codes of other types stay."""
    rng = np.random.default_rng(0)
    middle, edges = np.full(300, 5, kind), np.array([*ends] * 150, kind)
    moved = _nudged(point("a"), middle, rng)
    assert (moved.dtype.name, set(moved.tolist())) == (kind, {4, 5, 6})
    at_ends = _nudged(point("a"), edges, rng).astype(int) - edges
    assert set(at_ends[::2].tolist()) == {0, 1}
    assert set(at_ends[1::2].tolist()) == {-1, 0}
    other = middle.astype(np.int32)
    assert _nudged(point("a"), other, rng) is other


def test_a_nudged_level_is_one_beside_it() -> None:
    """Powers of two double, halve or stay; the largest has one neighbour."""
    table = get_format("pot").table
    assert table is not None
    levelled = point("a", kind=TensorProto.FLOAT, levels=table, scale=1.0)
    largest = float(table.levels[-1])
    moved = _nudged(levelled, np.array([largest / 4] * 200 + [largest] * 200, F32), np.random.default_rng(0))
    assert set(moved[:200].tolist()) == {largest / 8, largest / 4, largest / 2}
    assert set(moved[200:].tolist()) == {largest / 2, largest}


def test_the_worst_difference_is_one_of_numbers() -> None:
    """Infinities and NaN are left out, other shapes are infinitely far."""
    assert _worst(np.array([1.0, np.inf, np.nan, -2.0]), np.array([1.5, np.inf, 0.0, 1.0])) == 3.0
    assert _worst(np.zeros(2), np.zeros((1, 2))) == np.inf


def test_small_integers_are_codes_and_others_are_classes() -> None:
    """A step of a code of 16 bits is explained where it is rare, another class number never is."""
    for kind, steps in ((np.uint8, 1.0), (np.int16, 1.0), (np.uint16, 1.0), (np.int32, None), (np.int64, None)):
        expected = np.full((1, 1000), 7, kind)
        ours = expected.copy()
        ours[0, 3] += 1
        found = differences([ours], [expected], ["y"], {}, batch=1, n=1)
        assert (found.max_lsb, explained(found)) == (steps, steps is not None)


@pytest.mark.parametrize(("off", "passes"), [(10, True), (11, False)])
def test_one_output_in_a_hundred_may_be_a_step_off_without_a_look(off: int, passes: bool) -> None:
    """More are looked into, though nothing is refused for it."""
    expected = np.zeros((1, 1000), F32)
    ours = expected.copy()
    ours[0, :off] = 0.5
    found = differences([ours], [expected], ["y"], {"y": 0.5}, batch=1, n=1)
    assert explained(found) is passes
    assert within(found)
    assert verdict([found]) is None


def test_the_worst_samples_are_those_of_the_first_output_that_differs() -> None:
    """The largest difference first, of eight at most; samples that do not differ are none."""
    same = np.zeros((12, 2), F32)
    one, other = same.copy(), same.copy()
    one[:10, 1] = np.arange(10)
    other[11, 0] = 99.0
    found = differences([same, one, other], [same] * 3, ["a", "b", "c"], {}, batch=12, n=12)
    assert (found.rows, found.worst_row) == ((9, 8, 7, 6, 5, 4, 3, 2), 9)
    assert (found.values, found.equal) == (72, 72 - 10)
    assert differences([same], [same], ["a"], {}, batch=12, n=12).rows == ()


def test_what_cannot_be_compared_is_not_looked_into() -> None:
    """Other shapes or NaN are refused as they are; so is nothing where the reference explains all."""
    off = Difference(1, 8, None, 9.0, None, exact=False)
    nobody: Any = SimpleNamespace(path=Path("nowhere.onnx"))
    wrong = replace(off, batch=8, wrong="output 'y' has another shape")
    assert Compared((off, wrong), "simulation", "the simulation", None).alone(nobody) is None
    near = replace(off, max_lsb=0.0, values=10, equal=10)
    assert Compared((near,), "simulation", "the simulation", None).alone(nobody) is None
    with pytest.raises(AttributeError):
        Compared((off,), "simulation", "the simulation", None).alone(nobody)
