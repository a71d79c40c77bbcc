"""Data as the rest of the program sees it: named arrays, optional labels, one part to calibrate and one to judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.python_surface.show import as_html

__all__ = ["Array", "DataSet", "Split", "as_declared"]

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Some samples.

    Attributes:
        inputs: one array per model input, first axis the samples. The key ``""`` stands for "the only input".
        labels: as the data's task keeps them, first axis the samples: class numbers (n,) int64, measurements float64,
            masks (n, h, w) int64, tokens (n, t) int64; or None.
        groups: shape ``(n,)`` group names for fairness, or None.
        read_labels: the labels as they were read, before the task took them: a model may have an input of their name.
    """

    inputs: Mapping[str, Array]
    labels: Array | None = None
    groups: Array | None = None
    read_labels: Array | None = None

    @property
    def n(self) -> int:
        """Number of samples."""
        return int(next(iter(self.inputs.values())).shape[0])

    def head(self, n: int) -> Split:
        """The first ``n`` samples (all, if there are fewer)."""
        return self.take(slice(0, n))

    def take(self, index: slice | NDArray[np.integer]) -> Split:
        """The samples at ``index``."""
        pick = {k: v[index] for k, v in self.inputs.items()}
        rest = (None if each is None else each[index] for each in (self.labels, self.groups, self.read_labels))
        return Split(pick, *rest)

    def batches(self, size: int) -> Iterator[Split]:
        """Consecutive pieces of ``size`` samples; the last may be smaller."""
        for start in range(0, self.n, size):
            yield self.take(slice(start, start + size))


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """A data set, preprocessed and ready to feed.

    Attributes:
        name: a sample's name, or the file's stem.
        calibration: samples for observing ranges.
        evaluation: samples for judging, none of which is in ``calibration`` wherever ``held_out`` is True.
        held_out: whether no sample that judges occurs among those that calibrate, which ``shared`` counts.
        classes: names of the classes, empty if unknown.
        digest: SHA-256 over arrays, labels, split and preprocessing.
        notes: what a reader should know (how it was split, what was skipped), one sentence each.
        task: name of the task that the labels are for; None: the one that they mean (see ``core.tasks.choose``).
        shared: samples of ``evaluation`` that occur in ``calibration``, by the digest of their inputs; None: not
            looked at.
        alphabetical: whether the class numbers were made up from the class names that occur, in alphabetical order.
        own_names: what the file calls the arrays that were taken for ``labels`` and ``groups``, if it names them.
    """

    name: str
    calibration: Split
    evaluation: Split
    held_out: bool
    classes: tuple[str, ...]
    digest: str
    notes: tuple[str, ...] = field(default=())
    task: str | None = None
    shared: int | None = None
    alphabetical: bool = False
    own_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts_text(self) -> str:
        """What was found of samples in both parts."""
        n = self.evaluation.n
        if self.evaluation is self.calibration or self.shared == n:
            return "the same samples calibrate and judge"
        if self.shared is None:
            return "whether a sample is in both parts was not looked at"
        if self.shared == 0:
            return f"none of the {n:,} samples that judge is among those that calibrate"
        return f"{self.shared:,} of the {n:,} samples that judge {_are(self.shared)} among those that calibrate too"

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name or 'input'} {each.shape[1:]}" for name, each in self.calibration.inputs.items())
        parts = f"{self.calibration.n} samples calibrate, {self.evaluation.n} judge"
        return f"DataSet({self.name!r}: {parts}; {shapes}; {len(self.classes) or 'no'} named classes)"

    def _repr_html_(self) -> str:
        return as_html(self)


def as_declared(feeds: Mapping[str, Array], ranks: Mapping[str, int]) -> dict[str, Array]:
    """``feeds`` as a file takes them, whose inputs have as many axes as ``ranks`` says.

    Every sample comes with an axis of one in front. An input that has no axis for the batch (a recurrent state, a
    sampling rate) is given one sample at a time, and that axis is taken off here.
    """
    return {name: _whole(value, ranks.get(name, value.ndim)) for name, value in feeds.items()}


def _whole(value: Array, rank: int) -> Array:
    if value.ndim != rank + 1 or value.shape[0] != 1:
        return value
    return np.asarray(value[0])


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
