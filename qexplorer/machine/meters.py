"""Meters of energy, and the estimate that stands in where there is none.

How to add one: a class that follows :class:`Meter`, and one line at the end.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qexplorer.core.registry import Registry
from qexplorer.machine.meter_zeus import ZeusMeter
from qexplorer.run.protocol import Availability

__all__ = ["METERS", "WATTS_PER_CPU", "EstimateMeter", "Meter", "NvmlMeter", "RaplMeter", "best_meter", "watts_per_cpu"]

WATTS_PER_CPU = 3.3
"""Watts above idle that one fully used logical processor draws, where nobody says otherwise.

Mean of Skylake (4.05 - 0.64) and Cascade Lake (3.80 - 0.64) server processors, from SPECpower_ssj2008 results as the
Cloud Carbon Footprint coefficients put them per logical processor. AMD's Milan comes to 1.4, a laptop core to 3-10: it
can be wrong by a factor of three either way. ``QEXPLORER_WATTS_PER_CPU`` replaces it.
"""


class Meter(Protocol):
    """Something that counts energy."""

    @property
    def name(self) -> str:
        """Short name, such as ``rapl``."""
        ...

    @property
    def device(self) -> str:
        """What it measures: ``cpu`` or ``gpu``."""
        ...

    @property
    def update_s(self) -> float:
        """Seconds between two updates of its counter: a window has to be many times longer."""
        ...

    def availability(self) -> Availability:
        """Whether it can be read here; if not, why, and what enables it."""
        ...

    def read_joules(self) -> float | None:
        """Energy used since some fixed moment, joules, never falling; None if this is no counter."""
        ...


class RaplMeter:
    """Running average power limit counters of the processor packages, through Linux's powercap sysfs.

    A counter wraps at ``max_energy_range_uj``; the meter adds a lap whenever it sees one fall, so it has to be read
    more often than a lap takes (minutes).

    Args:
        root: the powercap folder; another one in tests.
    """

    name = "rapl"
    device = "cpu"
    update_s = 0.001
    """Intel's manual (volume 3, 16.10.3): counters are updated about every millisecond."""

    def __init__(self, root: Path = Path("/sys/class/powercap")) -> None:
        self._root = root
        self._last: dict[Path, int] = {}
        self._laps: dict[Path, int] = {}

    def _packages(self) -> list[Path]:
        """Top-level zones of whole packages; parts of a package (core, dram, uncore) would be counted twice."""
        zones = sorted(self._root.glob("*-rapl:*")) if self._root.is_dir() else []
        return [zone for zone in zones if zone.name.count(":") == 1 and "mmio" not in zone.name]

    def availability(self) -> Availability:
        """Available where every package's counter can be read."""
        packages = self._packages()
        if not packages:
            return Availability(False, "this machine shows no RAPL counters (a virtual machine, or no such processor)")
        for zone in packages:
            try:
                int((zone / "energy_uj").read_text())
            except PermissionError:
                enable = f"sudo chmod a+r {self._root}/*-rapl:*/energy_uj"
                return Availability(False, "RAPL counters exist but only root may read them", enable)
            except (OSError, ValueError) as error:
                return Availability(False, f"RAPL counters cannot be read ({type(error).__name__})")
        return Availability(True)

    def read_joules(self) -> float | None:
        """Energy of all packages, joules."""
        total = 0
        for zone in self._packages():
            value = int((zone / "energy_uj").read_text())
            if value < self._last.get(zone, 0):
                lap = int((zone / "max_energy_range_uj").read_text()) + 1
                self._laps[zone] = self._laps.get(zone, 0) + lap
            self._last[zone] = value
            total += value + self._laps.get(zone, 0)
        return total / 1e6


class NvmlMeter:
    """Energy counters of NVIDIA GPUs, through NVML (nvmlDeviceGetTotalEnergyConsumption, Volta and later)."""

    name = "nvml"
    device = "gpu"
    update_s = 0.1
    """Yang et al., Part-time power measurements, SC 2024: 20 to 100 ms between updates, by GPU; the longest is used."""

    def availability(self) -> Availability:
        """Available where the first GPU's counter can be read."""
        try:
            import pynvml
        except ImportError:
            return Availability(False, "the package nvidia-ml-py is not installed", "pip install nvidia-ml-py")
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            return Availability(False, f"no NVIDIA driver answers ({error})")
        try:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByIndex(0))
        except pynvml.NVMLError as error:
            return Availability(False, f"the GPU has no energy counter ({error})")
        finally:
            pynvml.nvmlShutdown()
        return Availability(True)

    def read_joules(self) -> float | None:
        """Energy of all GPUs, joules."""
        import pynvml

        pynvml.nvmlInit()
        try:
            handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
            return float(sum(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in handles)) / 1e3
        finally:
            pynvml.nvmlShutdown()


@dataclass(frozen=True, slots=True)
class EstimateMeter:
    """No meter: processor seconds times watts. Always available, always marked as an estimate."""

    name: str = "estimate"
    device: str = "cpu"
    update_s: float = 0.0

    def availability(self) -> Availability:
        """Always available; the reason says what it rests on."""
        return Availability(
            True, f"processor seconds x {watts_per_cpu():g} W, an assumption (QEXPLORER_WATTS_PER_CPU sets it)"
        )

    def read_joules(self) -> float | None:
        """None: not a counter."""
        return None


def watts_per_cpu() -> float:
    """Watts above idle of one busy logical processor: ``QEXPLORER_WATTS_PER_CPU``, or :data:`WATTS_PER_CPU`."""
    try:
        given = float(os.environ.get("QEXPLORER_WATTS_PER_CPU", ""))
    except ValueError:
        return WATTS_PER_CPU
    return given if 0 < given < 1000 else WATTS_PER_CPU


def best_meter(device: str) -> Meter:
    """The first meter that counts the energy of ``device`` here, else the estimate."""
    for meter in METERS:
        if meter.device == device and meter.availability().available:
            return meter
    return METERS.get("estimate")


METERS: Registry[Meter] = Registry("power meter")
METERS.add(RaplMeter())
METERS.add(NvmlMeter())
METERS.add(ZeusMeter())
METERS.add(EstimateMeter())
