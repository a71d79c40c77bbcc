"""The child that writes on: one variant on one backend, token by token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import ModelError

if TYPE_CHECKING:
    from qexplorer.process.child import Emit
    from qexplorer.run.protocol import Session

__all__ = ["next_token", "write"]

Logits = NDArray[np.float64]
_LOOKS_AHEAD = 1e-3
"""Share of the largest logit by which an answer may change with what follows its place; rounding in another order."""


def write(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Writes on.

    Args:
        arguments: ``path``, ``backend``, ``prompt`` (token numbers), ``tokens`` (how many to write), ``window``
            (tokens that the model sees), ``fixed`` (whether it takes exactly that many), ``batch``, ``input``,
            ``dtype``, ``temperature``, ``seed``, ``checks`` (whether to look if answers depend on what follows).
        emit: takes ``progress`` events with ``done`` from 0 to 1.

    Returns:
        ``{"tokens": what was written}``.

    Raises:
        ModelError: an answer depends on the tokens behind it, or is no number.
        BackendError: the backend cannot run the graph.
    """
    from qexplorer.run.protocol import SessionOptions
    from qexplorer.run.registry import usable

    session = usable(arguments["backend"]).load(Path(arguments["path"]), SessionOptions())
    text = list(arguments["prompt"])
    if arguments["checks"] and arguments["fixed"]:
        _check_causal(session, text, arguments)
    random = np.random.default_rng(int(arguments["seed"]))
    for step in range(int(arguments["tokens"])):
        logits = _answer(session, text[-int(arguments["window"]) :], arguments, 0)
        noise = random.gumbel(size=logits.size)  # drawn in any case: the same at each step of every variant
        text.append(next_token(logits, float(arguments["temperature"]), noise))
        emit({"event": "progress", "done": (step + 1) / int(arguments["tokens"])})
    return {"tokens": text[len(arguments["prompt"]) :]}


def next_token(logits: Logits, temperature: float, noise: Logits) -> int:
    """The largest logit, or one drawn from the softmax of ``logits / temperature`` by Gumbel's trick.

    Variants that share ``noise`` choose differently only where their logits differ enough (Gumbel 1954; Maddison et
    al. 2014, equation 1).

    Args:
        logits: shape (tokens,).
        temperature: 0: the largest.
        noise: draws from the standard Gumbel distribution, shape (tokens,).
    """
    return int(np.argmax(logits if temperature == 0 else logits / temperature + noise))


def _answer(session: Session, seen: list[int], arguments: dict[str, Any], padding: int) -> Logits:
    """Logits of the token behind ``seen``; shape (tokens,)."""
    row = np.full(int(arguments["window"]) if arguments["fixed"] else len(seen), padding, arguments["dtype"])
    row[: len(seen)] = seen
    feed = np.repeat(row[None], int(arguments["batch"]), axis=0)
    answers = np.asarray(session.run({arguments["input"]: feed})[0])
    logits: Logits = answers[0, len(seen) - 1].astype(np.float64)
    if not np.isfinite(logits).all():
        raise ModelError("a logit is not a finite number", where=Path(arguments["path"]).name)
    return logits


def _check_causal(session: Session, text: list[int], arguments: dict[str, Any]) -> None:
    """Raises ModelError if the answer at a place changes with the tokens behind it."""
    seen = text[-int(arguments["window"]) :]
    one, other = (_answer(session, seen, arguments, padding) for padding in (0, 1))
    if np.abs(one - other).max() > _LOOKS_AHEAD * max(1.0, float(np.abs(one).max())):
        raise ModelError(
            "its answer depends on the tokens that follow, so it cannot write on",
            where=Path(arguments["path"]).name,
            allowed="models that look back alone, as GPTs do",
        )
