"""Page System: what this machine has, and how to get what it lacks."""
