"""``load_data``: a data set's name or a path in, a data set out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import UnknownName
from qexplorer.core.files import given_path
from qexplorer.load.datasets.preprocess import Preprocessing
from qexplorer.load.datasets.raw import RawData
from qexplorer.load.datasets.split import dataset_from
from qexplorer.load.datasets.untrusted import read_untrusted
from qexplorer.load.readers.npz import read_npz
from qexplorer.load.samples.noise import noise_data, noise_images
from qexplorer.load.samples.shelf import list_samples, sample_of_data

__all__ = ["load_data", "load_raw", "noise_images"]


def load_data(
    source: str | Path,
    *,
    preprocessing: Preprocessing | None = None,
    task: str | None = None,
    classes: Sequence[str] = (),
) -> DataSet:
    """A data set, split into a part to calibrate and a part to judge.

    Args:
        source: a data set's name (``digits``), a sample model's name (its data), or the path of an .npz, IDX (.gz too),
            .csv, .zip of class folders, or of a folder of class folders. A name wins over a file of the same name.
        preprocessing: what makes the stored values ready to feed. None: what the sample's manifest says for shipped
            data; nothing for files.
        task: what the labels are for; None: what the file says, else what they mean.
        classes: names of the classes in the model's order, for data that names them.

    Raises:
        DataError: naming the file, what is wrong with it and what is allowed.
        UnknownName: neither a data set's name nor a path that exists, or no such task.
    """
    raw, own = load_raw(source, size=preprocessing.size if preprocessing else None)
    return dataset_from(raw, own if preprocessing is None else preprocessing, task, classes)


def load_raw(source: str | Path, *, size: tuple[int, int] | None = None) -> tuple[RawData, Preprocessing]:
    """What was read, before preprocessing and splitting, and the preprocessing that belongs to it.

    Args:
        source: as for :func:`load_data`.
        size: height and width to bring image files to; needed where they differ in size.

    Raises:
        DataError, UnknownName: as :func:`load_data`.
    """
    text = str(source)
    sample = sample_of_data(text)
    if sample is not None and sample.manifest is not None:
        assert sample.folder is not None
        return _shipped(sample.folder), sample.manifest.data.preprocessing
    if sample is not None:
        return noise_data(), Preprocessing()
    path = given_path(source)
    if not path.exists():
        names = dict.fromkeys(sample.data for sample in list_samples())
        raise UnknownName.among("data set or file", text, [*names, "or the path of a file that exists"])
    return read_untrusted(path, size=size), Preprocessing()


@lru_cache(maxsize=4)
def _shipped(folder: Path) -> RawData:
    """Data that comes with the program: read in this process, once."""
    from dataclasses import replace

    from qexplorer.load.samples.manifest import read_manifest

    manifest = read_manifest(folder / "manifest.json")
    facts, raw = manifest.data, read_npz(folder / "data.npz")
    return replace(raw, name=facts.name, classes=facts.classes, features=facts.features, task=manifest.task)
