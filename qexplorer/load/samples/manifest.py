"""The manifest beside every shipped sample model: what it is, where its data is from, and what was measured.

How to add one: a folder in ``sample_models/`` that has the model's name, with ``model.onnx`` (opset 21, IR 10, one
input with a free batch, a name for every node), ``data.npz``, the ``train.py`` that writes them and
``manifest.json``; ``sample_models/shared`` has the steps. Nothing else names it. ``tests/load/samples`` holds every
folder to its manifest and to what is said here, and ``tests/contract/test_samples.py`` runs it on every backend; for a
task without an accuracy, a test that measures ``float_metric`` again is still to be written.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from qexplorer.core.plugins import METRICS, TASKS
from qexplorer.load.datasets.preprocess import Preprocessing

__all__ = ["DataFacts", "Manifest", "Measured", "MeasuredMetric", "TrainingFacts", "read_manifest", "samples_folder"]


class _ManifestPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataFacts(_ManifestPart):
    """The data a sample model was trained on and is judged by.

    Attributes:
        name: what ``load_data`` takes; samples share it only if they share the data.
        title: what to call it on a page.
        source: where it is from.
        licence: SPDX name.
        citation: who to cite.
        split: how calibration and evaluation samples were chosen.
        classes: names of the classes, by class number.
        features: names of the columns of a table; empty for images.
        preprocessing: what makes the stored arrays ready to feed.
    """

    name: str
    title: str
    source: str
    licence: str
    citation: str
    split: str
    classes: tuple[str, ...]
    features: tuple[str, ...] = ()
    preprocessing: Preprocessing = Preprocessing()


class MeasuredMetric(_ManifestPart):
    """A metric that was measured on ``n`` held-out samples: its name, and its value as results keep it."""

    metric: str
    value: float
    n: int


class Measured(_ManifestPart):
    """An accuracy that was measured: ``correct`` of ``n`` held-out samples."""

    correct: int
    n: int

    @property
    def value(self) -> float:
        """The accuracy as a fraction of 1."""
        return self.correct / self.n


class TrainingFacts(_ManifestPart):
    """How the weights came to be; ``seconds`` of processor time, on one thread."""

    command: str
    seed: int
    epochs: int
    seconds: float
    torch: str


class Manifest(_ManifestPart):
    """One sample model.

    Attributes:
        name: what ``load_model`` takes; the folder's name.
        title: what to call it on a page.
        description: one or two sentences for a person.
        task: what its labels are for.
        input_kind: ``image``, ``table`` or ``text``.
        licence: SPDX name of the weights' licence.
        parameters: number of values in its initializers.
        float_accuracy: of the file as shipped, run by ONNX Runtime on the evaluation part; None where answers are no
            classes.
        float_metric: the same by the primary metric of any other task; one of the two is there.
        onnxruntime_int8: the same after ONNX Runtime's own static quantizer (uint8 min-max activations), by granularity
            of the int8 weights: ``tensor`` and ``channel``.
        sha256: digests of ``model.onnx`` and ``data.npz``.
        training: how the weights came to be.
        vocabulary: the text of each token of a language model, by token number; empty for any other.
    """

    name: str
    title: str
    description: str
    task: str = "classification"
    input_kind: str
    licence: str = "Apache-2.0"
    parameters: int
    float_accuracy: Measured | None = None
    float_metric: MeasuredMetric | None = None
    onnxruntime_int8: dict[str, Measured] = Field(default_factory=dict)
    sha256: dict[str, str]
    data: DataFacts
    training: TrainingFacts
    vocabulary: tuple[str, ...] = ()

    @field_validator("task")
    @classmethod
    def _known_task(cls, name: str) -> str:
        if name not in TASKS:
            raise ValueError(f"there is no task '{name}'")
        return name

    @model_validator(mode="after")
    def _measured_once(self) -> Self:
        if (self.float_accuracy is None) == (self.float_metric is None):
            raise ValueError("either float_accuracy or float_metric must be there")
        if self.float_metric is not None and self.float_metric.metric not in METRICS:
            raise ValueError(f"there is no metric '{self.float_metric.metric}'")
        return self

    @property
    def measured(self) -> MeasuredMetric:
        """What was measured of the float model, whatever its task."""
        if self.float_metric is not None:
            return self.float_metric
        assert self.float_accuracy is not None
        return MeasuredMetric(metric="accuracy", value=self.float_accuracy.value, n=self.float_accuracy.n)


@cache
def samples_folder() -> Path:
    """Where the sample models are: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "_sample_models"
    return installed if installed.is_dir() else package.parent / "sample_models"


@lru_cache(maxsize=32)
def read_manifest(path: Path) -> Manifest:
    """The manifest at ``path``; it is ours, so a damaged one is a ValueError of pydantic, not a person's mistake."""
    return Manifest.model_validate_json(path.read_bytes())
