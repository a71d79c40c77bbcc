"""Static INT8 by ONNX Runtime's own quantizer: what a sample loses, by somebody else's measure."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qexplorer.load.samples.manifest import Measured
from sample_models.shared.record import count_correct

__all__ = ["measure_int8"]


def measure_int8(
    model: Path, calibration: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.integer]
) -> dict[str, Measured]:
    """Accuracy with uint8 min-max activations and int8 weights, per ``tensor`` and per ``channel``."""
    from onnxruntime import quantization as ort
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(ort.CalibrationDataReader):  # type: ignore[misc]
        """Feeds the calibration samples in pieces of 64."""

        def __init__(self, name: str) -> None:
            self.parts: Iterator[dict[str, NDArray[np.float32]]] = iter(
                [{name: calibration[i : i + 64]} for i in range(0, len(calibration), 64)]
            )

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self.parts, None)

    import onnxruntime

    name = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    found: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(model), str(prepared))
        for granularity in ("tensor", "channel"):
            output = Path(folder) / f"{granularity}.onnx"
            ort.quantize_static(
                str(prepared),
                str(output),
                Reader(name),
                quant_format=ort.QuantFormat.QDQ,
                per_channel=granularity == "channel",
                activation_type=ort.QuantType.QUInt8,
                weight_type=ort.QuantType.QInt8,
            )
            found[granularity] = count_correct(output, x, y)
    return found
