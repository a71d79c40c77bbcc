"""A recipe: what a person asks for, before any model is looked at.

A recipe has a YAML form for everything and short names for the common cases (see ``short_names.py``).
"""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from qexplorer.core.errors import RecipeError
from qexplorer.core.foreign.texts import TooMuch, read_yaml, text_in, why_unread
from qexplorer.core.formats import FORMATS, Storage, get_format
from qexplorer.core.plugin_kinds.algorithm import Needs, Stage
from qexplorer.core.plugin_kinds.algorithm_choice import AskedAlgorithm, check_order, needs_of, plain_algorithm
from qexplorer.core.plugin_kinds.as_registered import kept_as_registered
from qexplorer.core.plugin_kinds.calibrator_choice import (
    DEFAULT_CALIBRATOR,
    option_names,
    options_among,
    without_foreign,
)
from qexplorer.core.python_surface.show import as_html
from qexplorer.core.recipe_parts import ActivationSpec, CalibratedPart, RecipePart, WeightSpec, is_option
from qexplorer.core.recipe_words.faults import BOUNDS, Fields, first_fault, yaml_fault
from qexplorer.core.short_names import expand
from qexplorer.core.workspace import digest_json

__all__ = ["ActivationSpec", "LayerRule", "LayerSpec", "Recipe", "WeightSpec"]


def _casts(spec: WeightSpec | ActivationSpec | None) -> bool:
    """Whether a layer's values are cast to a type as they are, which goes for weights and activations alike."""
    return spec is not None and get_format(spec.format).storage is Storage.CAST


