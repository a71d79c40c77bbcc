"""ONNX Runtime on the CPU: float, simulated and integer from the same graph."""

from __future__ import annotations

from pathlib import Path

from qexplorer.load.operators import QUANTIZABLE
from qexplorer.run.onnxruntime.session import OnnxRuntimeSession
from qexplorer.run.protocol import Availability, Capabilities, Facts, Session, SessionOptions

__all__ = ["OnnxRuntimeCpu", "OnnxRuntimeUnpacked"]

_FORMATS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in range(2, 9))
_CAPABILITIES = Capabilities(
    device="cpu",
    weight_formats=_FORMATS,
    activation_formats=_FORMATS,
    simulates=True,
    float_operators=frozenset(op for op, rule in QUANTIZABLE.items() if not rule.integer),
    prefers_unsigned=True,
)


class OnnxRuntimeCpu:
    """The CPU execution provider of the ``onnxruntime`` package, in a session as anyone opens it."""

    name = "onnxruntime"
    label = "ONNX Runtime"
    capabilities = _CAPABILITIES
    facts = Facts("#1f82c4", ("onnxruntime",), rank=0, reference=True)
    unpacks = False

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
        return OnnxRuntimeSession(path, options, unpacks=self.unpacks)


class OnnxRuntimeUnpacked(OnnxRuntimeCpu):
    """The same with ``session.disable_quant_qdq=1`` where weights would be unpacked in every call for no gain.

    A setting that nobody's session has by itself is no property of a file: what it brings stands under its own name.
    """

    name = "onnxruntime-unpacked"
    label = "ONNX Runtime (weights unpacked)"
    facts = Facts("#5b8fb0", ("onnxruntime",), rank=5)
    unpacks = True
