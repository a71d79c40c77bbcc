"""Which nodes of the given graph a kernel of ONNX Runtime's optimized graph computes.

Fusion gives nodes and tensors new names, so that the way back goes by evidence, best first:

1. a tensor that the kernel writes has a name of the given graph: the kernel ends at the node that makes it;
2. the same through a node that only moves data (``ReorderOutput``, an inserted ``Transpose``), whose input then
   is that tensor in another layout;
3. the kernel's own name is that of a node or a tensor with what ONNX Runtime puts around it (``_nchwc``,
   ``_token_12``). Such a kernel may compute more behind that node (a Conv with its Add and Relu): what follows it
   alone and ends no kernel is its own.

From there the given graph is walked backwards until the ends of other kernels; the nodes on the way are fused in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qexplorer.graph.index import GraphIndex, reads_of
from qexplorer.graph.walk import subgraphs
from qexplorer.run.onnxruntime.kernel_table import KernelTreatment, treatment

if TYPE_CHECKING:
    import onnx

__all__ = ["QUANTIZERS", "layers_of", "plain_names"]

QUANTIZERS = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
_ABSORBED = frozenset(
    {"Relu", "Clip", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Add", "Sum", "Mul"}
)
_WIDENED = "InsertedPrecisionFreeCast_"  # float32 in the place of a half-precision tensor
_AROUND = re.compile(rf"^(fused |{_WIDENED})|(_nchwc|_token_\d+|/MatMulAddFusion)$")


class _Given:
    """The given graph, asked for neighbours; nodes are numbered in file order."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        index = GraphIndex(graph)
        self.nodes = index.order
        self.outputs = set(index.outputs)
        self.producer = index.made_at
        self.by_name = {node.name: i for i, node in enumerate(self.nodes) if node.name}
        self.reads = [reads_of(node) for node in self.nodes]
        self.readers = index.read_at
        moving = set(index.inputs)
        self.constant: set[int] = set()
        for i, node in enumerate(self.nodes):
            if moving.isdisjoint(self.reads[i]) and not any(subgraphs(node)):
                self.constant.add(i)
            else:
                moving.update(node.output)

    def is_layer(self, i: int) -> bool:
        """Whether node ``i`` computes something while the model runs and is no quantizer."""
        return i not in self.constant and self.nodes[i].op_type not in QUANTIZERS

    def before(self, i: int) -> Iterator[int]:
        """Nodes that make what node ``i`` reads."""
        return (self.producer[name] for name in self.reads[i] if name in self.producer)

    def named(self, label: str) -> int | None:
        """The node that ``label`` names, itself or by a tensor that it makes, once what was put around is taken off."""
        for name in plain_names(label):
            if name in self.by_name or name in self.producer:
                return self.by_name[name] if name in self.by_name else self.producer[name]
        return None


def plain_names(label: str) -> Iterator[str]:
    """``label``, and what is left of it as one thing after another that ONNX Runtime put around a name is taken off."""
    yield label
    while (shorter := _AROUND.sub("", label, count=1)) != label:
        label = shorter
        yield label


def layers_of(graph: onnx.GraphProto, kernels: Sequence[onnx.NodeProto]) -> list[tuple[str, ...]]:
    """Names of the nodes of ``graph`` that each kernel computes, in the order of ``graph``; empty if there are none.

    Args:
        graph: the given graph.
        kernels: nodes of the optimized graph, in the order of execution.
    """
    given = _Given(graph)
    ends, exact = _ends(given, kernels)
    owner: dict[int, int] = {}
    for k in reversed(range(len(kernels))):
        for end in ends[k]:
            owner.setdefault(end, k)
    for k in reversed(range(len(kernels))):  # the last kernel that an Add waits for is the one that computes it
        if not exact[k]:
            _forwards(given, ends[k], owner, k)
    for k, kernel in enumerate(kernels):
        if not _moves(kernel):
            _backwards(given, [i for i, who in owner.items() if who == k], owner, k)
    found: list[list[str]] = [[] for _ in kernels]
    for i in sorted(owner):
        if given.is_layer(i):
            found[owner[i]].append(given.nodes[i].name)
    return [tuple(names) for names in found]


def _ends(given: _Given, kernels: Sequence[onnx.NodeProto]) -> tuple[list[list[int]], list[bool]]:
    """The nodes of ``given`` that each kernel ends at, and whether that is known from a tensor, not from a name."""
    ends: list[list[int]] = [[] for _ in kernels]
    exact = [True] * len(kernels)
    same: dict[str, str] = {}  # tensor of the optimized graph -> the given tensor that it holds in another layout
    for k in reversed(range(len(kernels))):
        kernel = kernels[k]
        written = [same.get(name, name.removeprefix(_WIDENED)) for name in kernel.output]
        hits = list(dict.fromkeys(given.producer[name] for name in written if name in given.producer))
        by_name = given.named(kernel.name)
        if _moves(kernel):
            candidates = hits if by_name is None else [*hits, by_name]
            ends[k] = [i for i in candidates if given.nodes[i].op_type == kernel.op_type][:1]
            if not ends[k] and hits and kernel.input:
                same[kernel.input[0]] = next(name for name in written if name in given.producer)
        elif hits:
            ends[k] = hits
        elif by_name is not None:
            ends[k], exact[k] = [by_name], False
    return ends, exact


def _forwards(given: _Given, ends: Sequence[int], owner: dict[int, int], k: int) -> None:
    """Gives kernel ``k`` the chain behind its named end, up to a quantizer or the end of another kernel."""
    for end in ends:
        at: int | None = end
        while at is not None:
            at = _only_reader(given, at)
            if at is None or at in owner or given.nodes[at].op_type not in _ABSORBED:
                break
            owner[at] = k


def _only_reader(given: _Given, i: int) -> int | None:
    names = [name for name in given.nodes[i].output if name]
    readers = {reader for name in names for reader in given.readers.get(name, ())}
    if len(readers) != 1 or not given.outputs.isdisjoint(names):
        return None
    return readers.pop()


def _backwards(given: _Given, start: Sequence[int], owner: dict[int, int], k: int) -> None:
    """Gives kernel ``k`` everything in front of ``start`` that no kernel ends at or owns already."""
    waiting = [before for i in start for before in given.before(i)]
    while waiting:
        i = waiting.pop()
        if i not in owner and i not in given.constant:
            owner[i] = k
            waiting.extend(given.before(i))


def _moves(kernel: onnx.NodeProto) -> bool:
    return treatment(kernel.op_type) in (KernelTreatment.MOVES, KernelTreatment.CONVERTS)
