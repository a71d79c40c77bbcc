"""What a choice for a layer costs: bytes, bit operations, and time and energy as they are measured on a backend."""
