"""TensorRT by its own Python package."""
