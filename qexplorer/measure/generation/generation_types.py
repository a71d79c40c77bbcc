"""What was written: by the float model and by each variant, and where they first differ."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.core.wire import Wire

__all__ = ["Generation", "Writing"]


@dataclass(frozen=True, slots=True)
class Writing(Wire):
    """What one variant wrote.

    Attributes:
        recipe: its name; ``float`` for the float model.
        tokens: token numbers behind the prompt.
        same: how many of its first tokens are those of the float model, which wrote all of them so.
        before: text of those.
        after: text from the first other token on; empty where none differs.
        failed: why there is none; None: it wrote.
    """

    recipe: str
    tokens: tuple[int, ...] = ()
    same: int = 0
    before: str = ""
    after: str = ""
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Generation(Wire):
    """Texts with the same beginning.

    Attributes:
        model: its name.
        backend: where all of them ran.
        prompt: the beginning.
        temperature: 0: the token with the largest logit; above: drawn.
        seed: of the draws, which are the same for all variants.
        writings: the float model's first.
    """

    model: str
    backend: str
    prompt: str
    temperature: float
    seed: int
    writings: tuple[Writing, ...]
