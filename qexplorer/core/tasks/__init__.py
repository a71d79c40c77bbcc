"""What a model is asked to do: which labels go with it, and by which metrics its answers are judged."""
