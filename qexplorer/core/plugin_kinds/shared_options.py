"""Options that several algorithms have: one name, one meaning, one set of bounds.

An algorithm declares ``samples: Observed = 128`` among its own, in the order in which a person should read them, with
the default that suits it; where it means something more, ``steps: Steps = Field(200, description=...)`` says so.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = ["Batch", "Chain", "Correction", "LearnedFrom", "Observed", "Seed", "Steps"]

Observed = Annotated[
    int,
    Field(
        ge=1,
        le=65536,
        title="Samples",
        description="Calibration samples on which the inputs of layers are observed, at most.",
    ),
]
"""Samples that are looked at."""

LearnedFrom = Annotated[
    int, Field(ge=1, le=65536, title="Samples", description="Calibration samples to learn from, at most.")
]
"""Samples that something is fitted to, step by step."""

Steps = Annotated[int, Field(ge=1, le=50000, title="Steps", description="Steps of learning for each block.")]
Batch = Annotated[int, Field(ge=1, le=1024, title="Batch", description="Samples of one step.")]

Chain = Annotated[
    int,
    Field(
        ge=1,
        le=64,
        title="Layers in a row",
        description="Layers without branches that are one block, at most; branches that meet again are always one.",
    ),
]
"""How long a block is where nothing else ends it."""

Correction = Annotated[
    float,
    Field(
        ge=0.0,
        le=1.0,
        title="Correction",
        description="How much of what earlier layers' rounding did to a layer's inputs its weights make up for.",
    ),
]
"""How far a layer follows the float network's output where its inputs are rounded."""

Seed = Annotated[int, Field(ge=0, le=2**31, title="Seed", description="Of the order of batches.")]
"""Of whatever is left to chance."""
