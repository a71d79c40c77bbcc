"""What a result depends on beside the files that it was made from: whoever keeps one keeps it under these."""

from __future__ import annotations

import inspect
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qexplorer.core.workspace import sha256_file
from qexplorer.machine.cpu import cpu_features, cpu_model
from qexplorer.machine.gpus import gpus_here
from qexplorer.run.packages import versions_of
from qexplorer.run.protocol import Backend
from qexplorer.scheduling.program import program_digest

__all__ = ["conditions", "where_it_runs"]

_ALWAYS = ("numpy", "onnx", "scipy", "torch")
_SETTINGS = (
    *("ATEN_", "DNNL_", "GOMP_", "KMP_", "MKL_", "NVIDIA_", "OMP_", "ONEDNN_", "OPENBLAS_", "OPENVINO_", "ORT_"),
    *("OV_", "TF_", "TORCH", "XNN"),
)
"""How the names of environment variables begin by which runtimes choose how they compute."""


def conditions(backends: Iterable[Backend], plugins: Iterable[object] = ()) -> list[Any]:
    """Everything that may change what ``backends`` answer to the same file and samples, as plain data.

    That is: this program, line by line; the packages that compute, with their versions; the processor, and GPUs for
    backends that use one; and settings in the environment.

    Args:
        backends: those that take part.
        plugins: what else takes part and may have been written by others.
    """
    taking_part = list(backends)
    return [
        program_digest(),
        sorted({_source(each) for each in (*taking_part, *plugins)}),
        *where_it_runs(taking_part, _ALWAYS),
    ]


def where_it_runs(backends: Iterable[Backend], packages: Iterable[str] = ()) -> list[Any]:
    """What kernels' times follow from beside the kernels, as plain data: versions, processor, GPUs, settings.

    Args:
        backends: those that take part, with the packages that they name.
        packages: others that compute.
    """
    taking_part = list(backends)
    named = {*packages, *(package for backend in taking_part for package in backend.facts.packages)}
    gpu = any(backend.capabilities.device != "cpu" for backend in taking_part)
    return [
        versions_of(named) | {"python": platform.python_version()},
        [cpu_model(), cpu_features()],
        [asdict(each) for each in gpus_here()] if gpu else [],
        sorted([name, value] for name, value in os.environ.items() if name.startswith(_SETTINGS)),
    ]


def _source(plugin: object) -> str:
    """SHA-256 of the file that a plug-in's class stands in; its name where there is none."""
    try:
        return sha256_file(Path(inspect.getfile(type(plugin))))
    except (OSError, TypeError):
        return f"{type(plugin).__module__}.{type(plugin).__qualname__}"
