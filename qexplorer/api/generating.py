"""Text of a language model and of its quantized variants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.measure.generation.generation_types import Generation

__all__ = ["generate"]


def generate(
    model: Model | str | Path,
    recipes: Sequence[Recipe | str | Path] | Recipe | str | Path = (),
    prompt: str = "",
    data: DataSet | str | Path | None = None,
    *,
    tokens: int = 64,
    temperature: float = 0.0,
    seed: int = 0,
    backend: str | None = None,
    vocabulary: Sequence[str] | None = None,
) -> Generation:
    """What a language model writes behind a prompt, in float and by each recipe, side by side.

    Args:
        model: a model, or what :func:`load` takes: token numbers (n, t) in, logits (n, t, tokens) out.
        recipes: recipes, or what ``Recipe.parse`` takes; one, several or none.
        prompt: the beginning.
        data: what ranges are found from, where a recipe needs that; a sample model brings its own.
        tokens: how many are written, at most 256.
        temperature: 0: the largest logit at each place; above: drawn, with the same draws for all.
        seed: of the draws.
        backend: where all of them run; by default the reference, ``onnxruntime``.
        vocabulary: the text of each token; a sample brings its own, and a model of 256 tokens is one of bytes.

    Raises:
        InputError: a prompt, a setting or a model that cannot be used, or what :func:`load` and :func:`data` raise.
    """
    from qexplorer.core.vocabulary import Vocabulary
    from qexplorer.measure.generation.generate import generate as generate_all

    given = [recipes] if isinstance(recipes, (Recipe, str, Path)) else list(recipes)
    float_model, wanted = load(model), [Recipe.parse(recipe) for recipe in given]
    needed = next((recipe for recipe in wanted if recipe.needs_calibration), None)
    why = "" if needed is None else f"the recipe '{needed.name}' needs data"
    samples = None if needed is None and data is None else fitted(float_model, data, why)
    return generate_all(
        float_model,
        wanted,
        samples,
        prompt,
        tokens=tokens,
        temperature=temperature,
        seed=seed,
        backend=backend,
        vocabulary=None if vocabulary is None else Vocabulary(tuple(vocabulary)),
    )
