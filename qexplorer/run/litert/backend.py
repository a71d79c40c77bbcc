"""LiteRT on the CPU."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import Availability, Capabilities, Facts, Mode, Preparation, Session, SessionOptions

__all__ = ["LiteRt"]

_CAPABILITIES = Capabilities(
    device="cpu",
    weight_formats=frozenset({"int8", "uint8", *(f"int{bits}" for bits in range(2, 8))}),
    activation_formats=frozenset(
        {"int8", "uint8", "int16", *(f"{u}int{bits}" for bits in (2, 3, 5, 6, 7) for u in ("", "u"))}
    ),
    simulates=False,
    prepares=Preparation("LiteRT converts", (5, 10), each_shape=False),
    ranges_by_sample=True,
)
_PACKAGES = {"ai_edge_litert": "ai-edge-litert", "litert_torch": "litert-torch"}


class LiteRt:
    """LiteRT's interpreter with XNNPACK, on a file that litert-torch converts from the ONNX graph."""

    name = "litert"
    label = "LiteRT"
    capabilities = _CAPABILITIES
    facts = Facts("#c4609a", tuple(_PACKAGES.values()), rank=90)

    def availability(self) -> Availability:
        """Whether the runtime and the converter are installed (they are not imported for it)."""
        missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
        if not missing:
            return Availability(True)
        are = "is" if len(missing) == 1 else "are"
        return Availability(False, f"{' and '.join(missing)} {are} not installed", "pip install 'qexplorer[litert]'")

    def import_runtime(self) -> None:
        """Imports the interpreter; converting happens in another process."""
        import ai_edge_litert.interpreter  # noqa: F401  (its memory is the runtime's own)

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Converts the ONNX file at ``path``, or takes what was converted before.

        Raises:
            BackendError: no model, an operator that cannot be converted (named), or ``Mode.SIMULATED``.
        """
        from qexplorer.run.litert.session import LiteRtSession

        if options.mode is Mode.SIMULATED:
            raise BackendError("LiteRT does not simulate", where=path.name, do="choose onnxruntime")
        return LiteRtSession(path, options)
