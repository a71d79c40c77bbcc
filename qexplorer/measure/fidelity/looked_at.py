"""What was found by looking at each piece of a graph, kept for the next comparison that would look at the same.

Looking costs several runs of the whole graph. What it finds follows from the graph, the samples, the backend with its
version, and the processor; and a backend that suddenly answers otherwise is looked at anew, because its differences to
the reference are part of the name.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import InputError
from qexplorer.graph.file_digest import file_digest
from qexplorer.machine.conditions import conditions
from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.kept import kept_path, read_kept, write_kept
from qexplorer.run.registry import exact_integers, reference

if TYPE_CHECKING:
    from qexplorer.measure.fidelity.comparing import Question
    from qexplorer.measure.fidelity.gate import Difference

__all__ = ["batch_digest", "once"]


def once(
    question: Question, found: Sequence[Difference], feeds: Sequence[Mapping[str, Array]], look: Callable[[], Alone]
) -> Alone:
    """What ``look`` finds, or found when the same was looked at before.

    Args:
        question: which graph, which backend.
        found: what the backend answers otherwise than the reference.
        feeds: the batches that are looked at.
        look: does it. Raises what it likes; nothing is kept then.
    """
    path = kept_path("alone", _made_from(question, found, feeds))
    kept = read_kept(path)
    if kept is not None:
        with contextlib.suppress(KeyError, TypeError):  # damaged: it is looked at again
            return Alone(**{**kept, "sizes": tuple(kept["sizes"])})
    alone = look()
    with contextlib.suppress(InputError, OSError):  # a full disk costs the next comparison, not this one
        write_kept(path, asdict(alone))
    return alone


def _made_from(question: Question, found: Sequence[Difference], feeds: Sequence[Mapping[str, Array]]) -> list[Any]:
    exact = exact_integers()
    return [
        file_digest(question.path),
        question.backend.name,
        conditions([question.backend, reference(), *([] if exact is None else [exact])]),
        question.threads,
        [asdict(item) for item in found],
        [batch_digest(batch) for batch in feeds],
    ]


def batch_digest(feeds: Mapping[str, Array]) -> str:
    """Names a batch by what it holds."""
    found = hashlib.sha256()
    for name, array in sorted(feeds.items()):
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:32]
