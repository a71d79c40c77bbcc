"""Power meters of Apple and Jetson machines, through the zeus library (extra ``zeus``)."""

from __future__ import annotations

import importlib.util
import platform
import sys
from typing import Any

from qexplorer.run.protocol import Availability

__all__ = ["ENTRIES", "ZeusMeter", "joules_of"]


class ZeusMeter:
    """Energy counters of an Apple silicon or NVIDIA Jetson machine, as zeus reads them (``zeus.device.soc.get_soc``).

    On other machines RAPL and NVML are read directly, and zeus is not asked.
    """

    name = "zeus"
    device = "cpu"
    rank = 20
    update_s = 0.1
    """zeus polls a Jetson's rails about ten times a second."""

    def __init__(self) -> None:
        self._soc: Any = None

    def availability(self) -> Availability:
        """Available on an Apple or Jetson machine that zeus finds a counter on."""
        if not _may_have_one():
            return Availability(False, "zeus reads Apple and Jetson machines here; RAPL and NVML are read directly")
        if importlib.util.find_spec("zeus") is None:
            return Availability(False, "the package zeus is not installed", "pip install 'qexplorer[zeus]'")
        try:
            self._find()
        except Exception as error:  # zeus raises errors of its own for each device
            return Availability(
                False, f"zeus finds no counter ({' '.join(str(error).split()) or type(error).__name__})"
            )
        return Availability(True)

    def read_joules(self) -> float | None:
        """Energy of the whole chip, joules; None if zeus gives no part of it."""
        return joules_of(self._find().get_total_energy_consumption())

    def _find(self) -> Any:
        if self._soc is None:
            from zeus.device.soc import get_soc

            self._soc = get_soc()
        return self._soc


def joules_of(found: Any) -> float | None:
    """Joules of a zeus measurement (its fields are millijoules): the total where there is one, else the sum of parts.

    Apple: processor, memory, graphics and neural engine (``cpu_total_mj``, ``dram_mj``, ``gpu_mj``, ``gpu_sram_mj``,
    ``ane_mj``). Jetson: ``total_energy_mj``, or processor and graphics.
    """
    total = getattr(found, "total_energy_mj", None)
    if total is not None:
        return float(total) / 1e3
    names = ("cpu_total_mj", "dram_mj", "gpu_mj", "gpu_sram_mj", "ane_mj", "cpu_energy_mj", "gpu_energy_mj")
    parts = [value for value in (getattr(found, name, None) for name in names) if value is not None]
    return float(sum(parts)) / 1e3 if parts else None


def _may_have_one() -> bool:
    """Whether this can be an Apple silicon or Jetson machine at all."""
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return arm and sys.platform in ("darwin", "linux")


ENTRIES = (ZeusMeter(),)
