"""Places of the machine across real processes: who goes when, and what becomes of the place of one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import pytest

from qexplorer.core.errors import Cancelled
from qexplorer.process.places import homes, taking
from qexplorer.process.places.waiting import Waiting
from tests.waiting import until

HOLDER = Path(__file__).with_name("holder.py")


class Crowd:
    """Processes that take places, by name, with a log of what happened."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, kind: str) -> None:
        """Starts one; returns when it holds its place or stands in the line."""
        self.processes[name] = subprocess.Popen([sys.executable, str(HOLDER), name, kind, str(self.log)])
        until(lambda: any(line.startswith(f"{name} ") for line in self.lines()))

    def lines(self) -> list[str]:
        """What happened so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def let_go(self, name: str) -> None:
        """Has one leave."""
        Path(f"{self.log}.{name}").touch()

    def saw(self, line: str) -> bool:
        """Whether this happened."""
        return line in self.lines()

    def inside(self) -> set[str]:
        """Who holds a place, of those that were not killed."""
        found: set[str] = set()
        for line in self.lines():
            name, what = line.split(" ", 1)
            found = found | {name} if what == "in" else found - {name} if what == "out" else found
        return {name for name in found if self.processes[name].poll() is None}


@pytest.fixture(autouse=True)
def own_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the test's own, with two places."""
    monkeypatch.setenv("QEXPLORER_PLACES", str(tmp_path / "places"))
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "sitecustomize.py").write_text("import os\nos.sched_getaffinity = lambda _pid: {0, 1}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "two"), str(Path(__file__).parents[3])]))
    monkeypatch.setattr(homes, "places_here", lambda: 2)
    monkeypatch.setattr(taking, "_MAKES_WAY_S", 1e6)


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Crowd]:
    """Processes that are gone after the test."""
    found = Crowd(tmp_path)
    yield found
    for process in found.processes.values():
        process.kill()
        process.wait()


def test_as_many_work_beside_each_other_as_there_are_processors(crowd: Crowd) -> None:
    """Of three pieces on two processors the third waits, and goes when one leaves."""
    for name in ("a", "b", "c"):
        crowd.start(name, "beside")
    assert crowd.inside() == {"a", "b"}
    crowd.let_go("b")
    until(lambda: crowd.inside() == {"a", "c"})


def test_timing_is_alone_and_nothing_later_overtakes_it(crowd: Crowd) -> None:
    """Timing waits for what runs; what asks later waits for it although there is room; then both go, in order."""
    crowd.start("work", "beside")
    crowd.start("timing", "alone")
    crowd.start("later", "beside")
    crowd.start("last", "alone")
    assert crowd.inside() == {"work"}
    assert crowd.saw("timing waits 2")
    assert crowd.saw("later waits 3")
    assert crowd.saw("last waits 4")
    for name, next_one in (("work", "timing"), ("timing", "later")):
        crowd.let_go(name)
        until(lambda there=next_one: crowd.inside() == {there})
    until(lambda: crowd.saw("last waits 2"))  # told anew as those before it left
    crowd.let_go("later")
    until(lambda: crowd.inside() == {"last"})


@pytest.mark.parametrize("kind", ["alone", "beside"])
def test_the_place_of_who_is_killed_is_free_at_once(crowd: Crowd, kind: str) -> None:
    """SIGKILL of a holder and of one that waits leaves no place taken, and no file behind."""
    crowd.start("holder", kind)
    crowd.start("waiter", "alone")
    crowd.start("next", "alone")
    for name in ("waiter", "holder"):
        crowd.processes[name].send_signal(signal.SIGKILL)
        crowd.processes[name].wait()
    until(lambda: crowd.inside() == {"next"})
    crowd.let_go("next")
    crowd.processes["next"].wait(timeout=60)
    with taking.alone():
        left = [p.name for p in Path(os.environ["QEXPLORER_PLACES"], "machine").iterdir()]
    assert sorted(name.split(".")[-1] for name in left if name != "lock") in (["ra", "turn"], ["ra", "turn", "turn"])


def test_who_is_stopped_is_not_waited_for(crowd: Crowd) -> None:
    """A command that a person stopped with Ctrl-Z does not keep the machine from others."""
    crowd.start("stopped", "alone")
    crowd.start("next", "alone")
    crowd.processes["stopped"].send_signal(signal.SIGSTOP)
    until(lambda: crowd.saw("next in"))


def test_an_earlier_work_goes_on_before_a_later_one(crowd: Crowd) -> None:
    """The next piece of a work that was asked for first goes before a piece that has waited longer."""
    with taking.turn():
        with taking.alone():
            crowd.start("other", "alone")
        with taking.beside():
            pass
        first = threading.Thread(target=copy_context().run, args=(_hold, crowd, "mine"))
        first.start()
        first.join()
    until(lambda: crowd.saw("other in"))


