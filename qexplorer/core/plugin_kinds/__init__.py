"""What a calibrator, an algorithm and a metric are, and choosing one by name: below whoever implements them."""
