"""NVIDIA GPUs of this machine and what their compute capability says about low-precision arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["ARITHMETIC", "Gpu", "arithmetic_of", "gpus_here"]

ARITHMETIC: tuple[tuple[str, tuple[int, int], tuple[int, int] | None], ...] = (
    ("int8 dot products (DP4A)", (6, 1), None),
    ("fp16 tensor cores", (7, 0), None),
    ("int8 tensor cores", (7, 2), None),
    ("int4 tensor cores", (7, 5), (8, 9)),
    ("bf16 tensor cores", (8, 0), None),
    ("fp8 tensor cores", (8, 9), None),
    ("fp4 tensor cores", (10, 0), None),
)
"""What is there from which compute capability on, and up to which (None: to the newest).

Source: CUDA C++ Programming Guide 13.0, "Compute Capabilities": input types of tensor cores; DP4A from 6.1 (PTX ISA,
``dp4a``). Capability 6.2 and 7.0 are covered by their neighbours.
"""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        name: as its driver gives it.
        memory_bytes: its memory; None where the driver does not say.
        compute_capability: such as ``8.9``; None where the driver does not say.
        driver: version of the driver.
        power_limit_watts: the most it may draw; None where the driver does not say.
        arithmetic: low-precision arithmetic it has, from :data:`ARITHMETIC`.
    """

    name: str
    memory_bytes: int | None = None
    compute_capability: str | None = None
    driver: str | None = None
    power_limit_watts: float | None = None
    arithmetic: tuple[str, ...] = ()


def arithmetic_of(capability: tuple[int, int]) -> tuple[str, ...]:
    """The entries of :data:`ARITHMETIC` that a GPU of compute ``capability`` (major, minor) has."""
    return tuple(
        what for what, first, last in ARITHMETIC if capability >= first and (last is None or capability <= last)
    )


def gpus_here() -> tuple[Gpu, ...]:
    """Every NVIDIA GPU that NVML lists; empty where there is no driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver, no permission: no GPU that could be used
        return ()
    try:
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return tuple(_gpu(pynvml, handle, driver) for handle in handles)
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _gpu(nvml: Any, handle: Any, driver: str) -> Gpu:
    memory = _asked(nvml, lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).total))
    capability = _asked(nvml, lambda: tuple(nvml.nvmlDeviceGetCudaComputeCapability(handle)))
    limit = _asked(nvml, lambda: float(nvml.nvmlDeviceGetPowerManagementLimit(handle)) / 1e3)
    return Gpu(
        name=str(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=memory,
        compute_capability=None if capability is None else f"{capability[0]}.{capability[1]}",
        driver=driver,
        power_limit_watts=limit,
        arithmetic=() if capability is None else arithmetic_of((int(capability[0]), int(capability[1]))),
    )


def _asked(nvml: Any, question: Any) -> Any:
    """The driver's answer, or None where this GPU does not give one."""
    try:
        return question()
    except nvml.NVMLError:
        return None
