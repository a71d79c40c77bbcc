"""The short part of the campaign: every named file, and some hundred mutations, in a few processes.

``python -m tests.hostile.campaign`` is the long part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice

import pytest

from tests.hostile import data, models, recipes
from tests.hostile.campaign import mutations
from tests.hostile.case import Case
from tests.hostile.formats import FORMATS, IMPORTS
from tests.hostile.judging import judged, wrong_with
from tests.hostile.recipe_texts import named, verdict

_SLOW = ("counts/", "bodies/a loop", "archives/20,000", "tables/200,000", "operators/", "80 MB")
"""Families that the long part opens: each takes seconds."""
_SOME = {"onnx": 60, "npz": 200, "csv": 200, "idx": 200, "zip": 100, "safetensors": 100, "state_dict": 100}
"""How many of each format; settings of networks (``config``) are for the long part, as importing their package is."""


def _wrong(cases: Iterable[Case], *modules: str) -> list[str]:
    found = ((case, answer) for case, answer in judged(cases, *modules))
    return [f"{case.name}: {wrong}" for case, answer in found if (wrong := wrong_with(answer, case.right))]


@pytest.mark.parametrize("family", ["models", "data"])
def test_named(family: str) -> None:
    """Each is what it should be, a model or data, or one sentence; nothing else is opened; no process dies."""
    cases = list(models.cases() if family == "models" else data.cases())
    assert _wrong(case for case in cases if not any(slow in case.name for slow in _SLOW)) == []


@pytest.mark.parametrize("kind", _SOME)
def test_mutations(kind: str) -> None:
    """Whatever damage is done, the answer is a model, data or one sentence."""
    assert _wrong(islice(mutations(kind, 3), _SOME[kind]), *IMPORTS.get(kind, ())) == []


def test_recipes() -> None:
    """A value that makes no sense in any place gives a recipe that reads back equal, or one line."""
    for told, text in recipes.texts():
        sentence = verdict(text)
        assert "\n" not in sentence, told
        assert len(sentence) < 4000, told
        assert not told.startswith(("a format:", "a field:")) or sentence, told


def test_mutations_are_the_same_for_the_same_seed_and_of_all_kinds() -> None:
    """Some of them load and most are refused, so that both ways are tried."""
    for kind in FORMATS:
        one, two, other = ([c.name for c in islice(mutations(kind, seed), 20)] for seed in (1, 1, 2))
        assert one == two
        assert set(one).isdisjoint(other)
    outcomes = Counter(answer.outcome for _, answer in judged(islice(mutations("npz", 5), 100)))
    assert outcomes["loads"] > 5
    assert outcomes["one sentence"] > 20


def test_there_are_as_many_as_were_promised() -> None:
    """Names are unique, and each case says what it attacks."""
    assert len(list(recipes.texts())) + len(named()) > 100
    for cases, least in ((list(models.cases()), 300), (list(data.cases()), 200)):
        assert len({case.name for case in cases}) == len(cases) >= least
        assert all(case.attacks for case in cases)
