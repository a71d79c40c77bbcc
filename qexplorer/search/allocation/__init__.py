"""The choice for each group of layers with the least predicted loss under budgets, and the whole front at once."""
