"""Has the float model and its quantized variants write on from the same beginning, each in a child with limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, InputError, QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.vocabulary import Vocabulary
from qexplorer.graph.allowance import allowance
from qexplorer.load.vocabulary import tokens_of, vocabulary_of
from qexplorer.measure.generation.generation_types import Generation, Writing
from qexplorer.measure.prepare import prepare
from qexplorer.measure.variant import Variant, float_variant
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import beside, turn
from qexplorer.run.registry import reference, usable

__all__ = ["MOST_PROMPT", "MOST_TOKENS", "generate"]

MOST_TOKENS, MOST_PROMPT = 256, 2000
"""Tokens that are written, and characters of the prompt, at most."""
_WINDOW = 256  # tokens that a model sees that takes any number
_CHILD = "qexplorer.measure.generation.generation_child:write"

Told = Callable[[str, float], None]


def generate(
    model: Model,
    recipes: Sequence[Recipe],
    data: DataSet | None,
    prompt: str,
    *,
    tokens: int = 64,
    temperature: float = 0.0,
    seed: int = 0,
    backend: str | None = None,
    vocabulary: Vocabulary | None = None,
    progress: Told | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Generation:
    """The float model's text, and that of each recipe, behind the same prompt.

    Draws are the same for all variants, so that texts part only where logits differ. A recipe that cannot be applied,
    or whose file fails, says so in its place.

    Args:
        model: a language model: token numbers (n, t) in, logits (n, t, tokens) out, of any t or a fixed one.
        recipes: what is made of it.
        data: fitted to the model; None where no recipe needs calibration.
        prompt: the beginning; at least one token.
        tokens: how many to write, at most 256.
        temperature: 0: the largest logit at each place; above: drawn.
        seed: of the draws.
        backend: where all of them run; the reference by default.
        vocabulary: what the tokens stand for; None: a sample's own, or bytes.
        progress: told a sentence and the share that is done.
        cancelled: asked at least every 0.2 s.

    Raises:
        InputError: a setting, a prompt or a model that cannot be used; one sentence.
        QExplorerError: the float model itself cannot run.
        Cancelled: ``cancelled()`` became true.
    """
    tell: Told = progress or (lambda _text, _done: None)
    words = vocabulary or vocabulary_of(model)
    if len(words) != tokens_of(model):
        what = f"the vocabulary has {len(words):,} texts, and the model {tokens_of(model):,} tokens"
        raise InputError(what, where=model.name, do="give the vocabulary that the model was trained with")
    start = _checked(prompt, tokens, temperature, words)
    name = usable(backend or reference().name).name
    writer = _Writer(model, start, tokens, temperature, seed, name, cancelled)
    made = prepare(model, recipes, data, progress=lambda text, _: tell(text, 0.0))
    quantized = [each.variant or Writing(each.recipe.name, failed=each.failed) for each in made]
    variants: list[Variant | Writing] = [float_variant(model), *quantized]
    written: list[Writing] = []
    with turn(cancelled=cancelled):
        for index, each in enumerate(variants):
            if isinstance(each, Writing):
                written.append(each)
                continue
            share = 1 / len(variants)

            def told(done: float, index: int = index, label: str = each.recipe, share: float = share) -> None:
                tell(f"{label} writes", (index + done) * share)

            written.append(writer.write(each, told))
    texts = tuple(_beside(each, written[0], words) for each in written)
    return Generation(model.name, name, prompt, temperature, seed, texts)


def _checked(prompt: str, tokens: int, temperature: float, words: Vocabulary) -> list[int]:
    """The prompt's tokens; raises InputError for settings that cannot be."""
    if not 1 <= tokens <= MOST_TOKENS:
        raise InputError(f"{tokens:,} tokens cannot be written", allowed=f"1 to {MOST_TOKENS}")
    if not 0 <= temperature <= 10:
        raise InputError(f"the temperature {temperature:g} is not taken", allowed="0 (the largest logit) to 10")
    if not prompt or len(prompt) > MOST_PROMPT:
        what = "the prompt is empty" if not prompt else f"the prompt has {len(prompt):,} characters"
        raise InputError(what, allowed=f"1 to {MOST_PROMPT:,} characters")
    return words.encode(prompt)


class _Writer:
    """How every variant writes."""

    def __init__(
        self,
        model: Model,
        start: list[int],
        tokens: int,
        temperature: float,
        seed: int,
        backend: str,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        length = model.inputs[0].shape[1]
        self.arguments: dict[str, Any] = {
            "backend": backend,
            "prompt": start,
            "tokens": tokens,
            "temperature": temperature,
            "seed": seed,
            "window": length if isinstance(length, int) else _WINDOW,
            "fixed": isinstance(length, int),
            "batch": model.fixed_batch or 1,
            "input": model.inputs[0].name,
            "dtype": model.inputs[0].dtype,
        }
        self.limits, self.cancelled = allowance(model), cancelled

    def write(self, variant: Variant, told: Callable[[float], None]) -> Writing:
        """What ``variant`` writes; a failure of a quantized one is told in ``failed``. Raises Cancelled."""
        arguments = {**self.arguments, "path": str(variant.path), "checks": variant.is_float}
        try:
            with beside(self.cancelled):
                found = run_in_child(
                    _CHILD,
                    arguments,
                    limits=self.limits,
                    on_event=lambda event: told(float(event["done"])),
                    cancelled=self.cancelled,
                )
        except Cancelled:
            raise
        except QExplorerError as error:
            if variant.is_float:
                raise
            return Writing(variant.recipe, failed=variant.told(error))
        return Writing(variant.recipe, tokens=tuple(int(token) for token in found["tokens"]))


def _beside(writing: Writing, first: Writing, words: Vocabulary) -> Writing:
    """``writing`` with its text, cut where it first differs from the float model's."""
    pairs = zip(writing.tokens, first.tokens, strict=False)
    same = next((i for i, (one, other) in enumerate(pairs) if one != other), len(writing.tokens))
    before, whole = words.decode(writing.tokens[:same]), words.decode(writing.tokens)
    if not whole.startswith(before):  # the first other token ends in the middle of a character
        before = whole[: len(before) - 1]
    return replace(writing, same=same, before=before, after=whole[len(before) :])
