"""When a child must end: by a clock and a usage that the test turns itself."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from qexplorer.core.errors import ChildError, ChildMemory, ChildTimeout, InputError
from qexplorer.process import limits as limits_module
from qexplorer.process import parent
from qexplorer.process import watch as watching
from qexplorer.process.limits import BASE, FACTOR, MOST_MEMORY, Limits, granted
from qexplorer.process.watch import LimitsWatch, Taken, usage_of

GB = 2**30
PROGRESS = {"event": "progress", "done": 0.5}


class Trial:
    """A watch over a child whose time and usage are set by hand."""

    def __init__(self, limits: Limits) -> None:
        self.now = self.cpu_s = 0.0
        self.bytes = 0
        self.watch = LimitsWatch(1 << 30, limits, clock=lambda: self.now, usage=lambda _: Taken(self.cpu_s, self.bytes))

    def spend(self, wall_s: float, cpu_s: float) -> ChildError | None:
        """Lets time pass in steps of half a second."""
        for _ in range(int(wall_s * 2)):
            self.now += 0.5
            self.cpu_s += cpu_s / (wall_s * 2)
            if (found := self.watch.look()) is not None:
                return found
        return None


def test_a_loop_that_does_not_end_is_ended_and_told() -> None:
    """Computing without progress beyond what was granted is told with both numbers and what to do."""
    found = Trial(Limits(quiet_s=60.0)).spend(100, 100)
    assert isinstance(found, ChildTimeout)
    assert "computed for 60 s without getting on, longer than the 60 s" in found.what
    assert found.do is not None
    assert FACTOR in found.do


def test_a_busy_machine_ends_nothing() -> None:
    """A child that gets a tenth of a processor is given ten times the time."""
    assert Trial(Limits(quiet_s=60.0)).spend(500, 50) is None


def test_many_threads_do_not_shorten_the_time() -> None:
    """Sixteen threads use sixteen processor seconds a second, and have as long as one."""
    trial = Trial(Limits(quiet_s=60.0))
    assert trial.spend(50, 800) is None
    assert isinstance(trial.spend(20, 320), ChildTimeout)


def test_progress_sets_the_clock_back() -> None:
    """A child that gets on may take as long as it takes."""
    trial = Trial(Limits(quiet_s=60.0))
    for _ in range(100):
        assert trial.spend(50, 50) is None
        trial.watch.hear(PROGRESS)


def test_what_a_step_may_take_grows_with_what_steps_took() -> None:
    """After a first step of half a minute one of nine minutes is honest, and one of eleven is not."""
    trial = Trial(Limits(quiet_s=60.0))
    trial.spend(30, 30)
    trial.watch.hear(PROGRESS)
    assert trial.spend(540, 540) is None
    assert isinstance(trial.spend(120, 120), ChildTimeout)


def test_the_time_of_a_step_does_not_grow_without_end() -> None:
    """However long the steps before were, none may take more than twenty times what was granted at first."""
    trial = Trial(Limits(quiet_s=1.0))
    for seconds in (1, 15, 19):
        assert trial.spend(seconds, seconds) is None
        trial.watch.hear(PROGRESS)
    assert isinstance(trial.spend(30, 30), ChildTimeout)


def test_a_child_that_waits_is_not_ended_but_one_that_is_stuck_is() -> None:
    """Ten minutes without computing are a turn that is waited for; after half an hour it is told as stuck."""
    trial = Trial(Limits(quiet_s=60.0))
    assert trial.spend(600, 0) is None
    found = trial.spend(1900, 0)
    assert isinstance(found, ChildTimeout)
    assert "neither computed nor got on" in found.what


def test_memory_is_told_in_gigabytes() -> None:
    """More memory than was granted is told with both numbers and what to do."""
    trial = Trial(Limits(resident_bytes=2 * GB))
    trial.bytes = 2 * GB
    assert trial.spend(1, 0) is None
    trial.bytes = 3 * GB
    found = trial.spend(1, 0)
    assert isinstance(found, ChildMemory)
    assert "took 3.0 GB of memory, more than the 2.0 GB" in found.what


def test_what_is_allowed_grows_and_never_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child may say that its work takes more; a smaller step afterwards takes nothing away."""
    monkeypatch.setattr(limits_module, "machine_bytes", lambda: 100 * GB)
    trial = Trial(Limits(resident_bytes=2 * GB, quiet_s=60.0))
    trial.watch.hear({"event": "allow", "resident_bytes": 5 * GB, "quiet_s": 600.0})
    trial.watch.hear({"event": "allow", "resident_bytes": GB, "quiet_s": 6.0})
    assert trial.watch.limits == Limits(resident_bytes=5 * GB, quiet_s=600.0)


