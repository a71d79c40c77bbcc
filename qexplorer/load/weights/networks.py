"""Named architectures as torch modules without weights: this program's own, and those of timm and transformers."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qexplorer.core.errors import ModelError, UnknownName
from qexplorer.load.samples.architectures.registry import ARCHITECTURES
from qexplorer.load.weights.settings import check_size, read_settings, said_against

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["LIBRARIES", "Network", "build_network", "own_names"]

LIBRARIES = ("timm", "transformers")
"""Packages whose architectures are taken too, as ``timm:NAME`` and ``transformers:MODEL_TYPE``."""
_OWN_INPUT = (1, 3, 224, 224)
_NAME = re.compile(r"\w[\w.-]{0,99}")
"""Of an architecture in a package: timm would read a folder of this machine, or ask the internet, for others."""
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")


@dataclass(frozen=True, slots=True)
class Network:
    """A module without weights.

    Attributes:
        module: one tensor in, logits out.
        example: a tensor that it takes, first axis the batch.
        inner: what the weights are of: the module, or the one inside it.
    """

    module: nn.Module
    example: Tensor
    inner: nn.Module


def own_names() -> tuple[str, ...]:
    """Architectures of this program that weights can be loaded into."""
    return tuple(entry.name for entry in ARCHITECTURES if entry.module is not None)


def build_network(name: str, shapes: Mapping[str, tuple[int, ...]], config: str | None, where: str) -> Network:
    """The architecture ``name`` for weights of these shapes.

    Args:
        name: of this program's list, or ``timm:NAME``, or ``transformers:MODEL_TYPE`` (or a class's name).
        shapes: of the weights, by name; the number of classes is theirs.
        config: the text of a ``config.json`` that belongs to weights of transformers, or None.
        where: the file, for messages.

    Raises:
        UnknownName: there is no such architecture, or its package is not installed.
        ModelError: the package could not build it.
    """
    library, _, inner = name.partition(":")
    if not inner:
        return _own(name, shapes)
    if library not in LIBRARIES:
        raise UnknownName(f"there is no list of architectures called '{library}'", allowed=", ".join(LIBRARIES))
    if not _NAME.fullmatch(inner):
        what = f"'{inner}' is no name of an architecture in {library}"
        raise ModelError(what, where=where, allowed="letters, digits, dots, dashes", do="check the name")
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))  # settings in a stranger's file can name weights to be fetched
    if importlib.util.find_spec(library) is None:
        raise ModelError(
            f"the architecture '{name}' needs the package {library}, which is not installed here",
            where=where,
            allowed=", ".join(own_names()),
            do=f"install it with pip install {library}",
        )
    try:
        return _of_timm(inner, shapes) if library == "timm" else _of_transformers(inner, config, shapes)
    except ModelError:
        raise
    except Exception as error:  # whatever the package raises on names and settings that it does not like
        what = f"{library} cannot build '{inner}' ({said_against(error, given=bool(config))})"
        do = "check the config.json and the name" if config else "check the name"
        raise ModelError(what, where=where, do=do) from None


def _own(name: str, shapes: Mapping[str, tuple[int, ...]]) -> Network:
    import torch

    known = own_names()
    if name not in known:
        libraries = [f"{library}:NAME" for library in LIBRARIES if importlib.util.find_spec(library) is not None]
        raise UnknownName.among("architecture", name, [*known, *libraries])
    build = ARCHITECTURES.get(name).module
    assert build is not None
    last = [shape for key, shape in shapes.items() if key.endswith(".weight") and len(shape) == 2][-1:]
    module = build(last[0][0] if last else 1000)
    return Network(module, torch.zeros(_OWN_INPUT), module)


def _of_timm(name: str, shapes: Mapping[str, tuple[int, ...]]) -> Network:
    import timm
    import torch

    module = timm.create_model(name, pretrained=False)
    head = f"{module.default_cfg.get('classifier')}.weight"
    if head in shapes and len(shapes[head]) > 1:
        module = timm.create_model(name, pretrained=False, num_classes=shapes[head][0])
    return Network(module, torch.zeros(1, *module.default_cfg["input_size"]), module)


def _of_transformers(name: str, config: str | None, shapes: Mapping[str, tuple[int, ...]]) -> Network:
    import transformers

    from qexplorer.load.weights.first_answer import FirstAnswer

    settings = read_settings(config)
    cls = getattr(transformers, name, None)
    if cls is None and settings.get("architectures"):
        cls = getattr(transformers, str(settings["architectures"][0]), None)
    kind = str(settings.pop("model_type", name))
    made = transformers.AutoConfig.for_model(kind, **settings) if cls is None or config else cls.config_class()
    if cls is None:
        build: Callable[[], Any] = partial(transformers.AutoModel.from_config, made)
    elif isinstance(cls, type) and issubclass(cls, transformers.PreTrainedModel):
        build = partial(cls, made)
    else:
        raise ModelError(f"'{name}' is no model of transformers", allowed="a model type such as bert, or a class")
    check_size(build, shapes)
    module = build()
    made.use_cache = False
    return Network(FirstAnswer(module), _example(module), module)


def _example(module: Any) -> Tensor:
    """Zeros for the input that a model of transformers is named after."""
    import torch

    settings = module.config
    if module.main_input_name == "pixel_values":
        size = settings.image_size
        height, width = size if isinstance(size, list | tuple) else (size, size)
        found: Tensor = torch.zeros(1, settings.num_channels, height, width)
        return found
    if module.main_input_name == "input_ids":
        longest = getattr(settings, "max_position_embeddings", 128) or 128
        tokens: Tensor = torch.zeros(1, min(128, longest), dtype=torch.int64)
        return tokens
    raise ModelError(f"its input '{module.main_input_name}' is not taken", allowed="pixel_values, input_ids")
