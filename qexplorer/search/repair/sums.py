"""Sums of products that do not fit where a backend adds them up: what that costs, and which layers it hits.

Answers are judged in the simulation, whose sums are exact. x86 kernels without VNNI add two products of bytes in 16
bits (see ``measure.arithmetic.pair_sums``), and every integer kernel adds in 32: here the answers with sums that
saturate in 16 bits are judged beside the exact ones, on a few samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import onnx

from qexplorer.core.errors import BackendError
from qexplorer.core.recipe import Recipe
from qexplorer.core.words.numbers import percent_text
from qexplorer.measure.arithmetic.emulation import emulated
from qexplorer.measure.arithmetic.overflow import INT32
from qexplorer.measure.arithmetic.pair_sums import HIGH
from qexplorer.measure.arithmetic.saturation import saturates_here
from qexplorer.measure.arithmetic.saturation_types import LayerArithmetic
from qexplorer.run.batching import feeds_of
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.repair.repair_types import Diagnosis, EvidenceBars, Fault
from qexplorer.search.sensitivity.distances import LaidBeside
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

__all__ = ["SaturatingSums", "SumsFound", "diagnose_sums"]

_SAMPLES, _BATCH = 32, 8
_NOTICED, _LARGE = 0.002, 0.05  # loss from which saturation is a fault where the metric falls too, and where not
_MOST_BARS = 40


@dataclass(frozen=True, slots=True)
class SumsFound:
    """Both ways of adding on the same samples.

    Attributes:
        layers: what is known of those that multiply codes.
        exact: judged with exact sums.
        saturating: judged with sums of two products that saturate at 16 bits.
    """

    layers: tuple[LayerArithmetic, ...]
    exact: Evaluated
    saturating: Evaluated

    @property
    def excess(self) -> float:
        """What saturation adds to the loss."""
        return max(self.saturating.loss - self.exact.loss, 0.0)

    @property
    def at_fault(self) -> bool:
        """Whether it adds enough to be one."""
        before, after = self.exact.metric_drop, self.saturating.metric_drop
        falls = before is not None and after is not None and after > before
        return self.excess > max(_NOTICED if falls else _LARGE, self.exact.loss / 4)


@dataclass(slots=True, eq=False)
class SaturatingSums:
    """Recipes judged with sums that saturate, each once.

    Attributes:
        verifier: of one model on the samples kept apart.
    """

    verifier: Verifier
    _known: dict[str, SumsFound | None] = field(default_factory=dict)

    def of(self, recipe: Recipe) -> SumsFound | None:
        """What comes of a recipe; None where the quantized file cannot be run layer by layer,
        or answers no numbers.

        Raises:
            RecipeError: the recipe cannot be applied.
        """
        if recipe.digest not in self._known:
            self._known[recipe.digest] = self._found(recipe)
        return self._known[recipe.digest]

    def _found(self, recipe: Recipe) -> SumsFound | None:
        made = self.verifier.made(recipe)
        model = self.verifier.model
        part = self.verifier.apart.take(slice(_SAMPLES))
        plain = [each[: part.n] for each in self.verifier.floats]
        try:
            found = emulated(
                onnx.load(made.path),
                feeds_of(part, model),
                batch=_BATCH,
                fixed_batch=model.fixed_batch,
                tell=lambda _: None,
            )
        except BackendError:
            return None
        if not found.layers:
            return None
        both, yard = [], self.verifier.yard
        floats = LaidBeside()
        floats.add(yard, plain, plain, part.labels)
        for answers in (found.exact, found.saturating):
            judged = LaidBeside()
            judged.add(yard, answers, plain, part.labels)
            try:
                both.append(judged.evaluated(yard, floats))
            except BackendError:
                return None
        return SumsFound(found.layers, both[0], both[1])


def diagnose_sums(found: SumsFound | None) -> tuple[Diagnosis, ...]:
    """Layers whose sums overflow 32 bits, then those whose sums of two saturate where that costs answers."""
    if found is None:
        return ()
    wide = [each for each in found.layers if each.data_largest is not None and each.data_largest > INT32]
    cut = [each for each in found.layers if each.saturated] if found.at_fault else []
    cut.sort(key=lambda each: -(each.saturated or 0.0))
    return (*(_overflows(each) for each in wide), *(_saturates(each, found) for each in cut))


def _overflows(layer: LayerArithmetic) -> Diagnosis:
    sentence = f"its sums need {layer.data_bits} bits on these samples, and every integer backend adds in 32"
    return Diagnosis(layer.name, layer.op, Fault.SATURATED, sentence, severity=(layer.data_largest or 0) / INT32)


def _saturates(layer: LayerArithmetic, found: SumsFound) -> Diagnosis:
    share = layer.saturated or 0.0
    part = percent_text(share, 2) if share >= 1e-4 else "under 0.01 %"
    here = {True: ", this one among them", False: ", and adds them exactly on this one", None: ""}[saturates_here()]
    sentence = (
        f"{part} of its sums of two products do not fit 16 bits: ONNX Runtime cuts them off on x86 processors "
        f"without VNNI{here}"
    )
    return Diagnosis(layer.name, layer.op, Fault.SATURATED, sentence, severity=1 + share, shown=_shown(layer, found))


def _shown(layer: LayerArithmetic, found: SumsFound) -> EvidenceBars:
    """Every layer's largest sum of two products against what 16 bits hold."""
    some = [each for each in found.layers if each.exact_because is None or each.name == layer.name][:_MOST_BARS]
    return EvidenceBars(
        "Largest sums of two products",
        "layer",
        "times what 16 bits hold",
        tuple(float(f"{each.pair_bound / HIGH:.4g}") for each in some),
        names=tuple(each.name for each in some),
        marked=tuple(i for i, each in enumerate(some) if each.saturated),
        lines=(1.0,),
    )