def _hold(crowd: Crowd, _name: str) -> None:
    with taking.alone():
        assert not crowd.inside() & {"mine"}


def test_long_work_makes_way_and_goes_on(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps a long piece lets a timing that waits go first, and has its place again after it."""
    with taking.turn(), taking.beside():
        crowd.start("timing", "alone")
        taking.give_way()
        assert not crowd.inside(), "a later timing waits while the piece is young"
        monkeypatch.setattr(taking, "_MAKES_WAY_S", 0.0)
        goes_on = threading.Timer(0.5, crowd.let_go, ["timing"])
        goes_on.start()
        taking.give_way()
        assert crowd.saw("timing out")
        crowd.start("behind", "alone")
        assert not crowd.inside(), "the piece has its place again"


def test_a_place_inside_a_place_is_free(tmp_path: Path) -> None:
    """Work that is made of other work never waits for itself."""
    with taking.alone(), taking.beside(), taking.alone():
        assert not taking.somebody_waits()
    with taking.beside(), taking.beside(), taking.opening(), taking.beside():
        held = [p.suffix for p in (tmp_path / "places" / "machine").iterdir()]
    assert held.count(".rb") == 1


def test_who_waits_can_be_cancelled(crowd: Crowd) -> None:
    """Cancelling ends the wait with nothing left in the line."""
    crowd.start("holder", "alone")
    with pytest.raises(Cancelled), taking.alone(lambda: True):
        pytest.fail("the machine was held")
    assert not taking.somebody_waits()


def test_waiting_time_is_counted_apart(crowd: Crowd) -> None:
    """What a work waited is known, so that it does not count as slowness."""
    crowd.start("holder", "alone")
    told: list[Waiting | None] = []
    so_far: list[float] = []

    def hears(waiting: Waiting | None) -> None:
        told.append(waiting)
        so_far.append(taking.waited_s())
        crowd.let_go("holder")

    with taking.turn(hears):
        assert taking.waited_s() == 0.0
        with taking.alone():
            waited = taking.waited_s()
            assert waited > 0.0
            assert taking.waiting_now() is None
        assert taking.waited_s() == waited
    assert told == [Waiting(2), None]
    assert 0.0 < so_far[0] < so_far[1] == waited, "it grows while it waits"
    assert taking.waited_s() == 0.0


def test_the_time_told_is_what_those_before_still_need() -> None:
    """A work that says how long it will take makes the wait of those behind it known."""
    told: list[Waiting | None] = []

    def behind() -> None:
        with taking.turn(told.append), taking.alone():
            pass

    with taking.turn(), taking.alone():
        taking.expect(40.0)
        waiter = threading.Thread(target=behind)
        waiter.start()
        until(lambda: bool(told))
    waiter.join()
    assert told == [Waiting(2, 40.0), None]


def test_without_a_folder_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no lock file can be made the work is done all the same."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("QEXPLORER_PLACES", str(tmp_path / "file" / "places"))
    with taking.alone():
        assert not taking.somebody_waits()


def test_a_folder_that_was_tidied_up_is_made_again(tmp_path: Path) -> None:
    """Whoever clears away temporary files ends no work, and the next one has a line again."""
    with taking.alone():
        for path in (tmp_path / "places" / "machine").iterdir():
            path.unlink()
        (tmp_path / "places" / "machine").rmdir()
    with taking.alone():
        assert (tmp_path / "places" / "machine").is_dir()


def test_opening_a_file_is_a_turn_of_its_own_that_tells_the_same(tmp_path: Path) -> None:
    """In its own line it is as old as the look at the page, not as the work around it; who waits is told by both."""

    def hears(_: Waiting | None) -> None: ...

    def never() -> bool:
        return False

    assert taking.asked_ns() is None
    with taking.turn(hears, what="load", cancelled=never, asked_ns=5):
        with taking.turn(asked_ns=7):
            assert taking.asked_ns() == 5, "a turn inside another is the same one"
        with taking.opening():
            inner = taking._TURN.get()
            assert inner is not None
            assert (inner.on_wait, inner.what, inner.cancelled) == (hears, "load", never)
            assert inner.asked_ns > 5
            assert not taking.holds_place(), "the machine is free for others"
            assert [path.suffix for path in (tmp_path / "places" / "opening").glob("*-*")] == [".rb"]
            with taking.beside():
                assert taking.holds_place()
        assert taking.asked_ns() == 5
    assert taking.asked_ns() is None
