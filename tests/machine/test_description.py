"""What is said of this machine, and finding a quiet processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from qexplorer.machine import cpu, description
from qexplorer.machine.cpu import FEATURES, cpu_features, cpu_model, pin, quiet_cpus
from qexplorer.machine.description import describe_machine
from qexplorer.measure.memory import peak_rss_bytes

CPUINFO = """processor\t: 0
model name\t: Trial CPU 9000
flags\t\t: fpu sse avx2 avx512f avx512_vnni popcnt

processor\t: 1
model name\t: Another
flags\t\t: amx_int8
"""


def test_features_are_those_of_the_first_processor(tmp_path: Path) -> None:
    """Only features that matter are listed, whole names only, from the flags that Linux gives."""
    path = tmp_path / "cpuinfo"
    path.write_text(CPUINFO)
    assert cpu_features(path) == ("avx2", "avx512f", "avx512_vnni")
    assert cpu_model(path) == "Trial CPU 9000"


def test_an_arm_processor_is_read_too(tmp_path: Path) -> None:
    """Arm lists its features under another name."""
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n")
    assert cpu_features(path) == ("asimddp", "i8mm")


def test_unknown_features_are_none_and_not_empty(tmp_path: Path) -> None:
    """Where the system does not say, nothing is claimed, and the processor still has a name."""
    assert cpu_features(tmp_path / "missing") is None
    assert cpu_model(tmp_path / "missing")


def test_the_machine_is_described_as_plain_data() -> None:
    """The description survives JSON and names the versions that compute."""
    value = describe_machine().to_json()
    assert json.loads(json.dumps(value)).keys() == value.keys()
    assert {"python", "onnxruntime", "numpy", "qexplorer"} <= set(value["versions"])
    assert value["memory_bytes"] > 2**28
    assert value["logical_cpus"] >= 1
    assert set(value["features"] or ()) <= set(FEATURES)


def test_quiet_processors_are_ones_that_may_be_used() -> None:
    """As many as asked for, at most as there are, all of them allowed, with a load between 0 and 1."""
    cpus, load = quiet_cpus(1, look_s=0.01)
    assert len(cpus) == 1
    assert 0 <= load <= 1
    everything, _ = quiet_cpus(10_000, look_s=0.01)
    if hasattr(os, "sched_getaffinity"):
        assert set(everything) == os.sched_getaffinity(0)


def test_the_quietest_come_first_and_of_equal_ones_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupts favour the first; the load is that of the busiest of them, from 0 to 1."""
    monkeypatch.setattr(psutil, "cpu_percent", lambda *_, **__: [5.0, 50.0, 5.0, 0.0])
    monkeypatch.setattr(cpu, "os", SimpleNamespace(sched_getaffinity=lambda _: {0, 1, 2, 4, 7}))
    monkeypatch.setattr(cpu, "sys", SimpleNamespace(platform="linux"))
    assert quiet_cpus(1) == ((2,), 0.05)
    assert quiet_cpus(3) == ((2, 0, 1), 0.5)
    assert quiet_cpus(0) == ((), 0.0)
    monkeypatch.setattr(cpu, "sys", SimpleNamespace(platform="darwin"))
    assert quiet_cpus(9) == ((3, 2, 0, 1), 0.5), "where a system tells of no leave, all may be used"


@pytest.mark.parametrize(
    ("system", "cpus", "kept"), [("linux", (1, 0), True), ("linux", (), False), ("darwin", (0,), False)]
)
def test_a_process_is_kept_where_the_system_can(
    monkeypatch: pytest.MonkeyPatch, system: str, cpus: tuple[int, ...], *, kept: bool
) -> None:
    """This process, on those processors; where nothing is asked for or the system cannot, nothing is done."""
    asked: list[tuple[int, tuple[int, ...]]] = []
    monkeypatch.setattr(cpu, "os", SimpleNamespace(sched_setaffinity=lambda *given: asked.append(given)))
    monkeypatch.setattr(cpu, "sys", SimpleNamespace(platform=system))
    assert pin(cpus) is kept
    assert asked == ([(0, cpus)] if kept else [])


def test_a_process_that_may_not_be_kept_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may forbid it."""

    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(cpu, "os", SimpleNamespace(sched_setaffinity=forbidden))
    monkeypatch.setattr(cpu, "sys", SimpleNamespace(platform="linux"))
    assert not pin((0,))


@pytest.mark.parametrize(("processor", "machine", "name"), [("i386", "x86_64", "i386"), ("", "arm64", "arm64")])
def test_a_processor_without_a_name_is_called_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, processor: str, machine: str, name: str
) -> None:
    """As the system calls it, else by its architecture."""
    given = SimpleNamespace(processor=lambda: processor, machine=lambda: machine)
    monkeypatch.setattr(cpu, "platform", given)
    assert cpu_model(tmp_path / "missing") == name


def test_cores_processors_and_memory_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Physical cores, the processors that this process may use, and all of the memory rather than what is free."""
    monkeypatch.setattr(psutil, "cpu_count", lambda *, logical: 16 if logical else 8)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=2**35, available=2**30))
    monkeypatch.setattr(description, "os", SimpleNamespace(sched_getaffinity=lambda _: {0, 3, 5}))
    found = describe_machine()
    assert (found.cores, found.logical_cpus, found.memory_bytes) == (8, 3, 2**35)
    for count, processors in ((12, 12), (None, 1)):
        monkeypatch.setattr(description, "os", SimpleNamespace(cpu_count=lambda count=count: count))
        assert describe_machine().logical_cpus == processors


@pytest.mark.skipif(sys.platform != "linux", reason="the trap is one of Linux's getrusage")
def test_peak_memory_does_not_remember_the_parent() -> None:
    """A small child of a process that holds 300 MB reports its own peak, and 100 MB more after using them."""
    code = (
        "from qexplorer.measure.memory import peak_rss_bytes as p\n"
        "a = p(); b = bytearray(100 * 2**20); b[::4096] = b'x' * len(b[::4096]); print(a, p())"
    )
    ballast = bytearray(300 * 2**20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root).stdout
    before, after = map(int, out.split())
    assert before < 150 * 2**20
    assert 95 * 2**20 < after - before < 130 * 2**20
    assert (peak_rss_bytes() or 0) > 300 * 2**20
    assert len(ballast)
