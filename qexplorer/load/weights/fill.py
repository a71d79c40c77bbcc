"""Puts weights into a module, or says in one sentence in what they differ from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from qexplorer.core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["fill"]

_WRAPPERS = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and training programs put in front of every name."""
_COUNTER = "num_batches_tracked"
_NAMED = 3


def fill(module: nn.Module, weights: Mapping[str, Tensor], name: str, where: str) -> None:
    """Loads ``weights`` into ``module``, every tensor of it and none besides, as float32 where it has float32.

    Args:
        module: the architecture, with any values.
        weights: tensors by name; one prefix that all names share may stand in front.
        name: of the architecture, for messages.
        where: the file, for messages.

    Raises:
        ModelError: tensors are missing, are of other shapes, or belong to something else.
    """
    wanted = module.state_dict()
    given = _unwrapped(weights, wanted)
    missing = [key for key in wanted if key not in given and not key.endswith(_COUNTER)]
    foreign = [key for key in given if key not in wanted and not key.endswith(_COUNTER)]
    other = [key for key in wanted if key in given and given[key].shape != wanted[key].shape]
    parts = []
    if missing:
        parts.append(f"it lacks {_listed(missing)}")
    if foreign:
        parts.append(f"{_listed(foreign)} in it {'is' if len(foreign) == 1 else 'are'} not of {name}")
    if other:
        key = other[0]
        parts.append(f"'{key}' has shape {tuple(given[key].shape)} and not {tuple(wanted[key].shape)}")
    if parts:
        what = f"these are not the weights of {name}: " + ", and ".join(parts)
        raise ModelError(what, where=where, do="choose the architecture that the weights were trained in")
    module.load_state_dict(dict(given), strict=False)


def _unwrapped(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """``weights`` without a prefix that all names have, as long as that names more of the module's tensors."""
    for prefix in _WRAPPERS:
        if all(key.startswith(prefix) for key in weights) and not any(key in wanted for key in weights):
            weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    return weights


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    shown = ", ".join(f"'{name}'" for name in found[:_NAMED])
    return shown if len(found) <= _NAMED else f"{shown} and {len(found) - _NAMED:,} more"
