"""Page Model: the model, its data, and how samples are prepared."""
