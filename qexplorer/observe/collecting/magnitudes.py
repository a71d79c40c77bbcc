"""The largest magnitude of every float32 tensor of a model on calibration data: what a narrower float has to hold."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import DataSet, as_declared
from qexplorer.core.errors import BackendError
from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.model import Model
from qexplorer.core.workspace import digest_json, workspace
from qexplorer.graph.index import index_of
from qexplorer.load.datasets.sampling import SEED, calibration_sample
from qexplorer.observe.collecting.stream import batches
from qexplorer.process.child import getting_on

__all__ = ["magnitudes_for"]

_BATCH = 4
_SCHEMA = 2  # raise it when other samples are looked at


def magnitudes_for(model: Model, data: DataSet, *, samples: int) -> dict[str, float]:
    """The largest finite magnitude by tensor, over the samples that ranges are observed on; kept, and so found once.

    Every tensor counts, whether or not its layer could be quantized. Empty where there are no samples, or the model
    does not run on them.
    """
    split = calibration_sample(data, samples).split
    if not split.inputs or not split.n:
        return {}
    digest = digest_json([_SCHEMA, SEED, model.sha256, data.digest, split.n])[:16]
    path = workspace("statistics") / f"{digest}.magnitudes.json"
    if (written := read_sealed(path)) is not None:
        kept: dict[str, float] = json.loads(written)
        return kept
    found: dict[str, float] = {}
    runner = _Runner(model)
    for feeds, _ in batches(model, split, _BATCH):
        for name, value in runner.run(feeds).items():
            finite = value[np.isfinite(value)]
            found[name] = max(found.get(name, 0.0), float(np.abs(finite).max(initial=0.0)))
        getting_on()
    write_sealed(path, json.dumps(found).encode())
    return found


class _Runner:
    """Gives every float32 tensor of one batch, by name."""

    def __init__(self, model: Model) -> None:
        import onnx
        import onnxruntime

        view, proto = index_of(model), model.proto()
        made = [name for node in view.order for name in node.output if name and view.is_float(name)]
        given = {output.name for output in proto.graph.output}
        proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made if name not in given)
        self._names = made
        self._fed = [name for name in view.inputs if view.is_float(name)]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base class but Exception
            what = f"ONNX Runtime cannot load it ({' '.join(str(error).split())[:200]})"
            raise BackendError(what, where=model.name) from None
        self._ranks = {item.name: len(item.shape) for item in self._session.get_inputs()}

    def run(self, feeds: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Inputs and what the nodes make; raises BackendError."""
        try:
            values = self._session.run(self._names, as_declared(feeds, self._ranks))
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(" ".join(str(error).split())[:200]) from None
        made = dict(zip(self._names, values, strict=True))
        return {**{name: np.asarray(feeds[name], np.float32) for name in self._fed}, **made}
