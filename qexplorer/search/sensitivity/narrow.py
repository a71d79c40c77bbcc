"""How torch computes while gradients are taken: in how many threads, and whether in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["multiplies_bfloat16", "one_thread"]


@contextmanager
def one_thread(*, large: bool) -> Iterator[None]:
    """One thread inside, unless layers are ``large``: its threads wait spinning, which costs more than they give."""
    import torch

    before = torch.get_num_threads()
    if not large:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions that multiply bfloat16; elsewhere it is slower than float32."""
    import torch

    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(found()) for name in names if (found := getattr(torch.cpu, name, None)) is not None)
