"""Small networks found for quantization: width, depth, kernel, activation and bits together, trained briefly."""
