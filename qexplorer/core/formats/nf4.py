"""NormalFloat of 4 bits: levels that hold equally many values of a normal distribution, and zero.

Dettmers et al. 2023, QLoRA: Efficient Finetuning of Quantized LLMs, section 3 and appendix E, whose 16 constants these
are. Weights of a trained network are nearly normal, so that each of the 16 codes is used about as often as the others.
"""

from __future__ import annotations

from qexplorer.core.formats.table import TableFormat

__all__ = ["NF4"]

NF4 = TableFormat(
    name="nf4",
    values=(
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ),
    recipes={
        "nf4": "4-bit NormalFloat weights only, one scale for each channel",
        "nf4-b64": "4-bit NormalFloat weights only, one scale for each 64, as QLoRA has them",
    },
)

ENTRIES = (NF4,)
