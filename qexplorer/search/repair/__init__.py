"""What is wrong with a bad layer and what helps it: tried one by one, kept where samples apart speak for it."""
