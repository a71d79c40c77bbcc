"""What NVML says of a GPU, through a stand-in: no machine of the tests has one."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.machine.gpus import gpus_here
from qexplorer.machine.meters.nvml import NvmlMeter


class _Unknown(Exception):
    """What NVML raises."""


def _nvml(**changed: Any) -> SimpleNamespace:
    """A driver with two GPUs, the second with twice the memory."""

    def fails(*_: Any) -> Any:
        raise _Unknown("Not Supported")

    given: dict[str, Any] = {
        "NVMLError": _Unknown,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "550.1",
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda index: f"Trial {index}",
        "nvmlDeviceGetMemoryInfo": lambda index: SimpleNamespace(total=2**34 * (index + 1)),
        "nvmlDeviceGetCudaComputeCapability": lambda _: (8, 9),
        "nvmlDeviceGetPowerManagementLimit": lambda _: 350_000,
        "nvmlDeviceGetTotalEnergyConsumption": lambda index: 1500 * (index + 1),
    }
    return SimpleNamespace(**given | dict.fromkeys(changed, fails))


def test_a_gpu_is_described_in_bytes_watts_and_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML counts milliwatts; what a GPU does not tell is None; a driver that fails has no GPU."""
    monkeypatch.setitem(sys.modules, "pynvml", _nvml())
    one, two = gpus_here()
    assert (one.name, two.name, one.memory_bytes, two.memory_bytes) == ("Trial 0", "Trial 1", 2**34, 2**35)
    assert (one.compute_capability, one.driver, one.power_limit_watts) == ("8.9", "550.1", 350.0)
    assert one.arithmetic
    silent = _nvml(nvmlDeviceGetCudaComputeCapability=None, nvmlDeviceGetPowerManagementLimit=None)
    monkeypatch.setitem(sys.modules, "pynvml", silent)
    quiet = gpus_here()[0]
    assert (quiet.compute_capability, quiet.power_limit_watts, quiet.arithmetic) == (None, None, ())
    for broken in ("nvmlInit", "nvmlDeviceGetCount"):
        monkeypatch.setitem(sys.modules, "pynvml", _nvml(**{broken: None}))
        assert gpus_here() == ()


def test_energy_of_all_gpus_is_added_and_is_in_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    """1.5 and 3 J; a GPU without a counter, or no driver, is a reason."""
    monkeypatch.setitem(sys.modules, "pynvml", _nvml())
    assert NvmlMeter().availability().available
    assert NvmlMeter().read_joules() == 4.5
    for broken, words in (("nvmlInit", "no NVIDIA driver"), ("nvmlDeviceGetTotalEnergyConsumption", "no energy count")):
        monkeypatch.setitem(sys.modules, "pynvml", _nvml(**{broken: None}))
        state = NvmlMeter().availability()
        assert not state.available
        assert words in (state.reason or "")
