"""Times of variants as they are kept: by the machine, the backend's version, and what decides how long kernels take."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from qexplorer.core.workspace import workspace
from qexplorer.graph.walk import all_tensors
from qexplorer.machine.conditions import where_it_runs
from qexplorer.measure.kept import kept_path
from qexplorer.run.registry import usable

__all__ = ["forget_times", "kernels_digest", "times_path"]

_FOLDER = "latencies"
_VERSION = 1
_SMALL = 64  # values; more are of a weight, whose values change no kernel


def times_path(backend: str, variants: Mapping[str, Path], *, threads: int, batch: int) -> Path:
    """Where the times of these files are kept, or would be.

    Args:
        backend: that runs them.
        variants: by key.
        threads: of one operator.
        batch: samples of a call.
    """
    digests = {key: kernels_digest(path) for key, path in sorted(variants.items())}
    return kept_path(_FOLDER, [_VERSION, backend, where_it_runs([usable(backend)]), digests, threads, batch])


def forget_times(name: str) -> None:
    """Removes what is kept under the name of a file, so that it is measured again.

    Nothing if it is gone already, or has no name: reports from before times were kept name none.
    """
    if name:
        (workspace(_FOLDER) / Path(name).name).unlink(missing_ok=True)


def kernels_digest(path: Path) -> str:
    """Of a model without the values of its weights and scales: operators, attributes, shapes, types.

    By what kernels are chosen stays: shapes and axes, and whether zero points are 0.
    """
    model = onnx.load(path, load_external_data=False)
    for _, tensor in all_tensors(model):
        _without_values(tensor)
    for text in ("producer_name", "producer_version", "doc_string"):
        model.ClearField(text)
    del model.metadata_props[:]
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()


def _without_values(tensor: TensorProto) -> None:
    if tensor.data_location == TensorProto.EXTERNAL:
        tensor.ClearField("external_data")
        return
    size = int(np.prod(tensor.dims))
    kept = b""
    if tensor.data_type in (TensorProto.INT64, TensorProto.BOOL) and size <= _SMALL:
        kept = numpy_helper.to_array(tensor).tobytes()
    elif tensor.data_type in (TensorProto.INT8, TensorProto.UINT8) and len(tensor.dims) < 2:
        kept = b"some" if numpy_helper.to_array(tensor).any() else b"zeros"
    for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data"):
        tensor.ClearField(field)
    tensor.raw_data = kept
