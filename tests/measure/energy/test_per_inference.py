"""Meters, and the energy of one inference with its source."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from qexplorer.machine.meters.estimate import WATTS_PER_CPU, watts_per_cpu
from qexplorer.machine.meters.rapl import RaplMeter
from qexplorer.machine.meters.registry import METERS, best_meter
from qexplorer.measure.energy.metered_rounds import measure_energy
from qexplorer.measure.energy.per_inference import energy_of
from qexplorer.run.protocol import Availability


def test_rapl_sums_packages_and_not_their_parts(tmp_path: Path) -> None:
    """Two packages of 3 and 4 J are 7 J; the core zone inside the first is not counted again."""
    for name, value in {"intel-rapl:0": 3_000_000, "intel-rapl:1": 4_000_000, "intel-rapl:0:0": 2_000_000}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
    meter = RaplMeter(tmp_path)
    assert meter.availability() == Availability(True)
    assert meter.read_joules() == pytest.approx(7.0)


def test_rapl_goes_on_when_its_counter_wraps(tmp_path: Path) -> None:
    """A counter of 10 J that goes from 9 to 1 has counted 2 more."""
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "max_energy_range_uj").write_text("9999999\n")
    (zone / "energy_uj").write_text("9000000\n")
    meter = RaplMeter(tmp_path)
    before = meter.read_joules() or 0
    (zone / "energy_uj").write_text("1000000\n")
    assert (meter.read_joules() or 0) - before == pytest.approx(2.0)


def test_rapl_that_only_root_may_read_says_how_to_enable_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter without permission is unavailable, with the command that changes that."""
    (tmp_path / "intel-rapl:0").mkdir()

    def denied(*_: object, **__: object) -> str:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "read_text", denied)
    state = RaplMeter(tmp_path).availability()
    assert not state.available
    assert "only root" in (state.reason or "")
    assert "chmod a+r" in (state.enable or "")


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    """No powercap zone: unavailable, with a reason and nothing to enable."""
    for root in (tmp_path, tmp_path / "missing"):
        state = RaplMeter(root).availability()
        assert not state.available
        assert "no RAPL counters" in (state.reason or "")


def test_the_four_meters_are_listed_each_with_a_reason() -> None:
    """rapl, nvml, zeus, estimate; what is not available says why; the estimate always is, and names its assumption."""
    assert METERS.names() == ("rapl", "nvml", "zeus", "estimate")
    for meter in METERS:
        state = meter.availability()
        assert state.available or state.reason
    estimate = METERS.get("estimate").availability()
    assert estimate.available
    assert f"{WATTS_PER_CPU:g} W" in (estimate.reason or "")
    assert not METERS.get("zeus").availability().available


def test_without_a_meter_nothing_counts_as_measured() -> None:
    """The estimate is no counter: measuring with it returns nothing."""
    assert measure_energy({"a": lambda: None}, "cpu", 0.1, random.Random(0), meter=METERS.get("estimate")) == {}
    assert best_meter("no such device").name == "estimate"


class Counter:
    """A meter that counts 2 J for each call of ``work`` and nothing for time."""

    name, device, update_s = "counter", "cpu", 0.0001

    def __init__(self) -> None:
        self.joules = 0.0

    def availability(self) -> Availability:
        """Always there."""
        return Availability(True)

    def read_joules(self) -> float:
        """Joules so far."""
        return self.joules

    def work(self) -> None:
        """Uses 2 J."""
        self.joules += 2.0


def test_a_meter_gives_the_energy_of_one_call() -> None:
    """Work of 2 J a call, in batches of 4, is 500 mJ a sample, with an interval that holds it, marked as measured."""
    meter = Counter()
    found = measure_energy({"a": meter.work}, "cpu", 0.0, random.Random(0), meter=meter)
    energy = energy_of(found["a"], cpu_s=1.0, n=3, batch=4)
    assert energy.value == pytest.approx(500)
    assert energy.ci95 is not None
    assert energy.ci95[0] <= 500 <= energy.ci95[1]
    assert energy.source == "measured:counter"
    assert energy.n == found["a"]["n"] > 6
    assert "6 windows of 0.05 s, the counter read at both ends and updated about every 0.1 ms" in (energy.reason or "")


def test_energy_below_idle_is_not_shown() -> None:
    """Where idle power swallows the work there is no value, and never a negative one."""
    found = {
        "source": "measured:rapl",
        "joules": [-0.1, 0.05, -0.2],
        "n": 9,
        "idle_watts": 40.0,
        "window_s": 0.5,
        "update_s": 0.001,
    }
    energy = energy_of(found, cpu_s=1.0, n=3, batch=1)
    assert energy.value is None
    assert energy.source == "measured:rapl"
    assert "40.0 W" in (energy.reason or "")


def test_the_estimate_is_processor_time_times_watts(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 ms at the assumed watts, marked as estimated, without an interval, its assumption in the reason."""
    monkeypatch.delenv("QEXPLORER_WATTS_PER_CPU", raising=False)
    energy = energy_of(None, cpu_s=0.002, n=50, batch=1)
    assert energy.value == pytest.approx(2 * WATTS_PER_CPU)
    assert (energy.source, energy.ci95, energy.n) == ("estimated", None, 50)
    assert "assumption" in (energy.reason or "")
    monkeypatch.setenv("QEXPLORER_WATTS_PER_CPU", "10")
    assert energy_of(None, cpu_s=0.002, n=50, batch=1).value == pytest.approx(20)
    for nonsense in ("", "many", "-3", "1e9"):
        monkeypatch.setenv("QEXPLORER_WATTS_PER_CPU", nonsense)
        assert watts_per_cpu() == WATTS_PER_CPU
