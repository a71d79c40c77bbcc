"""Lays the kernels of a float and a quantized run side by side, layer by layer.

Backends fuse: a row holds all layers that any kernel of either run computes together. The nodes that quantizing adds
are named after the layer, weight or tensor that they are for (see ``quantize.emit``), and so are kernels made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from qexplorer.core.model import Model, read_proto
from qexplorer.measure.why.explanation import LayerTime, Part, Parts
from qexplorer.measure.why.facts import LayerFacts, Traffic, expected_kind
from qexplorer.run.protocol import Backend, Executed, KernelKind

__all__ = ["Owners", "parts_of", "rows_expected", "rows_of"]

_LAYOUT = ("reorder", "transpose", "permute", "layout")
_COMPUTES = (KernelKind.INTEGER, KernelKind.FLOAT)
_MOST_STARTING_MS = 0.02  # no runtime takes longer to start a kernel, where every kernel of a profile is a long one


class Owners:
    """Says which layer of the float model something in a quantized graph is for, by its name.

    Args:
        model: the float model.
    """

    def __init__(self, model: Model) -> None:
        self._owner = {layer.name: layer.name for layer in model.layers}
        for layer in model.layers:
            for output in layer.outputs:
                self._owner.setdefault(output, layer.name)
        for node in read_proto(str(model.path)).graph.node:
            for name in node.input:
                if node.name in self._owner:
                    self._owner.setdefault(name, node.name)
        self.ops = {layer.name: layer.op for layer in model.layers}

    def layer(self, name: str) -> str | None:
        """The layer of a node or kernel called ``name``: the longest part before a ``/`` that names one; or None."""
        while name:
            plain = re.sub(r"#\d+$", "", name)
            if plain in self._owner:
                return self._owner[plain]
            name = name.rpartition("/")[0]
        return None

    def layers(self, kernel: Executed) -> tuple[str, ...]:
        """The layers that a kernel computes, each once."""
        found = [self.layer(name) for name in kernel.layers or (kernel.name,)]
        return tuple(dict.fromkeys(name for name in found if name is not None))


def parts_of(kernels: Sequence[Executed], owners: Owners, call_ms: float | None) -> Parts | None:
    """Where the time of one run goes; None if no kernel has a time."""
    timed = [(kernel, kernel.ms) for kernel in kernels if kernel.ms is not None]
    if not timed:
        return None
    ms = dict.fromkeys(Part, 0.0)
    for kernel, took in timed:
        ms[_part(kernel, owners)] += took
    ms[Part.OUTSIDE] = max(0.0, (call_ms or 0.0) - sum(ms.values()))
    return Parts(ms, len(timed), min(_MOST_STARTING_MS, *(took for _, took in timed)))


def _part(kernel: Executed, owners: Owners) -> Part:
    if kernel.kind in _COMPUTES:
        return Part.INTEGER if kernel.kind is KernelKind.INTEGER else Part.FLOAT
    if any(word in kernel.op.lower() for word in _LAYOUT):
        own = {owners.ops[name] for name in owners.layers(kernel)}
        return Part.OTHER if kernel.op in own else Part.LAYOUT
    return Part.CONVERT if kernel.kind is KernelKind.CONVERTS else Part.OTHER


def rows_expected(model: Model, facts: Mapping[str, LayerFacts], backend: Backend, batch: int) -> tuple[LayerTime, ...]:
    """A row for each layer that computes, with the kind that is to be expected and no times."""
    traffic = Traffic(model, facts, batch)
    found = []
    for name, fact in facts.items():
        kind = expected_kind(fact, backend)
        if kind in _COMPUTES and (fact.layer.macs or fact.treatment != "float"):
            found.append(_row([name], facts, kind, traffic, batch, predicted=True))
    return tuple(found)


def rows_of(
    model: Model,
    facts: Mapping[str, LayerFacts],
    kernels: tuple[Sequence[Executed], Sequence[Executed]],
    owners: Owners,
    batch: int,
) -> tuple[LayerTime, ...]:
    """A row for each layer, or layers that were fused, that any kernel computes, in the order of the model.

    Args:
        model: the float model.
        facts: of its layers.
        kernels: of the float and of the quantized run.
        owners: of the model.
        batch: samples in one call.
    """
    traffic = Traffic(model, facts, batch)
    groups = _groups(facts, [owners.layers(k) for k in (*kernels[0], *kernels[1]) if k.kind in _COMPUTES])
    plain, quantized, converts = ({name: list[Executed]() for name in groups} for _ in range(3))
    home = {member: name for name, members in groups.items() for member in members}
    for place, run in ((plain, kernels[0]), (quantized, kernels[1])):
        for kernel in run:
            layers = owners.layers(kernel)
            if layers:
                is_conversion = place is quantized and _part(kernel, owners) in (Part.CONVERT, Part.LAYOUT)
                (converts if is_conversion else place)[home[layers[0]]].append(kernel)
    rows = []
    for name, members in groups.items():
        main = _main(quantized[name])
        if not plain[name] and main is None:
            continue
        row = _row(members, facts, main.kind if main else None, traffic, batch, predicted=False)
        rows.append(_timed(row, main, plain[name], quantized[name], converts[name]))
    return tuple(rows)


def _groups(facts: Mapping[str, LayerFacts], together: Iterable[tuple[str, ...]]) -> dict[str, list[str]]:
    """Layers that share a kernel, by the first of them, in the order of the model."""
    parent = {name: name for name in facts}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    order = {name: place for place, name in enumerate(facts)}
    for names in together:
        for other in names[1:]:
            one, two = sorted((root(names[0]), root(other)), key=order.__getitem__)
            parent[two] = one
    groups: dict[str, list[str]] = {}
    for name in facts:
        groups.setdefault(root(name), []).append(name)
    return groups


def _main(kernels: Sequence[Executed]) -> Executed | None:
    """The kernel with the most time, of those that compute if there are any."""
    computing = [kernel for kernel in kernels if kernel.kind in _COMPUTES] or list(kernels)
    return max(computing, key=lambda kernel: kernel.ms or 0.0, default=None)


def _row(
    members: Sequence[str],
    facts: Mapping[str, LayerFacts],
    kind: KernelKind | None,
    traffic: Traffic,
    batch: int,
    *,
    predicted: bool,
) -> LayerTime:
    lead = max(members, key=lambda name: facts[name].layer.macs or 0)
    macs = [facts[name].layer.macs for name in members]
    return LayerTime(
        name=lead,
        op=facts[lead].layer.op,
        layers=tuple(members),
        treatment=facts[lead].treatment,
        kind=kind,
        predicted=predicted,
        macs=None if None in macs else batch * sum(m for m in macs if m is not None),
        float_bytes=traffic.float_bytes(members),
        quantized_bytes=traffic.quantized_bytes(members, kind),
    )


def _timed(
    row: LayerTime,
    main: Executed | None,
    plain: Sequence[Executed],
    quantized: Sequence[Executed],
    converts: Sequence[Executed],
) -> LayerTime:
    return replace(
        row,
        kernel=main.op if main else None,
        float_ms=_sum(plain),
        quantized_ms=_sum(quantized),
        convert_ms=_sum(converts),
    )


def _sum(kernels: Sequence[Executed]) -> float | None:
    times = [kernel.ms for kernel in kernels if kernel.ms is not None]
    return sum(times) if times else None
