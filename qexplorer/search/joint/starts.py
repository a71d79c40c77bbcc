"""Known good points, from which a joint search starts: plain recipes, and the mixes that the exact allocation finds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.search.joint.fronts import hypervolume
from qexplorer.search.joint.joint_types import PLAIN
from qexplorer.search.joint.space import choice_of_weights, plain_choice, weight_words
from qexplorer.search.joint.space_types import JointParameter, JointSpace
from qexplorer.search.mixing.finding import find_mix
from qexplorer.search.mixing.mix_types import MixGroup, MixPoint, MixQuestion, MixReport

__all__ = ["Start", "groups_and_starts", "with_foretold"]

_MOST = 10  # mixes
_FLOOR = 1e-12  # of losses


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
) -> tuple[tuple[MixGroup, ...], list[Start], list[str]]:
    """Layers that share a choice, with what is foretold of them; points to start from; and notes.

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
        return (), plain, []
    try:
        mix = find_mix(
            model,
            data,
            MixQuestion(
                base.model_copy(update={"algorithms": ()}), tuple(formats or ("int8", "int4")), pairs=0, verified=0
            ),
            progress=tell,
        )
    except QExplorerError as error:
        return (), plain, [f"all layers share one choice of weights, because no mix was found ({error})"]
    return mix.groups, [*plain, *_mixes(mix, words)] if formats else plain, []


def with_foretold(parameters: Sequence[JointParameter], groups: Sequence[MixGroup]) -> tuple[JointParameter, ...]:
    """Parameters of layers with what each of their formats is foretold to lose and cost, however scales are shared."""
    by_layer = {group.layers[0]: group for group in groups}
    found = []
    for parameter in parameters:
        group = by_layer.get(parameter.layers[0]) if parameter.layers else None
        words = [word.partition("-")[0] for word in parameter.choices]
        if group is not None and set(words) <= set(group.choices):
            at = [group.choices.index(word) for word in words]
            costs = {kind: tuple(values[i] for i in at) for kind, values in group.costs.items()}
            parameter = replace(parameter, losses=tuple(group.losses[i] for i in at), costs=costs)
        found.append(parameter)
    return tuple(found)


def _mixes(mix: MixReport, words: Sequence[str]) -> list[Start]:
    """Mixes of the foretold front, which are exact at their own budgets, those that open most of it first."""
    return [
        Start(
            "a mix",
            words[0],
            {
                layer: _word(group.choices[at], words)
                for group, at in zip(mix.groups, point.choice, strict=True)
                for layer in group.layers
            },
        )
        for point in _spread(mix.front)
    ]


def _spread(front: Sequence[MixPoint]) -> list[MixPoint]:
    """Points between the ends of a front, each the one that adds most to the area that those before it dominate."""
    points = [(float(point.weight_bytes), math.log10(max(point.predicted_loss, _FLOOR))) for point in front]
    corner = max((x for x, _ in points), default=0.0) * 1.0001, max((y for _, y in points), default=0.0)
    taken, left = {0, len(points) - 1}, list(range(1, len(points) - 1))
    found: list[MixPoint] = []
    while left and len(found) < _MOST:
        best = max(left, key=lambda at: hypervolume([points[each] for each in (*taken, at)], corner))
        left.remove(best)
        taken.add(best)
        found.append(front[best])
    return found


def _word(format: str, words: Sequence[str]) -> str:
    """The first word with this format."""
    return next(word for word in words if word.partition("-")[0] == format)
