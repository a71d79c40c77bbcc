"""Damage done to weights and to the settings beside them, where their parsers look."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from tests.hostile.models import ODD_NAMES
from tests.hostile.mutations import NUMBERS, Format, bytes_changed, in_archive

__all__ = ["CONFIG_IMPORTS", "FORMATS", "IMPORTS", "fit"]

_NAME = "hostile_small"
_KINDS = ("F32", "F16", "BF16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "F99", "", "f32")
_PICKLED = (
    *(b"_rebuild_tensor_v2", b"_rebuild_parameter", b"torch._utils", b"torch", b"FloatStorage", b"LongStorage"),
    *(b"builtins", b"eval", b"posix", b"system", b"collections", b"OrderedDict", b"cpu", b"cuda:0", b"storage"),
)
_SETTINGS: dict[str, dict[str, Any]] = {
    "bert": {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "vocab_size": 20,
        "max_position_embeddings": 16,
        "architectures": ["BertForSequenceClassification"],
        "id2label": {"0": "no", "1": "yes"},
        "hidden_act": "gelu",
    },
    "vit": {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "image_size": 8,
        "patch_size": 4,
        "architectures": ["ViTForImageClassification"],
    },
    "gpt2": {"n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16, "vocab_size": 20},
}
_ODD_KEYS = (
    *("auto_map", "quantization_config", "_name_or_path", "backbone", "use_timm_backbone", "use_pretrained_backbone"),
    *(
        "torch_dtype",
        "dtype",
        "attn_implementation",
        "_attn_implementation",
        "num_labels",
        "architectures",
        "model_type",
    ),
    *("is_decoder", "add_cross_attention", "text_config", "vision_config", "tie_word_embeddings", "pruned_heads"),
)


class _Small(nn.Module):
    """Some weights of each kind, in a moment."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 7, 16), nn.BatchNorm2d(4), nn.Linear(4, classes)


def fit(path: Path) -> None:
    """Reads a file of weights and puts it into the module, or builds the network that a ``config.json`` describes, as
    the child does before it exports."""
    from qexplorer.load.samples.architectures.protocol import Architecture
    from qexplorer.load.samples.architectures.registry import ARCHITECTURES
    from qexplorer.load.weights.fill import fill
    from qexplorer.load.weights.load import config_text
    from qexplorer.load.weights.networks import build_network
    from qexplorer.load.weights.reading import read_weights

    if path.suffix == ".json":
        build_network("transformers:bert", {"w": (10**6,)}, config_text(path, given=True), path.name)
        return
    if _NAME not in ARCHITECTURES:
        ARCHITECTURES.add(Architecture(_NAME, "Small", "", 0, 0, lambda _, __: ("", 0), module=_Small))
    weights = read_weights(path, path.name)
    network = build_network(_NAME, {key: tuple(value.shape) for key, value in weights.items()}, None, path.name)
    fill(network.inner, weights, _NAME, path.name)


def _good() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {key: value.clone() for key, value in _Small(3).state_dict().items()}


def _safetensors() -> list[bytes]:
    half = {key: value.half() if value.is_floating_point() else value for key, value in _good().items()}
    return [save(_good(), {"format": "pt"}), save({f"module.{key}": value for key, value in half.items()})]


@lru_cache(maxsize=1)
def _state_dicts() -> list[bytes]:
    """Both forms of file, made once: the old one holds addresses of this process, and others whenever it is made."""
    found = []
    for value in (_good(), {"model": _good(), "epoch": 3}):
        for archive in (True, False):
            buffer = BytesIO()
            torch.save(value, buffer, _use_new_zipfile_serialization=archive)
            found.append(buffer.getvalue())
    return found


def _header(data: bytes, chance: random.Random) -> bytes:
    """One field of the table in front of the numbers, its length made right."""
    try:
        (size,) = struct.unpack("<Q", data[:8])
        table, rest = json.loads(data[8 : 8 + size]), data[8 + size :]
        _change(table, chance)
        text = json.dumps(table).encode()
    except Exception:  # the table was damaged before
        return bytes_changed(data, chance)
    return struct.pack("<Q", len(text)) + text + rest


def _change(table: dict[str, Any], chance: random.Random) -> None:
    name = chance.choice(sorted(table))
    entry, doing = table[name], chance.randrange(6)
    if doing == 0:
        table[chance.choice(list(ODD_NAMES.values()))[:4000]] = table.pop(name)
    elif doing == 1:
        del table[name]
    elif doing == 2:
        entry["dtype"] = chance.choice(_KINDS)
    elif doing == 3:
        entry["shape"] = [chance.choice(NUMBERS) for _ in range(chance.randrange(4))]
    elif doing == 4:
        entry["data_offsets"] = [chance.choice((*NUMBERS, *entry["data_offsets"])) for _ in range(2)]
    else:
        table[name] = chance.choice((None, [], {}, "F32", 1, {**entry, "more": 1}))


def _pickled(data: bytes, chance: random.Random) -> bytes:
    """A name in a pickle that is another of the same length or not, or some bytes of it."""
    known = [piece for piece in _PICKLED if piece in data]
    if not known or chance.random() < 0.5:
        return bytes_changed(data, chance)
    old, new = chance.choice(known), chance.choice(_PICKLED)
    return data.replace(old, new[: len(old)].ljust(len(old), b"_") if chance.random() < 0.5 else new, 1)


_in_archive = in_archive(_pickled)


def _saved(data: bytes, chance: random.Random) -> bytes:
    return _in_archive(data, chance) if data[:2] == b"PK" else _pickled(data, chance)


def _configs() -> list[bytes]:
    return [json.dumps({"model_type": kind, **fields}).encode() for kind, fields in _SETTINGS.items()]


def _config(data: bytes, chance: random.Random) -> bytes:
    """A setting that is another, gone, or one that a config may have and these do not."""
    try:
        found = json.loads(data)
        key = chance.choice((*sorted(found), *_ODD_KEYS))
    except Exception:  # bytes were damaged before
        return bytes_changed(data, chance)
    if chance.random() < 0.15:
        found.pop(key, None)
    else:
        found[key] = chance.choice(list(_odd_values(chance)))
    return json.dumps(found).encode()


def _odd_values(chance: random.Random) -> Iterator[Any]:
    yield from (None, True, 0.5, "x", [], {}, [1, 2], {"a": 1}, float("nan"), "auto", "float16", "flash_attention_2")
    yield from (
        chance.choice(NUMBERS),
        chance.choice((1, 2, 3, 4, 7, 64, 1000)),
        chance.choice(list(ODD_NAMES.values()))[:500],
    )
    yield from ("hf-internal-testing/tiny-random-bert", ["BertModel"], ["Trainer"], "t5", "llama", "vit", "resnet50")


IMPORTS = ("torch", "safetensors.torch", "qexplorer.load.weights.child", "qexplorer.load.samples.architectures.resnet")
CONFIG_IMPORTS = (
    *IMPORTS,
    *(f"transformers.models.{kind}.modeling_{kind}" for kind in _SETTINGS),
    "transformers.models.auto.modeling_auto",
)

FORMATS: dict[str, Format] = {
    "safetensors": ("w.safetensors", _safetensors, _header),
    "state_dict": ("w.pt", _state_dicts, _saved),
    "config": ("config.json", _configs, _config),
}
"""As ``mutations.FORMATS``."""
