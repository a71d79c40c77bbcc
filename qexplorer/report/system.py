"""What this machine can do for quantized networks, as data: for ``qexplorer doctor`` and for page System."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qexplorer.machine.cpu import FEATURES
from qexplorer.machine.description import describe_machine
from qexplorer.machine.meters.registry import METERS
from qexplorer.run.registry import BACKENDS

__all__ = ["FeatureRow", "diagnosis", "feature_rows", "gpu_text", "outlook"]


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One feature of the processor: its name, what it does, and whether it is there."""

    name: str
    what: str
    here: bool


def diagnosis() -> dict[str, Any]:
    """What ``doctor --json`` prints: ``machine``, ``backends[]`` and ``power[]``."""
    return {
        "machine": describe_machine().to_json(),
        "backends": [_backend(backend) for backend in BACKENDS],
        "power": [_meter(meter) for meter in METERS],
    }


def feature_rows(machine: dict[str, Any]) -> tuple[FeatureRow, ...]:
    """Features that matter for quantized arithmetic on this kind of processor; empty where the system says nothing."""
    features = machine.get("features")
    if features is None:
        return ()
    arm = any(kind in str(machine.get("system", "")).lower() for kind in ("aarch64", "arm"))
    return tuple(FeatureRow(name, what, name in features) for name, what in FEATURES.items() if _is_arm(what) == arm)


def outlook(machine: dict[str, Any]) -> str:
    """What integer arithmetic may be expected to bring here, in one sentence."""
    features = machine.get("features")
    if features is None:
        return "This system does not say what its processor can do with 8-bit numbers; a comparison shows it."
    had = set(features)
    if "amx_int8" in had:
        return "8-bit matrix tiles (AMX): int8 kernels compute without saturation and can be many times faster."
    if had & {"avx512_vnni", "avx_vnni"}:
        return "8-bit dot products (VNNI): int8 kernels compute without saturation and can be several times faster."
    if had & {"asimddp", "i8mm"}:
        return "8-bit dot products (Arm): int8 kernels compute without saturation and can be several times faster."
    if "avx2" in had:
        return (
            "No VNNI: uint8 x int8 products saturate at 16 bits inside the kernels, so answers may differ from the "
            "simulation, and int8 gains less; 7-bit weights (w7a8) avoid it."
        )
    return "No instructions for 8-bit products: integers save memory here, and hardly time."


def gpu_text(gpu: dict[str, Any]) -> str:
    """One GPU in one line: name, memory, capability, what it computes with."""
    memory, capability = gpu.get("memory_bytes"), gpu.get("compute_capability")
    facts = [str(gpu["name"])]
    facts += [f"{memory / 2**30:.0f} GiB"] if memory else []
    facts += [f"compute capability {capability}"] if capability else []
    kinds = gpu.get("arithmetic") or ()
    return ", ".join(facts) + (f": {', '.join(kinds)}" if kinds else "")


def _is_arm(what: str) -> bool:
    return what.endswith("(Arm)") or what == FEATURES["sve"]


def _backend(backend: Any) -> dict[str, Any]:
    state = backend.availability()
    return {
        "name": backend.name,
        "label": backend.label,
        "device": backend.capabilities.device,
        "simulates": backend.capabilities.simulates,
        "available": state.available,
        "reason": state.reason,
        "enable": state.enable,
    }


def _meter(meter: Any) -> dict[str, Any]:
    state = meter.availability()
    return {"name": meter.name, "available": state.available, "reason": state.reason, "enable": state.enable}
