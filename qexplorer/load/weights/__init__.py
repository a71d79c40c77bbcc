"""Weights without a model (safetensors, a state_dict) into a named architecture, and on as ONNX."""
