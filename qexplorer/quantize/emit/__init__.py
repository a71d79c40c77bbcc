"""From a plan to an ONNX graph."""
