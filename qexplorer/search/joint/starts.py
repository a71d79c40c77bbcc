"""Known good points, from which a joint search starts: plain recipes, and the mixes that the exact allocation finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.search.allocation.exact import solve
from qexplorer.search.joint.joint_types import PLAIN, WEIGHT_BYTES
from qexplorer.search.joint.space import choice_of_weights, plain_choice, weight_words
from qexplorer.search.joint.space_types import JointParameter, JointSpace
from qexplorer.search.mixing.finding import find_mix
from qexplorer.search.mixing.mix_types import MixQuestion, MixReport
from qexplorer.search.mixing.tables import problem_of

__all__ = ["Start", "groups_and_starts"]

_BUDGETS, _SECONDS = 6, 2.0


@dataclass(frozen=True, slots=True)
class Start:
    """A point to start from.

    Attributes:
        why: what it is.
        word: weights of all layers.
        formats: of single layers, by name.
    """

    why: str
    word: str
    formats: Mapping[str, str] = field(default_factory=dict)

    def choice(self, parameters: Sequence[JointParameter], base: Recipe) -> tuple[int, ...]:
        """As positions of choices."""
        return choice_of_weights(parameters, plain_choice(parameters, base, self.word), dict(self.formats))


def groups_and_starts(
    model: Model, data: DataSet, base: Recipe, space: JointSpace, tell: Callable[[str, float], None]
) -> tuple[list[list[str]], list[Start], list[str]]:
    """Layers that share a choice, points to start from, and notes.

    Args:
        model: the float model.
        data: without the samples that the front is verified on.
        base: what the space leaves as it is.
        space: what may be chosen.
        tell: told a sentence and the share that is done.
    """
    words = weight_words(space, base)
    plain = [Start(PLAIN, word) for word in words]
    formats = space.formats if len(set(space.formats)) > 1 else ()
    if not space.per_layer:
        return [], plain, []
    try:
        mix = find_mix(
            model,
            data,
            MixQuestion(base.model_copy(update={"algorithms": ()}), tuple(formats or ("int8", "int4"))),
            progress=tell,
        )
    except QExplorerError as error:
        return [], plain, [f"all layers share one choice of weights, because no mix was found ({error})"]
    groups = [list(group.layers) for group in mix.groups]
    return groups, [*plain, *_mixes(mix, words)] if formats else plain, []


def _mixes(mix: MixReport, words: Sequence[str]) -> list[Start]:
    """The chosen mix, then exact ones, with pairs and without, at budgets from small to large, then the others."""
    measured = [each.point.choice for each in mix.verified]
    chosen = [] if mix.best is None else [mix.best.point.choice]
    choices = [*chosen, *_exact(mix), *measured]
    return [
        Start(
            "a mix",
            words[0],
            {
                layer: _word(group.choices[at], words)
                for group, at in zip(mix.groups, choice, strict=True)
                for layer in group.layers
            },
        )
        for choice in dict.fromkeys(choices)
    ]


def _exact(mix: MixReport) -> list[tuple[int, ...]]:
    sizes = [point.weight_bytes - mix.other[WEIGHT_BYTES] for point in mix.front]
    if not sizes:
        return []
    problems = (problem_of(mix.groups, mix.pairs), problem_of(mix.groups))
    budgets = np.linspace(min(sizes), max(sizes), _BUDGETS + 2)[1:-1]
    return [
        solve(problem, {WEIGHT_BYTES: float(each)}, seconds=_SECONDS).chosen for each in budgets for problem in problems
    ]


def _word(format: str, words: Sequence[str]) -> str:
    """The first word with this format."""
    return next(word for word in words if word.partition("-")[0] == format)