class LayerRule(RecipePart):
    """An exception for the layers that ``match`` names; rules apply in order, so the last match wins.

    Attributes:
        match: a layer's name, as it is or with ``*``, ``?`` and ``[...]`` as in a shell; or ``op:`` and an operator
            type (``op:Conv``).
        float_: keep these layers in float (YAML: ``float: true``).
        weights: fields of :class:`WeightSpec` that differ. An option without a calibrator is for those of the layers
            whose calibrator takes it.
        activations: fields of :class:`ActivationSpec` that differ, for these layers' inputs and outputs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    match: str = Field(min_length=1)
    float_: bool = Field(False, alias="float")
    weights: dict[str, Any] | None = None
    activations: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _fields_exist(self) -> LayerRule:
        for fields, spec in ((self.weights, WeightSpec), (self.activations, ActivationSpec)):
            if fields is not None:
                known = "calibrator" not in fields  # options of one that is named elsewhere: the recipe checks them
                _checked(spec, {k: v for k, v in fields.items() if not (known and is_option(spec, k))})
        return self

    def matches(self, name: str, op: str) -> bool:
        """Whether the rule is about the layer called ``name`` with operator type ``op``."""
        if self.match.startswith("op:"):
            return _alike(op, self.match[3:])
        return _alike(name, self.match)


def _alike(name: str, pattern: str) -> bool:
    """Whether ``name`` is ``pattern``, or is like it with brackets that stand for themselves (layers of torch are
    called ``blocks[0].fc``), or for a set of characters as in a shell."""
    if name == pattern or not any(sign in pattern for sign in "*?["):  # many rules name single layers
        return name == pattern
    return any(fnmatch.fnmatchcase(name, p) for p in (pattern.replace("[", "[[]"), pattern))


def _checked(spec: type[CalibratedPart], fields: dict[str, Any]) -> None:
    """Raises ValueError, naming the part and the field, if ``fields`` cannot be those of ``spec``."""
    try:
        spec.model_validate(fields)
    except ValidationError as error:
        part = "weights" if spec is WeightSpec else "activations"
        raise ValueError(f"{part}.{first_fault(error, {'recipe': spec})}") from None


class LayerSpec(RecipePart):
    """What a recipe asks of one layer, after all rules: None means float. ``rule`` is the rule that decided, if any."""

    weights: WeightSpec | None
    activations: ActivationSpec | None
    rule: str | None = None


class Recipe(RecipePart):
    """What a person asks for.

    Attributes:
        name: shown everywhere; not part of the digest.
        weights: None leaves weights in float.
        activations: None leaves activations in float.
        algorithms: post-training algorithms in the order in which they work.
        layers: ordered exceptions.
    """

    name: str = "recipe"
    weights: WeightSpec | None = None
    activations: ActivationSpec | None = None
    algorithms: tuple[AskedAlgorithm, ...] = ()
    layers: tuple[LayerRule, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        check_order(self.algorithms)
        formats = [s.format for s in (self.weights, self.activations) if s]
        if (_casts(self.weights) or _casts(self.activations)) and (len(formats) < 2 or len(set(formats)) > 1):
            raise ValueError("a float format must be given for weights and activations alike")
        _check_options_of_rules(WeightSpec, self.weights, [(r.match, r.weights) for r in self.layers])
        _check_options_of_rules(ActivationSpec, self.activations, [(r.match, r.activations) for r in self.layers])
        dynamic = self.activations and self.activations.mode == "dynamic"
        if dynamic and self.activations and self.activations.format != "uint8":
            raise ValueError("dynamic activations are uint8 (DynamicQuantizeLinear, opset 11)")
        return self

    @property
    def is_float(self) -> bool:
        """Whether nothing is quantized."""
        return self.weights is None and self.activations is None and all(r.float_ for r in self.layers)

    @property
    def needs_calibration(self) -> bool:
        """Whether calibration data are needed: for ranges, or by an algorithm."""
        return self.needs_statistics or self.needs_samples

    @property
    def needs_statistics(self) -> bool:
        """Whether ranges observed on data are needed: by a layer's static activations, or by an algorithm."""
        return self._has_static or Needs.STATISTICS in needs_of(self.algorithms)

    @property
    def needs_samples(self) -> bool:
        """Whether an algorithm reads calibration samples, or changes the graph so that it is observed again."""
        observed_again = any(each.algorithm.stage is Stage.GRAPH for each in self.algorithms)
        reads = bool(needs_of(self.algorithms) & (Needs.DATA | Needs.GRADIENTS))
        return reads or (observed_again and self.needs_statistics)

    @property
    def casts(self) -> bool:
        """Whether values of some layer are cast to a narrower float, which may not hold what data make of them."""
        asked = [spec.format for spec in (self.weights, self.activations) if spec is not None]
        asked += [
            str(part["format"]) for r in self.layers for part in (r.weights, r.activations) if part and "format" in part
        ]
        return any(get_format(name).storage is Storage.CAST and name != "fp32" for name in asked)

    @property
    def _has_static(self) -> bool:
        specs = [self.activations, *(_merged(ActivationSpec, None, r.activations, r.match) for r in self.layers)]
        return any(s is not None and s.mode == "static" and get_format(s.format).has_scale for s in specs)

    @property
    def digest(self) -> str:
        """Identifies what is asked for, whatever it is called: 16 hexadecimal digits."""
        return digest_json(self.model_dump(mode="json", by_alias=True, exclude={"name"}))[:16]

    def for_layer(self, name: str, op: str) -> LayerSpec:
        """What is asked of one layer after all rules, in their order."""
        weights, activations, decided = self.weights, self.activations, None
        for rule in self.layers:
            if not rule.matches(name, op):
                continue
            decided = rule.match
            if rule.float_:
                weights = activations = None
                continue
            weights = _merged(WeightSpec, weights or self.weights, rule.weights, rule.match)
            activations = _merged(ActivationSpec, activations or self.activations, rule.activations, rule.match)
        return LayerSpec(weights=weights, activations=activations, rule=decided)

    def to_yaml(self) -> str:
        """The recipe as YAML that :meth:`parse` reads back to an equal recipe."""
        value = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        value["algorithms"] = [plain_algorithm(each) for each in self.algorithms]
        value["layers"] = [_plain_rule(rule) for rule in self.layers]
        for key in ("algorithms", "layers"):
            if not value[key]:
                del value[key]
        return yaml.safe_dump(value, sort_keys=False, width=120)

    @classmethod
    def parse(cls, source: str | Path | Recipe) -> Recipe:
        """Reads a short name (``w8a8``), YAML text, or the path of a YAML file.

        A text that was read lately gives the same value again: pages ask for each of theirs many times.

        Raises:
            RecipeError: with the field, what is allowed there and what to do.
        """
        if isinstance(source, Recipe):
            return source
        text = str(source).strip()
        if isinstance(source, Path) or text.endswith((".yaml", ".yml")):
            return cls._from_yaml(_read(Path(text)), where=text)
        return _of_text(str(source) if "\n" in text or ":" in text else text)  # YAML as it came, for its lines

    @classmethod
    def _from_yaml(cls, text: str, where: str) -> Recipe:
        try:
            value = read_yaml(text, BOUNDS)
        except yaml.YAMLError as error:
            raise RecipeError(yaml_fault(error), where=where) from None
        except TooMuch:
            raise _too_large(where) from None
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            what = "a recipe holds fields, written 'field: value'"
            raise RecipeError(what, where=where, allowed=", ".join(cls.model_fields))
        return cls._validated({"name": Path(where).stem, **value}, where=where, text=text)

    @classmethod
    def _validated(cls, value: dict[str, Any], where: str, text: str | None = None) -> Recipe:
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise RecipeError(first_fault(error, _FIELDS, text), where=where) from None

    def _repr_html_(self) -> str:
        return as_html(self)


