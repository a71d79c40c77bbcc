"""The grid editor: a histogram under a grid that is dragged in the browser. ``browser/`` holds what runs there."""
