"""NVFP4: 4-bit floats (E2M1) with an 8-bit float scale (E4M3) for each block of 16 and one float32 for the tensor.

NVIDIA 2025, Pretraining large language models with NVFP4, section 2 and appendix B.
"""

from __future__ import annotations

from qexplorer.core.formats.floats.fp8_e4m3 import FP8_E4M3
from qexplorer.core.formats.floats.microscaled import FloatScaled

__all__ = ["NVFP4"]

NVFP4 = FloatScaled(
    name="nvfp4",
    exponent_bits=2,
    mantissa_bits=1,
    bias=1,
    last=0x7,
    carrier="uint4",
    recipes={"nvfp4": "4-bit float weights (E2M1) only, an 8-bit float scale for each 16"},
    scales=FP8_E4M3,
)

ENTRIES = (NVFP4,)
