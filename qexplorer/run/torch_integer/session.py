"""A loaded model: runs a compiled graph, shows its int32 sums, times its steps."""

from __future__ import annotations

import functools
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.run.protocol import Executed, KernelKind, Mode, SessionOptions
from qexplorer.run.torch_integer.compile import Program, compile_graph
from qexplorer.run.torch_session.ends import array_of, checked_feeds, declared_inputs, guarded, read_file, tensor_of
from qexplorer.run.torch_session.own_graph import OwnGraph
from qexplorer.torchgraph.graph import graph_of

__all__ = ["AccumulatorRange", "TorchIntegerSession"]

_WARM_UP = 2
_PLACES = {KernelKind.INTEGER: "integer", KernelKind.FLOAT: "float"}


class AccumulatorRange(NamedTuple):
    """The smallest and largest int32 sum of a layer."""

    low: int
    high: int

    @property
    def bits(self) -> int:
        """Bits of the two's complement number that holds both."""
        return max(self.high.bit_length(), (-self.low - 1).bit_length() if self.low < 0 else 0) + 1


class TorchIntegerSession(OwnGraph):
    """A QDQ graph executed with integer arithmetic, or as written.

    ``torch.set_num_threads`` is a setting of the whole process: it is set before each run to what this session was
    made with, if it is another.

    Args:
        path: the ONNX file.
        options: mode and threads.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, path: Path, options: SessionOptions, device: str) -> None:
        self._where, self._threads, self._device = path.name, options.threads, torch.device(device)
        if device == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # float32 is float32: TF32 keeps 10 bits of the mantissa
            torch.backends.cuda.matmul.allow_tf32 = False
        model = read_file(path)
        self._inputs = declared_inputs(model)
        with guarded(self._where), torch.inference_mode():
            graph = graph_of(model)
            self._program: Program = compile_graph(graph, self._device, integers=options.mode is Mode.NATIVE)
        super().__init__(graph.outputs)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch, in the order of ``output_names``. Raises BackendError."""
        with guarded(self._where):
            return self._execute(self._checked(feeds))

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call on one batch: from arrays in the processor's memory to arrays in the processor's memory."""
        return functools.partial(self._execute, self._checked(feeds))

    def kernels(self) -> Kernels:
        """The steps by operator type: on integer codes, in float, and what converts or moves."""
        counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
        for step in self._program.steps:
            counts[_PLACES.get(step.kind, "other")][step.op] += 1
        return Kernels(**{kind: dict(sorted(found.items())) for kind, found in counts.items()})

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:
        """Every step with its median time, the device waited for around each. Raises BackendError."""
        times: list[list[float]] = [[] for _ in self._program.steps]
        checked = self._checked(feeds)
        with guarded(self._where):
            for index in range(_WARM_UP + runs):
                clock = _Clock(self._device)
                self._execute(checked, clock=clock)
                if index >= _WARM_UP:
                    for kept, spent in zip(times, clock.milliseconds(), strict=True):
                        kept.append(spent)
        return tuple(
            Executed(step.name, step.op, step.kind, statistics.median(spent) if spent else None, step.layers)
            for step, spent in zip(self._program.steps, times, strict=True)
        )

    def accumulators(self, feeds: Mapping[str, Array], layer: str) -> Array:
        """The int32 sums of one layer, bias included, in the shape of its output, before they are rescaled.

        Args:
            feeds: one batch.
            layer: the name of a Conv, Gemm or MatMul that runs on integers.

        Raises:
            BackendError: no such layer runs on integers here (the message lists those that do), or the run failed.
        """
        known = [step.name for step in self._program.steps if step.finish is not None]
        if layer not in known:
            what = f"'{layer}' has no int32 sums here"
            raise BackendError(what, where=self._where, allowed=", ".join(known) or "none")
        found: dict[str, Array] = {}

        def watch(name: str, total: Tensor) -> None:
            if name == layer:
                found[name] = total.cpu().numpy()

        with guarded(self._where):
            self._execute(self._checked(feeds), watch=watch)
        return found[layer]

    def accumulator_ranges(self, feeds: Mapping[str, Array]) -> dict[str, AccumulatorRange]:
        """The smallest and largest int32 sum of every integer layer, by name, bias included. Raises BackendError."""
        found: dict[str, AccumulatorRange] = {}

        def watch(name: str, total: Tensor) -> None:
            if total.numel():
                low, high = torch.aminmax(total)
                found[name] = AccumulatorRange(int(low), int(high))

        with guarded(self._where):
            self._execute(self._checked(feeds), watch=watch)
        return found

    def _execute(
        self,
        feeds: Mapping[str, Array],
        watch: Callable[[str, Tensor], None] | None = None,
        clock: _Clock | None = None,
    ) -> list[Array]:
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            values: dict[str, Any] = dict(self._program.constants)
            values.update((name, tensor_of(array, self._device)) for name, array in feeds.items())
            for step, free in zip(self._program.steps, self._program.free, strict=True):
                if clock is not None:
                    clock.mark()
                made = step.run([values[name] if name else None for name in step.reads], watch)
                values.update((name, value) for name, value in zip(step.writes, made, strict=False) if name)
                for name in free:
                    values.pop(name, None)
            if clock is not None:
                clock.mark()
            return [array_of(values[name]) for name in self._names]

    def _checked(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        return checked_feeds(feeds, self._inputs, self._where)


class _Clock:
    """Marks moments between steps: on CUDA by events on its stream, so that steps still overlap as they do."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[Any] = []

    def mark(self) -> None:
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._marks.append(event)
        else:
            self._marks.append(time.perf_counter())

    def milliseconds(self) -> list[float]:
        """Time between one mark and the next."""
        pairs = list(zip(self._marks, self._marks[1:], strict=False))
        if self._cuda:
            torch.cuda.synchronize()
            return [float(a.elapsed_time(b)) for a, b in pairs]
        return [1000.0 * (b - a) for a, b in pairs]
