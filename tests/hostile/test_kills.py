"""The short part of the kills: one of each victim. ``python -m tests.hostile.kills`` is the long part."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.hostile.kills import VICTIMS, Rounds, at_home


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_loses_nothing_and_leaves_nothing(victim: str, tmp_path: Path) -> None:
    """Whoever is killed, nothing runs on, nothing recorded is lost, and after the next start nothing lies about."""
    rounds = Rounds(victim)
    with at_home(tmp_path / "workspace"):
        rounds.one(50, 0.3, random.Random(7), again=False)
    assert rounds.wrong == []
    assert (rounds.kills, rounds.too_late) == (1, 0)
