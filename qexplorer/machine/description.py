"""The machine that numbers come from, as it is kept beside them."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

from qexplorer.core.wire import Wire
from qexplorer.machine.cpu import cpu_features, cpu_model
from qexplorer.machine.gpus import Gpu, gpus_here
from qexplorer.run.packages import versions_of
from qexplorer.run.registry import BACKENDS

__all__ = ["Machine", "describe_machine"]


@dataclass(frozen=True, slots=True)
class Machine(Wire):
    """Where something was measured.

    Attributes:
        cpu: the processor's name.
        cores: physical cores; None if the system does not say.
        logical_cpus: processors that this process may use.
        features: what the processor has for low-precision arithmetic; None if the system does not say.
        memory_bytes: main memory.
        system: operating system, its version and the architecture.
        gpus: NVIDIA GPUs, from NVML; empty where there is no driver.
        versions: of Python and of the packages that compute.
    """

    cpu: str
    cores: int | None
    logical_cpus: int
    features: tuple[str, ...] | None
    memory_bytes: int
    system: str
    gpus: tuple[Gpu, ...]
    versions: dict[str, str]


def describe_machine() -> Machine:
    """Asks this machine what it is; cheap, and imports no runtime."""
    import psutil

    computing = [package for backend in BACKENDS for package in backend.facts.packages]
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        cpu=cpu_model(),
        cores=psutil.cpu_count(logical=False),
        logical_cpus=allowed,
        features=cpu_features(),
        memory_bytes=int(psutil.virtual_memory().total),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        gpus=gpus_here(),
        versions={"python": platform.python_version()} | versions_of(("qexplorer", *computing, "onnx", "numpy")),
    )
