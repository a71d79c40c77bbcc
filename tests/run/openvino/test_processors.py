"""What OpenVINO runs as integers: a fact of a processor, held on each class of processor that is known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.core.results import Kernels
from qexplorer.run.openvino.backend import OPENVINO_CPU
from qexplorer.run.protocol import KernelKind, SessionOptions
from tests.run.openvino.processors import CONVOLUTIONS, FACTS, LIMITS, RECIPES, Fact, class_here, class_of

pytestmark = pytest.mark.skipif(not OPENVINO_CPU.availability().available, reason="openvino is not installed")


@cache
def images() -> dict[str, np.ndarray]:
    """32 digits."""
    inputs = next(iter(qx.data("digits").evaluation.inputs.values()))
    return {"image": np.ascontiguousarray(inputs[:32])}


def quantized(recipe: str) -> Path:
    """The file of digits_cnn, quantized."""
    return qx.quantize(qx.load("digits_cnn"), RECIPES[recipe]).path


def kernels(path: Path) -> Kernels:
    """What runs of the file at ``path`` for 32 digits."""
    session = OPENVINO_CPU.load(path, SessionOptions())
    session.run(images())
    return session.kernels()


def holds(fact: Fact, integer: dict[str, int], floats: dict[str, int]) -> bool:
    """Whether all convolutions run on the fact's kind, none on the other, and the other kernels are there."""
    at, other = (integer, floats) if fact.kind == "integer" else (floats, integer)
    return (at.get("Convolution"), other.get("Convolution")) == (CONVOLUTIONS, None) and all(
        at.get(label) == count for label, count in fact.labels.items()
    )


@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize("recipe", RECIPES)
def test_what_runs_as_integer_is_what_the_page_says(recipe: str) -> None:
    """The kernel list is the page's for this class of processor, and on every processor that of the profile."""
    path = quantized(recipe)
    found = kernels(path)
    profiled = OPENVINO_CPU.load(path, SessionOptions()).profile(images(), 1)
    for kind, listed in ((KernelKind.INTEGER, found.integer), (KernelKind.FLOAT, found.float)):
        assert Counter(kernel.op for kernel in profiled if kernel.kind is kind) == listed
    for fact in FACTS.get(class_here() or "", ()):
        assert fact.recipe != recipe or holds(fact, found.integer, found.float), (fact, found)


_CHILD = """
import json, sys
from pathlib import Path
from tests.run.openvino.test_processors import kernels
print(json.dumps([[found.integer, found.float] for found in map(kernels, map(Path, sys.argv[1:]))]))
"""


@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize("lower", LIMITS)
def test_facts_of_lesser_processors_hold_on_greater_ones(lower: str) -> None:
    """A processor told to do without its newest instructions runs what the table says of the class below."""
    if lower == class_here() or class_here() is None or class_of(("avx2", "avx512bw"), LIMITS[lower]) != lower:
        pytest.skip(f"this processor cannot stand for one with {lower} alone")
    # Half precision is left out: pretended away, OpenVINO still asks for it and may end the process.
    facts = [fact for fact in FACTS[lower] if fact.recipe != "bf16"]
    paths = [str(quantized(fact.recipe)) for fact in facts]
    limited = {**os.environ, "ONEDNN_MAX_CPU_ISA": LIMITS[lower]}
    command = [sys.executable, "-c", _CHILD, *paths]
    told = subprocess.run(
        command, env=limited, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    for fact, (integer, floats) in zip(facts, json.loads(told.stdout.splitlines()[-1]), strict=True):
        assert holds(fact, integer, floats), (fact, integer, floats)


@pytest.mark.parametrize(
    ("features", "limit", "expected"),
    [
        (("avx2", "avx512bw", "avx512_vnni", "amx_int8"), "", "AMX"),
        (("avx2", "avx512bw", "avx512_vnni"), "", "AVX-512"),
        (("avx2", "avx_vnni"), "", "AVX2"),
        (("avx2", "avx512bw", "amx_int8"), "avx2", "AVX2"),
        (("avx2",), "AVX512_CORE", None),
        (("asimddp",), "", None),
        (None, "", None),
    ],
)
def test_a_class_is_told_from_features(features: tuple[str, ...] | None, limit: str, expected: str | None) -> None:
    """The most that a processor has and may use is its class; one with nothing known has none, and no facts."""
    assert class_of(features, limit) == expected


def test_the_page_has_every_class() -> None:
    """The table of processors in docs/backends/openvino.md has the classes of which facts are held, and no other."""
    page = (Path(__file__).parents[3] / "docs" / "backends" / "openvino.md").read_text()
    table = page.split("| processor |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    assert [row.split("|")[1].strip().split(" (")[0] for row in table] == list(FACTS)
