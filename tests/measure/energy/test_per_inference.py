"""Meters, and the energy of one inference with its source."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
import pytest

from qexplorer.machine.meters.estimate import WATTS_PER_CPU, watts_per_cpu
from qexplorer.machine.meters.nvml import NvmlMeter
from qexplorer.machine.meters.registry import METERS, best_meter
from qexplorer.measure.energy import metered_rounds
from qexplorer.measure.energy.metered_rounds import measure_energy
from qexplorer.measure.energy.per_inference import energy_of
from qexplorer.run.protocol import Availability


def test_the_four_meters_are_listed_each_with_a_reason() -> None:
    """rapl, nvml, zeus, estimate; what is not available says why; the estimate always is, and names its assumption."""
    assert METERS.names() == ("rapl", "nvml", "zeus", "estimate")
    assert [meter.update_s for meter in METERS] == [0.001, 0.1, 0.1, 0.0]  # seconds, as their makers and papers say
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


def timed(joules: dict[str, Any] | None = None, *, cpu_ms: float = 2.0, share: float = 1.0) -> dict[str, Any]:
    """What the timing child returns of 7 loadings with 2 rounds of 5 calls each."""
    rounds = [[int(cpu_ms * 1e6 / share)] * 5 for _ in range(14)]
    shares, loads = [share] * 14, [i // 2 for i in range(14)]
    return {"rounds": rounds, "shares": shares, "loads": loads, "cpu_ns": int(cpu_ms * 1e6) * 70, "energy": joules}


class Counter:
    """A meter that counts 2 J for each call of ``work``, and as any machine does some watts all the time."""

    name, device, update_s = "counter", "cpu", 0.0001
    idle_watts, rises = 300.0, 0.0

    def __init__(self) -> None:
        self.joules, self.now_s = 0.0, 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """A clock that goes on a little whenever it is looked at, so that what is drawn when idle is known exactly."""
        self.now_s += 1e-6
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        self.slept.append(seconds)
        self.now_s += seconds

    def availability(self) -> Availability:
        """Always there."""
        return Availability(True)

    def read_joules(self) -> float:
        """Joules so far."""
        return self.joules + self.idle_watts * self.now_s + self.rises * self.now_s**2

    def work(self) -> None:
        """Uses 2 J in 5 ms."""
        self.now_s += 0.005
        self.joules += 2.0


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """A meter on a clock of its own."""
    found = Counter()
    monkeypatch.setattr(metered_rounds.time, "perf_counter", found.clock)
    monkeypatch.setattr(metered_rounds.time, "sleep", found.sleep)
    return found


def test_a_meter_gives_the_energy_of_one_call_above_idle(meter: Counter) -> None:
    """Work of 2 J a call, in batches of 4, is 500 mJ a sample whatever the machine draws when idle, with an interval
    that holds it, marked as measured."""
    found = measure_energy({"a": meter.work}, "cpu", 0.0, random.Random(0), meter=meter)
    assert found["a"]["idle_watts"] == pytest.approx(300, rel=0.01)
    energy = energy_of(timed(found["a"]), None, batch=4, noisy=None)
    assert energy.value == pytest.approx(500, rel=0.01)
    assert energy.ci95 is not None
    assert energy.ci95[0] <= energy.value <= energy.ci95[1]
    assert energy.source == "measured:counter"
    assert energy.n == found["a"]["n"] > 6
    assert "6 windows of 0.05 s, the counter read at both ends and updated about every 0.1 ms" in (energy.reason or "")


def test_idle_power_that_rises_meanwhile_is_subtracted_as_it_was_in_the_middle(meter: Counter) -> None:
    """Idle power before and after counts alike, so that a machine that warms up does not make a model cost more."""
    meter.rises = 100.0
    found = measure_energy({"a": meter.work}, "cpu", 0.0, random.Random(0), meter=meter)
    assert energy_of(timed(found["a"]), None, batch=4, noisy=None).value == pytest.approx(500, rel=0.01)


def test_a_counter_that_is_updated_rarely_is_read_after_many_updates(meter: Counter) -> None:
    """20 updates at least, in each window and when idle: of one each 0.1 s that is 2 s."""
    meter.update_s = 0.1
    found = measure_energy({"a": meter.work}, "cpu", 0.0, random.Random(0), meter=meter)
    assert found["a"]["window_s"] == pytest.approx(2)
    assert meter.slept == pytest.approx([2, 2])


def test_the_seconds_are_shared_by_the_windows_of_all(meter: Counter) -> None:
    """Six windows of each of two models in 6 s are half a second each; without any model nothing is read."""
    found = measure_energy({"a": meter.work, "b": meter.work}, "cpu", 6.0, random.Random(0), meter=meter)
    assert {each["window_s"] for each in found.values()} == {0.5}
    assert {len(each["joules"]) for each in found.values()} == {6}
    assert meter.slept == pytest.approx([0.3, 0.3])
    assert measure_energy({}, "cpu", 6.0, random.Random(0), meter=meter) == {}


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
    energy = energy_of(timed(found), None, batch=1, noisy=None)
    assert energy.value is None
    assert energy.source == "measured:rapl"
    assert "40.0 W" in (energy.reason or "")


def test_the_estimate_is_processor_time_times_watts(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 ms at the assumed watts, marked as estimated, with the interval of the processor time, its assumption in the
    reason; of a file that insists on 4 samples, a quarter for each."""
    monkeypatch.delenv("QEXPLORER_WATTS_PER_CPU", raising=False)
    energy = energy_of(timed(), None, batch=1, noisy=None)
    assert energy.value == pytest.approx(2 * WATTS_PER_CPU)
    assert energy.ci95 == pytest.approx((2 * WATTS_PER_CPU, 2 * WATTS_PER_CPU))
    assert (energy.source, energy.n, energy.valid) == ("estimated", 70, True)
    assert ": 2 ms of processor time" in (energy.reason or "")
    assert "assumption" in (energy.reason or "")
    of_four = energy_of(timed(), None, batch=4, noisy=None)
    assert of_four.value == pytest.approx(WATTS_PER_CPU / 2)
    assert of_four.ci95 == pytest.approx((WATTS_PER_CPU / 2, WATTS_PER_CPU / 2))
    monkeypatch.setenv("QEXPLORER_WATTS_PER_CPU", "10")
    assert energy_of(timed(), None, batch=1, noisy=None).value == pytest.approx(20)
    for nonsense in ("", "many", "-3", "1e9"):
        monkeypatch.setenv("QEXPLORER_WATTS_PER_CPU", nonsense)
        assert watts_per_cpu() == WATTS_PER_CPU


