"""Compiling one graph for one set of shapes, in a child process; the result is kept in the workspace.

A child, because compiling takes hundreds of megabytes that are not the model's, and because a compiler that hangs or
crashes must not take the session with it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qexplorer.core.disk.contents import used
from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.errors import BackendError, ChildError
from qexplorer.core.files import is_whole, move_whole, read_sealed, write_sealed
from qexplorer.core.workspace import digest_json, sha256_file, workspace
from qexplorer.graph.allowance import allowance_at
from qexplorer.process.child import Emit
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child
from qexplorer.run.preparing import preparing

__all__ = ["Compiled", "Shapes", "compile_in_child", "compiled_for"]

Shapes = Sequence[tuple[str, tuple[int, ...]]]
"""Element type (a name of NumPy's) and shape of each input, in order."""

_LIMITS = replace(BASE, cpu_s=1800, quiet_s=900.0)
_PACKAGE, _TOLD = "model.pt2", "told.json"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled graph.

    Attributes:
        package: what ``torch._inductor.aoti_load_package`` takes.
        targets: operators of the compiler's last graph, in order.
    """

    package: Path
    targets: tuple[str, ...]


def compiled_for(path: Path, digest: str, shapes: Shapes, threads: int) -> Compiled:
    """The graph at ``path`` compiled for ``shapes``, from the workspace if it was compiled before.

    Args:
        path: the ONNX file.
        digest: SHA-256 of that file.
        shapes: of the inputs.
        threads: the compiler writes this number into its loops.

    Raises:
        BackendError: it cannot be lowered or compiled.
    """
    key = digest_json([digest, list(shapes), threads, importlib.metadata.version("torch"), _processor()])[:32]
    folder = workspace("inductor") / key
    targets = _kept(folder)
    if targets is None:
        _compile(path, shapes, threads, folder)
        targets = _kept(folder)
    if targets is None:
        raise BackendError("what was compiled cannot be read", where=path.name, do="run it again")
    used(folder)
    return Compiled(folder / _PACKAGE, targets)


def _kept(folder: Path) -> tuple[str, ...] | None:
    """What the compiler told of the package in ``folder``; None if it is not there, or not as it was written."""
    written = read_sealed(folder / _TOLD)
    if written is None:
        return None
    told = json.loads(written)
    return tuple(told["targets"]) if is_whole(folder / _PACKAGE, told["sha256"]) else None


def _compile(path: Path, shapes: Shapes, threads: int, folder: Path) -> None:
    """Compiles into a new folder that takes its name when it is whole."""
    made = Path(tempfile.mkdtemp(prefix=own_prefix("making"), dir=folder.parent))
    arguments = {"path": str(path), "shapes": list(shapes), "threads": threads, "folder": str(made)}
    try:
        with preparing(path, (size for _, size in shapes)):
            limits = allowance_at(path, _LIMITS)
            run_in_child("qexplorer.run.torch_inductor.compiling:compile_in_child", arguments, limits=limits)
        if _kept(folder) is None:  # nobody else was faster
            shutil.rmtree(folder, ignore_errors=True)
            move_whole(made, folder)
    except ChildError as error:
        raise BackendError(f"compiling it failed: {error.what}", where=path.name) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def compile_in_child(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001  (the child's signature)
    """Lowers, exports and compiles one graph; writes the package and what the compiler told.

    Args:
        arguments: ``path``, ``shapes``, ``threads``, ``folder``.
        emit: takes no event here.

    Raises:
        BackendError: it cannot be lowered or compiled.
    """
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(workspace("inductor", "cache"))
    import numpy as np
    import torch
    import torch._inductor

    from qexplorer.run.torch_inductor.lower import LoweredGraph
    from qexplorer.run.torch_session.ends import guarded, read_file, tensor_of
    from qexplorer.torchgraph.graph import graph_of

    path, folder = Path(arguments["path"]), Path(arguments["folder"])
    torch.set_num_threads(int(arguments["threads"]))
    targets: list[str] = []
    with guarded(path.name), torch.no_grad():
        module = LoweredGraph(graph_of(read_file(path))).eval()
        inputs = tuple(tensor_of(np.zeros(size, kind), torch.device("cpu")) for kind, size in arguments["shapes"])
        exported = torch.export.export(module, inputs)
        settings: dict[str, Any] = {"freezing": True, "post_grad_custom_pre_pass": _listener(targets)}
        if _convolves_in_float64(exported):  # PyTorch 2.13 packs such weights for oneDNN too, which has no float64
            settings["cpp.weight_prepack"] = False
        package = str(folder / _PACKAGE)
        torch._inductor.aoti_compile_and_package(exported, package_path=package, inductor_configs=settings)
    told = {"targets": targets, "sha256": sha256_file(Path(package))}
    write_sealed(folder / _TOLD, json.dumps(told).encode())


def _convolves_in_float64(exported: Any) -> bool:
    """Whether some convolution sums in float64: those of graphs in doubles, and ConvInteger, which is exact there."""
    import torch

    made = [node for node in exported.graph.nodes if node.op == "call_function" and "conv" in str(node.target)]
    return any(getattr(node.meta.get("val"), "dtype", None) is torch.float64 for node in made)


def _listener(targets: list[str]) -> Any:
    """A pass that changes nothing and notes the operators of the graph, after oneDNN's kernels were put in."""
    from torch._inductor.custom_graph_pass import CustomGraphPass

    class Listener(CustomGraphPass):  # type: ignore[misc, unused-ignore]
        def __call__(self, graph: Any) -> None:
            called = [str(node.target) for node in graph.nodes if node.op == "call_function"]
            targets[:] = [name for name in called if not name.startswith("aten._assert")]

        def uuid(self) -> None:
            return None  # never taken from a cache, so that it always listens

    return Listener()


def _processor() -> str:
    """What compiled code depends on: architecture and instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {hashlib.sha256(flags.encode()).hexdigest()}"
