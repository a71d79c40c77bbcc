"""Energy counters of processor packages."""

from __future__ import annotations

from pathlib import Path

from qexplorer.run.protocol import Availability

__all__ = ["ENTRIES", "RaplMeter"]


class RaplMeter:
    """Running average power limit counters of the processor packages, through Linux's powercap sysfs.

    A counter wraps at ``max_energy_range_uj``; the meter adds a lap whenever it sees one fall, so it has to be read
    more often than a lap takes (minutes).

    Args:
        root: the powercap folder; another one in tests.
    """

    name = "rapl"
    device = "cpu"
    rank = 0
    update_s = 0.001
    """Intel's manual (volume 3, 16.10.3): counters are updated about every millisecond."""

    def __init__(self, root: Path = Path("/sys/class/powercap")) -> None:
        self._root = root
        self._last: dict[Path, int] = {}
        self._laps: dict[Path, int] = {}

    def _packages(self) -> list[Path]:
        """Top-level zones of whole packages; parts of a package (core, dram, uncore) would be counted twice."""
        zones = sorted(self._root.glob("*-rapl:*")) if self._root.is_dir() else []
        return [zone for zone in zones if zone.name.count(":") == 1]

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


ENTRIES = (RaplMeter(),)
