"""Errors as one sentence for a person, across a process boundary and as exit codes."""

from __future__ import annotations

from typing import Any

import pytest

from qexplorer.core.errors import (
    BackendError,
    Cancelled,
    ChildError,
    ChildMemory,
    ChildTimeout,
    DataError,
    InputError,
    ModelError,
    QExplorerError,
    RecipeError,
    UnknownName,
    error_from_json,
)

ALL = [QExplorerError, InputError, ModelError, DataError, RecipeError, UnknownName, BackendError]
ALL += [ChildError, ChildTimeout, ChildMemory, Cancelled]


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "it broke"),
        ({"where": "a.onnx"}, "a.onnx: it broke"),
        ({"allowed": "1, 2"}, "it broke; allowed: 1, 2"),
        ({"do": "try again"}, "it broke; try again"),
        ({"where": "a", "allowed": "b", "do": "c"}, "a: it broke; allowed: b; c"),
        ({"where": "", "allowed": "", "do": ""}, "it broke"),
    ],
)
def test_a_message_is_one_sentence_of_the_parts_that_there_are(parts: dict[str, Any], sentence: str) -> None:
    """Where, what, what is allowed, what to do: in this order, on one line."""
    for what in ("it broke", " it\n broke "):
        assert str(QExplorerError(what, **parts)) == QExplorerError(what, **parts).sentence == sentence


@pytest.mark.parametrize("kind", ALL)
def test_an_error_arrives_as_it_was_sent(kind: type[QExplorerError]) -> None:
    """Its kind and all of its parts; also the kind of a kind."""
    for parts in ({"where": "here", "allowed": "all", "do": "it"}, {}):
        found = error_from_json(kind("what", **parts).to_json())
        assert type(found) is kind
        assert found.to_json() == kind("what", **parts).to_json()


def test_what_cannot_be_told_is_an_error_all_the_same() -> None:
    """A kind of a later version is the root, and one without words says so."""
    assert type(error_from_json({"type": "LaterError", "what": "x"})) is QExplorerError
    assert str(error_from_json({})) == "the work failed without saying why"


def test_only_what_a_person_gave_ends_with_two() -> None:
    """Programs tell a wrong order from a failure by the code."""
    assert {kind.__name__ for kind in ALL if kind("x").exit_code == 2} == {
        *("InputError", "ModelError", "DataError", "RecipeError", "UnknownName")
    }
    assert {kind("x").exit_code for kind in ALL} == {1, 2}


def test_an_unknown_name_comes_with_those_that_are_known_and_the_nearest() -> None:
    """In the order of the alphabet; nothing is offered where nothing is near."""
    near = UnknownName.among("format", "int9", ["uint8", "int8", "nf4"])
    assert str(near) == "there is no format called 'int9'; allowed: int8, nf4, uint8; did you mean 'int8'?"
    assert str(UnknownName.among("format", "zzz", {"b", "a"})) == "there is no format called 'zzz'; allowed: a, b"


def test_long_parts_keep_both_ends() -> None:
    """A name of a million letters from a file does not fill the screen."""
    error = QExplorerError("a" + "x" * 10**6 + "z", where="b" + "y" * 10**6 + "w")
    assert len(str(error)) < 2500
    assert str(error).startswith("by")
    assert error.what.endswith("xz")
