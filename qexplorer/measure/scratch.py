"""Samples on disk while a comparison runs: children map them, so nothing large crosses a pipe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.disk.room import told_of_disk
from qexplorer.core.workspace import workspace

__all__ = ["folder_of", "keep_samples", "read_samples", "scratch"]


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A private folder that is gone afterwards; that of a comparison that was killed goes when the next is made.

    Raises:
        InputError: what the disk refused inside.
    """
    with told_of_disk(workspace("scratch")), passing_folder("compare") as folder:
        yield Path(folder)


def keep_samples(folder: Path, inputs: Mapping[str, Array]) -> dict[str, str]:
    """Writes each array to a .npy file; returns the files' paths by input name."""
    files: dict[str, str] = {}
    for index, (name, array) in enumerate(inputs.items()):
        path = folder / f"input{index}.npy"
        np.save(path, np.ascontiguousarray(array), allow_pickle=False)
        files[name] = str(path)
    return files


def read_samples(files: Mapping[str, str]) -> dict[str, Array]:
    """The arrays that :func:`keep_samples` wrote, mapped and not read until used."""
    return {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in files.items()}


def folder_of(files: Mapping[str, str]) -> Path:
    """The folder that :func:`keep_samples` wrote to, where what is found out about the samples may be kept as well."""
    return Path(next(iter(files.values()))).parent
