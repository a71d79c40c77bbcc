"""ONNX Runtime on the CPU: float, simulated and integer from the same graph."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.run.protocol import Availability, Capabilities, Executed, Mode, Session, SessionOptions

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["OnnxRuntimeCpu", "OnnxRuntimeSession"]

_CAPABILITIES = Capabilities(
    device="cpu",
    weight_formats=frozenset({"int8", "uint8", *(f"int{bits}" for bits in range(2, 8))}),
    activation_formats=frozenset({"int8", "uint8", *(f"{u}int{bits}" for bits in (2, 3, 5, 6, 7) for u in ("", "u"))}),
    simulates=True,
)


_SOURCE_PLACE = re.compile(r"\S*onnxruntime\S*\.(?:cc|h|cpp):\d+ [^()]*\([^()]*\)(?: const)? ?")
"""The line and function of ONNX Runtime's own source that its messages begin with."""


class OnnxRuntimeCpu:
    """The CPU execution provider of the ``onnxruntime`` package."""

    name = "onnxruntime"
    label = "ONNX Runtime (CPU)"
    capabilities = _CAPABILITIES

    def availability(self) -> Availability:
        """Whether the package can be imported."""
        try:
            import onnxruntime  # noqa: F401  (asked for its presence only)
        except ImportError as error:
            reason = f"the package onnxruntime cannot be imported ({error})"
            return Availability(False, reason, "pip install onnxruntime")
        return Availability(True)

    def import_runtime(self) -> None:
        """Imports onnxruntime."""
        import onnxruntime  # noqa: F401  (its memory is the runtime's own)

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Loads the ONNX file at ``path``, by path, so that external data is never sought in the current folder.

        Raises:
            BackendError: the file is missing, no model, or holds something ONNX Runtime has no kernel for.
        """
        return OnnxRuntimeSession(path, options)


class OnnxRuntimeSession:
    """A model loaded by ONNX Runtime.

    Args:
        path: the ONNX file.
        options: mode and threads. With one thread the caller's own thread computes; with more, ONNX Runtime's
            workers spin while they wait (``session.intra_op.allow_spinning``, its default, which is what its users
            get): faster, at the price of CPU time.
    """

    def __init__(self, path: Path, options: SessionOptions) -> None:
        self._path, self._options = path, options
        self._session = _session(path, _session_options(options), path.name)
        self._names = tuple(output.name for output in self._session.get_outputs())

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        return self._names

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch, in the order of ``output_names``. Raises BackendError."""
        try:
            found: list[Array] = self._session.run(None, dict(feeds))
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(_sentence(error), where=self._path.name) from None
        return found

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call on one batch, as a user of ONNX Runtime writes it: this is what is timed."""
        return functools.partial(self._session.run, None, dict(feeds))

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:  # noqa: ARG002
        """Not read yet."""
        return ()

    def kernels(self) -> Kernels:
        """The kernels that really run, from the optimized graph (written to a private folder, read, deleted)."""
        import onnx

        from qexplorer.run.onnxruntime_kernels import kernels_of

        with tempfile.TemporaryDirectory(prefix="qexplorer-") as folder:
            optimized = Path(folder) / "optimized.onnx"
            settings = _session_options(self._options)
            settings.optimized_model_filepath = str(optimized)
            _session(self._path, settings, self._path.name)
            return kernels_of(onnx.load(str(optimized)))


def _session_options(options: SessionOptions) -> onnxruntime.SessionOptions:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # what goes wrong is raised; warnings would reach people's terminals
    # Exact weight-only arithmetic: without it int4 MatMul quantizes its input to int8 (error 0.13 in our trial).
    settings.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "0")
    if options.exact_products:
        settings.add_session_config_entry("session.x64quantprecision", "1")
    if options.mode is Mode.SIMULATED:
        settings.add_session_config_entry("session.disable_quant_qdq", "1")
    return settings


def _session(path: Path, settings: onnxruntime.SessionOptions, where: str) -> Any:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class but Exception
        raise BackendError(f"ONNX Runtime cannot load it ({_sentence(error)})", where=where) from None


def _sentence(error: Exception) -> str:
    """ONNX Runtime's message on one line, without its number codes, source lines and this machine's folders."""
    text = " ".join(str(error).split())
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    if "Load model from" in text and " failed:" in text:
        text = text.split(" failed:", 1)[1]
    text = _SOURCE_PLACE.sub("", text)
    return text[:300].rstrip(" .") or type(error).__name__
