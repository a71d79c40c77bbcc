"""Latency and energy of every choice of every group, measured on a backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.why.layers import Owners
from qexplorer.search.costs.attributing import homes_of, sums_of
from qexplorer.search.costs.clocking import clock
from qexplorer.search.costs.cost_kinds import ENERGY_MJ, LATENCY_MS
from qexplorer.search.costs.kernel_table import TimedVariant, mixes_to_time, table_of
from qexplorer.search.mixing.choices import MixChoice
from qexplorer.search.mixing.mix_types import MixClock, MixEdge, MixGroup, MixReport, PlainMix
from qexplorer.search.mixing.networks import graph_only, unchanged
from qexplorer.search.mixing.recipes import recipe_of
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.sensitivity.question import with_format

__all__ = ["TimedCosts"]

_MORE = 6  # mixes at random
FLOAT, INT8 = "float", "int8"
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TimedCosts:
    """Times choices of a report's groups.

    Attributes:
        model: in float.
        base: what all layers share.
        choices: in the order of the report.
        verifier: makes the files.
        backend: where they are timed.
        threads: of one operator.
        anew: whether times that are kept do not count.
        tell: told a sentence and the share that is done.
    """

    model: Model
    base: Recipe
    choices: Sequence[MixChoice]
    verifier: Verifier
    backend: str
    threads: int
    anew: bool
    tell: Callable[[str, float], None]

    def into(self, report: MixReport) -> MixReport:
        """``report`` with latency and energy among its costs.

        Raises:
            BackendError: the backend cannot be used here, gave up, or has no profiler.
        """
        groups = report.groups
        homes = homes_of(self.model, [group.layers for group in groups])
        owners, count = Owners(self.model), len(groups)
        plain = {(at,) * count: choice.name for at, choice in enumerate(self.choices)}
        files = {name: self._file(groups, key) for key, name in plain.items()}
        files |= {FLOAT: self.model.path, INT8: self._made(unchanged(with_format(self.base, INT8)))}
        # whether two choices have kernels of one kind is not known before they ran: the formats of activations decide
        kinds = [choice.activations_in for choice in self.choices]
        signatures = [
            (kind, choice.name if choice.casts else "") for kind, choice in zip(kinds, self.choices, strict=True)
        ]
        mixes = mixes_to_time(signatures, homes.edges, count, _MORE)
        files |= {f"mix {at}": self._file(groups, key) for at, key in enumerate(mixes)}
        found = clock(
            self.backend,
            self.model,
            self.verifier.apart,
            files,
            threads=self.threads,
            anew=self.anew,
            tell=lambda t, d: self.tell(t, d),
        )
        sums = {name: sums_of(kernels, homes, owners, count) for name, kernels in found.kernels.items()}
        table = table_of(
            [TimedVariant(key, found.call_ms[name], sums[name]) for key, name in plain.items()],
            [TimedVariant(key, found.call_ms[f"mix {at}"], sums[f"mix {at}"]) for at, key in enumerate(mixes)],
            homes,
            kinds,
        )
        watts = float(np.mean(list(found.watts.values())))
        timed = tuple(self._costs(report, group, table.groups[at], found.watts) for at, group in enumerate(groups))
        edges = tuple(self._edge(report, edge, values, watts) for edge, values in table.edges.items() if values.any())
        whole_ms = found.call_ms[INT8]
        clocked = MixClock(
            backend=self.backend,
            threads=self.threads,
            form=table.form,
            error=table.error,
            n=table.n,
            energy_source=found.energy_source,
            watts=watts,
            measured_at=found.measured_at,
            kept=found.kept,
            plain=tuple(PlainMix(name, found.call_ms[name]) for name in dict.fromkeys((FLOAT, INT8, *plain.values()))),
        )
        return replace(
            report,
            groups=timed,
            edges=(*report.edges, *edges),
            whole=report.whole | {LATENCY_MS: whole_ms, ENERGY_MJ: whole_ms * found.watts[INT8]},
            other=report.other | {LATENCY_MS: table.start, ENERGY_MJ: table.start * watts},
            clock=clocked,
        )

    def _file(self, groups: Sequence[MixGroup], key: Sequence[int]) -> Path:
        names = [self.choices[at].name for at in key]
        if all(self.choices[at].is_float for at in key):
            return self.model.path
        return self._made(recipe_of(self.base, {each.name: each for each in self.choices}, groups, names))

    def _made(self, recipe: Recipe) -> Path:
        """The file, without algorithms that only change codes: they cost time and take none."""
        return self.verifier.made(graph_only(recipe)).path

    def _costs(self, report: MixReport, group: MixGroup, ms: Float64, watts: Mapping[str, float]) -> MixGroup:
        own = [float(ms[report.choices.index(name)]) for name in group.choices]
        power = [watts[name] for name in group.choices]
        timed = {LATENCY_MS: tuple(own), ENERGY_MJ: tuple(m * w for m, w in zip(own, power, strict=True))}
        return replace(group, costs=group.costs | timed)

    def _edge(self, report: MixReport, edge: tuple[int, int], values: Float64, watts: float) -> MixEdge:
        rows, columns = ([report.choices.index(name) for name in report.groups[at].choices] for at in edge)
        ms = values[np.ix_(rows, columns)]
        plain = {LATENCY_MS: ms, ENERGY_MJ: ms * watts}
        return MixEdge(
            *edge, {name: tuple(tuple(float(v) for v in row) for row in each) for name, each in plain.items()}
        )
