"""The ONNX graph as a differentiable torch module, float or with its Q/DQ pairs as fake quantization, CPU or CUDA."""
