"""What is said alike everywhere: numbers as text."""
