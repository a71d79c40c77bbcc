"""Short recipe names that decode, such as ``w8a8``, ``w4a8-mse``, ``w8a8-dynamic``, ``w4-b32``, ``nf4-b64``, ``fp16``.

name      = "float" | "fp16" | "bf16" | ("w" bits ["a" bits] | stem) {"-" option}
bits      = those of a registered format: int<bits> for weights, uint<bits> for activations
stem      = the first short name that a registered format brings, for weights alone: "nf4", "fp8"
option    = "dynamic"                       activation ranges as they come
          | "tensor"                        one scale for a whole weight tensor
          | "b" number                      one scale for each block of weights
          | "sym"                           signed symmetric activations
          | "asym"                          asymmetric weights
          | "embed" bits                    tables that rows are looked up in (embeddings) in int<bits>, per channel
          | calibrator          such as "mse": of the activations, or of the weights where only they exist; every one
                                that needs no option
          | a registered algorithm, with its options by default; several work in the order in which they are named

Of options that say the same thing, such as ``b32`` and ``tensor``, a name has one.
"""

from __future__ import annotations

import re
from typing import Any

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS, Format, Granularity
from qexplorer.core.plugin_kinds.calibrator_choice import short_calibrators
from qexplorer.core.plugins import ALGORITHMS

__all__ = ["NAME_A_FILE", "OPTIONS", "examples", "expand", "grammar_examples", "rule_of", "stem_of"]

_EXAMPLES: dict[str, str] = {
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
    "embed<bits>": "tables that rows are looked up in (embeddings) in int<bits>, one scale for each channel",
}
"""Options that are no calibrators, with their meaning."""

NAME_A_FILE = "or give the path of a .yaml file"
"""What else can be given where files of this machine can be named."""

_PATTERN = re.compile(r"w(?P<w>[1-9][0-9]*)(?:a(?P<a>[1-9][0-9]*))?(?P<options>(?:-[a-z][a-z0-9_]*)*)")
_TABLES = re.compile(r"embed(?P<bits>[1-9][0-9]*)")
_SAY = {
    r"tensor|b[0-9]+": "what shares a scale",
    "asym": "the symmetry of weights",
    "sym": "the symmetry of activations",
    "dynamic": "when ranges are chosen",
    _TABLES.pattern: "the bits of embeddings",
}
"""What options say, by their form; each thing is said once in a name. Calibrators say which ranges."""


def grammar_examples() -> tuple[str, ...]:
    """Short names that the grammar has without any format's own."""
    return tuple(_EXAMPLES)


def examples() -> dict[str, str]:
    """Short names that are offered, with what they mean: those of the grammar, then those that formats bring."""
    return _EXAMPLES | {name: meaning for item in FORMATS for name, meaning in item.recipes.items()}


def stem_of(format: Format) -> str | None:
    """The short name that options are put behind for weights in ``format``; None if it brings none."""
    return next(iter(format.recipes), None)


def _allowed() -> str:
    stems = [stem for item in FORMATS if (stem := stem_of(item))]
    shown = ", ".join(n for n in _EXAMPLES if n[0] == "w")
    return f"float, fp16, bf16, {', '.join(stems)}, or w<bits>[a<bits>][-option] such as {shown}"


def expand(name: str) -> dict[str, Any]:
    """The fields of the recipe that ``name`` stands for; raises RecipeError for a name that does not decode."""
    if name == "float":
        return {"name": name}
    if name in ("fp16", "bf16"):
        spec = {"format": name}
        return {"name": name, "weights": spec | {"granularity": "tensor"}, "activations": spec}
    weights, activations, options = _formats(name)
    _check_said_once(name, options)
    fields: dict[str, Any] = {"name": name, "weights": weights} | ({"activations": activations} if activations else {})
    for option in options:
        if _apply(option, weights, activations):
            continue
        if (rule := rule_of(option)) is not None:
            fields["layers"] = [rule]
            continue
        if option not in ALGORITHMS:
            allowed = ", ".join((*OPTIONS, *short_calibrators(), *ALGORITHMS.names()))
            raise RecipeError(f"'{option}' is not an option of the recipe '{name}'", allowed=allowed)
        fields.setdefault("algorithms", []).append(option)
    return fields


def _check_said_once(name: str, options: list[str]) -> None:
    """Raises RecipeError where one option would silently undo another."""
    forms = _SAY | {"|".join(short_calibrators()): "which ranges are taken"}
    for form, what in forms.items():
        same = [option for option in options if re.fullmatch(form, option)]
        if len(same) > 1:
            raise RecipeError(f"{name}: '{same[0]}' and '{same[1]}' both say {what}", do="name one of them")


def _formats(name: str) -> tuple[dict[str, Any], dict[str, Any] | None, list[str]]:
    """The weights, the activations and the options that ``name`` names."""
    stem, *options = name.split("-")
    for item in FORMATS:
        if stem and stem == stem_of(item):
            if item.default_block is not None:
                return {"format": item.name, "granularity": "block", "block": item.default_block}, None, options
            shared = next(g for g in (Granularity.CHANNEL, *item.granularities) if g in item.granularities)
            return {"format": item.name, "granularity": str(shared)}, None, options
    match = _PATTERN.fullmatch(name)
    wanted = [] if match is None else [f"int{match['w']}", *([f"uint{match['a']}"] if match["a"] else [])]
    if not wanted or any(item not in FORMATS for item in wanted):
        what = f"there is no recipe called '{name}'"
        if match is not None and match["w"] == "1":
            raise RecipeError(what, do="for one bit a weight take 'binary', or 'format: binary' in YAML")
        raise RecipeError(what, allowed=_allowed(), do=NAME_A_FILE)
    return {"format": wanted[0]}, {"format": wanted[1]} if len(wanted) > 1 else None, options


def rule_of(option: str) -> dict[str, Any] | None:
    """The exception that ``option`` stands for; None if it is none."""
    match = _TABLES.fullmatch(option)
    if match is None or f"int{match['bits']}" not in FORMATS:
        return None
    return {"match": "op:Gather", "weights": {"format": f"int{match['bits']}", "granularity": "channel"}}


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