def test_processor_time_counts_every_call_of_a_round() -> None:
    """One call in five that takes six times as long doubles the time of its round, and with it the energy."""
    uneven = timed()
    uneven["rounds"] = [[*turn[1:], 6 * turn[0]] for turn in uneven["rounds"]]
    energy = energy_of(uneven, timed(), batch=1, noisy=None)
    assert energy.ratio == pytest.approx(2)


def test_the_interval_of_windows_is_students() -> None:
    """Of three windows of 1, 2 and 3 mJ the interval is 4.3027, the tabled t of two degrees of freedom, errors wide."""
    joules = {"source": "measured:rapl", "joules": [0.001, 0.002, 0.003], "n": 9, "idle_watts": 40.0}
    energy = energy_of(timed(joules | {"window_s": 0.5, "update_s": 0.001}), None, batch=1, noisy=None)
    assert energy.value == pytest.approx(2)
    assert energy.ci95 is not None
    assert energy.ci95[1] - energy.value == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)


def test_energy_beside_floats_is_the_ratio_of_the_same_rounds() -> None:
    """Half the processor time is half the energy, also where other work took most of the processor, which is said."""
    energy = energy_of(timed(cpu_ms=1.0, share=0.3), timed(), batch=1, noisy="noisy: other work took 70%")
    assert energy.ratio == pytest.approx(0.5)
    assert energy.ratio_ci95 == pytest.approx((0.5, 0.5))
    assert not energy.valid
    assert "from disturbed rounds: noisy: other work took 70%" in (energy.reason or "")
    assert energy_of(timed(), None, batch=1, noisy=None).ratio is None


def test_metered_energy_beside_floats_is_the_ratio_of_the_same_windows() -> None:
    """Windows pair as rounds do; where one drowned in the idle power there is no ratio."""
    facts = {"source": "measured:rapl", "n": 9, "idle_watts": 40.0, "window_s": 0.5, "update_s": 0.001}
    plain, own = [0.002 * i for i in range(1, 8)], [0.001 * i for i in range(1, 8)]
    energy = energy_of(timed(facts | {"joules": own}), timed(facts | {"joules": plain}), batch=1, noisy=None)
    assert energy.ratio == pytest.approx(0.5)
    drowned = facts | {"joules": [-0.001, *own[1:]]}
    assert energy_of(timed(drowned), timed(facts | {"joules": plain}), batch=1, noisy=None).ratio is None


class _Nvml:
    """The driver's library with two GPUs."""

    NVMLError = RuntimeError

    def nvmlInit(self) -> None:  # noqa: N802 - the driver's name
        """Nothing to do."""

    def nvmlShutdown(self) -> None:  # noqa: N802
        """Nothing to do."""

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        """Two."""
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        """The place itself."""
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        """Millijoules since the driver was loaded."""
        return (1500, 4000)[handle]


def test_nvml_counts_all_gpus_in_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs that tell 1,500 and 4,000 mJ are 5.5 J."""
    monkeypatch.setitem(sys.modules, "pynvml", _Nvml())
    assert NvmlMeter().availability() == Availability(True)
    assert NvmlMeter().read_joules() == pytest.approx(5.5)
