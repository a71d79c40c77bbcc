"""Inputs of jobs by what they are, not where they lie: a sample's name, or the digest under which they are kept.

A person's file is loaded into the workspace first (in a child with limits, as always) and then referred to by digest,
so that any machine that can read the workspace, or was sent its files, can do the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qexplorer.core.disk.contents import used
from qexplorer.core.errors import DataError, InputError, ModelError
from qexplorer.core.files import given_path
from qexplorer.load.datasets.preprocess import Preprocessing

if TYPE_CHECKING:
    from qexplorer.core.dataset import DataSet
    from qexplorer.core.model import Model

__all__ = ["DataRef", "ModelRef", "open_data", "open_model", "open_quantized", "refer_to_data", "refer_to_model"]

_SHA256 = r"^[0-9a-f]{64}$"
_AGAIN = "open it again"


class _Ref(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRef(_Ref):
    """A model: ``sample`` or ``sha256`` is given. Two references to one model have the same :attr:`source`.

    Attributes:
        sample: name of a sample model, which every installation has.
        sha256: digest of a normalized file in the workspace's folder ``models``.
        name: what to call a model that was kept; None: as it was called when it was first kept.
    """

    sample: str | None = None
    sha256: str | None = Field(default=None, pattern=_SHA256)
    name: str | None = None

    @model_validator(mode="after")
    def _one(self) -> ModelRef:
        if (self.sample is None) == (self.sha256 is None):
            raise ValueError("a model is referred to by 'sample' or by 'sha256'")
        return self

    @property
    def source(self) -> str:
        """What ``load_model`` takes on this machine."""
        if self.sample is not None:
            return self.sample
        from qexplorer.load.store import kept_model_path

        return str(kept_model_path(str(self.sha256)))


class DataRef(_Ref):
    """A data set: ``sample`` or ``kept`` is given.

    Attributes:
        sample: name of shipped data, which every installation has.
        kept: digest of the file that was read and how; its arrays are in the workspace's folder ``data``.
        name: what to call data that was kept.
        preprocessing: what makes it ready to feed; None: what a sample's manifest says, nothing for a file's.
        task: what its labels are for; None: what the data itself says.
        classes: names of all classes in the model's order; none: what data and model themselves say.
    """

    sample: str | None = None
    kept: str | None = Field(default=None, pattern=_SHA256)
    name: str | None = None
    preprocessing: Preprocessing | None = None
    task: str | None = None
    classes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> DataRef:
        if (self.sample is None) == (self.kept is None):
            raise ValueError("data is referred to by 'sample' or by 'kept'")
        return self

    @property
    def source(self) -> str:
        """What ``load_data`` takes on this machine."""
        if self.sample is not None:
            return self.sample
        from qexplorer.load.datasets.untrusted import kept_folder

        return str(kept_folder(str(self.kept)))


def refer_to_model(source: str | Path) -> ModelRef:
    """A reference to what ``load_model`` takes; a file is loaded into the workspace unless it is there already.

    Raises:
        ModelError, UnknownName: as ``load_model``.
    """
    from qexplorer.load.model import load_model
    from qexplorer.load.samples.shelf import list_samples

    if str(source) in {sample.name for sample in list_samples()} and not Path(source).is_file():
        return ModelRef(sample=str(source))
    return ModelRef(sha256=load_model(source).sha256)


def refer_to_data(
    source: str | Path,
    preprocessing: Preprocessing | None = None,
    *,
    name: str | None = None,
    task: str | None = None,
    classes: Sequence[str] = (),
) -> DataRef:
    """A reference to what ``load_data`` takes; a file is read into the workspace unless it is there already.

    Args:
        source: a data set's name, a path, or a folder in which data is kept.
        preprocessing: as for ``load_data``.
        name: what to call data of a file; its stem by default.
        task: what its labels are for.
        classes: names of all classes in the model's order.

    Raises:
        DataError, UnknownName: as ``load_data``.
    """
    from qexplorer.load.datasets.load import load_raw
    from qexplorer.load.datasets.untrusted import keep_untrusted
    from qexplorer.load.samples.shelf import sample_of_data

    listed, sample = tuple(classes), sample_of_data(str(source))
    if sample is not None:
        return DataRef(sample=sample.data, preprocessing=preprocessing, task=task, classes=listed)
    size, path = preprocessing.size if preprocessing else None, given_path(source)
    if not path.exists():
        load_raw(source, size=size)  # says what would have been accepted
    kept = keep_untrusted(path, size=size)
    return DataRef(kept=kept.name, name=name or path.stem, preprocessing=preprocessing, task=task, classes=listed)


def open_model(reference: ModelRef) -> Model:
    """The model; raises ModelError if the workspace has it no more, or has something else in its place."""
    if reference.sha256 is None:
        from qexplorer.load.model import load_model

        return load_model(reference.source)
    from qexplorer.load.store import find

    known = find(reference.sha256, None)
    if known is None:
        raise ModelError(f"the model {reference.sha256[:12]} is not kept here any more", do=_AGAIN)
    return known if reference.name is None else replace(known, name=reference.name)


def open_data(reference: DataRef) -> DataSet:
    """The data set, preprocessed and split; raises DataError if the workspace has it no more."""
    from qexplorer.load.datasets.load import load_raw
    from qexplorer.load.datasets.split import dataset_from

    chosen = reference.preprocessing
    if reference.kept is not None and not (Path(reference.source) / "index.json").is_file():
        raise DataError(f"the data {reference.name or reference.kept[:12]} is not kept here any more", do=_AGAIN)
    raw, own = load_raw(reference.source, size=chosen.size if chosen else None)
    if reference.kept is not None:
        raw = replace(raw, name=reference.name or raw.name)  # what is wrong with it is said of this name
    return dataset_from(raw, own if chosen is None else chosen, reference.task, reference.classes)


def open_quantized(digest: str) -> Path:
    """The quantized file with this digest; raises InputError if the workspace has it no more."""
    from qexplorer.quantize.quantize import kept_quantized

    path = kept_quantized(digest)
    if path is None:
        raise InputError("the quantized file is gone", where=f"{digest}.onnx", do="compare again, which makes it")
    used(path)
    return path
