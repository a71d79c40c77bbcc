"""What the compiler's own graph says of the kernels that it chose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qexplorer.core.results import Kernels
from qexplorer.run.protocol import KernelKind

__all__ = ["kernels_from", "kind_of"]

_CONVERTS = ("quantized_decomposed.", "prims.convert_element_type", "aten._to_copy")
_MOVES_NAMES = """
    reshape view permute transpose t clone expand squeeze unsqueeze cat slice select getitem sym_size constant_pad_nd
    inductor_force_stride_order as_strided alias full index split
    split_with_sizes arange iota _unsafe_view copy_ lift_fresh_copy flip repeat contiguous
"""
_MOVES = frozenset(_MOVES_NAMES.split())


def kind_of(target: str) -> tuple[str, KernelKind]:
    """Short name and kind of an operator of the compiler's graph, such as ``onednn.qconv_pointwise.default``."""
    space, _, rest = target.partition(".")
    name = rest.split(".")[0] if rest else target.strip("<>").split(" ")[-1]
    if target.startswith("onednn.q") and "prepack" not in name:
        return name, KernelKind.INTEGER
    if target.startswith(_CONVERTS):
        return name, KernelKind.CONVERTS
    if name in _MOVES or "prepack" in name or space == "_operator":
        return name, KernelKind.MOVES
    return name, KernelKind.FLOAT


def kernels_from(targets: Iterable[str]) -> Kernels:
    """Counts by what is computed on.

    Only oneDNN's quantized products count as integer. An addition or a mean between quantizers is one loop of compiled
    C++ that reads and writes codes, and computes in float: it counts as float.
    """
    counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
    for target in targets:
        name, kind = kind_of(target)
        counts[kind.value if kind in (KernelKind.INTEGER, KernelKind.FLOAT) else "other"][name] += 1
    return Kernels(**{kind: dict(sorted(found.items())) for kind, found in counts.items()})
