"""What a quantized network costs with what algorithms put into it: each such node belongs to a layer of the model.

An algorithm may put a product with a rotation, a factor for each channel or a part in float beside a layer. Their
constants lie in the file like weights do, so they count as weights; shape arithmetic beside them does not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from qexplorer.core.model import Model
from qexplorer.graph.index import GraphIndex, index_of
from qexplorer.quantize.plan_types import Plan, QuantizedModel
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.costs.cost_kinds import WEIGHT_BYTES

__all__ = ["PlannedNetwork"]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedNetwork:
    """A network as the algorithms of a recipe left it, and the plan about it.

    Attributes:
        before: in float, as it was.
        model: in float, as it is; the same object where no algorithm changed the graph.
        plan: about ``model``.
        added: layer of ``before`` by the name of the node that was put beside it; empty for one beside none.
    """

    before: Model
    model: Model
    plan: Plan
    added: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, before: Model, model: Model, plan: Plan) -> PlannedNetwork:
        """Finds what was put in."""
        names = {layer.name for layer in before.layers}
        added = {} if model is before else {x.name: _owner(x.name, names) for x in model.layers if x.name not in names}
        return cls(before, model, plan, added)

    @classmethod
    def made(cls, made: QuantizedModel) -> PlannedNetwork:
        """Of a quantized model."""
        return cls.of(made.model, made.ready or made.model, made.plan)

    @property
    def added_bytes(self) -> float:
        """Of what algorithms put beside layers. What they made of the layers themselves is not counted here."""
        own = [layer.name for layer in self.plan.layers if layer.name not in self.added]
        return self.costs()[WEIGHT_BYTES] - plan_costs(self.model, self.plan, own)[WEIGHT_BYTES]

    def costs(self, names: Collection[str] | None = None) -> dict[str, float]:
        """By kind, of the layers of ``before`` called ``names`` with what was put beside them, or of all."""
        added = [node for node, owner in self.added.items() if names is None or owner in names]
        found = plan_costs(self.model, self.plan, None if names is None else {*names, *added})
        return found | {WEIGHT_BYTES: found[WEIGHT_BYTES] + self._factor_bytes(added)}

    def fed_alike(self) -> Iterator[frozenset[str]]:
        """Layers of ``before`` that read one node that was put in front of them."""
        view = index_of(self.model) if self.added else None
        for name, owner in self.added.items():
            assert view is not None
            readers = {reader for output in view.nodes[name].output for reader in view.consumers.get(output, ())}
            if owner in readers:
                yield frozenset(readers - self.added.keys())

    def _factor_bytes(self, added: Collection[str]) -> int:
        """Of the float constants of nodes that were put in, beside the weights that the plan counts."""
        if not added:
            return 0
        view = index_of(self.model)
        weights = {layer.name: layer.weight for layer in self.model.layers}
        read = {x for name in added for x in view.nodes[name].input if x != weights[name] and _is_held(x, view)}
        return sum(4 * math.prod(view.initializers[name].dims) for name in read)


def _is_held(name: str, view: GraphIndex) -> bool:
    return name in view.initializers and view.is_float(name)


def _owner(name: str, layers: Collection[str]) -> str:
    """The layer whose name and a slash ``name`` begins with, the longest such; empty if there is none."""
    parts = name.split("/")
    found = ("/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
    return next((each for each in found if each in layers), "")
