"""Text that a language model and its quantized variants write on from the same beginning, side by side."""
