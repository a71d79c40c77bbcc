"""The zeus meter, on stand-ins for its measurements: no Apple or Jetson machine runs these tests."""

from __future__ import annotations

import platform
import sys
from types import SimpleNamespace

import pytest

from qexplorer.machine.meters import zeus
from qexplorer.machine.meters.zeus import ZeusMeter, joules_of


def test_a_jetson_with_a_total_is_taken_at_its_total() -> None:
    """The total counts, not the parts that it already holds."""
    found = SimpleNamespace(total_energy_mj=5000.0, cpu_energy_mj=2000.0, gpu_energy_mj=1000.0)
    assert joules_of(found) == 5.0


def test_apple_parts_are_added() -> None:
    """Processor, memory, graphics and neural engine; what the chip does not count is left out."""
    found = SimpleNamespace(cpu_total_mj=1000, dram_mj=500, gpu_mj=250, gpu_sram_mj=None, ane_mj=250)
    assert joules_of(found) == 2.0


def test_nothing_counted_is_none_and_not_zero() -> None:
    """A chip that gives no part has no energy here."""
    assert joules_of(SimpleNamespace(cpu_total_mj=None)) is None


def test_other_machines_are_told_that_rapl_and_nvml_are_read_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """On x86 there is nothing to install."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    state = ZeusMeter().availability()
    assert not state.available
    assert "read directly" in (state.reason or "")
    assert state.enable is None


def test_a_machine_that_may_have_a_counter_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Apple silicon without zeus the command is given."""
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(zeus.importlib.util, "find_spec", lambda _: None)
    state = ZeusMeter().availability()
    assert state.enable == "pip install 'qexplorer[zeus]'"


def test_a_counter_that_zeus_does_not_find_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of zeus becomes a sentence; a counter that is found is read."""
    meter = ZeusMeter()
    monkeypatch.setattr(zeus, "_may_have_one", lambda: True)
    monkeypatch.setattr(zeus.importlib.util, "find_spec", lambda _: object())

    def fails() -> object:
        raise RuntimeError("No observable SoC\nwas found")

    monkeypatch.setattr(meter, "_find", fails)
    assert meter.availability().reason == "zeus finds no counter (No observable SoC was found)"
    chip = SimpleNamespace(get_total_energy_consumption=lambda: SimpleNamespace(total_energy_mj=1500.0))
    monkeypatch.setattr(meter, "_find", lambda: chip)
    assert meter.availability().available
    assert meter.read_joules() == 1.5


def test_the_counter_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever zeus finds is asked again and again; a total in millijoules."""
    asked: list[int] = []
    chip = SimpleNamespace(get_total_energy_consumption=lambda: SimpleNamespace(total_energy_mj=2500.0))
    soc = SimpleNamespace(get_soc=lambda: (asked.append(1), chip)[1])
    for name, module in (("zeus", SimpleNamespace()), ("zeus.device", SimpleNamespace()), ("zeus.device.soc", soc)):
        monkeypatch.setitem(sys.modules, name, module)
    meter = ZeusMeter()
    assert (meter.read_joules(), meter.read_joules(), len(asked)) == (2.5, 2.5, 1)


@pytest.mark.parametrize(
    ("machine", "system", "asked"),
    [("aarch64", "linux", True), ("ARM64", "darwin", True), ("arm64", "win32", False), ("x86_64", "darwin", False)],
)
def test_apple_and_jetson_machines_alone_are_asked(
    monkeypatch: pytest.MonkeyPatch, machine: str, system: str, *, asked: bool
) -> None:
    """By processor and system; elsewhere zeus reads what is read directly here."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(zeus.importlib.util, "find_spec", lambda _: None)
    assert (ZeusMeter().availability().enable is not None) is asked


def test_each_part_of_a_chip_counts_once() -> None:
    """A Jetson without a total: processor and graphics; a part that no chip of these has is not looked at."""
    assert joules_of(SimpleNamespace(cpu_energy_mj=2000.0, gpu_energy_mj=500.0, fan_mj=9.0)) == 2.5
    assert joules_of(SimpleNamespace(total_energy_mj=0.0, cpu_energy_mj=2000.0)) == 0.0
    for part in ("cpu_total_mj", "dram_mj", "gpu_mj", "gpu_sram_mj", "ane_mj", "cpu_energy_mj", "gpu_energy_mj"):
        assert joules_of(SimpleNamespace(**{part: 3000})) == 3.0
