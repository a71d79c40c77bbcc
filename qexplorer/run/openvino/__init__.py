"""OpenVINO on CPUs and on Intel's GPUs."""

from qexplorer.run.openvino.backend import OPENVINO_CPU, OPENVINO_GPU

__all__ = ["ENTRIES"]

ENTRIES = (OPENVINO_CPU, OPENVINO_GPU)
