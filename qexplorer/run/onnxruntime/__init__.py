"""ONNX Runtime: on the CPU, and with its CUDA and TensorRT providers."""
