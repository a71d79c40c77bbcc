"""How levels are learned from values."""
