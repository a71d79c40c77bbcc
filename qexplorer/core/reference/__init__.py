"""The quantized operators of ONNX in NumPy, bit by bit: what every graph that this program writes means."""
