"""TensorRT engines: built from a graph, kept in the workspace, found again by what they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.disk.contents import used
from qexplorer.core.errors import BackendError
from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.workspace import digest_json, sha256_file, workspace
from qexplorer.graph.walk import fed_inputs
from qexplorer.run.tensorrt.graph import for_tensorrt, read_graph

if TYPE_CHECKING:
    import onnx

__all__ = ["BATCHES", "cache_key", "engine_for", "profile_shapes"]

SCHEMA = 1
"""Raise this whenever an engine would be built differently from the same file."""
BATCHES = ((1, 1, 1), (2, 32, 256))
"""Smallest, best and largest batch of each optimization profile: single samples get kernels of their own."""


def cache_key(file_digest: str, version: str, gpu: str, capability: str) -> str:
    """24 hexadecimal digits over everything that an engine depends on.

    Args:
        file_digest: SHA-256 of the ONNX file.
        version: TensorRT's version: engines of one cannot be read by another.
        gpu: the GPU's name: tactics are chosen by timing on it.
        capability: its compute capability, such as ``9.0``.
    """
    return digest_json([file_digest, version, gpu, capability, BATCHES, SCHEMA])[:24]


def engine_for(path: Path, gpu: str, capability: str) -> bytes:
    """The serialized engine of the model at ``path``: the kept one, or one that is built now (seconds to minutes).

    Raises:
        BackendError: TensorRT cannot read the graph or build an engine of it.
    """
    import tensorrt

    model = read_graph(path)
    key = cache_key(sha256_file(path), str(tensorrt.__version__), gpu, capability)
    kept = workspace("engines", "tensorrt") / f"{key}.engine"
    if (engine := read_sealed(kept)) is not None:
        used(kept)
        return engine
    plan = _built(for_tensorrt(model, path.name), path.name)
    write_sealed(kept, plan)
    return plan


def profile_shapes(value: onnx.ValueInfoProto, batches: tuple[int, int, int]) -> list[tuple[int, ...]] | None:
    """Smallest, best and largest shape of a graph input; None if its shape is fixed.

    Raises:
        BackendError: a dimension other than the first is free.
    """
    dims = value.type.tensor_type.shape.dim
    fixed = [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]
    if None not in fixed:
        return None
    if None in fixed[1:]:
        what = (
            f"its input '{value.name}' has free dimensions beside the batch, which a TensorRT engine needs bounds for"
        )
        raise BackendError(what, do="fix them in the file")
    rest = tuple(size or 0 for size in fixed[1:])
    return [(batch, *rest) for batch in batches]


def _built(model: onnx.ModelProto, where: str) -> bytes:
    """Builds an engine that computes in the types that the graph has (strongly typed), float32 without TF32."""
    import tensorrt as trt

    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model.SerializeToString()):
        reasons = [parser.get_error(i).desc() for i in range(parser.num_errors)] or ["no reason given"]
        raise BackendError(f"TensorRT cannot read it ({reasons[0]})", where=where)
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)
    _add_profiles(builder, config, model)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise BackendError("TensorRT cannot build an engine of it, and does not say why", where=where)
    return bytes(plan)


def _network_flags(trt: Any) -> int:
    """Explicit batch and strong types, as far as this version still has flags for them."""
    flags = 0
    for name in ("EXPLICIT_BATCH", "STRONGLY_TYPED"):
        if hasattr(trt.NetworkDefinitionCreationFlag, name):
            flags |= 1 << int(getattr(trt.NetworkDefinitionCreationFlag, name))
    return flags


def _add_profiles(builder: Any, config: Any, model: onnx.ModelProto) -> None:
    inputs = fed_inputs(model.graph)
    for batches in BATCHES:
        shapes = {value.name: profile_shapes(value, batches) for value in inputs}
        free = {name: found for name, found in shapes.items() if found}
        if not free:
            return
        profile = builder.create_optimization_profile()
        for name, found in free.items():
            profile.set_shape(name, *found)
        config.add_optimization_profile(profile)
