"""What observing leaves: statistics of each tensor, and of all tensors of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.workspace import digest_json
from qexplorer.load.datasets.sampling import SEED
from qexplorer.observe.histogram import Histogram

__all__ = ["SCHEMA", "ChannelStats", "Statistics", "TensorStats"]

SCHEMA = 2  # raise it when what is collected, or how, changes: kept files of other versions are not read


@dataclass(frozen=True, slots=True, eq=False)
class ChannelStats:
    """Statistics of each channel; NaN and infinity are left out.

    Attributes:
        count: int64 ``(C,)``, finite values.
        minimum: float64 ``(C,)``; +inf where there is no value.
        maximum: float64 ``(C,)``; -inf where there is no value.
        mean: float64 ``(C,)``; NaN where there is no value.
        std: float64 ``(C,)``, of the population.
    """

    count: NDArray[np.int64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TensorStats:
    """Statistics of one tensor.

    Attributes:
        name: the tensor's name in the graph.
        kind: ``weight`` or ``activation``.
        shape: a weight's shape; an activation's shape for one sample, with a first axis of 1.
        histogram: of all values.
        channels: per channel, or None where the tensor has no channel axis.
        axis: the channel axis (a weight's output channels), or None.
        average: moving average of the samples' ranges ``(low, high)``; of a weight, its range.
        array: a weight itself, as it is in the file (not kept on disk); None for activations.
    """

    name: str
    kind: Literal["weight", "activation"]
    shape: tuple[int, ...]
    histogram: Histogram
    channels: ChannelStats | None
    axis: int | None
    average: tuple[float, float]
    array: NDArray[Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Statistics(Mapping[str, TensorStats]):
    """Statistics of a model's tensors, by tensor name: activations in execution order, then weights.

    Attributes:
        tensors: the statistics.
        samples: samples that were fed.
        model_sha256: digest of the model.
        data_digest: digest of the data set.
    """

    tensors: Mapping[str, TensorStats]
    samples: int
    model_sha256: str
    data_digest: str

    def __getitem__(self, name: str) -> TensorStats:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    @property
    def digest(self) -> str:
        """Identifies what was observed: model, data, how many samples drawn how, and version. 16 hexadecimal digits."""
        return digest_json([SCHEMA, self.model_sha256, self.data_digest, self.samples, SEED])[:16]

    def of_kind(self, kind: Literal["weight", "activation"]) -> tuple[TensorStats, ...]:
        """All weights, or all activations."""
        return tuple(stats for stats in self.tensors.values() if stats.kind == kind)