@kept_as_registered
def _of_text(text: str) -> Recipe:
    """The recipe that YAML or a short name means."""
    if "\n" in text or ":" in text:
        return Recipe._from_yaml(text, where="recipe")
    return Recipe._validated(expand(text), where=text)


_MOST_SETTINGS = 64
_FIELDS: Fields = {"recipe": Recipe, "weights": WeightSpec, "activations": ActivationSpec, "layers": LayerRule}


def _merged(spec: type[Any], base: Any, fields: dict[str, Any] | None, rule: str) -> Any:
    """``base`` with ``fields`` on top, and the options that the calibrator of both together takes; no fields, no
    change. A format without zero points is symmetric, whatever ``base`` is. RecipeError if both exclude each other."""
    if fields is None:
        return base
    merged = {**(base.model_dump() if base is not None else {}), **fields}
    given = FORMATS.get(fields["format"]) if fields.get("format") in FORMATS else None
    if given is not None and given.has_scale and not given.has_zero_point and "symmetric" not in fields:
        merged["symmetric"] = True
    try:
        return spec.model_validate(without_foreign(merged, spec.model_fields))
    except ValidationError as error:
        raise RecipeError(
            first_fault(error, {"recipe": spec}), where=f"rule '{rule}'", do="say in the rule what differs"
        ) from None


def _check_options_of_rules(
    spec: type[CalibratedPart], base: CalibratedPart | None, rules: list[tuple[str, dict[str, Any] | None]]
) -> None:
    """Options in a rule without a calibrator must be taken by one that its layers may have, from the recipe itself or
    from an earlier rule. Raises ValueError."""
    before = [base.model_dump() if base is not None else {}]
    for match, fields in rules:
        given = fields or {}
        if "calibrator" in given:
            if given not in before:
                before.append(given)
            continue
        options = [key for key in given if is_option(spec, key)]
        if options and len(before) > _MOST_SETTINGS:  # each is checked with each
            raise ValueError(
                f"the rule for '{match}' follows too many with calibrators; name the calibrator in the rule"
            )
        for option in options:
            takers = [each for each in before if option in option_names(each.get("calibrator", DEFAULT_CALIBRATOR))]
            if not takers:
                what = f"the rule for '{match}' gives '{option}'"
                raise ValueError(f"{what}, which no calibrator of its layers takes; name the calibrator in the rule")
            for each in takers:
                options_among(each.get("calibrator", DEFAULT_CALIBRATOR), {**each, **given})


def _plain_rule(rule: LayerRule) -> dict[str, Any]:
    value: dict[str, Any] = {"match": rule.match}
    if rule.float_:
        value["float"] = True
    return value | {k: v for k, v in (("weights", rule.weights), ("activations", rule.activations)) if v is not None}


def _read(path: Path) -> str:
    try:
        return text_in(path, BOUNDS)
    except TooMuch:
        raise _too_large(str(path)) from None
    except (OSError, ValueError) as error:
        raise RecipeError(why_unread(error), where=str(path), do="check the path") from None


def _too_large(where: str) -> RecipeError:
    do = "let one rule's pattern stand for many layers"
    return RecipeError("too large to be a recipe", where=where, allowed=f"{BOUNDS.size_bytes // 1024} kB", do=do)
