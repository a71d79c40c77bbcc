"""Untrusted bytes -> a checked Model; torch -> ONNX; data sets; samples."""
