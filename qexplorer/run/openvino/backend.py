"""OpenVINO on the CPU, and on an Intel GPU where there is one: float and integer from the same QDQ graph.

Its defaults are fast rather than exact, so they are all set: float32 stays float32 (``INFERENCE_PRECISION_HINT``: it
would be bfloat16 on processors that have it), weights-only graphs keep float activations
(``DYNAMIC_QUANTIZATION_GROUP_SIZE``: they would be quantized at run time), and it does not choose processors itself
(``ENABLE_CPU_PINNING``), because whoever measures has chosen them already.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.dataset import Array, as_declared
from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.run.openvino.graph import (
    check_feeds,
    fixed_shapes,
    half_precision,
    import_openvino,
    output_names,
    read_graph,
    sentence,
)
from qexplorer.run.openvino.kernels import kernels_of, names_of, read_kernels
from qexplorer.run.openvino.profile import profiled
from qexplorer.run.protocol import Availability, Capabilities, Executed, Facts, Mode, Session, SessionOptions

if TYPE_CHECKING:
    import openvino

__all__ = ["OPENVINO_CPU", "OPENVINO_GPU", "OpenVino", "OpenVinoSession"]

_KEPT = 4  # compiled shapes: the three batch sizes that are timed, and the rest of the last batch
_HALVES = {"f16": "fp16", "bf16": "bf16"}
_WEIGHTS = frozenset(f"int{bits}" for bits in range(2, 9))  # unsigned weights are unpacked to float first
_ACTIVATIONS = frozenset(f"{u}int{bits}" for bits in range(2, 9) for u in ("", "u"))
Shapes = tuple[tuple[int, ...], ...]


class OpenVino:
    """One device of the ``openvino`` package.

    Args:
        name: short name.
        label: name for people.
        device: what OpenVINO calls it: ``CPU`` or ``GPU``.
        facts: what others show and keep of it.
    """

    def __init__(self, name: str, label: str, device: str, facts: Facts) -> None:
        self.name, self.label, self.device, self.facts = name, label, device, facts
        self.capabilities = Capabilities(
            device.lower(), _WEIGHTS, _ACTIVATIONS, simulates=False, halves=lambda: _halves(device)
        )

    def availability(self) -> Availability:
        """Whether the package is there and, for a GPU, whether OpenVINO lists one."""
        if importlib.util.find_spec("openvino") is None:
            return Availability(False, "the package openvino is not installed", 'pip install "qexplorer[openvino]"')
        return Availability(True) if self.device == "CPU" else _gpu()

    def import_runtime(self) -> None:
        """Imports openvino and starts it."""
        _core()

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Loads the ONNX file at ``path``.

        Raises:
            BackendError: the file is missing, no model, or holds something that OpenVINO cannot convert; or a
                simulation is asked for, which it does not have.
        """
        if options.mode is Mode.SIMULATED:
            what = f"{self.label} fuses quantizers into its kernels and cannot be told to leave them"
            raise BackendError(what, where=path.name, do="simulate with onnxruntime")
        return OpenVinoSession(path, options, self.device)