@pytest.mark.parametrize(
    ("settings", "memory", "quiet"),
    [
        ({}, 4 * GB, 120.0),
        ({FACTOR: "2"}, 8 * GB, 240.0),
        ({FACTOR: "100"}, 80 * GB, 12_000.0),
        ({MOST_MEMORY: "3"}, 3 * GB, 120.0),
        ({FACTOR: "off"}, None, None),
        ({FACTOR: "", MOST_MEMORY: " "}, 4 * GB, 120.0),
    ],
)
def test_the_user_may_change_them(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], memory: int | None, quiet: float | None
) -> None:
    """A factor, and the most memory, are taken from the environment; the machine's memory is never exceeded."""
    monkeypatch.setattr(limits_module, "machine_bytes", lambda: 100 * GB)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    found = granted(BASE)
    assert (found.resident_bytes, found.quiet_s) == (memory, quiet)


@pytest.mark.parametrize("variable", [FACTOR, MOST_MEMORY])
@pytest.mark.parametrize("text", ["0", "-1", "8 GB", "nan", "1e999"])
def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    """A mistyped limit is one sentence that names the variable, and is not passed over."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(InputError, match=f"^{variable}: '{text}' is no limit; allowed: .*; correct or unset it$"):
        granted(BASE)


def test_a_small_machine_is_never_asked_for_more_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of 2 GB no child is granted more than 1.6."""
    monkeypatch.setattr(limits_module, "machine_bytes", lambda: 2 * GB)
    assert granted(BASE).resident_bytes == int(1.6 * GB)


def test_the_time_from_its_start_is_kept_to_the_end() -> None:
    """Ten seconds are ten, whether it computes or gets on."""
    trial = Trial(Limits(wall_s=10.0))
    trial.watch.hear(PROGRESS)
    assert trial.spend(10, 10) is None
    found = trial.spend(0.5, 0)
    assert isinstance(found, ChildTimeout)
    assert "longer than 10 s" in found.what


def test_a_child_that_is_gone_is_not_judged() -> None:
    """Nobody knows what it used."""
    watch = LimitsWatch(1 << 30, Limits(resident_bytes=1, quiet_s=0.0), clock=lambda: 0.0, usage=lambda _: None)
    assert watch.look() is None


