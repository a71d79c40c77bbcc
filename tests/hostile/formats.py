"""All formats that are damaged, and damaged files of each: the same for the same seed, without end."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.hostile import mutations, weights
from tests.hostile.mutations import bytes_changed

__all__ = ["FORMATS", "IMPORTS", "mutated"]

FORMATS = mutations.FORMATS | weights.FORMATS
IMPORTS = dict.fromkeys(("safetensors", "state_dict"), weights.IMPORTS) | {"config": weights.CONFIG_IMPORTS}
"""What opening a format imports, which takes longer than the file."""


def mutated(kind: str, seed: int) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of damaged files of one of :data:`FORMATS`, without end."""
    chance = random.Random(f"{kind} {seed}")
    file, seeds, deeper = FORMATS[kind]
    good = seeds()
    while True:
        data = chance.choice(good)
        for _ in range(chance.choice((1, 1, 2, 4))):
            data = bytes_changed(data, chance) if chance.random() < 0.4 else deeper(data, chance)
        yield file, data
