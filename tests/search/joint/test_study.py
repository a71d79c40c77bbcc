"""A study goes on after a kill, or a full disk, at any moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qexplorer.search.joint.space_types import JointParameter
from qexplorer.search.joint.study import opened, storage_path

optuna = pytest.importorskip("optuna")

_NAME = "a study"
_PARAMETERS = tuple(JointParameter(name, "weights", ("int8", "int4"), (name,)) for name in ("one", "two"))
_FACTS = {"state": "measured", "why": "plain", "recipe": "w8a8", "quality": 0.5}


class _Kill(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["suggest", "first fact", "last fact", "tell"])
def test_a_trial_that_was_killed_is_done_again_as_it_was(
    workspace_folder: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """It has not ended, its whole choice is asked for again, and neither a lock nor half a line is in the way."""
    with monkeypatch.context() as killed, pytest.raises(_Kill):
        _one_trial(killed, moment)
    path = storage_path(_NAME)
    path.with_name(f"{path.name}.lock").symlink_to(path)
    with path.open("ab") as file:
        file.write(b'{"op_code":')
    with opened(_NAME, "local", 0) as study:
        study.begin(_PARAMETERS)
        assert not list(study.ended())
        asked = study.ask()
        assert (asked.choice, asked.why) == ((1, 1), "plain")
        study.tell(asked.number, (0.5, 1.0), _FACTS)
    with opened(_NAME, "local", 0) as study:
        study.begin(_PARAMETERS)
        assert [(choice, facts) for _, choice, facts in study.ended()] == [((1, 1), _FACTS)]


def _one_trial(killed: pytest.MonkeyPatch, moment: str) -> None:
    with opened(_NAME, "local", 0) as study:
        study.begin(_PARAMETERS)
        study.enqueue((1, 1), "plain")
        _kill(killed, moment)
        study.tell(study.ask().number, (0.5, 1.0), _FACTS)


def _kill(patch: pytest.MonkeyPatch, moment: str) -> None:
    """Lets the process end as the second parameter is drawn, behind a fact, or in front of the last word."""
    method = {"suggest": "suggest_categorical", "tell": "tell"}.get(moment, "set_user_attr")
    owner = optuna.Study if moment == "tell" else optuna.Trial
    plain, behind, calls = getattr(owner, method), {"first fact": 1, "last fact": len(_FACTS)}.get(moment), list[int]()

    def called(*given: Any, **named: Any) -> Any:
        calls.append(1)
        if moment == "tell" or (len(calls) == 2 and moment == "suggest"):
            raise _Kill
        found = plain(*given, **named)
        if len(calls) == behind:
            raise _Kill
        return found

    patch.setattr(owner, method, called)
