"""What an algorithm changed, as rows and in sentences."""

from __future__ import annotations

from typing import Any

from qexplorer.core.words.numbers import about_text, percent_text
from qexplorer.measure.effects.effect_types import AlgorithmEffect, EffectReport, LayerEffect

__all__ = [
    "EFFECT_HEADER",
    "effect_cells",
    "effect_rows",
    "effect_sentence",
    "layer_sentence",
    "plain_effects",
    "seconds_text",
    "sorted_layers",
]


def sorted_layers(effect: AlgorithmEffect) -> tuple[LayerEffect, ...]:
    """The layers, those whose output gained most first; those of which that is not known last."""
    return tuple(sorted(effect.layers, key=lambda layer: (layer.gain_db is None, -(layer.gain_db or 0.0))))


def effect_rows(effect: AlgorithmEffect) -> list[dict[str, Any]]:
    """The table: one row for each layer, in the order of :func:`sorted_layers`."""
    return [
        {
            "layer": each.layer,
            "operator": each.op,
            "output before (dB)": each.before.output_sqnr_db,
            "output after (dB)": each.after.output_sqnr_db,
            "gain (dB)": each.gain_db,
            "weight before (dB)": each.before.weight_sqnr_db,
            "weight after (dB)": each.after.weight_sqnr_db,
            "output MSE before": each.before.output_mse,
            "output MSE after": each.after.output_mse,
            "weight MSE before": each.before.weight_mse,
            "weight MSE after": each.after.weight_mse,
            "codes moved": each.moved,
            "seconds": each.seconds,
            "what it says": each.remark,
        }
        for each in sorted_layers(effect)
    ]


EFFECT_HEADER = ("layer", "output before dB", "after dB", "weight before dB", "after dB", "codes moved", "seconds")


def effect_cells(effect: AlgorithmEffect) -> list[tuple[str, ...]]:
    """A row of text for each layer, under ``EFFECT_HEADER``."""
    return [
        (
            each.layer,
            *(
                "" if value is None else f"{value:.1f}"
                for value in (
                    each.before.output_sqnr_db,
                    each.after.output_sqnr_db,
                    each.before.weight_sqnr_db,
                    each.after.weight_sqnr_db,
                )
            ),
            "" if each.moved is None else percent_text(each.moved, 1),
            "" if each.seconds is None else f"{each.seconds:.2g}",
        )
        for each in sorted_layers(effect)
    ]


def effect_sentence(effect: AlgorithmEffect) -> str:
    """What the algorithm did to the network's outputs, and what it cost."""
    took = "what it took is not recorded" if effect.seconds is None else f"it took {seconds_text(effect.seconds)}"
    before, after = effect.output_before_db, effect.output_after_db
    if before is None or after is None:
        return f"{effect.title}: {took}"
    way = "rises" if after > before else "falls"
    change = f"the SQNR of the network's outputs {way} from {before:.1f} to {after:.1f} dB"
    return f"{effect.title}: {change}, against {effect.without}; {took}"


def layer_sentence(layer: LayerEffect) -> str:
    """What it did to one layer."""
    parts = []
    before, after = layer.before, layer.after
    if before.output_sqnr_db is not None and after.output_sqnr_db is not None:
        parts.append(f"error of its output {before.output_sqnr_db:.1f} → {after.output_sqnr_db:.1f} dB SQNR")
    if before.weight_sqnr_db is not None and after.weight_sqnr_db is not None:
        parts.append(f"of its weight {before.weight_sqnr_db:.1f} → {after.weight_sqnr_db:.1f} dB")
    if layer.moved is not None and layer.up is not None:
        down = layer.moved - layer.up
        moved = f"{percent_text(layer.moved, 1)} of its codes moved"
        parts.append(
            f"{moved}, {percent_text(layer.up, 1)} up and {percent_text(down, 1)} down"
            if layer.moved
            else "no code moved"
        )
    if layer.seconds is not None:
        parts.append(f"{seconds_text(layer.seconds)} of work")
    return "; ".join(parts)


def seconds_text(seconds: float) -> str:
    """Such as ``0.3 s`` or ``about 2 min``."""
    return f"{about_text(seconds, 2)} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def plain_effects(report: EffectReport) -> list[dict[str, Any]]:
    """What the command line prints as JSON: errors, codes and times, without the histograms."""
    return [
        {
            "algorithm": effect.algorithm,
            "without": effect.without,
            "seconds": effect.seconds,
            "output_sqnr_db": {"before": effect.output_before_db, "after": effect.output_after_db},
            "layers": [_plain_layer(each) for each in effect.layers],
        }
        for effect in report.algorithms
    ]


def _plain_layer(layer: LayerEffect) -> dict[str, Any]:
    names = ("weight_mse", "weight_sqnr_db", "output_mse", "output_sqnr_db")
    pairs = {n: {"before": getattr(layer.before, n), "after": getattr(layer.after, n)} for n in names}
    return {
        "name": layer.layer,
        "op": layer.op,
        **pairs,
        "moved": layer.moved,
        "moved_up": layer.up,
        "seconds": layer.seconds,
        "remark": layer.remark,
    }
