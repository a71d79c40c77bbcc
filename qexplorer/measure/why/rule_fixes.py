"""What helps against a cause, as changes of a recipe (``fixes.py`` carries them out)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qexplorer.measure.why.explanation import LayerTime
from qexplorer.measure.why.fixes import exactly
from qexplorer.measure.why.rule_types import Found
from qexplorer.run.protocol import KernelKind

__all__ = ["EIGHT_BITS", "INT8", "UINT8", "kept_float", "kept_float_alone", "known_formats", "rules_out"]

UINT8 = {"format": "uint8", "symmetric": False}
INT8 = {"format": "int8", "granularity": "channel", "symmetric": True}
EIGHT_BITS = {"weights": INT8, "activations": UINT8}
"""Weights and activations that every integer kernel here takes."""


def known_formats(found: Found) -> Mapping[str, Any] | None:
    """The usual formats among those that the backend declares."""
    able, change = found.world.backend.capabilities, dict[str, Any]()
    if any(f.activations is not None and f.activations.format not in able.activation_formats for f in found.facts):
        if "uint8" in able.activation_formats:
            change["activations"] = UINT8
        elif "int8" in able.activation_formats:
            change["activations"] = {"format": "int8", "symmetric": True}
    if any(f.weights is not None and f.weights.format not in able.weight_formats for f in found.facts):
        change |= {"weights": INT8} if "int8" in able.weight_formats else {}
    return change or None


def kept_float(found: Found) -> Mapping[str, Any] | None:
    """These layers in float; a whole operator type where every layer of the type is among them.

    None where nothing that multiplies would be left in integers: that is the float model.
    """
    mine, every = found.rows, found.world.rows
    names = {row.name for row in mine}
    if all(row.name in names for row in every if row.macs and row.treatment != "float"):
        return None
    whole = {row.op for row in mine if sum(r.op == row.op for r in mine) == sum(r.op == row.op for r in every)}
    return {"float": [*(f"op:{op}" for op in sorted(whole)), *_matches(mine, whole)]}


def kept_float_alone(found: Found) -> Mapping[str, Any] | None:
    """The same, unless other layers fall back to float: what is around these changes once that is put right."""
    fallen = any(row.kind is KernelKind.FLOAT and row.treatment != "float" for row in found.world.rows)
    return None if fallen else kept_float(found)


def _matches(rows: tuple[LayerTime, ...], whole: set[str]) -> list[str]:
    return [exactly(row.name) for row in rows if row.op not in whole]


def rules_out(found: Found) -> Mapping[str, Any]:
    """The recipe without the rules that decided about these layers."""
    return {"drop_rules": sorted({fact.rule for fact in found.facts if fact.rule is not None})}
