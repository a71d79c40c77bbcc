"""What a person has at hand, as values: models and data by name, path or value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import InputError, ModelError
from qexplorer.core.files import given_path
from qexplorer.core.model import Model

if TYPE_CHECKING:
    import torch

    from qexplorer.load.datasets.preprocess import Preprocessing

__all__ = ["data", "fitted", "load"]


def load(
    source: str | Path | torch.nn.Module | Model,
    example_inputs: Any = None,
    *,
    architecture: str | None = None,
    name: str | None = None,
) -> Model:
    """A checked model.

    Args:
        source: a sample's name (``digits_cnn``), the path of an ``.onnx`` file, a torch module, or the path of weights
            (``.safetensors``, or a state_dict saved by ``torch.save``).
        example_inputs: a tensor or tuple of tensors that the torch module takes, first axis the batch.
        architecture: what weights are of: ``resnet18``, ``timm:NAME``, ``transformers:MODEL_TYPE``.
        name: what to call it; a sample's name or the file's stem by default.

    Raises:
        ModelError: with the file, what is wrong with it and what is allowed.
        UnknownName: neither a file nor a sample, or no such architecture.
    """
    if isinstance(source, Model):
        return source
    if architecture is not None:
        from qexplorer.load.weights.load import load_weights

        if not isinstance(source, str | Path):
            raise ModelError("an architecture is for a file of weights, and this is none", do="leave architecture out")
        return load_weights(given_path(source), architecture, name=name, shown=str(source))
    from qexplorer.load.model import load_model

    return load_model(source, example_inputs=example_inputs, name=name)


def data(
    source: str | Path | DataSet,
    *,
    preprocessing: Preprocessing | None = None,
    task: str | None = None,
    classes: Sequence[str] = (),
) -> DataSet:
    """A data set, split into calibration and evaluation.

    Args:
        source: a sample's name (``digits``), or the path of an .npz (x, y, optional groups), IDX, .csv, or .zip of
            class folders.
        preprocessing: scale, mean, std and layout to apply; as it is by default.
        task: what the labels are for, such as ``regression`` or ``segmentation``; by default what the file says, else
            what its labels mean (``data.task`` tells, and a note where it was inferred).
        classes: names of the classes in the model's order, for data whose labels are names, if neither the model nor
            the data lists them.

    Raises:
        DataError: with the file, what is wrong with it and what is allowed.
        UnknownName: neither a file nor a sample, or no such task.
    """
    if isinstance(source, DataSet):
        if task is not None and task != source.task:
            raise InputError(
                f"this data was read for the task {source.task}", where=source.name, do=f"read it with task='{task}'"
            )
        return source
    from qexplorer.load.datasets.load import load_data

    return load_data(source, preprocessing=preprocessing, task=task, classes=classes)


def fitted(model: Model, source: DataSet | str | Path | None, why: str) -> DataSet:
    """``source`` ready to feed to ``model``; a sample model's own data stands in for None."""
    from qexplorer.load.datasets.fit import fit_to_model

    return fit_to_model(data(_own_data(model, why) if source is None else source), model)


def _own_data(model: Model, why: str) -> str:
    """Name of the data of a sample model; a stranger's file of the same name is none."""
    from qexplorer.load.readers.registry import readable
    from qexplorer.load.samples.shelf import list_samples

    sample = next((each for each in list_samples() if each.name == model.name), None)
    if sample is not None and (model.untrained or sample.sha256 in (model.sha256, model.source_sha256)):
        return sample.data
    allowed = f"a sample's name, or the path of {readable()}"
    raise InputError(why, where=model.name, allowed=allowed, do="name a data set")
