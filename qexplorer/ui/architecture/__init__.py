"""Page Architecture: how much is tried, networks as they come, and one of them opened."""
