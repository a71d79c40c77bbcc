"""From answers to numbers: predictions, accuracy, and the intervals and tests that go with them."""
