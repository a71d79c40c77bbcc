"""Typed values as JSON and back, in one place: what goes into a job's files and what is read from them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, TypeAdapter

from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Run
from qexplorer.core.workspace import digest_json

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["RecipeText", "RunValue", "decode", "digest_of", "encode"]

T = TypeVar("T")


def _run(value: Any) -> Run:
    return value if isinstance(value, Run) else Run.from_json(value)


RecipeText = Annotated[Recipe, BeforeValidator(Recipe.parse), PlainSerializer(Recipe.to_yaml, return_type=str)]
"""A recipe that is YAML in JSON, so that a person can read an order. Short names and YAML are taken."""

RunValue = Annotated[Run, PlainValidator(_run), PlainSerializer(Run.to_json, return_type=dict[str, Any])]
"""A run by its own reading and writing, which also know the fields of earlier versions."""


@lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def encode(kind: Any, value: Any) -> Any:
    """``value`` as plain JSON data; raises ValueError if it is not of the type ``kind``."""
    return _adapter(kind).dump_python(value, mode="json", warnings="error")


def decode(kind: type[T], value: Any) -> T:
    """The value of type ``kind`` that :func:`encode` made plain.

    Raises:
        ValueError: a field is missing, unknown, or not of its type.
        RecipeError: a recipe that cannot be read (any more).
    """
    adapter: TypeAdapter[T] = _adapter(cast("Hashable", kind))
    return adapter.validate_python(value)


def digest_of(kind_name: str, order: Any) -> str:
    """Identifies an order of a kind of job: the same work has the same digest, on any machine."""
    return digest_json([kind_name, order])
