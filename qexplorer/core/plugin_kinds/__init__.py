"""What a calibrator and an algorithm are, and choosing one by name with its options: below whoever implements them."""
