"""What was found out about a file on a backend, kept for the next comparison that would judge the same.

Scores, answers, kernels and memory follow from the file, the samples and whatever computes (``machine.conditions``):
that is what they are kept under, so that nothing stale is read. Only what may be shown is kept; a run that failed or
was refused is judged again. What is damaged counts as not there.
"""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.disk.contents import used
from qexplorer.core.errors import InputError
from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.plugin_kinds.metric import Scores
from qexplorer.core.workspace import digest_json, workspace

__all__ = ["KeptJudgement", "read_judged", "write_judged"]

_MOST_BYTES = 2**26
"""Of answers: beyond it the float model is judged again, as those who compare with its answers need them."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptJudgement:
    """What a child that judges came back with.

    Attributes:
        value: what it returned.
        scores: by metric.
        answers: the outputs for all samples, if somebody compares with them.
    """

    value: dict[str, Any]
    scores: Mapping[str, Scores] = field(default_factory=dict)
    answers: Sequence[Array] | None = None


def read_judged(made_from: Any) -> KeptJudgement | None:
    """What :func:`write_judged` kept of the same; None if there is nothing, or nothing whole."""
    path = _path(made_from)
    try:
        with np.load(io.BytesIO(read_sealed(path) or b""), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays["head"].tobytes())
        answers = None if head["answers"] is None else [arrays[f"answer {i}"] for i in range(head["answers"])]
        found = KeptJudgement(head["value"], {name: arrays[f"score {name}"] for name in head["scores"]}, answers)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    used(path)
    return found


def write_judged(made_from: Any, found: KeptJudgement) -> None:
    """Keeps ``found``; what does not survive a file, or is too large, is not kept, nor is anything on a full disk."""
    answers = found.answers or ()
    if any(array.dtype.isbuiltin != 1 for array in answers) or sum(array.nbytes for array in answers) > _MOST_BYTES:
        return
    count = None if found.answers is None else len(answers)
    head = json.dumps({"value": found.value, "scores": list(found.scores), "answers": count}).encode()
    arrays: dict[str, Any] = {"head": np.frombuffer(head, np.uint8)}
    arrays |= {f"score {name}": scores for name, scores in found.scores.items()}
    arrays |= {f"answer {index}": array for index, array in enumerate(answers)}
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    with contextlib.suppress(InputError, OSError):
        write_sealed(_path(made_from), stream.getvalue())


def _path(made_from: Any) -> Path:
    return workspace("judged") / f"{digest_json(made_from)[:32]}.npz"
