"""Errors of what layers make: float and quantized graphs are fed the same samples, and only sums are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.graph.index import GraphIndex
from qexplorer.observe.collecting.stream import batches, cores, without_filling
from qexplorer.observe.collecting.tap import one_sentence, open_session
from qexplorer.quantize.layerwise.streams import SIMULATED
from qexplorer.quantize.plan_types import QuantizedModel

if TYPE_CHECKING:
    import onnx

__all__ = ["Errors", "Powers", "output_errors"]

_BATCH = 8


@dataclass(slots=True)
class Powers:
    """Sums of squares of float values and of their errors, and how many values they are of."""

    signal: float = 0.0
    error: float = 0.0
    count: int = 0

    def add(self, plain: Array, other: Array) -> None:
        """Adds a batch; values that are not finite are left out."""
        x, y = plain.astype(np.float64), other.astype(np.float64)
        finite = np.isfinite(x) & np.isfinite(y)
        self.signal += float(np.square(x[finite]).sum())
        self.error += float(np.square((x - y)[finite]).sum())
        self.count += int(finite.sum())

    @property
    def sqnr_db(self) -> float | None:
        """10 log10(signal / error); None if either is 0."""
        return 10 * float(np.log10(self.signal / self.error)) if self.signal > 0 and self.error > 0 else None

    @property
    def mse(self) -> float | None:
        """Mean squared error; None without values."""
        return self.error / self.count if self.count else None


@dataclass(slots=True)
class Errors:
    """Of one quantized graph: by tensor inside it, and of all outputs together."""

    inside: dict[str, Powers] = field(default_factory=dict)
    outputs: Powers = field(default_factory=Powers)


def output_errors(
    made: Sequence[QuantizedModel], tensors: Sequence[str], split: Split, progress: Callable[[float], None]
) -> list[Errors]:
    """Runs each quantized file, simulated, beside the float model.

    Tensors inside are compared with those of the float model that the plan is about, where channels may be scaled
    otherwise than in the one that was given; outputs with those of the given one.

    Args:
        made: quantized models of one float model.
        tensors: names of what layers make; those that a quantized graph does not have are left out of its errors.
        split: the samples.
        progress: told the share that is done.

    Raises:
        BackendError: ONNX Runtime cannot run one of the graphs.
    """
    import onnx

    model = made[0].model
    plain = {each.sha256: _Telling(each, each.proto(), tensors) for each in (model, *_ready(made))}
    coded = [_Telling(each.model, onnx.load(each.path), tensors) for each in made]
    found = [Errors() for _ in made]
    done = 0
    for feeds, samples in batches(model, split, _BATCH):
        floats = {key: runner.run(feeds, samples) for key, runner in plain.items()}
        for errors, runner, each in zip(found, coded, made, strict=True):
            answers, beside = runner.run(feeds, samples), floats[(each.ready or model).sha256]
            for name in runner.inside:
                if name in beside and beside[name].shape == answers[name].shape:
                    errors.inside.setdefault(name, Powers()).add(beside[name], answers[name])
            for name in runner.outputs:
                errors.outputs.add(floats[model.sha256][name], answers[name])
        done += samples
        progress(done / max(split.n, 1))
    return found


def _ready(made: Sequence[QuantizedModel]) -> list[Model]:
    return [each.ready for each in made if each.ready is not None]


class _Telling:
    """A graph that tells what its layers make, as it is written: no integer kernel, the same on every processor."""

    def __init__(self, model: Model, proto: onnx.ModelProto, tensors: Sequence[str]) -> None:
        import onnx

        index = GraphIndex(proto)
        self.outputs = [output.name for output in proto.graph.output if index.is_float(output.name)]
        self.inside = [name for name in dict.fromkeys(tensors) if name in index.made_at and index.is_float(name)]
        present = {output.name for output in proto.graph.output}
        proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.inside if name not in present)
        self._names, self._where = list(dict.fromkeys([*self.outputs, *self.inside])), model.name
        self._session = open_session(proto.SerializeToString(), cores(), model.name, settings=SIMULATED)

    def run(self, feeds: dict[str, Array], samples: int) -> dict[str, Array]:
        """The tensors for one batch, without what filled it up."""
        try:
            answers = self._session.run(self._names, feeds)
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(one_sentence(error), where=self._where) from None
        return {
            name: without_filling(np.asarray(found), feeds, samples)
            for name, found in zip(self._names, answers, strict=True)
        }
