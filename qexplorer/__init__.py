"""qexplorer: an interactive explorer of neural-network quantization.

The public surface; every name is loaded when it is first used, so that ``import qexplorer`` stays fast:

    model  = qx.load("digits_cnn")
    data   = qx.data("digits")
    recipe = qx.Recipe.parse("w8a8")
    q      = qx.quantize(model, recipe, data)
    t      = qx.train(model, "w4a4", data, epochs=10)
    result = qx.measure(q, data, backend="onnxruntime")
    table  = qx.compare(model, ["w8a8", "w4a8"], data, backends=["onnxruntime"])
    texts  = qx.generate("text_lm", ["w4-b32"], "Light is")
    what   = qx.explain_algorithms(model, "w4a8-adaround", data)
    every  = qx.formats()
    needed = qx.calibration_needed(model, "w8a8", "conv1", data)
    hurts  = qx.sensitivity(model, data, "w4a8")
    small  = qx.design("digits_cnn")
    tuned  = qx.tune(model, data, trials=100)
    with qx.on_cluster("tcp://192.168.1.5:8786"):
        mix = qx.search(model, data)
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it would write a device id under the user's cache

if TYPE_CHECKING:
    from qexplorer.api import (
        calibration_needed,
        compare,
        data,
        design,
        explain_algorithms,
        formats,
        generate,
        load,
        measure,
        on_cluster,
        quantize,
        repair,
        search,
        sensitivity,
        train,
        tune,
    )
    from qexplorer.core.recipe import Recipe

__version__ = "0.1.0"
__all__ = [
    "Recipe",
    "__version__",
    "calibration_needed",
    "compare",
    "data",
    "design",
    "explain_algorithms",
    "formats",
    "generate",
    "load",
    "measure",
    "on_cluster",
    "quantize",
    "repair",
    "search",
    "sensitivity",
    "train",
    "tune",
]

_HOMES = dict.fromkeys((name for name in __all__ if name not in ("Recipe", "__version__")), "qexplorer.api")
_HOMES["Recipe"] = "qexplorer.core.recipe"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'qexplorer' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
