"""Short recipe names that decode, such as ``w8a8``, ``w4a8-mse``, ``w8a8-dynamic``, ``w4-b32``, ``fp16``.

name      = "float" | "fp16" | "bf16" | "w" bits ["a" bits] {"-" option}
bits      = 2 .. 8 | 16
option    = "dynamic"                       activation ranges as they come
          | "tensor"                        one scale for a whole weight tensor
          | "b" number                      one scale for each block of weights
          | "sym"                           signed symmetric activations
          | "asym"                          asymmetric weights
          | calibrator          such as "mse": of the activations, or of the weights where only they exist; every one
                                that needs no option
          | a registered algorithm, with its options by default; several work in the order in which they are named
"""

from __future__ import annotations

import re
from typing import Any

from qexplorer.core.errors import RecipeError
from qexplorer.core.plugin_kinds.calibrator_choice import short_calibrators
from qexplorer.core.plugins import ALGORITHMS

__all__ = ["EXAMPLES", "OPTIONS", "expand"]

EXAMPLES: dict[str, str] = {
    "float": "the model as it is",
    "w8a8": "static INT8: int8 weights per channel, uint8 activations",
    "w8a8-tensor": "static INT8 with one scale for each weight tensor",
    "w8a8-dynamic": "int8 weights, activation ranges as they come",
    "w8a16": "int8 weights, uint16 activations",
    "w4a8": "int4 weights per channel, uint8 activations",
    "w8": "int8 weights only",
    "w4-b32": "int4 weights only, one scale for each 32",
    "fp16": "half precision throughout",
    "bf16": "bfloat16 throughout",
}

OPTIONS: dict[str, str] = {
    "dynamic": "activation ranges as they come",
    "tensor": "one scale for a whole weight tensor",
    "b<number>": "one scale for each block of weights",
    "sym": "signed symmetric activations",
    "asym": "asymmetric weights",
}
"""Options that are no calibrators, with their meaning."""

_ALLOWED = "float, fp16, bf16, or w<bits>[a<bits>][-option] such as " + ", ".join(n for n in EXAMPLES if n[0] == "w")
_PATTERN = re.compile(r"w(?P<w>[2-8]|16)(?:a(?P<a>[2-8]|16))?(?P<options>(?:-[a-z][a-z0-9_]*)*)")


def expand(name: str) -> dict[str, Any]:
    """The fields of the recipe that ``name`` stands for; raises RecipeError for a name that does not decode."""
    if name == "float":
        return {"name": name}
    if name in ("fp16", "bf16"):
        spec = {"format": name}
        return {"name": name, "weights": spec | {"granularity": "tensor"}, "activations": spec}
    match = _PATTERN.fullmatch(name)
    if match is None:
        what = f"there is no recipe called '{name}'"
        raise RecipeError(what, allowed=_ALLOWED, do="or give the path of a .yaml file")
    weights: dict[str, Any] = {"format": f"int{match['w']}"}
    activations: dict[str, Any] | None = {"format": f"uint{match['a']}"} if match["a"] else None
    fields: dict[str, Any] = {"name": name, "weights": weights} | ({"activations": activations} if activations else {})
    for option in match["options"].split("-")[1:]:
        if _apply(option, weights, activations):
            continue
        if option not in ALGORITHMS:
            allowed = ", ".join((*OPTIONS, *short_calibrators(), *ALGORITHMS.names()))
            raise RecipeError(f"'{option}' is not an option of the recipe '{name}'", allowed=allowed)
        fields.setdefault("algorithms", []).append(option)
    return fields


def _apply(option: str, weights: dict[str, Any], activations: dict[str, Any] | None) -> bool:
    """Sets the fields that ``option`` stands for; False if it is no option of weights and activations."""
    if option == "tensor":
        weights["granularity"] = "tensor"
    elif option == "asym":
        weights["symmetric"] = False
    elif re.fullmatch(r"b[0-9]+", option):
        weights |= {"granularity": "block", "block": int(option[1:])}
    elif option in short_calibrators():
        (weights if activations is None else activations)["calibrator"] = option
    elif option == "dynamic" and activations is not None:
        activations["mode"] = "dynamic"
    elif option == "sym" and activations is not None:
        activations |= {"format": activations["format"].lstrip("u"), "symmetric": True}
    else:
        return False
    return True
