"""Algorithms as a recipe asks for them: a name, or a name with options, each checked by the algorithm's own model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer, model_validator

from qexplorer.core.errors import UnknownName
from qexplorer.core.plugin_kinds.algorithm import Algorithm, AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import why_first, why_not_both
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe_words.faults import words_of

__all__ = ["AskedAlgorithm", "check_order", "needs_of", "plain_algorithm"]


class AskedAlgorithm(BaseModel):
    """One algorithm of a recipe, written ``name`` or ``{name: {option: value}}``.

    Attributes:
        name: a name in ``ALGORITHMS``.
        options: every option with its value, those that were not given by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return _checked(value, {})
        if isinstance(value, Mapping) and len(value) == 1:
            name, options = next(iter(value.items()))
            if isinstance(name, str) and isinstance(options, Mapping | None):
                return _checked(name, options or {})
        raise ValueError("an algorithm is written as its name, or as {name: {option: value}}")

    @model_serializer
    def _plain(self) -> dict[str, Any]:
        return {self.name: self.options}

    @property
    def algorithm(self) -> Algorithm:
        """The registered algorithm."""
        return ALGORITHMS.get(self.name)

    @property
    def chosen(self) -> AlgorithmOptions:
        """The options as the algorithm's own model."""
        return self.algorithm.options.model_validate(self.options)


def _checked(name: str, options: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields of a checked algorithm; ValueError with one sentence."""
    try:
        model = ALGORITHMS.get(name).options
    except UnknownName as error:
        raise ValueError(error.sentence) from None
    try:
        return {"name": name, "options": model.model_validate(dict(options)).model_dump(mode="json")}
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            allowed = ", ".join(model.model_fields) or "none"
            raise ValueError(f"'{field}' is not an option of '{name}'; allowed: {allowed}") from None
        raise ValueError(f"option '{field}' of '{name}': {words_of(first)}") from None


def check_order(asked: Sequence[AskedAlgorithm]) -> None:
    """Raises ValueError if an algorithm is asked for twice, excludes another, or stands before one that goes first."""
    before: list[Algorithm] = []
    names = [each.name for each in asked]
    for place, algorithm in enumerate(each.algorithm for each in asked):
        if algorithm.name in names[:place]:
            raise ValueError(f"the algorithm '{algorithm.name}' is asked for twice; name it once")
        for other in (each.algorithm for each in asked if each.name != algorithm.name):
            if why := why_not_both(algorithm.decides, other.decides):
                what = f"the algorithms '{algorithm.name}' and '{other.name}' exclude each other, because {why}"
                raise ValueError(f"{what}; choose one")
        for late in (each.algorithm for each in asked[place + 1 :]):
            if why := why_first(late.decides, algorithm.decides):
                what = f"the algorithm '{late.name}' goes before '{algorithm.name}', because {why}"
                raise ValueError(f"{what}; put it first")
        planned = next((each for each in before if each.stage is Stage.PLAN), None)
        if algorithm.stage is Stage.GRAPH and planned is not None:
            what = f"'{algorithm.name}' changes the float graph, so it goes before '{planned.name}'"
            raise ValueError(f"{what}, which changes the plan; put it first")
        before.append(algorithm)


def needs_of(asked: Sequence[AskedAlgorithm]) -> Needs:
    """What the algorithms need between them."""
    found = Needs.NOTHING
    for each in asked:
        found |= each.algorithm.needs
    return found


def plain_algorithm(asked: AskedAlgorithm) -> str | dict[str, Any]:
    """The shortest form that is read back to the same: the name, with the options that are not by default."""
    default = asked.algorithm.options().model_dump(mode="json")
    options = {name: value for name, value in asked.options.items() if value != default[name]}
    return {asked.name: options} if options else asked.name
