"""Statistics of tensors while samples stream past, and where they are kept."""
