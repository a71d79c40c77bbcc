"""What to do about precision: which layer hurts, what helps it, and the best mix under a budget."""
