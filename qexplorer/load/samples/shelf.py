"""Sample models: trained ones that are shipped with their data, and architectures that are built on demand.

To add a trained one, put a folder with ``manifest.json``, ``model.onnx`` and ``data.npz`` beside the others (their
training scripts show how they are made); nothing else names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from qexplorer.core.registry import Registry
from qexplorer.load.samples.architectures.protocol import Architecture
from qexplorer.load.samples.architectures.registry import ARCHITECTURES, build
from qexplorer.load.samples.manifest import Manifest, MeasuredMetric, read_manifest, samples_folder

__all__ = ["Sample", "get_sample", "list_samples", "sample_of_data"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample model.

    Attributes:
        name: what ``load_model`` takes.
        title: what to call it on a page.
        description: one or two sentences for a person.
        task: what its labels are for.
        trained: False for architectures: only their size and latency mean anything.
        data: name of the data set that goes with it.
        licence: SPDX name of the weights' licence.
        data_licence: SPDX name of the data's licence.
        float_accuracy: fraction of the held-out samples that the float model has right; None if untrained, or where
            answers are no classes.
        float_metric: what the float model was measured by, whatever its task; None if untrained.
        n_evaluation: number of held-out samples; for architectures, of unlabelled ones.
        parameters: number of values in its initializers.
        sha256: digest of the shipped file; None for what is built on demand.
        input_kind: ``image`` or ``table``.
        folder: where a shipped one lives; None for what is built on demand.
        manifest: everything else that is known of a shipped one.
    """

    name: str
    title: str
    description: str
    task: str
    trained: bool
    data: str
    licence: str
    data_licence: str
    float_accuracy: float | None
    n_evaluation: int
    parameters: int
    sha256: str | None
    input_kind: str
    float_metric: MeasuredMetric | None = None
    folder: Path | None = None
    manifest: Manifest | None = field(default=None, repr=False)

    @property
    def model_path(self) -> Path:
        """The model's file; an architecture is built now if the workspace does not have it (about a second)."""
        return build(self.name) if self.folder is None else self.folder / "model.onnx"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, empty if untrained."""
        return self.manifest.data.classes if self.manifest else ()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of a table's columns, empty for images."""
        return self.manifest.data.features if self.manifest else ()


def list_samples() -> tuple[Sample, ...]:
    """All sample models, trained ones first."""
    return tuple(_registry())


def get_sample(name: str) -> Sample:
    """The sample model called ``name``; raises UnknownName with the known names."""
    return _registry().get(name)


def sample_of_data(name: str) -> Sample | None:
    """A sample model that goes with the data set ``name`` (or is called so), or None."""
    return next((sample for sample in list_samples() if name in (sample.data, sample.name)), None)


def _registry() -> Registry[Sample]:
    return _read(samples_folder(), tuple(ARCHITECTURES))


@lru_cache(maxsize=8)
def _read(folder: Path, architectures: tuple[Architecture, ...]) -> Registry[Sample]:
    """The folder's samples and ``architectures``; read once in a process, because pages ask dozens of times a run."""
    found: Registry[Sample] = Registry("sample model")
    for manifest in sorted(folder.glob("*/manifest.json")):
        _check_data(found.add(_shipped(manifest.parent)), found)
    for architecture in architectures:
        found.add(_on_demand(architecture))
    return found


def _check_data(added: Sample, others: Iterable[Sample]) -> None:
    """Raises ValueError if other data have the name of ``added``'s: one of the two would be judged by them."""
    for other in others:
        one, two = (each.manifest.sha256["data.npz"] if each.manifest else None for each in (added, other))
        if added.data == other.data and one != two:
            raise ValueError(f"the samples '{other.name}' and '{added.name}' call different data '{added.data}'")


def _shipped(folder: Path) -> Sample:
    facts = read_manifest(folder / "manifest.json")
    return Sample(
        name=facts.name,
        title=facts.title,
        description=facts.description,
        task=facts.task,
        trained=True,
        data=facts.data.name,
        licence=facts.licence,
        data_licence=facts.data.licence,
        float_accuracy=None if facts.float_accuracy is None else facts.float_accuracy.value,
        float_metric=facts.measured,
        n_evaluation=facts.measured.n,
        parameters=facts.parameters,
        sha256=facts.sha256["model.onnx"],
        input_kind=facts.input_kind,
        folder=folder,
        manifest=facts,
    )


def _on_demand(architecture: Architecture) -> Sample:
    return Sample(
        name=architecture.name,
        title=architecture.title,
        description=f"{architecture.description} Untrained: size and latency only.",
        task="none (random weights)",
        trained=False,
        data="noise_224",
        licence="Apache-2.0",
        data_licence="Apache-2.0",
        float_accuracy=None,
        n_evaluation=32,
        parameters=architecture.parameters,
        sha256=None,
        input_kind="image",
    )
