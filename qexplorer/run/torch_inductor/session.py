"""A loaded model: compiled for the shapes of the batches that come, one package for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from qexplorer.core.dataset import Array
from qexplorer.core.results import Kernels
from qexplorer.core.workspace import sha256_file
from qexplorer.run.protocol import Executed, SessionOptions
from qexplorer.run.torch_inductor.compiled_kernels import kernels_from
from qexplorer.run.torch_inductor.compiling import compiled_for
from qexplorer.run.torch_session.ends import array_of, checked_feeds, declared_inputs, guarded, read_file, tensor_of
from qexplorer.run.torch_session.own_graph import OwnGraph
from qexplorer.torchgraph.graph import graph_of

__all__ = ["TorchInductorSession"]

Package = Callable[..., Any]


class TorchInductorSession(OwnGraph):
    """A graph that PyTorch compiles ahead of time, once for each set of input shapes.

    The number of threads is set before each run if the process has another, as it is a setting of the whole process.

    Args:
        path: the ONNX file; it must stay where it is until the last new shape was compiled.
        options: threads; the mode is native.
    """

    def __init__(self, path: Path, options: SessionOptions) -> None:
        self._path, self._threads = path, options.threads
        model = read_file(path)
        with guarded(path.name):
            self._inputs = declared_inputs(model)
            super().__init__(graph_of(model).outputs)
        self._digest = sha256_file(path)
        self._packages: dict[tuple[tuple[str, tuple[int, ...]], ...], Package] = {}
        self._kernels: Kernels | None = None

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch; compiles first if no batch had these shapes before. Raises BackendError."""
        call = self.call(feeds)
        with guarded(self._path.name):
            found: list[Array] = call()  # type: ignore[assignment]
        return found

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call on one batch, compiled before it is returned. Raises BackendError."""
        arrays = list(checked_feeds(feeds, self._inputs, self._path.name).values())
        package = self._package(arrays)
        tensors, threads = [tensor_of(array, torch.device("cpu")) for array in arrays], self._threads

        def run() -> list[Array]:
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            return [array_of(value) for value in package(*tensors)]

        return run

    def kernels(self) -> Kernels:
        """The kernels of the first shapes that were compiled; if none were, of one sample. Raises BackendError."""
        if self._kernels is None:
            import numpy as np

            some = [np.zeros([d or 1 for d in shape or ()], kind) for kind, shape in self._inputs.values()]
            self._package(some)
        assert self._kernels is not None
        return self._kernels

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:  # noqa: ARG002
        """Nothing: compiled code does not tell the times of its kernels."""
        return ()

    def _package(self, arrays: Sequence[Array]) -> Package:
        shapes = tuple((array.dtype.name, tuple(array.shape)) for array in arrays)
        if shapes not in self._packages:
            compiled = compiled_for(self._path, self._digest, shapes, self._threads)
            with guarded(self._path.name):
                import torch._inductor

                self._packages[shapes] = torch._inductor.aoti_load_package(str(compiled.package))
            if self._kernels is None:
                self._kernels = kernels_from(compiled.targets)
        return self._packages[shapes]