class OpenVinoSession:
    """A model loaded by OpenVINO.

    A graph is compiled for the very shapes that it is given, once for each, as OpenVINO's guide advises. Compiled for
    any batch, a small CNN takes 0.14 ms instead of 0.12, and other kernels may run. Only where the shapes cannot be
    fixed the graph is compiled with free ones.

    Args:
        path: the ONNX file.
        options: threads; OpenVINO has no switch for exact products.
        device: ``CPU`` or ``GPU``.
    """

    def __init__(self, path: Path, options: SessionOptions, device: str) -> None:
        self._path, self._device = path, device
        self._model = read_graph(path)
        self._names = output_names(self._model)
        self._settings = _settings(self._model, options, device)
        self._compiled: dict[Shapes, openvino.CompiledModel] = {}

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        return self._names

    @property
    def notes(self) -> tuple[str, ...]:
        """The settings that it is compiled with."""
        told = (f"{name}={value}" for name, value in self._settings.items() if name != "INFERENCE_NUM_THREADS")
        return (f"compiled with {', '.join(told)}",)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch, in the order of ``output_names``. Raises BackendError."""
        feeds = self._declared(feeds)
        request = self._request(feeds)
        return self._infer(request, feeds)

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call on one batch: the inputs are bound once, without a copy, and then only ``infer`` is called."""
        feeds = self._declared(feeds)
        request = self._request(feeds)
        self._infer(request, feeds)
        bare: Callable[[], object] = request.infer
        return bare

    def kernels(self) -> Kernels:
        """The kernels of the graph that was used last, or of a batch of one before any was."""
        compiled = next(reversed(self._compiled.values())) if self._compiled else self._compile(self._ones())
        return kernels_of(read_kernels(compiled.get_runtime_model(), names_of(self._path)))

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:
        """Every kernel with its time, from a graph compiled with counters (``PERF_COUNT``); resolution 1 us."""
        feeds = self._declared(feeds)
        compiled = self._make(self._shapes(feeds), {**self._settings, "PERF_COUNT": True})
        request = compiled.create_infer_request()
        kernels = read_kernels(compiled.get_runtime_model(), names_of(self._path))
        return profiled(request, lambda: self._infer(request, feeds), kernels, runs)

    def _request(self, feeds: Mapping[str, Array]) -> Any:
        compiled = self._compile(self._shapes(feeds))
        return compiled.create_infer_request()

    def _declared(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        static = [port for port in self._model.inputs if port.partial_shape.rank.is_static]
        return as_declared(feeds, {port.get_any_name(): port.partial_shape.rank.get_length() for port in static})

    def _infer(self, request: Any, feeds: Mapping[str, Array]) -> list[Array]:
        try:
            found = request.infer(dict(feeds), share_inputs=True)
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(sentence(error), where=self._path.name) from None
        return [found[index] for index in range(len(self._names))]

    def _shapes(self, feeds: Mapping[str, Array]) -> Shapes:
        check_feeds(self._model, feeds, self._path.name)
        return tuple(tuple(feeds[port.get_any_name()].shape) for port in self._model.inputs)

    def _ones(self) -> Shapes:
        """The model's own shapes, with 1 wherever they are free."""
        sizes = ([1 if dim.is_dynamic else dim.get_length() for dim in p.partial_shape] for p in self._model.inputs)
        return tuple(map(tuple, sizes))

    def _compile(self, shapes: Shapes) -> openvino.CompiledModel:
        found = self._compiled.pop(shapes, None) or self._make(shapes, self._settings)
        self._compiled[shapes] = found
        while len(self._compiled) > _KEPT:
            del self._compiled[next(iter(self._compiled))]
        return found

    def _make(self, shapes: Shapes, settings: Mapping[str, Any]) -> openvino.CompiledModel:
        fixed = fixed_shapes(self._model, shapes)
        if fixed is not None and fixed is not self._model:
            try:
                return _core().compile_model(fixed, self._device, dict(settings))
            except Exception:  # noqa: S110  (the free graph may still do, and if not it says why)
                pass
        try:
            return _core().compile_model(self._model, self._device, dict(settings))
        except Exception as error:  # its exceptions share no base class but Exception
            what = f"OpenVINO cannot compile it ({sentence(error)})"
            raise BackendError(what, where=self._path.name, do="choose onnxruntime") from None


OPENVINO_CPU = OpenVino("openvino", "OpenVINO", "CPU", Facts("#00936b", ("openvino",), rank=70))
OPENVINO_GPU = OpenVino("openvino-gpu", "OpenVINO (GPU)", "GPU", Facts("#4d9a3c", ("openvino",), rank=80))


def _halves(device: str) -> frozenset[str]:
    """16-bit floats that the processor computes in; none where OpenVINO or the device is missing."""
    if importlib.util.find_spec("openvino") is None:
        return frozenset()
    core = _core()
    if not any(found.startswith(device) for found in core.available_devices):
        return frozenset()
    able = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    return frozenset(name for name in _HALVES.values() if name.upper() in able)


def _settings(model: openvino.Model, options: SessionOptions, device: str) -> dict[str, Any]:
    """What a graph is compiled with; the graph itself says which float it wants."""
    wanted = half_precision(model)
    able = wanted and _HALVES[wanted] in _halves(device)
    settings: dict[str, Any] = {
        # Asked for f16 on a processor without it, OpenVINO 2026.4 computes in bf16 without a word.
        "INFERENCE_PRECISION_HINT": wanted if able else "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
        "NUM_STREAMS": "1",
    }
    if device == "CPU":
        settings |= {"INFERENCE_NUM_THREADS": options.threads, "ENABLE_CPU_PINNING": False}
    return settings


@functools.cache
def _core() -> openvino.Core:
    """OpenVINO's entry point, one in a process."""
    return import_openvino().Core()


@functools.cache
def _gpu() -> Availability:
    """Whether OpenVINO lists a GPU; without a graphics device in the system it is not even asked."""
    lacking = "OpenVINO lists no GPU here: it runs on Intel's, with Intel's OpenCL driver"
    if sys.platform == "linux" and not (any(Path("/dev").glob("dri/renderD*")) or Path("/dev/dxg").exists()):
        return Availability(False, f"{lacking}, and this system shows no graphics device")
    if any(device.split(".")[0] == "GPU" for device in _core().available_devices):
        return Availability(True)
    return Availability(False, lacking, "apt install intel-opencl-icd" if sys.platform == "linux" else None)
