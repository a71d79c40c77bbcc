"""What NVML says of a GPU, through a stand-in: no machine of the tests has one."""

from __future__ import annotations

import contextlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.machine.gpus import arithmetic_of, gpus_here
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
    assert (one.arithmetic, two.driver) == (arithmetic_of((8, 9)), "550.1")
    silent = _nvml(nvmlDeviceGetCudaComputeCapability=None, nvmlDeviceGetPowerManagementLimit=None)
    monkeypatch.setitem(sys.modules, "pynvml", silent)
    quiet = gpus_here()[0]
    assert (quiet.compute_capability, quiet.power_limit_watts, quiet.arithmetic) == (None, None, ())
    for broken in ("nvmlInit", "nvmlDeviceGetCount"):
        monkeypatch.setitem(sys.modules, "pynvml", _nvml(**{broken: None}))
        assert gpus_here() == ()


DP4A, FP16, INT8, INT4, BF16, FP8, FP4 = (
    "int8 dot products (DP4A)",
    *(f"{kind} tensor cores" for kind in ("fp16", "int8", "int4", "bf16", "fp8", "fp4")),
)


@pytest.mark.parametrize(
    ("capability", "has"),
    [
        ((6, 0), set()),  # P100
        ((6, 1), {DP4A}),  # P4
        ((7, 0), {DP4A, FP16}),  # V100
        ((7, 2), {DP4A, FP16, INT8}),  # Xavier
        ((7, 5), {DP4A, FP16, INT8, INT4}),  # T4
        ((8, 0), {DP4A, FP16, INT8, INT4, BF16}),  # A100
        ((8, 7), {DP4A, FP16, INT8, INT4, BF16}),  # Orin
        ((8, 9), {DP4A, FP16, INT8, INT4, BF16, FP8}),  # L4
        ((9, 0), {DP4A, FP16, INT8, BF16, FP8}),  # H100
        ((10, 0), {DP4A, FP16, INT8, BF16, FP8, FP4}),  # B200
        ((12, 1), {DP4A, FP16, INT8, BF16, FP8, FP4}),
    ],
)
def test_a_generation_has_what_its_maker_says(capability: tuple[int, int], has: set[str]) -> None:
    """Each kind from its first generation on; 4-bit integers left the tensor cores behind Ada."""
    assert set(arithmetic_of(capability)) == has


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


def test_the_driver_is_let_go_of_whatever_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as it was begun with: by who lists GPUs, and by who reads their energy or cannot."""
    for broken in (None, "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetCount"):
        driver, held = _nvml(**({} if broken is None else {broken: None})), list[int]()
        driver.nvmlInit, driver.nvmlShutdown = lambda held=held: held.append(1), lambda held=held: held.append(-1)
        monkeypatch.setitem(sys.modules, "pynvml", driver)
        gpus_here()
        NvmlMeter().availability()
        with contextlib.suppress(_Unknown):
            NvmlMeter().read_joules()
        assert (held, sum(held)) == ([1, -1] * 3, 0)
