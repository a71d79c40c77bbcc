"""What is said of this machine's arithmetic."""

from __future__ import annotations

from typing import Any

import pytest

from qexplorer.machine.cpu import FEATURES
from qexplorer.machine.gpus import arithmetic_of
from qexplorer.report.system import diagnosis, feature_rows, gpu_text, outlook


def machine(*features: str, system: str = "Linux 6 x86_64") -> dict[str, Any]:
    """A machine with these features."""
    return {"features": list(features), "system": system}


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (("avx2", "avx512_vnni", "amx_int8"), "AMX"),
        (("avx2", "avx512_vnni"), "VNNI"),
        (("avx2", "avx_vnni"), "VNNI"),
        (("asimddp",), "Arm"),
        (("avx2", "avx512f"), "saturate"),
        ((), "No instructions"),
    ],
)
def test_the_outlook_names_the_best_that_is_there(features: tuple[str, ...], said: str) -> None:
    """The sentence speaks of the strongest integer instructions, and of saturation where there are none better."""
    assert said in outlook(machine(*features))
    assert ("saturate" in outlook(machine(*features))) == (said == "saturate")


def test_nothing_is_claimed_of_a_silent_system() -> None:
    """Where the system does not list features there are no rows and no promise."""
    silent = {"features": None, "system": "Darwin"}
    assert feature_rows(silent) == ()
    assert "does not say" in outlook(silent)


def test_rows_are_those_of_the_kind_of_processor() -> None:
    """Arm's features are shown on Arm, the others elsewhere, and between them none is lost."""
    intel = feature_rows(machine("avx2"))
    arm = feature_rows(machine("asimddp", system="Linux 6 aarch64"))
    assert [row.name for row in intel if row.here] == ["avx2"]
    assert [row.name for row in arm if row.here] == ["asimddp"]
    assert {row.name for row in (*intel, *arm)} == set(FEATURES)
    assert not {row.name for row in intel} & {row.name for row in arm}


@pytest.mark.parametrize(
    ("capability", "has", "lacks"),
    [
        ((6, 1), "int8 dot products (DP4A)", "int8 tensor cores"),
        ((7, 0), "fp16 tensor cores", "int8 tensor cores"),
        ((7, 5), "int4 tensor cores", "bf16 tensor cores"),
        ((8, 6), "bf16 tensor cores", "fp8 tensor cores"),
        ((9, 0), "fp8 tensor cores", "int4 tensor cores"),
        ((12, 0), "fp4 tensor cores", "int4 tensor cores"),
    ],
)
def test_compute_capability_tells_the_arithmetic(capability: tuple[int, int], has: str, lacks: str) -> None:
    """From Pascal to Blackwell, what NVIDIA's table lists is there and what it does not list is not."""
    found = arithmetic_of(capability)
    assert has in found
    assert lacks not in found


def test_a_gpu_is_told_in_one_line_even_when_its_driver_is_silent() -> None:
    """Facts that are missing are left out."""
    assert gpu_text({"name": "Trial"}) == "Trial"
    full = {"name": "Trial", "memory_bytes": 2**34, "compute_capability": "8.9", "arithmetic": ["fp8 tensor cores"]}
    assert gpu_text(full) == "Trial, 16 GiB, compute capability 8.9: fp8 tensor cores"


def test_the_diagnosis_gives_a_reason_for_whatever_is_missing() -> None:
    """Backends and meters are there, or say why not; the estimate is always there."""
    found = diagnosis()
    for entry in (*found["backends"], *found["power"]):
        assert entry["available"] or entry["reason"], entry["name"]
    assert any(meter["name"] == "estimate" and meter["available"] for meter in found["power"])