@pytest.mark.parametrize(
    ("taken", "text"), [(300 * 2**20, "300 MB"), (GB - 2**20, "1023 MB"), (GB, "1.0 GB"), (3 * GB // 2, "1.5 GB")]
)
def test_memory_is_told_in_the_unit_that_fits(taken: int, text: str) -> None:
    """Megabytes below a gigabyte."""
    trial = Trial(Limits(resident_bytes=taken - 1))
    trial.bytes = taken
    found = trial.spend(0.5, 0)
    assert isinstance(found, ChildMemory)
    assert f"took {text} of memory" in found.what


def test_what_has_no_limit_gets_none() -> None:
    """A child that says what it may take is not given a limit by that."""
    trial = Trial(Limits())
    trial.watch.hear({"event": "allow", "resident_bytes": GB, "quiet_s": 1.0})
    assert trial.watch.limits == Limits()
    trial.bytes = 1000 * GB
    assert trial.spend(4000, 4000) is None


def test_helpers_of_its_own_group_take_from_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child of a child leads a group of its own, and is watched by whoever started it."""
    trial = Trial(Limits(resident_bytes=2 * GB))
    trial.bytes = GB
    monkeypatch.setattr(watching, "_below", lambda _: [(True, Taken(0.0, GB)), (False, Taken(0.0, 50 * GB))])
    assert trial.spend(60, 0) is None
    monkeypatch.setattr(watching, "_below", lambda _: [(True, Taken(0.0, GB)), (True, Taken(0.0, 1))])
    assert isinstance(trial.spend(60, 0), ChildMemory)


def test_who_waits_for_helpers_that_compute_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any process below it, of its group or not; where none computes, half an hour is too long."""
    trial = Trial(Limits(quiet_s=60.0))
    monkeypatch.setattr(watching, "_below", lambda _: [(False, Taken(trial.now, 0))])
    assert trial.spend(4000, 0) is None
    monkeypatch.setattr(watching, "_below", lambda _: [(False, Taken(7.0, 0))])
    assert trial.spend(1700, 0) is None
    assert trial.spend(60, 1) is None, "it computes a little"
    assert trial.spend(1700, 0) is None
    assert isinstance(trial.spend(200, 0), ChildTimeout)


def test_memory_that_is_written_to_counts() -> None:
    """Of this process: its own pages, and the time that it computed; a process that is gone used nothing."""
    before = usage_of(os.getpid())
    assert before is not None
    held = bytearray(64 * 2**20)
    held[::4096] = bytes(1) * len(held[::4096])
    after = usage_of(os.getpid())
    assert after is not None
    assert after.resident_bytes - before.resident_bytes > 48 * 2**20
    assert after.cpu_s >= before.cpu_s > 0
    assert usage_of(2**22 + 1) is None


@pytest.mark.skipif(sys.platform != "linux", reason="these limits are the kernel's")
@pytest.mark.parametrize(("resident", "data"), [(GB, 3 * GB), (4 * GB, 6 * GB), (10 * GB, 15 * GB), (None, None)])
def test_the_kernel_is_given_what_may_be_asked_for_at_once(
    resident: int | None, data: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half as much again as may be held, two gigabytes at least; each limit goes to its own resource."""
    import resource

    kept: dict[int, int | None] = {}
    monkeypatch.setattr(limits_module, "_set", kept.__setitem__)
    monkeypatch.setattr(limits_module, "_make_way", lambda: None)
    nice: list[int] = []
    monkeypatch.setattr(os, "nice", nice.append)
    limits_module.apply_limits(Limits(cpu_s=1, memory_bytes=2, file_bytes=3, nice=5, resident_bytes=resident))
    assert nice == [5]
    assert kept.pop(resource.RLIMIT_DATA, None) == data
    assert kept == {
        resource.RLIMIT_CPU: 1,
        resource.RLIMIT_AS: 2,
        resource.RLIMIT_FSIZE: 3,
        resource.RLIMIT_CORE: 0,
    }


@pytest.mark.parametrize(
    ("two", "one", "machine"), [("max", None, 8 * GB), (str(3 * GB), None, 3 * GB), (None, str(2 * GB), 2 * GB)]
)
def test_a_container_may_have_less_than_the_machine(
    two: str | None, one: str | None, machine: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By either version of control groups; ``max``, or no such file, is no limit, nor is more than there is."""

    def text(path: Path, **_: object) -> str:
        said = two if path.name == "memory.max" else one
        if said is None:
            raise FileNotFoundError(path)
        return said

    monkeypatch.setattr(Path, "read_text", text)
    for total, expected in ((8 * GB, machine), (GB, GB)):
        monkeypatch.setattr(psutil, "virtual_memory", lambda total=total: SimpleNamespace(total=total))
        limits_module.machine_bytes.cache_clear()
        assert limits_module.machine_bytes() == expected
    limits_module.machine_bytes.cache_clear()


@pytest.mark.parametrize("end", ["result", "error", "in the middle of a line", "without a word"])
def test_what_a_child_says_is_handed_on_to_its_last_word(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress to whoever listens, all of it to the watch; nothing is waited for behind a result."""
    lines = [{"event": "progress", "done": 1}, {"event": "allow"}, {"event": "on"}, {"event": "progress", "done": 2}]
    said = [json.dumps(line) + "\n" for line in lines]
    said += {"in the middle of a line": ['{"event": "resu'], "without a word": []}.get(
        end, [json.dumps({"event": end}) + "\n", "what a library says as it ends\n"]
    )
    child = object.__new__(parent._Child)
    heard: list[str] = []
    waited: list[object] = []
    child._process = SimpleNamespace(stdout=iter(said))  # type: ignore[assignment]
    child._watch = SimpleNamespace(hear=lambda event: heard.append(event["event"]))  # type: ignore[assignment]
    monkeypatch.setattr(parent, "_let_end", waited.append)
    told: list[dict[str, object]] = []
    last = child._follow(told.append, ("result", "error"))
    plain = end in ("result", "error")
    assert told == [lines[0], lines[3]]
    assert heard == ["progress", "allow", "on", "progress", *([end] if plain else [])]
    assert last == ({"event": end} if plain else lines[3])
    assert bool(waited) is (end == "without a word")
