"""What goes to a reference implementation and comes back, across environments.

A reference may need other versions of what this program uses, so that it runs as a program of its own, in its own
Python. A folder goes there and back: the float model, the calibration samples that our algorithms see too, the inputs
of the held-out samples without their labels, and what is asked. What comes back is a model that ONNX Runtime runs, or
the answers themselves where the reference has no such file.

An adapter is a module of :mod:`benchmarks.references.adapters` with

    PACKAGE = "nncf"                          what is imported, and of which the version is told
    WHAT = "..."                              what is compared with what, in words
    CASES = (Case(...), ...)                  what is compared
    def quantized(job: Job) -> Result         imports the package inside; settings are those of the case
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import onnx
from numpy.typing import NDArray

__all__ = ["ADAPTERS", "Adapter", "Arrays", "Case", "Job", "Result", "adapter", "read_job", "write_job"]

Arrays = dict[str, NDArray[Any]]
"""Samples, one array for each input of a model."""

Result = onnx.ModelProto | list[NDArray[Any]]
"""A model, or what it answers to the held-out inputs."""

ADAPTERS = tuple(sorted(path.stem for path in (Path(__file__).parent / "adapters").glob("[a-z]*.py")))
"""Names of all references."""


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison.

    Attributes:
        subject: a key of :func:`benchmarks.references.subjects.subject`: model and data.
        what: algorithm, width and granularity, in words.
        plain: our recipe without the algorithm, as YAML.
        algorithms: ours, with their options.
        settings: what the reference is asked for with its algorithm.
        settings_plain: without it; None where it has no such mode.
        by_theirs: our algorithm changes the float model, and the reference's own quantizer rounds both.
        seeds: of random weights, or of the draw of calibration samples; medians are shown.
        own_samples: our SmoothQuant judges factors on the samples that they are made of, which it does not otherwise;
            only ``by_theirs``.
    """

    subject: str
    what: str
    plain: str
    algorithms: str
    settings: Mapping[str, Any]
    settings_plain: Mapping[str, Any] | None = None
    by_theirs: bool = False
    seeds: int = 1
    own_samples: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """What a reference is given.

    Attributes:
        model: the float model.
        calibration: samples to look at.
        evaluation: held-out samples, for references that give answers and no file.
        settings: those of the case, and ``subject`` and ``seed``.
    """

    model: onnx.ModelProto
    calibration: Arrays
    evaluation: Arrays
    settings: Mapping[str, Any] = field(default_factory=dict)

    def batches(self, size: int = 8) -> Iterator[Arrays]:
        """The calibration samples, a few at a time."""
        for start in range(0, len(next(iter(self.calibration.values()))), size):
            yield {name: values[start : start + size] for name, values in self.calibration.items()}


class Adapter(Protocol):
    """A module in ``adapters``."""

    PACKAGE: str
    WHAT: str
    CASES: tuple[Case, ...]

    def quantized(self, job: Job) -> Result:
        """What the reference makes of a job."""
        ...


def adapter(name: str) -> Adapter:
    """The adapter called ``name``."""
    return cast("Adapter", importlib.import_module(f"benchmarks.references.adapters.{name}"))


def write_job(folder: Path, job: Job) -> None:
    """Writes a job into an empty folder."""
    onnx.save(job.model, folder / "float.onnx")
    np.savez(folder / "calibration.npz", **cast("Any", job.calibration))
    np.savez(folder / "evaluation.npz", **cast("Any", job.evaluation))
    (folder / "settings.json").write_text(json.dumps(dict(job.settings)))


def read_job(folder: Path) -> Job:
    """The job that lies in a folder."""
    with np.load(folder / "calibration.npz") as held, np.load(folder / "evaluation.npz") as others:
        calibration, evaluation = dict(held), dict(others)
    settings = json.loads((folder / "settings.json").read_text())
    return Job(onnx.load(folder / "float.onnx"), calibration, evaluation, settings)
