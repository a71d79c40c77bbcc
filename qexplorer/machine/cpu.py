"""What matters about the processor for quantized arithmetic, and which of its cores is quiet."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

__all__ = ["DOT_PRODUCTS", "FEATURES", "HALF_FEATURES", "cpu_features", "cpu_model", "pin", "quiet_cpus"]

FEATURES: dict[str, str] = {
    "avx2": "256-bit vectors; 8-bit products saturate at 16 bits",
    "avx512f": "512-bit vectors",
    "avx512bw": "512-bit vectors of 8 and 16 bits",
    "avx_vnni": "8-bit dot products, 256-bit, without saturation",
    "avx512_vnni": "8-bit dot products, 512-bit, without saturation",
    "avx_vnni_int8": "8-bit dot products of any signs",
    "avx512_bf16": "bfloat16 dot products",
    "avx512_fp16": "half-precision arithmetic",
    "amx_int8": "8-bit matrix tiles",
    "amx_bf16": "bfloat16 matrix tiles",
    "asimddp": "8-bit dot products (Arm)",
    "i8mm": "8-bit matrix products (Arm)",
    "fphp": "half-precision arithmetic (Arm)",
    "bf16": "bfloat16 arithmetic (Arm)",
    "sve": "scalable vectors (Arm)",
}
"""Features worth knowing, by the name Linux gives them, and what each does."""
DOT_PRODUCTS = ("avx_vnni", "avx512_vnni", "avx_vnni_int8", "amx_int8", "asimddp", "i8mm")
"""Processor features that multiply 8-bit integers faster than floats; one is enough."""
HALF_FEATURES: dict[str, tuple[str, ...]] = {
    "fp16": ("avx512_fp16", "fphp"),
    "bf16": ("avx512_bf16", "amx_bf16", "bf16"),
}
"""Processor features that compute in 16-bit floats, by format."""

_CPUINFO = Path("/proc/cpuinfo")


def cpu_features(cpuinfo: Path = _CPUINFO) -> tuple[str, ...] | None:
    """Which of :data:`FEATURES` this processor has; None where the system does not say (no ``/proc/cpuinfo``)."""
    fields = _cpuinfo(cpuinfo)
    flags = fields.get("flags", fields.get("Features"))
    if flags is None:
        return None
    had = set(flags.split())
    return tuple(name for name in FEATURES if name in had)


def cpu_model(cpuinfo: Path = _CPUINFO) -> str:
    """The processor's name."""
    return _cpuinfo(cpuinfo).get("model name") or platform.processor() or platform.machine()


def _cpuinfo(path: Path) -> dict[str, str]:
    """Fields of the first processor that ``path`` lists."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def quiet_cpus(count: int, *, look_s: float = 0.15) -> tuple[tuple[int, ...], float]:
    """The ``count`` least busy processors that this process may use, and how busy the busiest of them is.

    Args:
        count: processors wanted.
        look_s: seconds to look at them; nothing of ours should run meanwhile.

    Returns:
        Their numbers, and a load from 0 to 1. Equal loads: the highest numbers, as interrupts favour the lowest.
    """
    import psutil

    loads = psutil.cpu_percent(look_s, percpu=True)
    allowed = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else list(range(len(loads)))
    ranked = sorted((cpu for cpu in allowed if cpu < len(loads)), key=lambda cpu: (loads[cpu], -cpu))
    chosen = tuple(ranked[:count])
    return chosen, max((loads[cpu] / 100 for cpu in chosen), default=0.0)


def pin(cpus: tuple[int, ...]) -> bool:
    """Keeps this process on ``cpus``; False where the system cannot (macOS, Windows) or forbids it."""
    if sys.platform != "linux" or not cpus:
        return False
    try:
        os.sched_setaffinity(0, cpus)
    except OSError:
        return False
    return True
