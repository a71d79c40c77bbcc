"""LiteRT (TensorFlow Lite): the ONNX graph, converted through torch, run by LiteRT's interpreter with XNNPACK."""
